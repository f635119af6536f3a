"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from slant.errors import DataError, StorageError

__all__ = ["decode_utf8", "read_utf8", "storage_errors", "write_atomic", "write_folder_atomic"]


@contextlib.contextmanager
def storage_errors(where: object) -> Iterator[None]:
    """Turn an OSError of writing into a StorageError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "Free some space or choose another folder, then run again"
            raise StorageError("the disk is full, nothing was written", where=str(where), remedy=remedy) from error
        problem = f"cannot be written ({error.strerror or error})"
        raise StorageError(problem, where=str(where), remedy="Choose a folder that can be written") from error


@contextlib.contextmanager
def write_atomic(path: str | Path) -> Iterator[Path]:
    """Yields a path beside `path` to write to; on leaving normally it is flushed to disk and renamed to `path`.

    On any error the part is removed and what stood at `path` before stands there still. Raises StorageError for an OSError.
    """
    target = Path(path)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with storage_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield part
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(part, target)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def write_folder_atomic(path: str | Path) -> Iterator[Path]:
    """Yields an empty folder beside `path`; on leaving normally it takes the place of `path`, else it is removed.

    Raises StorageError when `path` holds something already, and for an OSError.
    """
    target = Path(path)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StorageError("holds something already", where=str(target), remedy="Name an empty or new folder")
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with storage_errors(target):
            part.mkdir(parents=True)
            yield part
            if target.exists():
                target.rmdir()
            os.replace(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def decode_utf8(data: bytes, where: str) -> str:
    """The bytes as UTF-8 with nothing dropped or changed: a BOM stays as U+FEFF, line ends stay as they are.

    Raises DataError, naming the line, for bytes that are not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"byte {error.start} (line {line}) is not UTF-8"
        raise DataError(problem, where=where, remedy="Convert the file, e.g. iconv -f WINDOWS-1252 -t UTF-8") from error


def read_utf8(path: str | Path) -> str:
    """A text file as `decode_utf8` reads it. Raises DataError when it is missing, a folder or not UTF-8."""
    where = str(path)
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise DataError("there is no such file", where=where, remedy="Check the path") from error
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=where, remedy="Name a readable file") from error
    return decode_utf8(data, where)
