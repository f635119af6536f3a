"""Cells of a user's table as what an Example holds: text, offsets, spans. Each refuses what is none with a DataError that says where."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from slant.data.corpus import Quarantined
from slant.errors import DataError

__all__ = ["as_offset", "as_spans", "as_text"]

_SPANS = "Spans are a list of {start, end} or [start, end], in code points; in CSV it is written as JSON"


def as_spans(value: Any, text: str, where: str, quarantined: list[Quarantined]) -> list[dict[str, Any]] | None:
    """A cell as spans in order, None where it is empty; what lies outside `text` is added to `quarantined`."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else None
        except (ValueError, RecursionError) as error:
            raise DataError(f"the spans cannot be read ({error})", where=where, remedy=_SPANS) from error
    if value is None:
        return None
    if not isinstance(value, list):
        raise DataError("the spans are no list", where=where, remedy=_SPANS)
    found: set[tuple[int, int]] = set()
    for span in value:
        start, end = _bounds(span, where)
        if 0 <= start < end <= len(text):
            found.add((start, end))
        else:
            quarantined.append(Quarantined(where, f"{start}:{end}", "span is outside the text"))
    return [{"start": start, "end": end, "label": "loaded"} for start, end in sorted(found)]


def _bounds(span: Any, where: str) -> tuple[int, int]:
    if isinstance(span, Mapping) and span.keys() >= {"start", "end"} and span.keys() <= {"start", "end", "label"}:
        if span.get("label", "loaded") not in ("loaded", None):
            raise DataError(
                f"unknown label of a span {span['label']!r}", where=where, remedy="Spans of loaded language have the label 'loaded', or none"
            )
        bounds = [span["start"], span["end"]]
    else:
        bounds = span if isinstance(span, list) else []
    if len(bounds) != 2 or not all(type(bound) is int for bound in bounds):
        raise DataError(f"{str(span)[:80]} is no span", where=where, remedy=_SPANS)
    return bounds[0], bounds[1]


def as_text(value: Any, where: str) -> str | None:
    """A cell as text, None where it is empty."""
    if isinstance(value, str):
        return value if value.strip() else None
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise DataError(f"{str(value)[:80]} is neither text nor a number", where=where, remedy="Write it as text")


def as_offset(value: Any, where: str) -> int | None:
    """A cell as a whole number; pandas writes those of a column with empty cells as 3.0."""
    text = as_text(value, where)
    if text is None:
        return None
    if isinstance(value, bool) or not re.fullmatch(r"\s*-?[0-9]{1,9}(\.0+)?\s*", text):
        raise DataError(f"{text[:80]!r} is no offset", where=where, remedy="Offsets are whole numbers of code points")
    return int(float(text))
