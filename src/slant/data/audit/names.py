"""Topics, targets and outlets that go by several names."""

from __future__ import annotations

from collections import Counter

from slant.data.aliases import find_aliases
from slant.data.audit.findings import Finding, Rows

__all__ = ["outlet_aliases", "target_aliases", "topic_aliases"]


def topic_aliases(rows: Rows) -> Finding | None:
    """Topics with aliases: leave-one-topic-out would train on a topic under its other name."""
    return _aliases("topic_aliases", "topics", rows.topic, "Leave topics out by split=leave_one_topic_out, which joins them")


def target_aliases(rows: Rows) -> Finding | None:
    """Targets with aliases; of a person also title and surname."""
    return _aliases("target_aliases", "targets", rows.target, "Leave targets out by split=leave_one_target_out, which joins them", people=True)


def outlet_aliases(rows: Rows) -> Finding | None:
    """Outlets with aliases."""
    return _aliases("outlet_aliases", "outlets", rows.outlet, "Give each outlet one name")


def _aliases(kind: str, what: str, names: list[str | None], remedy: str, *, people: bool = False) -> Finding | None:
    counts = Counter(name for name in names if name is not None)
    sets = find_aliases(counts.elements(), people=people)
    if not sets:
        return None
    items = [{"names": list(same), "rows": [counts[name] for name in same]} for same in sets]
    return Finding(kind, f"{what} have more than one name", len(sets), len(counts), items, remedy=remedy)
