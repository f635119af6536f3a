"""The cache of encoder outputs: what goes in comes out, or nothing does, whoever is killed, locked out or short of space."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from slant.errors import StorageError
from slant.models.encoder import StateCache, cache, cache_file, default_cache_folder, state_key

States = npt.NDArray[np.float32]

#: What the child processes share with this one: the value that belongs to a number.
CHILD = """
import os, signal, sys
import numpy as np
import numpy.random
from slant.models.encoder.cache import StateCache, state_key

def key_of(i): return state_key("d", "r", str(i))
def value_of(i): return np.random.default_rng(i).standard_normal((1 + i % 40, 768), dtype=np.float32)
"""


def key_of(i: int) -> bytes:
    return state_key("d", "r", str(i))


def value_of(i: int) -> States:
    return np.random.default_rng(i).standard_normal((1 + i % 40, 768), dtype=np.float32)


def flat(kib: int, value: float = 0.0) -> States:
    return np.full((kib, 256), value, np.float32)


def child(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD + code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def check_all(held: StateCache, numbers: Iterable[int]) -> set[int]:
    """The numbers found, each with its own value; the sums agree with the rows, and SQLite finds nothing wrong."""
    asked = list(numbers)
    found = held.get_many([key_of(i) for i in asked])
    for i in asked:
        if key_of(i) in found:
            np.testing.assert_array_equal(found[key_of(i)], value_of(i))
    with closing(sqlite3.connect(held.path)) as direct:
        assert direct.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        sums = direct.execute("SELECT count(*), coalesce(sum(size), 0) FROM entries").fetchone()
        stored = direct.execute("SELECT count(*), coalesce(sum(length(value)), 0) FROM contents").fetchone()
    info = held.info()
    assert (info.entries, info.bytes) == sums == stored
    return {i for i in asked if key_of(i) in found}


@pytest.fixture
def held(tmp_path: Path) -> Iterator[StateCache]:
    with StateCache(tmp_path) as opened:
        yield opened


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.binary(min_size=1, max_size=40), arrays(np.float32, array_shapes(min_dims=2, max_dims=2, min_side=0))))
def test_round_trip_bit_for_bit(items: dict[bytes, States]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with StateCache(Path(folder)) as held:
            held.put_many(items)
        with StateCache(Path(folder)) as held:
            found = held.get_many(list(items))
            assert list(found) == list(items)
            for key, value in items.items():
                assert found[key].shape == value.shape and found[key].tobytes() == value.tobytes()
                assert found[key].dtype == np.float32 and found[key].flags.c_contiguous and found[key].flags.writeable
            assert held.info().entries == len(items) and held.info().bytes == sum(value.nbytes for value in items.values())


def test_misses_order_repeats_and_many_keys(held: StateCache) -> None:
    held.put_many({key_of(i): flat(1, i) for i in range(1201)})
    asked = [key_of(i) for i in (1200, 7, 5000, 7, 0)]
    assert list(held.get_many(asked)) == [key_of(i) for i in (1200, 7, 0)]
    assert len(held.get_many([key_of(i) for i in range(3000)])) == 1201
    assert held.get_many([]) == {}


def test_a_strided_array_is_kept_as_it_reads(held: StateCache) -> None:
    value = np.arange(24, dtype=np.float32).reshape(4, 6).T[::2]
    held.put_many({b"k": value})
    np.testing.assert_array_equal(held.get_many([b"k"])[b"k"], value)


@pytest.mark.parametrize("value", [np.zeros(3, np.float32), np.zeros((2, 2)), np.zeros((2, 2), np.int32)])
def test_other_arrays_are_refused_before_anything_is_kept(held: StateCache, value: Any) -> None:
    with pytest.raises(StorageError, match="2-D float32"):
        held.put_many({b"good": flat(1), b"bad": value})
    assert held.info().entries == 0


def test_a_key_keeps_its_first_value(held: StateCache) -> None:
    held.put_many({b"k": flat(1, 1.0)})
    held.put_many({b"k": flat(2, 2.0), b"l": flat(1)})
    assert held.get_many([b"k"])[b"k"].max() == 1.0
    assert (held.info().entries, held.info().bytes) == (2, 2048)


def test_keys_have_no_ambiguous_seams() -> None:
    parts = [("a", "b", "c"), ("ab", "", "c"), ("a", "bc", ""), ("", "ab", "c"), ("a\0", "b", "c"), ("a", "\0b", "c")]
    assert len({state_key(*three) for three in parts}) == len(parts)
    assert len(state_key("d", "r", "\ud800")) == 32  # a lone surrogate is a text too
    assert state_key("d", "r", "é") != state_key("d", "r", "e\u0301")


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("SLANT_CACHE", str(tmp_path / "own"))
    assert default_cache_folder() == tmp_path / "own"
    monkeypatch.delenv("SLANT_CACHE")
    assert default_cache_folder() == tmp_path / "xdg" / "slant"
    for unusable in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)
        assert default_cache_folder() == tmp_path / "home" / ".cache" / "slant"


# --- the bound


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    with StateCache(tmp_path, max_bytes=40 * 1024) as held:
        for i in range(4):
            held.put_many({key_of(i): flat(10)})
        held.get_many([key_of(0)])
        held.put_many({key_of(1): flat(10), key_of(4): flat(10)})  # 1 is there already and so counts as used
        assert [i for i in range(5) if held.get_many([key_of(i)])] == [0, 1, 3, 4]
        held.put_many({key_of(5): flat(40)})
        assert [i for i in range(6) if held.get_many([key_of(i)])] == [5]
        assert held.info().bytes == held.info().max_bytes == 40 * 1024


def test_what_exceeds_the_bound_alone_is_not_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with StateCache(tmp_path, max_bytes=4096) as held:
        held.put_many({b"small": flat(4), b"large": flat(5)})
        assert list(held.get_many([b"small", b"large"])) == [b"small"]
    assert "exceed the cache's bound" in caplog.text


def test_file_and_sum_stay_near_the_bound(tmp_path: Path) -> None:
    bound = 8 * 2**20
    with StateCache(tmp_path, max_bytes=bound) as held:
        for start in range(0, 640, 32):  # about 40 MB in all
            held.put_many({key_of(i): value_of(i) for i in range(start, start + 32)})
            assert 0 < held.info().bytes <= bound
        assert bound * 0.9 < held.info().bytes
        kept = check_all(held, range(640))
        assert kept == set(range(min(kept), 640))
    assert held.path.stat().st_size < 1.15 * bound


def test_a_lower_bound_shrinks_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_file, "SLACK_BYTES", 2**20)
    with StateCache(tmp_path) as held:
        held.put_many({key_of(i): flat(256) for i in range(40)})
    assert held.path.stat().st_size > 10 * 2**20
    with StateCache(tmp_path, max_bytes=2**20) as held:
        held.put_many({b"k": flat(1)})
        assert held.info().entries == 4
    assert held.path.stat().st_size < 2.3 * 2**20


def test_clear_gives_the_space_back(held: StateCache) -> None:
    held.put_many({key_of(i): flat(256) for i in range(20)})
    assert held.clear() == 20
    assert sum(path.stat().st_size for path in held.path.parent.iterdir()) < 200_000  # the log too
    assert check_all(held, range(20)) == set() and held.clear() == 0
    held.put_many({key_of(1): value_of(1)})
    assert check_all(held, range(20)) == {1}


@pytest.mark.parametrize("bound", [0, -1])
def test_a_bound_of_nothing_is_refused(tmp_path: Path, bound: int) -> None:
    with pytest.raises(StorageError, match=r"cache\.max_bytes"):
        StateCache(tmp_path, max_bytes=bound)


# --- killed writers, several writers


@pytest.mark.parametrize("steps", [3, 40, 400, 4000, 16000])
def test_a_writer_killed_in_mid_write(tmp_path: Path, steps: int) -> None:
    """The child kills itself, with no chance to tidy up, after so many of SQLite's own steps within a second put."""
    code = """
held = StateCache(sys.argv[1])
held.put_many({key_of(i): value_of(i) for i in range(10)})
held._connection.execute("PRAGMA cache_size = 10")  # so that half a transaction does reach the log
left = int(sys.argv[2])
def countdown():
    global left
    left -= 1
    if left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return 0
held._connection.set_progress_handler(countdown, 1)
held.put_many({key_of(i): value_of(i) for i in range(10, 400)})
"""
    with child(code, tmp_path, steps) as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == -9, errors
    with StateCache(tmp_path) as held:
        assert check_all(held, range(400)) == set(range(10))
        held.put_many({key_of(i): value_of(i) for i in range(400)})
        assert check_all(held, range(400)) == set(range(400))


