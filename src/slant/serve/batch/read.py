"""Tables in, rows out, one at a time and never the whole file."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Iterator
from typing import IO, Any

from slant.errors import DataError
from slant.serve.batch.columns import Columns, suggest
from slant.serve.batch.extras import need
from slant.serve.batch.formats import STANDARD, Format
from slant.serve.batch.rows import FIELDS, Rejected, Row, make_row

__all__ = ["MAX_LINE", "open_table"]

#: A longer line is rejected, unread. In bytes; of a quoted CSV field, in characters.
MAX_LINE = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = {"csv": ",;\t|", "tsv": "\t"}


@contextlib.contextmanager
def open_table(name: str, how: Format, columns: Columns, *, targets: bool) -> Iterator[tuple[dict[str, str | None], int, Iterator[Row | Rejected]]]:
    """What a table's columns are called, how many rows it says it has (0 where it does not say), and its rows.

    Args:
        targets: whether the columns of targets are read.

    Raises DataError for a file that is missing, empty, or not what its name says, here or as the rows are read.
    """
    with contextlib.ExitStack() as stack, _readable(name):
        if how.kind == "parquet":
            found, total, rows = _parquet(stack, name, columns, targets)
        else:
            file = stack.enter_context(_open(name, how.compression))
            if not file.peek(1):
                raise DataError("it is empty", where=_called(name), remedy="Give a table with a header row, or JSON objects a line each")
            found, rows = (_jsonl if how.kind == "jsonl" else _csv)(name, file, how, columns, targets)
            total = 0
        yield found, total, rows


@contextlib.contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if error.filename is None or str(error.filename) != name:
            raise
        raise DataError("there is no such file", where=name, remedy="Check the path") from error
    except (IsADirectoryError, PermissionError) as error:
        if str(error.filename) != name:
            raise
        raise DataError(f"cannot be read ({error.strerror})", where=name, remedy="Name a readable file") from error


def _called(name: str) -> str:
    return "standard input" if name == STANDARD else name


@contextlib.contextmanager
def _open(name: str, compression: str | None) -> Iterator[io.BufferedReader]:
    with contextlib.ExitStack() as stack:
        if name == STANDARD:
            file: Any = sys.stdin.buffer
        else:
            file = stack.enter_context(open(name, "rb"))
        if compression == "gzip":
            file = io.BufferedReader(stack.enter_context(gzip.GzipFile(fileobj=file)))
        elif compression == "zstd":
            pa = need("pyarrow", "zstd")
            file = io.BufferedReader(stack.enter_context(pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")))
        with _whole(name, compression):
            yield file


@contextlib.contextmanager
def _whole(name: str, compression: str | None) -> Iterator[None]:
    """Turn what a decompressor says of a file that is none, or is cut off, into a DataError."""
    try:
        yield
    except (EOFError, zlib.error, OSError) as error:
        if compression is None or (isinstance(error, OSError) and error.errno is not None):
            raise
        raise DataError(f"it is not {compression}, or not whole ({error})", where=_called(name), remedy="Compress or fetch it again") from error


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines with their ends; of a line beyond MAX_LINE its first MAX_LINE + 1 bytes, without an end."""
    first = True
    while line := file.readline(MAX_LINE + 1):
        if first:
            line, first = line.removeprefix(_BOM), False
        if len(line) > MAX_LINE and not line.endswith(b"\n"):
            while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
        yield line


def _jsonl(name: str, file: IO[bytes], how: Format, columns: Columns, targets: bool) -> tuple[dict[str, str | None], Iterator[Row | Rejected]]:
    found = {field: None if field.startswith("target") and not targets else asked or field for field, asked in columns.asked.items()}

    def rows() -> Iterator[Row | Rejected]:
        # A field's name that is wrong is wrong in every row: say it once, before a million rows are rejected.
        held: list[Row | Rejected] = []
        seen = False
        for number, line in enumerate((line for line in _lines(file) if line.strip()), 1):
            data = _parse(line)
            row: Row | Rejected | None = None
            if isinstance(data, str):
                row = Rejected(number, None, data)
            elif columns.text in data:
                row, seen = make_row(number, tuple(None if (key := found[field]) is None else data.get(key) for field in FIELDS)), True
            if seen:
                yield from held
                held = []
            stranger = row is None and isinstance(data, dict)
            row = row or Rejected(number, None, f"it has no field {columns.text!r}{suggest(columns.text, list(data))}")
            if seen or not (held or stranger):
                yield row
            else:
                held.append(row)
            if len(held) == _STRANGERS:
                break
        if held:
            problem = held[0][2] if isinstance(held[0], Rejected) else ""
            raise DataError(problem.replace("it has", "its rows have", 1), where=_called(name), remedy="Name the field with --text-column")

    return found, rows()


