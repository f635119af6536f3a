"""Groups: what no split may cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slant.data.duplicates import Duplicates, find_duplicates
from slant.data.examples import column

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["join_duplicates", "joined_groups"]


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
    return Dataset(table, info=DatasetInfo(features=dataset.features))


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
