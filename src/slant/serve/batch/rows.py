"""Rows to be scored, rows that cannot be, and the chunks that both travel in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["CHUNK_CHARACTERS", "FIELDS", "MAX_TEXT", "Chunk", "Rejected", "Row", "cut_chunks", "make_row"]

#: What is read of a row, in the order of `make_row`'s values.
FIELDS = ("id", "text", "target", "target_start", "target_end")
#: A longer text is no sentence. In characters.
MAX_TEXT = 100_000
#: A chunk is closed when its texts reach this, however few they are: what is held in memory is so many characters a worker.
CHUNK_CHARACTERS = 2_000_000


class Row(NamedTuple):
    """A row that looks as if it could be scored. `number` counts the input's rows from 1."""

    number: int
    id: str | None
    text: str
    target: str | None = None
    target_start: int | None = None
    target_end: int | None = None


class Rejected(NamedTuple):
    """A row that cannot be scored, and why."""

    row: int
    id: str | None
    reason: str


@dataclass
class Chunk:
    """Neighbouring rows, in the order of the input: what one worker scores at a time, and what is written whole or not at all."""

    index: int
    rows: list[Row] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def digest(self) -> str:
        """16 hex digits over everything in it, by which a resumed job knows that the input is the same."""
        return hashlib.sha256(json.dumps([self.rows, self.rejected]).encode()).hexdigest()[:16]


def cut_chunks(rows: Iterable[Row | Rejected], size: int) -> Iterator[Chunk]:
    """Chunks of `size` rows, fewer where texts are long. The same rows are always cut alike."""
    chunk, characters = Chunk(0), 0
    for row in rows:
        if isinstance(row, Row):
            chunk.rows.append(row)
            characters += len(row.text)
        else:
            chunk.rejected.append(row)
        if len(chunk.rows) + len(chunk.rejected) == size or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = Chunk(chunk.index + 1), 0
    if chunk.rows or chunk.rejected:
        yield chunk


def make_row(number: int, values: tuple[Any, ...]) -> Row | Rejected:
    """The row of so many values, in the order of `FIELDS`, or why it is none. Where a row has no id, its number is its id."""
    name, text, target, start, end = values
    known: str | None = None
    try:
        known = _id(name, number)
        return Row(number, known, _text(text), _target(target), _offset(start, "target_start"), _offset(end, "target_end"))
    except ValueError as error:
        return Rejected(number, known, str(error))


def _id(value: Any, number: int) -> str:
    if value is None or value == "":
        return str(number)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"the id is {_kind(value)}, not a string or a whole number")
    return _unicode(str(value), "id")


def _text(value: Any) -> str:
    if value is None:
        raise ValueError("the text is missing")
    if not isinstance(value, str):
        raise ValueError(f"the text is {_kind(value)}, not a string")
    if not value.strip():
        raise ValueError("the text is empty")
    if len(value) > MAX_TEXT:
        raise ValueError(f"the text has {len(value):,} characters, more than {MAX_TEXT:,}: it is no sentence (slant annotate reads documents)")
    return _unicode(value, "text")


def _target(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError(f"the target is {_kind(value)}, not a string")
    return _unicode(value, "target")


def _offset(value: Any, name: str) -> int | None:
    # A table of numbers with gaps spells them as floats, its gaps as NaN.
    if value is None or value == "" or value != value:
        return None
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 20:
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value == int(value):
        return int(value)
    raise ValueError(f"{name} is {_shown(value)}, not a whole number")


def _unicode(value: str, name: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:  # JSON can spell such a text, UTF-8 cannot
        raise ValueError(f"the {name}'s character {error.start} is half of a surrogate pair") from None
    return value


def _shown(value: Any) -> str:
    told = repr(value)
    return told if len(told) <= 40 else told[:37] + "..."


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), f"of the type {type(value).__name__}")
