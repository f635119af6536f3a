"""Encoder outputs on disk, by content: one SQLite file that may be lost at any time and never lies."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from slant.errors import StorageError
from slant.models.encoder.cache_file import (
    TRANSACTION_BYTES,
    States,
    clear_entries,
    error_code,
    note_use,
    open_file,
    read_entries,
    write_entries,
)

__all__ = ["CacheInfo", "StateCache", "default_cache_folder", "state_key"]

T = TypeVar("T")

FILE = "states.sqlite"

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
        found, used, damaged = self._attempt(lambda connection: read_entries(connection, wanted))
        self._attempt(lambda connection: note_use(connection, used, damaged))
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
            self._attempt(partial(write_entries, batch=batch, max_bytes=self.max_bytes))

    def info(self) -> CacheInfo:
        """Entries and bytes of values, from a running sum: cheap however large the cache."""
        entries, size = self._attempt(lambda connection: connection.execute("SELECT entries, bytes FROM totals").fetchone())
        return CacheInfo(self.path, entries, size, self.max_bytes)

    def clear(self) -> int:
        """Delete every entry and give the space back; how many there were, as far as a full disk lets them be counted."""
        try:
            return self._attempt(clear_entries)
        except StorageError as found:
            cause = found.__cause__
            if not isinstance(cause, sqlite3.Error) or error_code(cause) not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
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
                    self._connection = open_file(self.path)
                return work(self._connection)
            except sqlite3.Error as found:
                if last or error_code(found) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                    raise _storage_error(self.path, found) from found
                self.close()
                _set_aside(self.path, self._opened, found)
        raise AssertionError("unreachable")


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
