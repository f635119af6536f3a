"""The Example table: what is refused, and what its fingerprint sees."""

from __future__ import annotations

import pickle
import random
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from slant.data import column, corpus_fingerprint, examples, make_dataset, prepare
from slant.data.examples import MAX_CHARACTERS, without_nulls
from slant.errors import DataError
from slant.records import EXAMPLE_COLUMNS

Row = dict[str, Any]
ROW: Row = {"id": "a", "text": "A vile man.", "task": "loaded", "label": "loaded", "group": "g"}
SPAN = {"start": 2, "end": 6, "label": "loaded"}


def test_columns_are_exactly_the_contracts_and_the_rest_is_null() -> None:
    dataset = make_dataset([ROW], "here")
    assert tuple(dataset.column_names) == EXAMPLE_COLUMNS
    assert dataset[0] == dict.fromkeys(EXAMPLE_COLUMNS) | ROW


def test_unannotated_and_nothing_marked_stay_apart() -> None:
    dataset = make_dataset([ROW | {"spans": None}, ROW | {"id": "b", "spans": []}, ROW | {"id": "c", "spans": [SPAN]}], "here")
    assert dataset["spans"][:] == [None, [], [SPAN]]


def test_offsets_count_code_points() -> None:
    text = "🎉🤷🏽 vile"
    assert make_dataset([ROW | {"text": text, "spans": [{"start": 4, "end": 8, "label": "loaded"}]}], "here")[0]["text"][4:8] == "vile"


def test_edges_are_taken() -> None:
    edge = {"spans": [{"start": 0, "end": 11, "label": "loaded"}], "target": "man", "target_start": 0, "target_end": 11, "label": None}
    assert make_dataset([ROW | edge], "here")[0]["target_end"] == 11
    assert len(make_dataset([ROW | {"text": "x" * MAX_CHARACTERS}], "here")) == 1
    assert make_dataset([ROW | {"task": "stance", "label": "favor", "label_votes": [0.5, 0.25, 0.25]}], "here")[0]["label_votes"] == [0.5, 0.25, 0.25]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "unknown column 'colour'. The columns are id, text"),
        ({"id": ""}, "the id is missing or empty"),
        ({"id": None}, "the id is missing or empty"),
        ({"id": 7}, "the id is missing or empty"),
        ({"text": " \n"}, "the text is missing or empty"),
        ({"group": None}, "the group is missing or empty"),
        ({"task": None}, "the task is missing or empty"),
        ({"id": "first"}, "the id stands twice"),
        ({"text": "x" * (MAX_CHARACTERS + 1)}, "the text has 20,001 characters, more than 20,000"),
        ({"text": "half a \ud83d"}, "the text holds half a character"),
        ({"id": "half a \ud83d"}, "the id holds half a character"),
        ({"task": "lodaed"}, "unknown task 'lodaed'. Choose one of: loaded, stance"),
        ({"label": "favor"}, "unknown label 'favor'. The labels of loaded are neutral, loaded"),
        ({"label": 1}, "the label 1 is no text"),
        ({"outlet": 3}, "the outlet 3 is no text"),
        ({"label_votes": 0.5}, "the label_votes are no list"),
        ({"spans": [SPAN, {"start": 3, "end": 12, "label": "loaded"}]}, "the span 3:12 is not within the text's 11 characters"),
        ({"spans": [{"start": -1, "end": 2, "label": "loaded"}]}, "the span -1:2"),
        ({"spans": [{"start": 4, "end": 4, "label": "loaded"}]}, "the span 4:4"),
        ({"spans": [{"start": 4, "end": 3, "label": "loaded"}]}, "the span 4:3"),
        ({"spans": [{"start": 4}]}, "is no span"),
        ({"spans": [{"start": "2", "end": 6, "label": "loaded"}]}, "is no span"),
        ({"spans": [{"start": 2, "end": 5.5, "label": "loaded"}]}, "is no span"),
        ({"spans": [{"start": 2, "end": 6, "label": None}]}, "is no span"),
        ({"spans": [[2, 6]]}, "is no span"),
        ({"spans": "vile"}, "the spans are no list"),
        ({"spans": True}, "the spans are no list"),
        ({"spans": [SPAN | {"label": "\ud800"}]}, "is no span"),
        ({"target_start": 2}, "the target mention 2:None"),
        ({"target_end": 2}, "the target mention None:2"),
        ({"target_start": 2, "target_end": 12}, "the target mention 2:12"),
        ({"target_start": 6, "target_end": 6}, "the target mention 6:6"),
        ({"target_start": "2", "target_end": "6"}, "the target mention 2:6"),
    ],
)
def test_a_bad_row_is_refused_by_number_and_reason(change: Row, message: str) -> None:
    row = ROW | change
    with pytest.raises(DataError) as caught:
        make_dataset([ROW | {"id": "first"}, row], "corpus.csv")
    assert caught.value.where.startswith("corpus.csv, row 2 (id ")
    assert message in str(caught.value).removeprefix(caught.value.where)
    assert caught.value.remedy


