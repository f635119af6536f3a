"""Encoder outputs on disk, by content: one SQLite file that may be lost at any time and never lies."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from slant.errors import StorageError

__all__ = ["CacheInfo", "StateCache", "default_cache_folder", "state_key"]

States = npt.NDArray[np.float32]
T = TypeVar("T")

FILE = "states.sqlite"
FORMAT = 1
BUSY_SECONDS = 60
#: Bytes of values in one transaction: bounds the write-ahead log, and what a killed writer loses.
TRANSACTION_BYTES = 32 * 2**20
#: Free space inside the file that is left for the next writes; more is given back to the disk.
SLACK_BYTES = 64 * 2**20
KEYS_A_QUERY = 500

# Values lie apart from what is known of them, so that noting a use does not rewrite the value. Triggers keep the sum true
# whoever deletes. `clock` counts uses: a wall clock can be set back.
SCHEMA = (
    """CREATE TABLE entries (
        id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, rows INTEGER NOT NULL, columns INTEGER NOT NULL,
        crc INTEGER NOT NULL, size INTEGER NOT NULL, used_at INTEGER NOT NULL)""",
    "CREATE INDEX entries_by_use ON entries (used_at)",
    "CREATE TABLE contents (id INTEGER PRIMARY KEY, value BLOB NOT NULL)",
    "CREATE TABLE totals (entries INTEGER NOT NULL, bytes INTEGER NOT NULL, clock INTEGER NOT NULL)",
    "INSERT INTO totals VALUES (0, 0, 0)",
    """CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
        UPDATE totals SET entries = entries + 1, bytes = bytes + new.size; END""",
    """CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
        UPDATE totals SET entries = entries - 1, bytes = bytes - old.size;
        DELETE FROM contents WHERE id = old.id; END""",
    f"PRAGMA user_version = {FORMAT}",
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CacheInfo:
    """What a cache holds: its file, the number of its entries, and the bytes of their values against the bound."""

    path: Path
    entries: int
    bytes: int
    max_bytes: int


def default_cache_folder() -> Path:
    """`$SLANT_CACHE`, else `slant` in `$XDG_CACHE_HOME` (when absolute, as its specification asks), else `~/.cache/slant`."""
    if own := os.environ.get("SLANT_CACHE"):
        return Path(own).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "slant"


def state_key(encoder_digest: str, recipe: str, text: str) -> bytes:
    """The 32-byte key of a text's states under one encoder and one recipe (layers, truncation, pooling: whatever changes them)."""
    key = hashlib.sha256()
    for part in (encoder_digest, recipe, text):
        encoded = part.encode("utf-8", "surrogatepass")
        key.update(len(encoded).to_bytes(8, "little"))  # lengths, because any separator could occur in a text
        key.update(encoded)
    return key.digest()


