"""Groups: what no split may cut."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slant.data.duplicates import Duplicates, find_duplicates
from slant.data.examples import column

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["BOILERPLATE", "Prepared", "join_duplicates", "joined_groups", "prepare"]

#: A text that stands, exactly or nearly, in more groups than this is a notice or a slogan and no sentence that articles share.
BOILERPLATE = 5


@dataclass(frozen=True)
class Prepared:
    """Rows that can be split.

    Attributes:
        dataset: the rows, groups joined where they share a sentence.
        duplicates: those of the rows.
        boilerplate: ids of rows left out because their text stands in many groups; the first of each is kept.
    """

    dataset: Dataset
    duplicates: Duplicates
    boilerplate: tuple[str, ...]


def prepare(dataset: Dataset) -> Prepared:
    """Leave boilerplate out but once, then join the groups that share a sentence.

    A notice that stands in a hundred articles would otherwise make them one group, and nothing could be split. Of each such text the rows of the
    corpus's official test part stay, so that it is tested whole; where there are none, the row with the least id stays.
    """
    duplicates = find_duplicates(column(dataset, "text"))
    ids, groups, parts = column(dataset, "id"), column(dataset, "group"), column(dataset, "part")
    together: dict[int, list[int]] = defaultdict(list)
    for row, first in enumerate(duplicates.sets(len(ids)).tolist()):
        together[first].append(row)
    left_out: set[int] = set()
    for rows in together.values():
        if len(rows) > BOILERPLATE and len({groups[row] for row in rows}) > BOILERPLATE:
            tested = {row for row in rows if parts[row] is not None and "test" in parts[row]}
            left_out |= set(rows) - (tested or {min(rows, key=ids.__getitem__)})
    if left_out:
        dataset = dataset.select([row for row in range(len(ids)) if row not in left_out])
        duplicates = find_duplicates(column(dataset, "text"))
    return Prepared(join_duplicates(dataset, duplicates), duplicates, tuple(sorted(ids[row] for row in left_out)))


def join_duplicates(dataset: Dataset, duplicates: Duplicates | None = None) -> Dataset:
    """The dataset with the groups that share a sentence, or a near duplicate of one, under one name: the least of theirs.

    Otherwise a sentence that two articles share, as agencies' sentences are, would stand in train and in test. `duplicates` are those of
    the column `text`; they are searched for where none are given.
    """
    import pyarrow as pa
    from datasets import Dataset, DatasetInfo

    found = duplicates or find_duplicates(column(dataset, "text"))
    groups = joined_groups(column(dataset, "group"), found)
    table = dataset.with_format("arrow")[:]
    table = table.set_column(dataset.column_names.index("group"), "group", pa.array(groups, pa.string()))
    return Dataset(table, info=DatasetInfo(features=dataset.features), fingerprint=uuid.uuid4().hex)  # see examples.py


def joined_groups(groups: Sequence[str], duplicates: Duplicates) -> list[str]:
    """For each row the name of the group it is in once groups that share a duplicate are one."""
    parent = {group: group for group in groups}

    def root(group: str) -> str:
        while parent[group] != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group

    for pairs in (duplicates.exact, duplicates.near):
        for a, b in pairs.tolist():
            here, there = root(groups[a]), root(groups[b])
            parent[max(here, there)] = min(here, there)
    return [root(group) for group in groups]
