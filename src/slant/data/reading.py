"""Files of rows, read one row at a time, so that memory does not grow with the file."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

from slant.errors import DataError
from slant.files import decode_utf8

__all__ = ["MAX_LINE", "file_sha256", "folder_sha256", "read_csv", "read_json", "read_json_lines", "read_lines", "read_text"]

#: A line longer than this many bytes belongs to another kind of file; it is refused before it fills the memory.
MAX_LINE = 4_000_000
#: So is a file that holds one document (an article) and is larger than this.
MAX_DOCUMENT = 16_000_000


def read_lines(path: str | Path, *, max_line: int = MAX_LINE) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file with their numbers from 1, ends kept, a byte order mark at the file's start left out.

    Raises DataError, naming file and line, for a missing file, a folder, a line longer than `max_line` bytes and bytes that are not UTF-8.
    """
    with _opened(path) as file:
        number = offset = 0
        while line := file.readline(max_line + 1):
            number += 1
            if len(line) > max_line:
                problem = f"line {number} is longer than {max_line:,} bytes"
                raise DataError(problem, where=str(path), remedy="This is not a file of rows in the expected form; check what it is")
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                problem = f"byte {offset + error.start} (line {number}) is not UTF-8"
                raise DataError(problem, where=str(path), remedy="Convert the file, e.g. iconv -f WINDOWS-1252 -t UTF-8") from error
            offset += len(line)
            yield number, text.removeprefix("\ufeff") if number == 1 else text


def read_text(path: str | Path, *, max_bytes: int = MAX_DOCUMENT) -> str:
    """A whole UTF-8 document, line ends and byte order mark as they are. Raises DataError as `read_lines`, and for one above `max_bytes`."""
    with _opened(path) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise DataError(f"is larger than {max_bytes:,} bytes", where=str(path), remedy="This is not one article; check what it is")
    return decode_utf8(data, str(path))


def read_csv(
    path: str | Path, columns: Sequence[str] | None = None, *, delimiter: str = ",", remedy: str = ""
) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV file with a header, each with where it stands ("FILE, line N").

    Args:
        columns: the header that is expected, in its order; None takes any that names no column twice.
        remedy: what to do when the file is another one.

    Raises DataError, naming file and line, for an empty file, another header, a row of another width, and what is no CSV.
    """
    reader = csv.reader((line for _, line in read_lines(path)), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        repeated = len(set(header)) < len(header)
        if (columns is not None and header != list(columns)) or not header or repeated:
            found = f"a header of {len(header)} columns: {', '.join(header)[:80]}" if header else "an empty file"
            expected = f"; expected {', '.join(columns)}" if columns else " with a column twice" if repeated else ""
            raise DataError(f"found {found}{expected}", where=str(path), remedy=remedy or f"Give a file separated by {delimiter!r} with a header")
        for fields in reader:
            where = f"{path}, line {reader.line_num}"
            if not fields:
                continue  # a blank line, such as the last
            if len(fields) != len(header):
                raise DataError(f"{len(fields)} fields instead of {len(header)}", where=where, remedy=remedy or "Mend the row")
            yield where, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        where = f"{path}, line {reader.line_num}"
        raise DataError(f"not readable as CSV ({error})", where=where, remedy=remedy or "Mend the row, or name the separator") from error


def read_json_lines(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a JSON-lines file, each with where it stands; blank lines are passed over. Raises DataError, naming file and line."""
    for number, line in read_lines(path):
        if line.strip():
            where = f"{path}, line {number}"
            yield where, _object(line, where)


def read_json(path: str | Path) -> dict[str, Any]:
    """A JSON document that is an object. Raises DataError as `read_text`, and for what is no JSON object."""
    return _object(read_text(path).removeprefix("\ufeff"), str(path))


def file_sha256(path: str | Path) -> str:
    """The file's digest, read a piece at a time. Raises DataError when it cannot be read."""
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_sha256(folder: str | Path, pattern: str = "*") -> str:
    """One digest for the files of a folder: sha256 over the lines `<sha256 of file>  <name>`, by name, as `sha256sum` prints them."""
    lines = [f"{file_sha256(path)}  {path.name}\n" for path in sorted(Path(folder).glob(pattern), key=lambda p: p.name) if path.is_file()]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _opened(path: str | Path) -> BufferedReader:
    try:
        return Path(path).open("rb")
    except FileNotFoundError as error:
        raise DataError("there is no such file", where=str(path), remedy="Check the path") from error
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(path), remedy="Name a readable file") from error


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not a JSON object ({error})", where=where, remedy="Mend it, or take the file again") from error
    if not isinstance(value, dict):
        raise DataError("not a JSON object", where=where, remedy="Mend it, or take the file again")
    return value
