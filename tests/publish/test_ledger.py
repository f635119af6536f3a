"""The ledger: what is written stays as it was, in order, however many write at once; and a look that is taken once."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.errors import ConfigError, SlantError, StorageError
from slant.publish.ledger import append_entry, find_look, read_ledger, spend_look


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "published" / "ledger.jsonl"


def filled(path: Path, n: int = 3) -> list[dict[str, Any]]:
    return [append_entry(path, "decision", {"number": i, "what": "Über allem"}) for i in range(n)]


def test_entries_come_back_in_order_and_each_seals_the_one_before(path: Path) -> None:
    assert read_ledger(path) == []
    entries = filled(path)
    assert read_ledger(path) == entries
    assert [entry["before"] for entry in entries] == ["0" * 64, entries[0]["hash"], entries[1]["hash"]]
    assert entries[0]["time"].endswith("+00:00")


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (lambda lines: [lines[0], lines[1].replace(b'"number": 1', b'"number": 7'), lines[2]], 2),
        (lambda lines: [lines[0], lines[2]], 2),
        (lambda lines: [lines[1], lines[0], lines[2]], 1),
        (lambda lines: [lines[0], lines[0], lines[1], lines[2]], 2),
        (lambda lines: [lines[0], b"no JSON\n", lines[2]], 2),
        (lambda lines: [lines[0], b"[]\n", lines[2]], 2),
        (lambda lines: [lines[0], b"\xff\n", lines[2]], 2),
        (lambda lines: [lines[0], b"\n", *lines[1:]], 2),
    ],
)
def test_an_altered_ledger_is_refused_and_not_added_to(path: Path, harm: Any, line: int) -> None:
    filled(path)
    path.write_bytes(b"".join(harm(path.read_bytes().splitlines(keepends=True))))
    before = path.read_bytes()
    with pytest.raises(StorageError, match=f"altered at line {line}"):
        read_ledger(path)
    with pytest.raises(StorageError):
        append_entry(path, "decision", {})
    assert path.read_bytes() == before


@given(place=st.integers(min_value=0), byte=st.integers(0, 255))
def test_no_byte_of_a_whole_line_can_change_unseen(tmp_path_factory: pytest.TempPathFactory, place: int, byte: int) -> None:
    path = tmp_path_factory.mktemp("l") / "ledger.jsonl"
    entries = filled(path)
    data = bytearray(path.read_bytes())
    data[place % len(data)] = byte
    path.write_bytes(data)
    try:
        assert read_ledger(path) == entries[: len(read_ledger(path))]
    except StorageError:
        return
    # What still reads is untouched, or lost its last line to a missing end.
    assert len(read_ledger(path)) >= 2


def test_a_line_that_was_never_finished_is_dropped(path: Path) -> None:
    entries = filled(path)
    with path.open("ab") as file:
        file.write(b'{"kind": "decision", "cut')
    assert read_ledger(path) == entries
    last = append_entry(path, "decision", {"number": 3})
    assert read_ledger(path) == [*entries, last]


def test_a_full_disk_leaves_the_ledger_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = filled(path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("slant.publish.ledger.os.fsync", full)
    with pytest.raises(StorageError, match="disk is full"):
        append_entry(path, "decision", {"number": 3})
    assert read_ledger(path) == entries and path.read_bytes().endswith(b"\n")


def test_nan_is_no_entry(path: Path) -> None:
    filled(path)
    before = path.read_bytes()
    with pytest.raises(ValueError):
        append_entry(path, "decision", {"figure": float("nan")})
    assert path.read_bytes() == before


def _append_many(path: Path, who: int) -> None:
    for i in range(10):
        append_entry(path, "decision", {"who": who, "i": i})


def _look(path: Path, barrier: Any, told: Any) -> None:
    barrier.wait()
    try:
        spend_look(path, "m" * 64, "b" * 16, "f" * 64)
        told.put("looked")
    except SlantError as error:
        told.put(type(error).__name__)


def test_many_writers_lose_and_tear_nothing(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append_many, args=(path, who)) for who in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = [(entry["who"], entry["i"]) for entry in read_ledger(path)]
    assert sorted(found) == [(who, i) for who in range(4) for i in range(10)]


def test_of_several_who_look_at_once_one_does(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, told = context.Barrier(3), context.Queue()
    workers = [context.Process(target=_look, args=(path, barrier, told)) for _ in range(3)]
    for worker in workers:
        worker.start()
    found = sorted(told.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    assert found == ["ConfigError", "ConfigError", "looked"]
    assert len(read_ledger(path)) == 1


def test_a_look_is_once_a_model_and_set(path: Path) -> None:
    spend_look(path, "m1", "b1", "set1", rows=3)
    spend_look(path, "m1", "b1", "set2")
    spend_look(path, "m2", "b2", "set1")
    # Exported again, with another card: the same weights; or the same bundle, whatever its digest is said to be.
    for model, bundle in (("m1", "b9"), ("m9", "b1")):
        with pytest.raises(ConfigError, match="looked at the blind set set1"):
            spend_look(path, model, bundle, "set1")
    look = find_look(read_ledger(path), "m1", "b9", "set1")
    assert look is not None and look["rows"] == 3
    assert find_look(read_ledger(path), "m9", "b9", "set1") is None


def test_each_line_is_one_json_value_in_utf8(path: Path) -> None:
    filled(path)
    assert [json.loads(line)["what"] for line in path.read_text(encoding="utf-8").splitlines()] == ["Über allem"] * 3
