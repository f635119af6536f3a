"""Rows on which a model is trained or chosen that tell it of the rows it is tested on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from slant.data.audit.findings import Finding, Rows
from slant.data.splits import Split
from slant.errors import DataError

__all__ = ["find_leaks", "part_leaks", "refuse_leaks"]


def find_leaks(rows: Rows, splits: Sequence[Split]) -> Finding | None:
    """Pairs of a row in train or dev and a row in test, of one fold, that are duplicates, near duplicates or of one group.

    One item a test row and kind: the first row of train or dev that it meets. `groups` are those of the rows as given: what has been joined for a
    split is of one group. Raises nothing; `refuse_leaks` does.
    """
    items = [item for split in splits for item in _leaks(rows, split)]
    if not items:
        return None
    remedy = "split.leaks=drop leaves such rows out of train and dev; split=grouped_folds keeps them together"
    tested = sum(len(split.test) for split in splits)
    what = "test rows have a duplicate, a near duplicate or their article in train or dev"
    return Finding("leaks", what, len(items), tested, items, severity="stop", remedy=remedy)


def part_leaks(rows: Rows) -> list[Finding]:
    """The same for every two of the corpus's official parts, counted apart."""
    # Parts that train come first, then those that select, then those that test.
    names = sorted({part for part in rows.part if part is not None}, key=lambda part: ("test" in part, "dev" in part, part))
    parts = np.array([part or "" for part in rows.part], object)
    found = []
    for first, second in combinations(names, 2):
        one, other = np.flatnonzero(parts == first), np.flatnonzero(parts == second)
        items = _leaks(rows, Split(f"{first}|{second}", 0, one, np.zeros(0, np.int64), other))
        if items:
            kinds = {kind.replace(" ", "_"): sum(item["leak"] == kind for item in items) for kind in ("duplicate", "near duplicate", "same article")}
            told = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in kinds.items() if count)
            figures: dict[str, Any] = {"first": first, "second": second} | kinds
            remedy = "Train on the official split with split.leaks=drop, or take a grouped split"
            what = f"rows of {second} are met in {first}: {told}"
            found.append(Finding("shared_by_parts", what, len(items), len(other), items, figures, "warn", remedy))
    return found


def refuse_leaks(finding: Finding | None, where: str) -> None:
    """Raises DataError, naming rows and the option that mends it, when there is a leak."""
    if finding is None:
        return
    shown = "; ".join(f"{item['ids'][1]} ({item['split']}) and {item['ids'][0]} in {item['side']}: {item['leak']}" for item in finding.items[:3])
    more = f"; and {finding.count - 3} more" if finding.count > 3 else ""
    raise DataError(f"train and test share rows: {shown}{more}", where=where, remedy=finding.remedy)


def _leaks(rows: Rows, split: Split) -> list[dict[str, Any]]:
    side = np.full(len(rows), "", object)
    side[split.train], side[split.dev] = "train", "dev"
    tested = np.zeros(len(rows), bool)
    tested[split.test] = True
    items, known = [], set()
    sets = rows.duplicates.sets(len(rows))
    exact = _exact_sets(rows)
    for kind, key in (("duplicate", exact), ("near duplicate", sets), ("same article", np.array(rows.group, object))):
        first: dict[Any, int] = {}
        for i in np.flatnonzero(side != ""):
            first.setdefault(key[i], int(i))
        for i in np.flatnonzero(tested):
            other = first.get(key[i])
            # A row is told of once, by what is worst.
            if other is not None and i not in known:
                known.add(i)
                items.append(rows.item([other, int(i)], leak=kind, split=split.name, side=side[other]))
    return items


def _exact_sets(rows: Rows) -> np.ndarray:
    first = np.arange(len(rows))
    for a, b in rows.duplicates.exact.tolist():
        first[b] = a
    return first