def test_a_writer_killed_again_and_again(tmp_path: Path) -> None:
    code = """
numbers = np.random.default_rng(int(sys.argv[2])).permutation(600).tolist()
with StateCache(sys.argv[1], max_bytes=20 * 2**20) as held:
    while True:
        for start in range(0, 600, 50):
            print("begun", flush=True)
            held.put_many({key_of(i): value_of(i) for i in numbers[start : start + 50]})
            held.get_many([key_of(i) for i in numbers[:50]])
"""
    for turn in range(6):
        with child(code, tmp_path, turn) as process:
            assert process.stdout is not None
            for _ in range(2 + 3 * turn):
                assert process.stdout.readline() == "begun\n"
            process.kill()
        with StateCache(tmp_path, max_bytes=20 * 2**20) as held:
            assert len(check_all(held, range(600))) >= 50
    assert list(tmp_path.glob("*.corrupt*")) == []


def test_writers_at_once(tmp_path: Path) -> None:
    """Three processes begin the file, write overlapping keys in different orders, and read while others write."""
    code = """
sys.stdin.readline()
numbers = np.random.default_rng(int(sys.argv[2])).permutation(300).tolist()
with StateCache(sys.argv[1]) as held:
    for start in range(0, 300, 10):
        part = numbers[start : start + 10]
        held.put_many({key_of(i): value_of(i) for i in part})
        found = held.get_many([key_of(i) for i in part])
        assert all((found[key_of(i)] == value_of(i)).all() for i in part)
"""
    processes = [child(code, tmp_path, seed, stdin=subprocess.PIPE) for seed in range(3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    with StateCache(tmp_path) as held:
        assert check_all(held, range(300)) == set(range(300))
        assert held.info().entries == 300


def test_openings_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says "locked" at once, whatever the timeout, to one of two processes that begin a file in the same moment."""
    refusals, prepare = [sqlite3.SQLITE_BUSY] * 3, cache_file._prepare

    def locked(connection: sqlite3.Connection) -> None:
        if refusals:
            found = sqlite3.OperationalError("database is locked")
            found.sqlite_errorcode = refusals.pop()
            raise found
        prepare(connection)

    monkeypatch.setattr(cache_file, "_prepare", locked)
    with StateCache(tmp_path) as held:
        held.put_many({key_of(1): value_of(1)})
        assert check_all(held, range(3)) == {1}
    refusals[:] = [sqlite3.SQLITE_BUSY]
    monkeypatch.setattr(cache_file, "BUSY_SECONDS", 0)
    with pytest.raises(StorageError, match="locked"):
        held.info()


# --- damage


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE contents SET value = zeroblob(length(value)) WHERE id = 2",
        "UPDATE contents SET value = substr(value, 1, 20) WHERE id = 2",
        "UPDATE contents SET value = 'text' WHERE id = 2",
        "DELETE FROM contents WHERE id = 2",
        "UPDATE entries SET rows = columns, columns = rows WHERE id = 2",
        "UPDATE entries SET crc = crc + 1 WHERE id = 2",
        "UPDATE contents SET value = (SELECT value FROM contents WHERE id = 3) WHERE id = 2",
    ],
)
def test_a_damaged_entry_is_a_miss_and_is_deleted(held: StateCache, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    held.put_many({key_of(i): np.full((2, 3), i, np.float32) for i in range(3)})
    with closing(sqlite3.connect(held.path)) as direct, direct:
        direct.execute(damage)
    keys = [key_of(i) for i in range(3)]
    assert list(held.get_many(keys)) == [key_of(0), key_of(2)]
    assert "1 damaged" in caplog.text
    assert (held.info().entries, held.info().bytes) == (2, 48)
    held.put_many({key_of(1): flat(1, 9.0)})
    assert held.get_many(keys)[key_of(1)].max() == 9.0


def make_garbage(path: Path) -> None:
    path.write_bytes(b"this is not a database" * 1000)


def make_foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE diary (day TEXT)")


def make_future(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("make", [make_garbage, make_foreign, make_future])
def test_a_file_that_is_no_cache_is_moved_aside(tmp_path: Path, make: Any, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "states.sqlite"
    for number in (1, 2):
        make(path)
        content = path.read_bytes()
        with StateCache(tmp_path) as held:
            held.put_many({key_of(1): value_of(1)})
            assert check_all(held, range(3)) == {1}
        aside = tmp_path / f"states.sqlite.corrupt-{number}"
        assert aside.read_bytes()[1000:] == content[1000:]
        assert f"moved aside to {aside.name}" in caplog.text
        path.unlink()


def test_pages_overwritten_under_an_open_cache(held: StateCache) -> None:
    held.put_many({key_of(i): value_of(i) for i in range(200)})
    held.close()
    size = held.path.stat().st_size
    with held.path.open("r+b") as file:
        file.seek(16384)
        file.write(os.urandom(size - 16384))
    assert held.get_many([key_of(i) for i in range(200)]) == {}
    held.put_many({key_of(i): value_of(i) for i in range(20)})
    assert check_all(held, range(200)) == set(range(20))
    assert [path.name for path in held.path.parent.glob("*corrupt*")] == ["states.sqlite.corrupt-1"]


def test_a_fresh_file_of_another_process_is_not_moved_aside(held: StateCache, tmp_path: Path) -> None:
    held.put_many({key_of(1): value_of(1)})
    held.path.rename(tmp_path / "elsewhere")
    with StateCache(tmp_path) as other:
        other.put_many({key_of(2): value_of(2)})
        assert held._opened != cache._identity(held.path)
        cache._set_aside(held.path, held._opened, sqlite3.DatabaseError("invented"))
        assert check_all(other, range(3)) == {2}


# --- no space, no leave, no patience


def test_a_full_disk(held: StateCache) -> None:
    held.put_many({key_of(i): value_of(i) for i in range(20)})
    assert held._connection is not None
    held._connection.execute("PRAGMA max_page_count = 200")
    with pytest.raises(StorageError, match="full") as caught:
        held.put_many({key_of(i): value_of(i) for i in range(20, 400)})
    assert caught.value.where == str(held.path)
    assert "slant cache --clear" in caught.value.remedy and "cache.folder=" in caught.value.remedy
    assert check_all(held, range(400)) == set(range(20))  # the transaction was undone, and the cache goes on
    assert held.clear() == 20


def test_clearing_a_disk_too_full_to_delete(held: StateCache, monkeypatch: pytest.MonkeyPatch) -> None:
    held.put_many({key_of(i): value_of(i) for i in range(20)})

    def full(connection: sqlite3.Connection) -> int:
        found = sqlite3.OperationalError("database or disk is full")
        found.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise found

    monkeypatch.setattr(cache, "clear_entries", full)
    assert held.clear() == 20
    assert not held.path.exists()
    held.put_many({key_of(1): value_of(1)})
    assert check_all(held, range(20)) == {1}


def test_a_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cache.folder="):
        StateCache(tmp_path / "file" / "below")


def test_reading_does_not_wait_for_a_writer(held: StateCache) -> None:
    code = """
with StateCache(sys.argv[1]) as held:
    assert len(held.get_many([key_of(i) for i in range(3)])) == 3
    assert held._connection.execute("PRAGMA busy_timeout").fetchone() == (60_000,)
"""
    held.put_many({key_of(i): value_of(i) for i in range(3)})
    used_at = "SELECT used_at FROM entries ORDER BY id"
    with closing(sqlite3.connect(held.path, isolation_level=None)) as writer:
        before = writer.execute(used_at).fetchall()
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE contents SET value = zeroblob(4) WHERE id = 2")
        with child(code, held.path.parent) as process:
            try:
                _, errors = process.communicate(timeout=45)  # a reader that waits would do so for a minute
            finally:
                process.kill()
        assert process.returncode == 0, errors
        writer.execute("ROLLBACK")
        assert writer.execute(used_at).fetchall() == before
    held.get_many([key_of(1)])
    with closing(sqlite3.connect(held.path)) as direct:
        after = direct.execute(used_at).fetchall()
    assert after[1] > before[1] and after[0] == before[0]


def test_a_write_that_breaks_off_is_undone(held: StateCache, monkeypatch: pytest.MonkeyPatch) -> None:
    class TiredError(Exception):
        pass

    def tire(*_: object) -> int:
        raise TiredError

    held.put_many({key_of(1): value_of(1)})
    with monkeypatch.context() as patch:
        patch.setattr(cache_file, "_checksum", tire)
        with pytest.raises(TiredError):
            held.put_many({key_of(2): value_of(2)})
    with StateCache(held.path.parent) as other:  # which would wait for a transaction left open
        other.put_many({key_of(3): value_of(3)})
        assert check_all(other, range(5)) == {1, 3}
    held.put_many({key_of(4): value_of(4)})
    assert check_all(held, range(5)) == {1, 3, 4}


def test_a_connection_that_may_not_write_still_reads(held: StateCache) -> None:
    held.put_many({key_of(i): value_of(i) for i in range(3)})
    assert held._connection is not None
    held._connection.execute("PRAGMA query_only = ON")
    assert check_all(held, range(4)) == {0, 1, 2}
    with pytest.raises(StorageError, match="readonly"):
        held.put_many({key_of(3): value_of(3)})


def test_a_folder_without_leave_to_write(tmp_path: Path) -> None:
    """As another user where this one is root, whom no permission stops."""
    code = """
from slant.errors import StorageError
if os.geteuid() == 0:
    os.setuid(65534)
held = StateCache(sys.argv[1])
found = held.get_many([key_of(i) for i in range(9)])
assert len(found) == 5 and all((found[key_of(i)] == value_of(i)).all() for i in range(5))
assert held.info().entries == 5
for forbidden in (lambda: held.put_many({key_of(7): value_of(7)}), held.clear):
    try:
        forbidden()
    except StorageError as error:
        assert "cache.folder=" in str(error), error
    else:
        raise AssertionError("written")
try:
    StateCache(sys.argv[1] + "/below")
except StorageError as error:
    assert "ermission" in str(error), error
else:
    raise AssertionError("made")
"""
    with tempfile.TemporaryDirectory() as base:  # tmp_path lies in a folder that no other user may enter
        folder = Path(base) / "held"
        with StateCache(folder) as held:
            held.put_many({key_of(i): value_of(i) for i in range(5)})
        Path(base).chmod(0o755)
        held.path.chmod(0o644)
        folder.chmod(0o555)
        with child(code, folder) as process:
            _, errors = process.communicate(timeout=120)
        folder.chmod(0o755)
        assert process.returncode == 0, errors
        assert sorted(path.name for path in folder.iterdir()) == ["states.sqlite"]


def test_values_are_plain_bytes(held: StateCache) -> None:
    held.put_many({b"k": np.array([[1.0, 2.0]], np.float32)})
    assert held._connection is not None
    assert held._connection.execute("SELECT value FROM contents").fetchone()[0] == b"\0\0\x80\x3f\0\0\0\x40"
