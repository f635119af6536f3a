"""The shipped corpus was written, not generated, and holds what its card promises."""

from __future__ import annotations

import csv
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from slant.data import find_duplicates
from slant.data.corpora.newsroom import load_newsroom
from slant.data.corpus import data_folder
from slant.text import find_words

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [json.loads(line) for line in (data_folder() / "newsroom" / "rows.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def words(rows: list[Row]) -> list[list[str]]:
    return [[row["text"][start:end].casefold() for start, end in find_words(row["text"])] for row in rows]


# --- no template wrote it


@pytest.mark.parametrize(("n", "least"), [(2, 0.55), (3, 0.85), (4, 0.95), (5, 0.97)])
def test_n_grams_are_distinct(words: list[list[str]], n: int, least: float) -> None:
    """Of all word n-grams this share occurs once or is a first occurrence; a template's corpus repeats them."""
    grams = [tuple(sentence[i : i + n]) for sentence in words for i in range(len(sentence) - n + 1)]
    assert len(set(grams)) / len(grams) >= least


@pytest.mark.parametrize(("n", "most"), [(1, 0.15), (2, 0.02), (3, 0.01), (4, 0.005)])
def test_no_opening_is_a_habit(words: list[list[str]], n: int, most: float) -> None:
    openings = Counter(tuple(sentence[:n]) for sentence in words)
    assert openings.most_common(1)[0][1] / len(words) <= most


def test_near_duplicates_are_declared_pairs(rows: list[Row]) -> None:
    found = find_duplicates([row["text"] for row in rows], near=0.5)
    assert not len(found.exact)
    pairs = [(rows[a], rows[b]) for a, b in found.near.tolist()]
    assert [(a["id"], b["id"]) for a, b in pairs if a["pair"] is None or a["pair"] != b["pair"]] == []


def test_nothing_is_from_the_benchmarks(rows: list[Row], benchmarks: Path) -> None:
    with (benchmarks / "babe/final_labels_SG2.csv").open(encoding="utf-8-sig", newline="") as file:
        others = [row["text"] for row in csv.DictReader(file, delimiter=";")]
    with (benchmarks / "semeval2023-task3/preprocessed.csv").open(encoding="utf-8", newline="") as file:
        others += [row["text"] for row in csv.DictReader(file)]
    for path in sorted((benchmarks / "newsmtsc").glob("*.jsonl")):
        others += [json.loads(line)["sentence_normalized"] for line in path.read_text(encoding="utf-8").splitlines()]
    for path in sorted((benchmarks / "ptc").glob("*_articles/*.txt")):
        others += [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    own = [row["text"] for row in rows]
    found = find_duplicates([*own, *others])
    across = [(a, b) for a, b in [*found.exact.tolist(), *found.near.tolist()] if a < len(own) <= b]
    assert len(others) > 20_000
    assert across == []


# --- it holds what it promises


def test_praise_is_at_least_a_quarter(rows: list[Row]) -> None:
    stances = Counter(stance["label"] for row in rows if row["label"] == "loaded" for stance in row["stances"])
    assert stances["favor"] / (stances["favor"] + stances["against"]) >= 0.25


def test_stances_pairs_topics_targets(rows: list[Row]) -> None:
    assert sum(len(row["stances"]) for row in rows) >= 1_800
    pairs = Counter(row["pair"] for row in rows if row["pair"])
    assert len(pairs) >= 400
    assert set(pairs.values()) == {2}
    opposite = [row for row in rows if {"favor", "against"} <= {stance["label"] for stance in row["stances"]}]
    assert len(opposite) >= 250
    assert len({row["topic"] for row in rows}) >= 15
    assert len({stance["target"] for row in rows for stance in row["stances"]}) >= 60
    assert len({row["outlet"] for row in rows}) >= 12


def test_a_pair_is_one_loaded_and_one_neutral(rows: list[Row]) -> None:
    ordered = sorted((row for row in rows if row["pair"]), key=lambda row: row["pair"])
    assert all({a["label"], b["label"]} == {"loaded", "neutral"} for a, b in list(pairwise(ordered))[::2])


def test_every_voice_bears_loaded_words(rows: list[Row]) -> None:
    loaded = Counter(row["voice"] for row in rows if row["label"] == "loaded")
    assert all(loaded[voice] >= 100 for voice in ("author", "quoted", "mixed"))


def test_its_stances_are_a_corpus_of_their_own(rows: list[Row]) -> None:
    dataset = load_newsroom(task="stance").dataset
    assert len(dataset) == sum(len(row["stances"]) for row in rows)
    for row in dataset:
        assert row["text"][row["target_start"] : row["target_end"]].strip()
    assert set(dataset["label"]) == {"against", "neutral", "favor"}


def test_the_second_pass_is_of_its_sentences(rows: list[Row]) -> None:
    by_id = {row["id"]: row for row in rows}
    lines = (data_folder() / "newsroom" / "second_pass.jsonl").read_text(encoding="utf-8").splitlines()
    second = [json.loads(line) for line in lines]
    assert len({row["id"] for row in second}) == len(second) >= 300
    for row in second:
        text = by_id[row["id"]]["text"]
        assert all(0 <= span["start"] < span["end"] <= len(text) for span in row["spans"])
        assert len(row["stances"]) == len(by_id[row["id"]]["stances"])
        assert (row["label"] == "loaded") == bool(row["spans"])
