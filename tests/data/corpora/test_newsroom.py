"""The shipped corpus is what its guide says, and a damaged copy is refused by line."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from slant.data import Corpus
from slant.data.corpora import newsroom
from slant.data.corpora.newsroom import KEYS, load_newsroom
from slant.data.corpus import data_folder, read_manifest
from slant.errors import DataError


@pytest.fixture(scope="module")
def shipped() -> Corpus:
    return load_newsroom()


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return (data_folder() / "newsroom" / "rows.jsonl").read_text(encoding="utf-8").splitlines()


def test_it_is_large_enough_and_in_balance(shipped: Corpus) -> None:
    labels = Counter(shipped.dataset["label"])
    assert set(labels) == {"neutral", "loaded"}
    assert min(labels.values()) >= 0.3 * len(shipped.dataset)
    assert len(shipped.dataset) >= 300
    assert len(set(shipped.dataset["id"])) == len(shipped.dataset)
    assert len(set(shipped.dataset["group"])) >= 20
    assert shipped.dataset["source"][0] == f"newsroom@{read_manifest('newsroom')['version']}"
    assert shipped.quarantined == ()


def test_articles(lines: list[str]) -> None:
    assert len({json.loads(line)["article"] for line in lines}) >= 20


def test_loaded_is_marked_and_marks_are_loaded(shipped: Corpus) -> None:
    for row in shipped.dataset.to_list():
        marked = [row["text"][span["start"] : span["end"]] for span in row["spans"]]
        assert (row["label"] == "loaded") == bool(marked), row["id"]
        assert all(text and text == text.strip() for text in marked), row["id"]


def test_an_article_and_a_pair_are_never_cut(shipped: Corpus, lines: list[str]) -> None:
    group = dict(zip(shipped.dataset["id"], shipped.dataset["group"], strict=True))
    together: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in map(json.loads, lines):
        together["article", row["article"]].add(group[row["id"]])
        if row["pair"]:
            together["pair", row["pair"]].add(group[row["id"]])
    assert all(len(groups) == 1 for groups in together.values())


# --- damaged copies


def rows(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    base = dict.fromkeys(KEYS) | {"text": "A vile man.", "label": "loaded", "article": "a", "outlet": "Gazette", "stances": []}
    base["spans"] = [{"start": 2, "end": 6, "label": "loaded"}]
    return [base | {"id": f"row-{n}"} | change for n, change in enumerate(changes)]


def put(folder: Path, *written: dict[str, Any] | str) -> Path:
    lines = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in written]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_a_copy_elsewhere_is_read(tmp_path: Path) -> None:
    corpus = load_newsroom(put(tmp_path, *rows({}, {"text": "Pages\u2028and\x85lines are vile."})))
    assert list(corpus.dataset["id"]) == ["row-0", "row-1"]


def test_stories_are_named_by_their_first_article_in_any_order(tmp_path: Path) -> None:
    made = rows(
        {"article": "d", "pair": "p"}, {"article": "c", "pair": "p"}, {"article": "c", "pair": "q"}, {"article": "b", "pair": "q"},
        {"article": "b"}, {"article": "a"},
    )  # fmt: skip
    wanted = {"row-0": "b", "row-1": "b", "row-2": "b", "row-3": "b", "row-4": "b", "row-5": "a"}
    for order in (made, made[::-1], made[3:] + made[:3]):
        dataset = load_newsroom(put(tmp_path, *order)).dataset
        assert dict(zip(dataset["id"], dataset["group"], strict=True)) == wanted


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "row-1", ', "not a JSON object"),
        ("[1, 2]", "not a JSON object"),
        ('"text"', "not a JSON object"),
        ("null", "not a JSON object"),
        ("{}", "other keys than the corpus's own. The keys are id, article"),
        (json.dumps(rows({})[0] | {"colour": "red"}), "other keys"),
        (json.dumps({k: v for k, v in rows({})[0].items() if k != "pair"}), "other keys"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        load_newsroom(put(tmp_path, rows({})[0], line, rows({}, {})[1]))
    assert caught.value.where == f"{tmp_path / 'rows.jsonl'}, line 2"
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spans": [{"start": 2, "end": 60, "label": "loaded"}]}, "the span 2:60 is not within"),
        ({"spans": [{"start": 2}]}, "is no span"),
        ({"label": "Loaded"}, "unknown label 'Loaded'"),
        ({"text": "half \ud83d"}, "the text holds half a character"),
        ({"id": "row-0"}, "the id stands twice"),
        ({"article": None}, "the group is missing"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    first, second = rows({}, change)
    with pytest.raises(DataError) as caught:
        load_newsroom(put(tmp_path, first, json.dumps(second)))
    assert "rows.jsonl, row 2 " in caught.value.where
    assert message in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="rows.jsonl: there is no such file"):
        load_newsroom(tmp_path)
    (tmp_path / "rows.jsonl").write_bytes(b"")
    with pytest.raises(DataError, match="rows.jsonl: holds no rows"):
        load_newsroom(tmp_path)
    (tmp_path / "rows.jsonl").write_bytes(b'{"id": "caf\xe9"}\n')
    with pytest.raises(DataError, match="is not UTF-8"):
        load_newsroom(tmp_path)


def test_a_manifest_that_is_gone_says_how_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slant.data.corpus.data_folder", lambda: tmp_path)
    with pytest.raises(DataError, match="manifest.json: the corpus's manifest cannot be read. Install slant"):
        read_manifest("newsroom")


def test_a_huge_file_is_refused_in_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newsroom, "corpus_version", lambda *_: "1")  # the digest of 2 GB takes seconds, and is taken a piece at a time
    folder = put(tmp_path, rows({})[0])
    with (folder / "rows.jsonl").open("ab") as file:
        file.truncate(2_000_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="longer than 4,000,000 bytes"):
            load_newsroom(folder)
        assert tracemalloc.get_traced_memory()[1] < 64_000_000
    finally:
        tracemalloc.stop()