class StateCache:
    """States of texts, float32 arrays (tokens, width), in `states.sqlite` of a folder: one object a process and thread.

    Many processes may hold caches on one folder. A writer that is killed leaves what it had committed. The least recently
    used entries go first when the values exceed `max_bytes`; the file itself is larger by a few per cent and a log of about 32 MiB.
    A file that is no cache is moved aside, with a warning, and a fresh one begun. A folder that cannot be written is read only.

    Raises:
        StorageError: the folder cannot be made; later, that the file cannot be read, written or enlarged.
    """

    def __init__(self, folder: str | Path, *, max_bytes: int = 8 * 2**30) -> None:
        if max_bytes < 1:
            raise StorageError(f"max_bytes is {max_bytes}", where="cache.max_bytes", remedy="Give a positive number of bytes")
        self.path, self.max_bytes = Path(folder).expanduser().absolute() / FILE, max_bytes
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as found:
            raise _storage_error(self.path.parent, found) from found
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go; a later call opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, States]:
        """The entries among `keys`, in their order, as writable arrays; a damaged entry is deleted and left out."""
        wanted = list(keys)
        found, used, damaged = self._attempt(lambda connection: _read(connection, wanted))
        self._attempt(lambda connection: _note_use(connection, used, damaged))
        if damaged:
            logger.warning("%s: %d damaged entries were left out", self.path, len(damaged))
        return {key: found[key] for key in wanted if key in found}

    def put_many(self, items: Mapping[bytes, States]) -> None:
        """Keep each array (n, m) of float32 under its key. A key already there keeps its value and counts as used.

        An array larger than `max_bytes` is not kept. Each transaction of about 32 MiB is kept wholly or not at all.

        Raises:
            StorageError: no space, no permission, or an array that is not 2-D float32.
        """
        for key, value in items.items():
            if value.ndim != 2 or value.dtype != np.float32:
                problem = f"states are 2-D float32, not {value.ndim}-D {value.dtype}"
                raise StorageError(problem, where=f"key {key.hex()}", remedy="Convert them before they are kept")
        for batch in _batches(items, min(TRANSACTION_BYTES, self.max_bytes), self.max_bytes):
            self._attempt(partial(_write, batch=batch, max_bytes=self.max_bytes))

    def info(self) -> CacheInfo:
        """Entries and bytes of values, from a running sum: cheap however large the cache."""
        entries, size = self._attempt(lambda connection: connection.execute("SELECT entries, bytes FROM totals").fetchone())
        return CacheInfo(self.path, entries, size, self.max_bytes)

    def clear(self) -> int:
        """Delete every entry and give the space back; how many there were, as far as a full disk lets them be counted."""
        try:
            return self._attempt(_clear)
        except StorageError as found:
            cause = found.__cause__
            if not isinstance(cause, sqlite3.Error) or _code(cause) not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise
        # Deleting needs room for a log, which a full disk has not: the file itself goes.
        count = 0
        with suppress(StorageError):
            count = self.info().entries
        self.close()
        _remove(self.path)
        return count

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` on an open connection; once more on a fresh file if the old one turns out to be no cache."""
        for last in (False, True):
            try:
                if self._connection is None:
                    # Of the file that is opened: a path may be given to a fresh file by another process while this one is held.
                    self._opened = _identity(self.path)
                    self._connection = _open(self.path)
                return work(self._connection)
            except sqlite3.Error as found:
                if last or _code(found) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                    raise _storage_error(self.path, found) from found
                self.close()
                _set_aside(self.path, self._opened, found)
        raise AssertionError("unreachable")


def _open(path: Path) -> sqlite3.Connection:
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            _prepare(connection)
            return connection
        except sqlite3.Error as found:
            connection.close()
            # Two processes that begin one file at once are told "locked" without the wait that was asked for.
            if _code(found) == sqlite3.SQLITE_BUSY and time.monotonic() < deadline:
                time.sleep(0.02)
            elif _code(found) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) and os.access(path, os.R_OK):
                break
            else:
                raise
    # Without leave to write beside it, a file with a write-ahead log can only be read as it was last closed.
    logger.warning("%s: cannot be written and is only read", path)
    return sqlite3.connect(f"file:{quote(str(path))}?immutable=1", uri=True, isolation_level=None)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA journal_size_limit = {TRANSACTION_BYTES}")
    connection.execute("PRAGMA cache_size = -8192")
    if connection.execute("PRAGMA user_version").fetchone()[0] == FORMAT:
        return
    # These are kept in the file, and setting them again would wait for whoever is writing.
    for pragma in ("page_size = 16384", "auto_vacuum = INCREMENTAL", "journal_mode = WAL"):
        connection.execute(f"PRAGMA {pragma}")
    with _transaction(connection):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version == 0 and tables == 0:
            for statement in SCHEMA:
                connection.execute(statement)
        elif version != FORMAT:
            foreign = sqlite3.DatabaseError(f"a database of another kind or format (user_version {version})")
            foreign.sqlite_errorcode = sqlite3.SQLITE_NOTADB
            raise foreign


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have ended it already
            connection.execute("ROLLBACK")
        raise


def _read(connection: sqlite3.Connection, keys: list[bytes]) -> tuple[dict[bytes, States], list[int], list[int]]:
    """Arrays by key, and the row ids of sound and of damaged entries."""
    found: dict[bytes, States] = {}
    used: list[int] = []
    damaged: list[int] = []
    columns = "key, entries.id, rows, columns, crc, value"
    with _transaction(connection, "DEFERRED"):
        for start in range(0, len(keys), KEYS_A_QUERY):
            part = keys[start : start + KEYS_A_QUERY]
            query = f"SELECT {columns} FROM entries LEFT JOIN contents USING (id) WHERE key IN ({','.join('?' * len(part))})"
            for key, row, height, width, crc, value in connection.execute(query, part):
                if isinstance(value, bytes) and len(value) == 4 * height * width and crc == _checksum(key, height, width, value):
                    # A copy, because torch warns of arrays that cannot be written; one entry at a time is in memory twice.
                    found[key] = np.frombuffer(value, "<f4").reshape(height, width).astype(np.float32)
                    used.append(row)
                else:
                    damaged.append(row)
    return found, used, damaged


def _note_use(connection: sqlite3.Connection, used: list[int], damaged: list[int]) -> None:
    """Mark entries as used and delete damaged ones, unless that would have to wait: a reader owes nothing to a writer."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        with _transaction(connection):
            connection.execute("UPDATE totals SET clock = clock + 1")
            now = connection.execute("SELECT clock FROM totals").fetchone()[0]
            connection.executemany("UPDATE entries SET used_at = ? WHERE id = ?", ((now, row) for row in used))
            connection.executemany("DELETE FROM entries WHERE id = ?", ((row,) for row in damaged))
    except sqlite3.Error as found:
        if _code(found) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        logger.debug("use not noted: %s", found)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")


def _write(connection: sqlite3.Connection, batch: list[tuple[bytes, States]], max_bytes: int) -> None:
    with _transaction(connection):
        connection.execute("UPDATE totals SET clock = clock + 1")
        now = connection.execute("SELECT clock FROM totals").fetchone()[0]
        touch = "UPDATE entries SET used_at = ? WHERE key = ?"
        fresh = [(key, value) for key, value in batch if not connection.execute(touch, (now, key)).rowcount]
        _evict(connection, max_bytes - sum(value.nbytes for _, value in fresh))
        for key, value in fresh:
            data = np.ascontiguousarray(value, "<f4")
            height, width = data.shape
            facts = (key, height, width, _checksum(key, height, width, data.data), data.nbytes, now)
            insert = "INSERT INTO entries (key, rows, columns, crc, size, used_at) VALUES (?, ?, ?, ?, ?, ?)"
            row = connection.execute(insert, facts).lastrowid
            connection.execute("INSERT INTO contents VALUES (?, ?)", (row, data))
    _give_back(connection, SLACK_BYTES)


def _evict(connection: sqlite3.Connection, allowed: int) -> None:
    """Delete the least recently used entries until the values left take at most `allowed` bytes."""
    excess = connection.execute("SELECT bytes FROM totals").fetchone()[0] - allowed
    rows = []
    if excess > 0:
        for row, size in connection.execute("SELECT id, size FROM entries ORDER BY used_at, id"):
            rows.append((row,))
            excess -= size
            if excess <= 0:
                break
    connection.executemany("DELETE FROM entries WHERE id = ?", rows)


def _clear(connection: sqlite3.Connection) -> int:
    with _transaction(connection):
        count = int(connection.execute("SELECT entries FROM totals").fetchone()[0])
        connection.execute("DELETE FROM contents")  # all at once is twice as fast as by the trigger
        connection.execute("DELETE FROM entries")
    _give_back(connection, 0)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return count


def _give_back(connection: sqlite3.Connection, slack: int) -> None:
    free, page = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("freelist_count", "page_size"))
    if free * page > slack:
        # Not `execute`, which stops at the first page of a statement that gives rows without columns.
        connection.executescript(f"PRAGMA incremental_vacuum({free - slack // page})")


def _batches(items: Mapping[bytes, States], limit: int, largest: int) -> Iterator[list[tuple[bytes, States]]]:
    batch: list[tuple[bytes, States]] = []
    size = 0
    for key, value in items.items():
        if value.nbytes > largest:
            logger.warning("states of %d bytes exceed the cache's bound of %d and are not kept", value.nbytes, largest)
            continue
        if batch and size + value.nbytes > limit:
            yield batch
            batch, size = [], 0
        batch.append((key, value))
        size += value.nbytes
    if batch:
        yield batch


def _checksum(key: bytes, rows: int, columns: int, data: bytes | memoryview) -> int:
    return zlib.crc32(data, zlib.crc32(b"%s %d %d" % (key, rows, columns)))


def _code(found: sqlite3.Error) -> int:
    return getattr(found, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the low byte: the rest is detail


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _set_aside(path: Path, opened: tuple[int, int] | None, found: sqlite3.Error) -> None:
    if _identity(path) != opened:
        return  # another process has already begun a fresh file
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    logger.warning("%s: not a cache that can be read (%s); moved aside to %s and begun afresh", path, found, aside.name)
    _remove(path, aside)


def _remove(path: Path, aside: Path | None = None) -> None:
    """Delete the file, or move it `aside`, its log before it: a log left behind would be applied to a fresh file."""
    try:
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        if aside is None:
            path.unlink(missing_ok=True)
        else:
            path.rename(aside)
    except OSError as found:
        raise _storage_error(path, found) from found


def _storage_error(path: Path, found: Exception) -> StorageError:
    remedy = "Make room with `slant cache --clear`, or choose another folder with `cache.folder=FOLDER`"
    return StorageError(f"the cache cannot be used ({found})", where=str(path), remedy=remedy)
