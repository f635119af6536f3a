"""The cache's SQLite file: its layout, and the transactions that read, write, evict and empty it."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

__all__ = ["TRANSACTION_BYTES", "States", "clear_entries", "error_code", "note_use", "open_file", "read_entries", "write_entries"]

States = npt.NDArray[np.float32]

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


def open_file(path: Path) -> sqlite3.Connection:
    """A connection to the file, begun where there is none; one that only reads where it cannot be written. Raises sqlite3.Error."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            _prepare(connection)
            return connection
        except sqlite3.Error as found:
            connection.close()
            # Two processes that begin one file at once are told "locked" without the wait that was asked for.
            if error_code(found) == sqlite3.SQLITE_BUSY and time.monotonic() < deadline:
                time.sleep(0.02)
            elif error_code(found) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) and os.access(path, os.R_OK):
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


def read_entries(connection: sqlite3.Connection, keys: list[bytes]) -> tuple[dict[bytes, States], list[int], list[int]]:
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


def note_use(connection: sqlite3.Connection, used: list[int], damaged: list[int]) -> None:
    """Mark entries as used and delete damaged ones, unless that would have to wait: a reader owes nothing to a writer."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        with _transaction(connection):
            connection.execute("UPDATE totals SET clock = clock + 1")
            now = connection.execute("SELECT clock FROM totals").fetchone()[0]
            connection.executemany("UPDATE entries SET used_at = ? WHERE id = ?", ((now, row) for row in used))
            connection.executemany("DELETE FROM entries WHERE id = ?", ((row,) for row in damaged))
    except sqlite3.Error as found:
        if error_code(found) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        logger.debug("use not noted: %s", found)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")


def write_entries(connection: sqlite3.Connection, batch: list[tuple[bytes, States]], max_bytes: int) -> None:
    """Keep a batch of arrays, the least recently used entries going first, in one transaction."""
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


def clear_entries(connection: sqlite3.Connection) -> int:
    """Delete all entries and give the space back; how many there were."""
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


def _checksum(key: bytes, rows: int, columns: int, data: bytes | memoryview) -> int:
    return zlib.crc32(data, zlib.crc32(b"%s %d %d" % (key, rows, columns)))


def error_code(found: sqlite3.Error) -> int:
    """The kind of an error, one of `sqlite3.SQLITE_…`."""
    return getattr(found, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the low byte: the rest is detail
