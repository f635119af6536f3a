"""The same answers in every format, in the order of the input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import NOUNS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slant.errors import BundleError, ConfigError
from slant.records import ScoreItem
from slant.serve import Annotator
from slant.serve.batch import Columns
from slant.serve.batch.rows import Rejected, Row, cut_chunks
from slant.serve.schema import sentence_to_json

from .conftest import read_table, write_table

NAMES = ("t.csv", "t.csv.gz", "t.csv.zst", "t.jsonl", "t.jsonl.gz", "t.jsonl.zst", "t.parquet")


def test_jsonl_says_what_the_annotator_says(score: Any, sentences: list[dict[str, Any]], tiny_bundle: Path, tmp_path: Path) -> None:
    assert score(write_table(tmp_path / "in.jsonl", sentences), tmp_path / "out.jsonl", chunk=60).rows == 60
    expected = Annotator.open(tiny_bundle).score([row["text"] for row in sentences])
    for number, (told, row, sentence) in enumerate(zip(read_table(tmp_path / "out.jsonl"), sentences, expected, strict=True), 1):
        assert told == {"row": number, "id": row["id"]} | sentence_to_json(sentence)
    assert sum(told["loaded"]["label"] == "loaded" for told in read_table(tmp_path / "out.jsonl")) == 30
    meta = json.loads((tmp_path / "out.jsonl.meta.json").read_text())
    assert meta["rows"] == 60 and meta["rejected"] == 0 and meta["bundles"] == Annotator.open(tiny_bundle).facts()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl", "out.jsonl.meta.json"]


@pytest.mark.parametrize("name", NAMES)
def test_every_format_in_and_out_tells_the_same(score: Any, sentences: list[dict[str, Any]], tmp_path: Path, name: str) -> None:
    pytest.importorskip("pyarrow")
    rows = [row | {"text": f'{row["text"]} "Yes,\nthey {number}"'} for number, row in enumerate(sentences[:9])]
    (tmp_path / "in").mkdir(), (tmp_path / "plain").mkdir()
    source = write_table(tmp_path / "in" / name, rows)
    score(source, tmp_path / name, chunk=4)
    score(source, tmp_path / "plain" / "t.jsonl", chunk=4)
    for told, plain in zip(read_table(tmp_path / name), read_table(tmp_path / "plain" / "t.jsonl"), strict=True):
        if ".jsonl" in name:
            assert told == plain
            continue
        assert told["text"] == plain["text"] and str(told["row"]) == str(plain["row"]) and told["id"] == plain["id"]
        assert told["label"] == plain["loaded"]["label"] and float(told["probability"]) == plain["loaded"]["probability"]
        assert (json.loads(told["spans"]) if ".csv" in name else told["spans"]) == plain["spans"]
        assert told["voice"] == plain["voice"] == "mixed" and str(told["truncated"]).lower() == "false"


def test_parquet_tells_what_answered_and_joins_its_chunks(score: Any, sentences: list[dict[str, Any]], tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    score(write_table(tmp_path / "in.parquet", sentences), tmp_path / "out.parquet", chunk=7)
    file = pq.ParquetFile(tmp_path / "out.parquet")
    assert json.loads(file.schema_arrow.metadata[b"slant"]) == json.loads((tmp_path / "out.parquet.meta.json").read_text())
    assert file.metadata.num_rows == 60 and file.num_row_groups == 1
    assert file.read().column("row").to_pylist() == list(range(1, 61))


def test_stances_where_targets_are_asked_about(score: Any, tiny_bundle: Path, tiny_stance_bundle: Path, tmp_path: Path) -> None:
    text = f"The vile {NOUNS[0]} presented the annual {NOUNS[1]} on Monday."
    start = text.index(NOUNS[1])
    rows = [
        {"text": text, "target": NOUNS[0], "target_start": None, "target_end": None},
        {"text": text, "target": NOUNS[1], "target_start": start, "target_end": start + len(NOUNS[1])},
        {"text": text, "target": None, "target_start": None, "target_end": None},
        {"text": text, "target": NOUNS[1], "target_start": 0, "target_end": 500},
        {"text": text, "target": NOUNS[1], "target_start": "three", "target_end": 500},
    ]
    source = write_table(tmp_path / "in.jsonl", rows)
    both = (tiny_bundle, tiny_stance_bundle)
    assert score(source, tmp_path / "out.jsonl", both, chunk=2).rejected == 2
    items = [ScoreItem(text, NOUNS[0]), ScoreItem(text, NOUNS[1], start, start + len(NOUNS[1])), ScoreItem(text)]
    expected = [sentence_to_json(s)["stance"] for s in Annotator.open(*both).score(items)]
    told = read_table(tmp_path / "out.jsonl")
    assert [[(s["target"], s["start"], s["label"]) for s in row["stance"]] for row in told] == [
        [(s["target"], s["start"], s["label"]) for s in stances] for stances in expected
    ]
    refused = read_table(tmp_path / "out.jsonl.rejected.jsonl")
    assert [row["row"] for row in refused] == [4, 5]
    assert "offsets 0:500" in refused[0]["reason"] and "target_start is 'three'" in refused[1]["reason"]
    score(source, tmp_path / "out.csv", both)
    flat = read_table(tmp_path / "out.csv")
    assert [row["stance"] for row in flat] == [told[0]["stance"][0]["label"], told[1]["stance"][0]["label"], ""]
    assert abs(sum(float(flat[0][f"stance_p_{label}"]) for label in ("against", "neutral", "favor")) - 1) < 1e-5
    # Without a bundle that tells stances a column of that name is another's matter, unless it was named.
    score(source, tmp_path / "plain.jsonl")
    assert all(row["stance"] == [] and "target" not in row for row in read_table(tmp_path / "plain.jsonl"))
    with pytest.raises(ConfigError, match="--target-column: no bundle here tells stances"):
        score(source, tmp_path / "x.jsonl", columns=Columns(target="target"))
    with pytest.raises(BundleError):
        score(source, tmp_path / "x.jsonl", (tiny_stance_bundle,))


def test_equal_rows_are_scored_once_and_all_told(score: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real: Callable[..., Any] = Annotator.score
    monkeypatch.setattr(Annotator, "score", lambda self, items: seen.append(len(items)) or real(self, items))
    rows = [{"id": "same", "text": "The vile mayor opened the bridge."}] * 6 + [{"id": "other", "text": "The mayor opened the bridge."}]
    score(write_table(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl")
    told = read_table(tmp_path / "out.jsonl")
    assert seen == [2] and [row["id"] for row in told] == ["same"] * 6 + ["other"] and [row["row"] for row in told] == list(range(1, 8))


def test_other_columns_and_delimiters(score: Any, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes('\ufeffnr;satz\r\nä1;The vile mayor, he said.\r\nb2;"The; local\r\nmayor."\r\n'.encode())
    score(source, tmp_path / "out.tsv", columns=Columns(text="satz", id="nr"))
    lines = (tmp_path / "out.tsv").read_text(encoding="utf-8")
    assert "1\tä1\tThe vile mayor, he said.\t" in lines and '2\tb2\t"The; local\r\nmayor."' in (tmp_path / "out.tsv").read_bytes().decode()


ROWS = st.lists(st.integers(0, 1_200_000), max_size=40)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=ROWS, size=st.integers(1, 9))
def test_chunks_keep_every_row_in_order_and_are_bounded(lengths: list[int], size: int) -> None:
    texts = ["x" * length for length in lengths]
    rows = [Row(n, str(n), text) if length % 3 else Rejected(n, None, "why") for n, (text, length) in enumerate(zip(texts, lengths, strict=True))]
    chunks = list(cut_chunks(rows, size))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    numbers = [number for chunk in chunks for number in sorted([r.number for r in chunk.rows] + [r.row for r in chunk.rejected])]
    assert numbers == list(range(len(rows)))
    for chunk in chunks:
        assert 1 <= len(chunk.rows) + len(chunk.rejected) <= size
        assert sum(len(row.text) for row in chunk.rows[:-1]) < 2_000_000