def test_a_missing_key_is_refused() -> None:
    with pytest.raises(DataError, match="the group is missing"):
        make_dataset([{name: value for name, value in ROW.items() if name != "group"}], "here")


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="corpus.csv: holds no rows"):
        make_dataset(iter(()), "corpus.csv")


def test_rows_without_a_label_are_left_out_in_order() -> None:
    rows = [ROW | {"id": str(i), "label": None if i % 3 else "neutral"} for i in range(7)]
    assert list(without_nulls(make_dataset(rows, "here"))["id"]) == ["0", "3", "6"]


# --- tables larger than the memory they may take


@pytest.fixture
def spilled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Batches of 7 rows, a folder of its own for temporary files, and the names of those that were opened; none may be left."""
    opened: list[str] = []

    def temporary(*arguments: Any, **options: Any) -> Any:
        file = named(*arguments, **options)
        opened.append(file.name)
        return file

    named = tempfile.NamedTemporaryFile
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", temporary)
    monkeypatch.setattr(examples, "_BATCH", 7)
    yield opened
    assert list(tmp_path.iterdir()) == []
    assert all(Path(name).parent == tmp_path for name in opened)


def mixed_rows(tiny_rows: tuple[Row, ...]) -> list[Row]:
    """120 rows with nulls, empty lists, votes, mentions and characters of every width; some columns are null for whole batches."""
    changes: list[Row] = [
        {"spans": None},
        {"spans": []},
        {"text": "Łódź 🎉 \x00 “no”\r\n", "spans": None},
        {"task": "stance", "label": "favor", "target": "mayor", "target_start": 0, "target_end": 3, "label_votes": [0.5, 0.25, 0.25]},
        {"label": None, "part": "dev", "outlet": None},
    ]
    return [row | (changes[n % 7] if n % 7 < len(changes) and n > 40 else {}) for n, row in enumerate(tiny_rows)]


@pytest.mark.parametrize("limit", [0, 9_000], ids=["from the first batch on", "after some batches in memory"])
def test_a_large_table_is_the_same_from_a_temporary_file(
    tiny_rows: tuple[Row, ...], spilled: list[str], monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    rows = mixed_rows(tiny_rows)
    small = make_dataset(iter(rows), "tiny")
    assert spilled == []
    monkeypatch.setattr(examples, "_IN_MEMORY", limit)
    large = make_dataset(iter(rows), "tiny")
    assert len(spilled) == 1
    assert not Path(spilled[0]).exists()
    assert large.to_list() == small.to_list() == [dict.fromkeys(EXAMPLE_COLUMNS) | row for row in rows]
    assert large.features == small.features == examples.features()
    assert large.column_names == small.column_names
    assert corpus_fingerprint(large) == corpus_fingerprint(small)
    # Whatever is done with a table can be done with this one.
    some = [119, 0, 63, 64]
    assert large.select(some).to_list() == small.select(some).to_list()
    assert pickle.loads(pickle.dumps(large)).to_list() == small.to_list()
    assert prepare(large).dataset.to_list() == prepare(small).dataset.to_list()
    assert [column(large, name) for name in EXAMPLE_COLUMNS] == [column(small, name) for name in EXAMPLE_COLUMNS]


@pytest.mark.parametrize("rows", [1, 6, 7, 8, 14])
def test_no_row_is_lost_at_the_end_of_a_batch(spilled: list[str], monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(examples, "_IN_MEMORY", 0)
    assert list(make_dataset((ROW | {"id": str(n)} for n in range(rows)), "here")["id"]) == [str(n) for n in range(rows)]


def test_several_large_tables_live_side_by_side(spilled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "_IN_MEMORY", 0)
    tables = [make_dataset([ROW | {"id": f"{n}-{i}"} for i in range(20)], "here") for n in range(3)]
    assert len(set(spilled)) == 3
    assert [list(table["id"]) for table in tables] == [[f"{n}-{i}" for i in range(20)] for n in range(3)]


def long_rows(count: int) -> Iterator[Row]:
    return (ROW | {"id": str(n), "text": f"Sentence {n}. " * 1_000, "group": str(n)} for n in range(count))


def test_a_large_table_takes_little_memory(spilled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """About 20 MB of text: neither Arrow's memory nor Python's, nor a pickle of the table made for a fingerprint, holds it."""
    monkeypatch.setattr(examples, "_IN_MEMORY", 1_000_000)
    make_dataset(long_rows(1), "here")  # what is imported on the way
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        dataset = make_dataset(long_rows(1_500), "here")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert dataset.data.nbytes > 18_000_000
    assert pa.total_allocated_bytes() - before < 1_000_000
    assert peak < 2_000_000


def test_a_bad_row_stops_the_reading_and_leaves_no_file(spilled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def rows() -> Iterator[Row]:
        for n in range(100):
            read.append(n)
            yield ROW | {"id": str(n), "text": "" if n == 50 else "Well."}

    read: list[int] = []
    monkeypatch.setattr(examples, "_IN_MEMORY", 0)
    with pytest.raises(DataError, match=r"here, row 51 \(id '50'\): the text is missing"):
        make_dataset(rows(), "here")
    assert read == list(range(51))
    assert len(spilled) == 1


def test_an_id_is_known_again_after_many_rows(spilled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "_IN_MEMORY", 0)
    with pytest.raises(DataError, match=r"row 101 \(id '0'\): the id stands twice"):
        make_dataset([*(ROW | {"id": str(n)} for n in range(100)), ROW | {"id": "0"}], "here")


# --- fingerprint


def test_row_order_and_description_do_not_change_the_fingerprint(tiny_rows: tuple[Row, ...]) -> None:
    before = corpus_fingerprint(make_dataset(tiny_rows, "tiny"))
    shuffled = random.Random(1).sample(tiny_rows, len(tiny_rows))
    assert corpus_fingerprint(make_dataset(shuffled, "elsewhere")) == before
    described = [row | {"outlet": "Another", "leaning": None, "topic": "x", "voice": None, "source": "tiny@2"} for row in tiny_rows]
    assert corpus_fingerprint(make_dataset(described, "tiny")) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row | {"label": "neutral"},
        lambda row: row | {"label": None},
        lambda row: row | {"text": row["text"] + " "},
        lambda row: row | {"spans": row["spans"][:-1]},
        lambda row: row | {"spans": None},
        lambda row: row | {"spans": [row["spans"][0] | {"end": row["spans"][0]["end"] - 1}]},
        lambda row: row | {"group": "another"},
        lambda row: row | {"id": "another"},
        lambda row: row | {"target": "mayor", "target_start": 0, "target_end": 3},
    ],
)
def test_whatever_a_model_can_learn_from_changes_the_fingerprint(tiny_rows: tuple[Row, ...], change: Callable[[Row], Row]) -> None:
    changed = [change(row) if row["id"] == "tiny-001" else row for row in tiny_rows]
    assert changed != list(tiny_rows)
    assert corpus_fingerprint(make_dataset(changed, "tiny")) != corpus_fingerprint(make_dataset(tiny_rows, "tiny"))


def test_rows_left_out_change_the_fingerprint(tiny_rows: tuple[Row, ...]) -> None:
    assert corpus_fingerprint(make_dataset(tiny_rows[:-1], "tiny")) != corpus_fingerprint(make_dataset(tiny_rows, "tiny"))


def test_the_fingerprint_is_the_same_on_every_machine() -> None:
    """Worked out once; a change here makes every recorded run's corpus unknown."""
    rows = [ROW | {"spans": [SPAN]}, ROW | {"id": "b", "text": "Café “no”.", "label": None, "spans": None}]
    assert corpus_fingerprint(make_dataset(rows, "here")) == "c6c70bc48cd476fcc5b0170fec61081571f2689354fe74ac62ca9632597382d9"
