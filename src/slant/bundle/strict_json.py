"""JSON that says each thing once."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["load_json"]


def load_json(text: str) -> Any:
    """The value. Raises ValueError for what is no JSON and for a mapping with a key twice, of which readers would take one or the other;
    RecursionError for lists in lists without end."""
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)[:80]!r} stands in it twice")
    return found
