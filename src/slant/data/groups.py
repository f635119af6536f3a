"""Groups: what no split may cut."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

__all__ = ["join_groups_by_text"]


def join_groups_by_text(rows: Sequence[MutableMapping[str, Any]]) -> None:
    """Give the groups that share a sentence (case and white space aside) one name, the least of theirs, in place.

    Otherwise a sentence that two articles share, as agencies' sentences are, would stand in train and in test.
    """
    parent: dict[str, str] = {}

    def root(group: str) -> str:
        while (above := parent.setdefault(group, group)) != group:
            group = above
        return group

    first: dict[str, str] = {}
    for row in rows:
        here, there = root(row["group"]), root(first.setdefault(_folded(row), row["group"]))
        if here != there:
            parent[max(here, there)] = min(here, there)
    for row in rows:
        row["group"] = root(row["group"])


def _folded(row: Mapping[str, Any]) -> str:
    return " ".join(row["text"].casefold().split())
