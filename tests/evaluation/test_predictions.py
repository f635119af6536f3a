"""Predictions tables: what is written is read, and what cannot be scored is refused by name."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slant.errors import DataError, StorageError
from slant.evaluation import arrow_schema, make_predictions, predictions_hash, read_predictions, write_predictions
from slant.labels import LOADED
from slant.records import Span

from .conftest import Columns, columns_of, meta_of

Make = Callable[[], Columns]


def test_reads_what_was_written(tmp_path: Path, pointing: Make) -> None:
    path = tmp_path / "deep" / "predictions.parquet"
    written = write_predictions(path, pointing(), meta_of())
    read = read_predictions(path)
    assert read.meta == meta_of() and read.where == str(path)
    assert read.table.equals(written.table) and read.table.schema.equals(arrow_schema(LOADED.labels))
    assert [file.name for file in path.parent.iterdir()] == ["predictions.parquet"]
    assert read.label_index("gold").tolist() == [1, 0, 1, 1, 0, 0]
    np.testing.assert_allclose(read.probabilities()[:, 1], [0.9, 0.2, 0.6, 0.4, 0.7, 0.1])
    assert read.column("outlet").tolist() == ["Daily", None, "Weekly", None, "Daily", None]
    assert read.select(read.column("group") == "a").column("id").tolist() == ["id-0", "id-1"]
    footer = pq.read_schema(path).metadata
    assert footer[b"slant.labels"] == b'["neutral", "loaded"]' and footer[b"slant.corpus_fingerprint"] == b"corpus-1"


def test_optional_columns_default_and_spans_may_be_records() -> None:
    columns = columns_of([None, 2], [0, 2], [[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]], "ab", task="stance")
    columns["spans_gold"] = [[Span(2, 10)], None]
    read = make_predictions(columns, meta_of("stance"))
    assert read.label_index("gold").tolist() == [-1, 2]
    assert read.table["spans_gold"].to_pylist() == [[{"start": 2, "end": 10, "label": "loaded"}], None]
    assert read.column("abstained").tolist() == [False, False] and read.table["word_scores"].null_count == 2


Change = Callable[[Columns], Any]

REFUSED: dict[str, tuple[Change, str]] = {
    "unequal": (lambda c: c["pred"].pop(), "column 'pred' has 5 values for 6 ids"),
    "missing": (lambda c: c.pop("group"), "column 'group' is missing"),
    "unknown": (lambda c: c.update(outlt=c["outlet"]), "unknown column 'outlt'"),
    "type": (lambda c: c["fold"].__setitem__(0, "first"), "column 'fold' cannot hold"),
    "null group": (lambda c: c["group"].__setitem__(2, None), r"row 2 \(id 'id-2'\), column 'group': a value is missing"),
    "pred": (lambda c: c["pred"].__setitem__(1, "biased"), r"row 1 .*'pred': the label 'biased' is none of neutral, loaded"),
    "gold": (lambda c: c["gold"].__setitem__(3, "biased"), r"row 3 .*'gold': the label 'biased'"),
    "nan": (lambda c: c["p_loaded"].__setitem__(4, float("nan")), r"row 4 .*'p_loaded': nan is not a probability"),
    "negative": (lambda c: c["p_neutral"].__setitem__(0, -0.1), r"row 0 .*'p_neutral': -0.1 is not a probability"),
    "sum": (lambda c: c["p_loaded"].__setitem__(2, 0.600002), r"row 2 .*'p_\*': the probabilities sum to 1.00000200"),
    "twice": (lambda c: c["id"].__setitem__(5, "id-0"), r"row 5 .*'id': a second row for split 'test', fold 0, seed 1"),
    "span": (lambda c: c["spans_gold"].__setitem__(2, [Span(20, 24)]), r"row 2 .*'spans_gold': the offsets 20:24 .* 23 char"),
    "empty span": (lambda c: c["spans_pred"].__setitem__(1, [Span(4, 4)]), r"row 1 .*'spans_pred': the offsets 4:4"),
    "null offset": (lambda c: c["spans_pred"].__setitem__(1, [Span(None, 4)]), r"row 1 .*'spans_pred': the offsets -1"),  # type: ignore[arg-type]
    "word": (lambda c: c["word_ends"].__setitem__(3, [1, 10, 14, 18, 24]), r"row 3 .*'word_starts': the offsets 19:24"),
    "words": (lambda c: c["word_ends"].__setitem__(3, [1]), r"row 3 .*'word_scores': .*unequal"),
    "score": (lambda c: c["word_scores"].__setitem__(3, [0, 0, 0, 0, float("nan")]), r"row 3 .*'word_scores': nan"),
    "no spans": (lambda c: c["spans_pred"].__setitem__(3, None), r"row 3 .*'spans_pred': words are scored but no spans"),
    "votes": (lambda c: c.update(label_votes=[None, [1, 2, 3], *[None] * 4]), r"row 1 .*'label_votes': 3 votes for 2 labels"),
    "no votes": (lambda c: c.update(label_votes=[None, [1, 2], [0, 0], *[None] * 3]), r"row 2 .*'label_votes': \[0.0, 0.0\] are no votes"),
    "negative votes": (lambda c: c.update(label_votes=[*[None] * 5, [2, -1]]), r"row 5 .*'label_votes': \[2.0, -1.0\] are no votes"),
    "null vote": (lambda c: c.update(label_votes=[[None, 1], *[None] * 5]), r"row 0 .*'label_votes': \[nan, 1.0\] are no votes"),
    "empty": (lambda c: [values.clear() for values in c.values()], "the table has no rows"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_faulty_table_is_never_written(fault: str, tmp_path: Path, pointing: Make) -> None:
    change, message = REFUSED[fault]
    columns = {name: list(values) for name, values in pointing().items()}
    change(columns)
    with pytest.raises(DataError, match=message) as caught:
        write_predictions(tmp_path / "p.parquet", columns, meta_of())
    assert caught.value.remedy and str(tmp_path) in caught.value.where
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"labels": ("loaded", "neutral")}, "labels loaded, neutral are not those"), ({"task": "irony"}, "unknown task 'irony'")],
)
def test_labels_are_the_tasks(changes: dict[str, Any], message: str, pointing: Make) -> None:
    with pytest.raises(DataError, match=message):
        make_predictions(pointing(), replace(meta_of(), **changes))


def rewritten(path: Path, change: Callable[[pa.Table], pa.Table]) -> Path:
    pq.write_table(change(pq.read_table(path)), path)
    return path


def test_reading_refuses_by_name(tmp_path: Path, pointing: Make) -> None:
    path = tmp_path / "p.parquet"

    def refused(message: str, change: Callable[[pa.Table], pa.Table]) -> None:
        write_predictions(path, pointing(), meta_of())
        with pytest.raises(DataError, match=message) as caught:
            read_predictions(rewritten(path, change))
        assert str(path) in caught.value.where and caught.value.remedy

    nan = pa.array([0.1, float("nan"), 0.4, 0.6, 0.3, 0.9])
    refused("the column 'group' is missing", lambda t: t.drop_columns(["group"]))
    refused("the column 'fold' is string", lambda t: t.set_column(2, "fold", t["fold"].cast(pa.string())))
    refused("row 1 .*'p_neutral': nan", lambda t: t.set_column(t.column_names.index("p_neutral"), "p_neutral", nan))
    refused("no rows", lambda t: t.slice(0, 0))
    refused("the footer lacks 'slant.task'", lambda t: t.replace_schema_metadata(None))
    refused("'slant.labels' cannot be read", lambda t: t.replace_schema_metadata(t.schema.metadata | {b"slant.labels": b"["}))

    write_predictions(path, pointing(), meta_of())
    extra = rewritten(path, lambda t: t.append_column("later_version", pa.nulls(t.num_rows)))
    assert "later_version" not in read_predictions(extra).table.column_names


def test_votes_come_back_and_older_tables_have_none(tmp_path: Path, pointing: Make) -> None:
    path = tmp_path / "p.parquet"
    votes = [[3, 5], None, [0.25, 0.75], None, None, [8, 0]]
    written = write_predictions(path, pointing() | {"label_votes": votes}, meta_of())
    assert read_predictions(path).table["label_votes"].to_pylist() == votes
    # Their hash is that of the same predictions without votes: a run made anew with votes is still the same run.
    assert predictions_hash(written) == predictions_hash(make_predictions(pointing(), meta_of()))
    old = read_predictions(rewritten(path, lambda t: t.drop_columns(["label_votes"])))
    assert old.table.schema.equals(arrow_schema(LOADED.labels)) and old.table["label_votes"].null_count == 6


def test_files_that_are_no_tables(tmp_path: Path, pointing: Make) -> None:
    with pytest.raises(DataError, match="no such predictions file"):
        read_predictions(tmp_path / "nowhere.parquet")
    with pytest.raises(DataError, match="no such predictions file"):
        read_predictions(tmp_path)
    path = tmp_path / "p.parquet"
    write_predictions(path, pointing(), meta_of())
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"id,gold\n", b"PAR1" + bytes(64) + b"PAR1"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not a readable Parquet file"):
            read_predictions(path)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, pointing: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.parquet"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full, nothing was written"):
        write_predictions(path, pointing(), meta_of())
    assert path.read_bytes() == b"old" and [file.name for file in tmp_path.iterdir()] == ["p.parquet"]


def test_a_folder_that_is_a_file(tmp_path: Path, pointing: Make) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    with pytest.raises(StorageError, match="cannot be written"):
        write_predictions(tmp_path / "file" / "p.parquet", pointing(), meta_of())


def test_hash_names_what_was_predicted(tmp_path: Path, pointing: Make) -> None:
    path = tmp_path / "p.parquet"
    first = predictions_hash(write_predictions(path, pointing(), meta_of()))
    assert predictions_hash(path) == first

    def changed(name: str, values: list[Any]) -> str:
        return predictions_hash(make_predictions(pointing() | {name: values}, meta_of()))

    assert changed("run_id", ["run-2"] * 6) == first
    backwards = {name: list(values)[::-1] for name, values in pointing().items()}
    assert predictions_hash(make_predictions(backwards, meta_of())) == first
    nearly = pointing()
    nearly["p_loaded"] = [p + 1e-8 for p in nearly["p_loaded"]]
    assert predictions_hash(make_predictions(nearly, meta_of())) == first

    moved = pointing()
    moved["p_loaded"][0], moved["p_neutral"][0] = 0.90001, 0.09999
    others = {
        predictions_hash(make_predictions(moved, meta_of())),
        changed("pred", ["loaded"] * 6),
        changed("seed", [2] * 6),
        changed("fold", [1] * 6),
        changed("id", [f"other-{row}" for row in range(6)]),
    }
    assert len(others) == 5 and first not in others