#: So many objects without the text's field, and none with it, are another file's.
_STRANGERS = 1_000


def _parse(line: bytes) -> dict[str, Any] | str:
    """The object on a line of JSONL, or what is wrong with it."""
    if len(line) > MAX_LINE:
        return f"the line is longer than {MAX_LINE:,} bytes"
    try:
        data = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return f"byte {error.start} of the line is not UTF-8"
    except (ValueError, RecursionError) as error:
        return f"the line is not JSON ({error})"
    return data if isinstance(data, dict) else "the line is JSON, but no object"


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    """csv's bound on a field is the process's; who else reads CSV here keeps theirs."""
    before = csv.field_size_limit(MAX_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _csv(name: str, file: IO[bytes], how: Format, columns: Columns, targets: bool) -> tuple[dict[str, str | None], Iterator[Row | Rejected]]:
    # Bytes that are not UTF-8 pass as lone surrogates, so that only their own row is rejected.
    lines = (line.decode("utf-8", errors="surrogateescape") for line in _lines(file))
    with _long_fields():
        delimiter, header = _header(name, next(lines, ""), columns.text, _DELIMITERS[how.kind])
    found = columns.find(header, _called(name), targets=targets)
    places = [None if column is None else header.index(column) for column in found.values()]

    def rows() -> Iterator[Row | Rejected]:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        number = 0
        while True:
            try:
                with _long_fields():
                    record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                number += 1
                yield Rejected(number, None, f"the row is not CSV ({error})")
                continue
            if not record:
                continue
            number += 1
            if len(record) != len(header):
                yield Rejected(number, None, f"the row has {len(record)} fields, its header {len(header)}")
            elif any(not cell.isascii() and _ESCAPED.search(cell) for cell in record):
                yield Rejected(number, None, "the row is not UTF-8")
            else:
                yield make_row(number, tuple(None if place is None else record[place] for place in places))

    return found, rows()


#: What "surrogateescape" makes of a byte that is not UTF-8.
_ESCAPED = re.compile("[\udc80-\udcff]")


def _header(name: str, line: str, text: str, delimiters: str) -> tuple[str, list[str]]:
    """The delimiter under which the header has the text's column, or else the first; and the header's columns."""
    try:
        headers = {sign: [cell.strip() for cell in next(csv.reader([line], delimiter=sign), [])] for sign in delimiters}
    except csv.Error as error:
        raise DataError(f"its first line is no header ({error})", where=_called(name), remedy="Give a table with a header row") from error
    return next(((sign, header) for sign, header in headers.items() if text in header), (delimiters[0], headers[delimiters[0]]))


def _parquet(stack: contextlib.ExitStack, name: str, columns: Columns, targets: bool) -> tuple[dict[str, str | None], int, Iterator[Row | Rejected]]:
    pa = need("pyarrow", "Parquet")
    parquet = need("pyarrow.parquet", "Parquet")
    file = stack.enter_context(_open(name, None))
    try:
        table = stack.enter_context(parquet.ParquetFile(file))
    except pa.ArrowException as error:
        raise DataError(f"it is no Parquet file, or not whole ({error})", where=name, remedy="Write or fetch it again") from error
    schema = table.schema_arrow
    found = columns.find(list(schema.names), name, targets=targets)
    for field in ("text", "target"):
        if (column := found[field]) and not _is_text(pa, schema.field(column).type):
            problem = f"its column {column!r} is {schema.field(column).type}, not string"
            raise DataError(problem, where=name, remedy=f"Name another with --{field}-column")

    def rows() -> Iterator[Row | Rejected]:
        number = 0
        named = list(dict.fromkeys(column for column in found.values() if column))
        try:
            for batch in table.iter_batches(batch_size=1024, columns=named):
                cells = {column: _cells(pa, batch.column(column)) for column in named}
                for place in range(batch.num_rows):
                    number += 1
                    values = tuple(None if column is None else cells[column][place] for column in (found[field] for field in FIELDS))
                    broken = any(isinstance(value, bytes) for value in values)
                    yield Rejected(number, None, "the row is not UTF-8") if broken else make_row(number, values)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"it cannot be read on after row {number:,} ({error})", where=name, remedy="Write or fetch it again") from error

    return found, table.metadata.num_rows, rows()


def _is_text(pa: Any, kind: Any) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_string_view(inner) or pa.types.is_null(inner))


def _cells(pa: Any, column: Any) -> list[Any]:
    """The column's values; those of a string column that are not UTF-8 as bytes."""
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        return [_decoded(value) for value in plain.cast(pa.large_binary()).to_pylist()]


def _decoded(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode("utf-8")
    except UnicodeDecodeError:
        return value
