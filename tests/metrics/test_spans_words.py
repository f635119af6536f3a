"""Span and word scores: the official scorer's output, cases by hand, and a character-by-character reference."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st

from slant.errors import DataError
from slant.metrics import covered_share, merge_spans, partial_match_f1, word_counts, word_f1, word_gold

CASES = json.loads((Path(__file__).parents[1] / "cases" / "span_scorer.json").read_text(encoding="utf-8"))["cases"]
OFFICIAL = Path(__file__).parents[3] / "shared" / "benchmarks" / "scorer-cases"

spans = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), max_size=6).map(lambda rows: [(s, s + n) for s, n in rows])


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_cases_by_hand(case: dict[str, object]) -> None:
    found = partial_match_f1(case["gold"], case["pred"])  # type: ignore[arg-type]
    assert found == pytest.approx([case["precision"], case["recall"], case["f1"]], abs=5e-7)


@pytest.mark.skipif(not OFFICIAL.is_dir(), reason=f"the official scorer's cases are not at {OFFICIAL}")
@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("pred_exact.tsv", "1.000000 1.000000 1.000000"),
        ("pred_shifted.tsv", "0.789055 0.785787 0.787418"),
        ("pred_wide.tsv", "0.360210 1.000000 0.529639"),
    ],
)
def test_prints_what_the_official_scorer_prints(name: str, printed: str) -> None:
    documents: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: {"gold.tsv": [], name: []})
    for file in ("gold.tsv", name):
        for line in (OFFICIAL / file).read_text(encoding="utf-8").split("\n"):
            if line:
                article, start, end = line.split("\t")
                documents[article][file].append((int(start), int(end)))
    found = partial_match_f1([d["gold.tsv"] for d in documents.values()], [d[name] for d in documents.values()])
    assert " ".join(f"{value:.6f}" for value in found) == printed


def characters(listed: list[tuple[int, int]]) -> list[set[int]]:
    """Sets of characters, joined while any two meet: the scorer's way, slow and plain."""
    sets = [set(range(start, end)) for start, end in listed]
    while pair := next(((a, b) for a in sets for b in sets if a is not b and a & b), None):
        sets = [s for s in sets if s is not pair[0] and s is not pair[1]] + [pair[0] | pair[1]]
    return sets


@given(st.lists(st.tuples(spans, spans), min_size=1, max_size=4))
def test_agrees_with_sets_of_characters(documents: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]) -> None:
    precisions, recalls = [], []
    for gold, pred in documents:
        true, said = characters(gold), characters(pred)
        precisions += [sum(len(s & t) for t in true) / len(s) for s in said]
        recalls += [sum(len(s & t) for s in said) / len(t) for t in true]
        assert merge_spans(gold).tolist() == sorted([min(s), max(s) + 1] for s in true)
    found = partial_match_f1([gold for gold, _ in documents], [pred for _, pred in documents])
    assert found[0] == pytest.approx(np.mean(precisions) if precisions else 0)
    assert found[1] == pytest.approx(np.mean(recalls) if recalls else 0)
    assert max(found) <= 1


def test_covered_share_of_spans_on_the_edge() -> None:
    by = merge_spans([(2, 4), (4, 6), (8, 9)])
    np.testing.assert_allclose(covered_share(np.array([[0, 2], [2, 6], [3, 9], [6, 8], [9, 12]]), by), [0, 1, 4 / 6, 0, 0])


@pytest.mark.parametrize("bad", [(3, 3), (5, 2), (-1, 4)])
def test_a_span_without_characters_is_refused(bad: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="not a stretch of text"):
        partial_match_f1([[(0, 4)]], [[bad]])
    with pytest.raises(DataError, match="not a stretch of text"):
        word_gold([0], [3], [bad])


def test_lists_of_unequal_length_are_refused() -> None:
    with pytest.raises(DataError, match="1 documents with gold spans but 2"):
        partial_match_f1([[]], [[], []])


@given(spans, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), max_size=10))
def test_a_word_is_loaded_when_it_shares_a_character(listed: list[tuple[int, int]], rows: list[tuple[int, int]]) -> None:
    inside = {offset for start, end in listed for offset in range(start, end)}
    expected = [any(offset in inside for offset in range(start, start + n)) for start, n in rows]
    found = word_gold([start for start, _ in rows], [start + n for start, n in rows], listed)
    assert found.tolist() == expected


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_word_f1_agrees_with_scikit_learn(words: list[tuple[bool, bool]]) -> None:
    gold, pred = [g for g, _ in words], [p for _, p in words]
    expected = reference.precision_recall_fscore_support(gold, pred, average="binary", zero_division=0)[:3]
    assert word_f1(gold, pred) == pytest.approx(expected)
    assert word_counts(gold, pred) == (sum(g and p for g, p in words), sum(pred), sum(gold))
