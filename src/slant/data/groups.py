"""Groups: what no split may cut."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from slant.data.duplicates import Duplicates, find_duplicates
from slant.data.examples import column

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["BOILERPLATE", "SHARED", "Prepared", "prepare"]

#: A text that stands, exactly or nearly, in more groups than this is a notice or a slogan and no sentence that articles share.
BOILERPLATE = 5
#: Groups are joined when they share at least this part of the smaller one's rows: half-copied articles, agencies' reports, short excerpts.
SHARED = 0.05


@dataclass(frozen=True)
class Prepared:
    """Rows that can be split.

    Attributes:
        dataset: the rows, groups joined where they share sentences.
        duplicates: those of the rows; none stand in two groups.
        repeated: ids of rows left out because their text stands in another group too.
    """

    dataset: Dataset
    duplicates: Duplicates
    repeated: tuple[str, ...]


def prepare(dataset: Dataset) -> Prepared:
    """Join the groups that share sentences, and leave out what is repeated between groups that stay apart.

    Groups are joined when they share at least a twentieth of the smaller one's rows, exactly or nearly. A text that else stands in several groups (a
    line that two long articles share, a notice that stands in a hundred) is kept in one of them: of the corpus's official test part where there
    is one, then by the least id. Joining on each such text would make most of some corpora one group, and nothing could be split.
    Rows of the test part that are groups of their own are all kept, and joined, so that such a part is tested whole.
    """
    duplicates = find_duplicates(column(dataset, "text"))
    ids, groups, parts = column(dataset, "id"), column(dataset, "group"), column(dataset, "part")
    sizes = Counter(groups)
    sets: dict[int, list[int]] = defaultdict(list)
    for row, first in enumerate(duplicates.sets(len(ids)).tolist()):
        sets[first].append(row)
    # In the order of ids, so that the order of rows plays no part.
    across = sorted(
        (sorted(rows, key=ids.__getitem__) for rows in sets.values() if len({groups[row] for row in rows}) > 1), key=lambda rows: ids[rows[0]]
    )
    shared: Counter[tuple[str, str]] = Counter()
    for rows in across:
        if len(named := sorted({groups[row] for row in rows})) <= BOILERPLATE:
            shared.update(combinations(named, 2))
    joined = _Joined(groups)
    for (a, b), times in sorted(shared.items()):
        if times >= SHARED * min(sizes[a], sizes[b]):
            joined.join(a, b)
    left_out: set[int] = set()
    for rows in across:
        tested = [row for row in rows if parts[row] is not None and "test" in parts[row]]
        kept = joined.name(groups[tested[0]] if tested else groups[rows[0]])
        alone = [row for row in tested if sizes[groups[row]] == 1]
        for row in alone if len(alone) == len(tested) else []:
            joined.join(groups[row], kept)
        left_out |= {row for row in rows if joined.name(groups[row]) != joined.name(kept)}
    named_groups = [joined.name(group) for group in groups]
    dataset = _with_groups(dataset, named_groups)
    if left_out:
        dataset = dataset.select([row for row in range(len(ids)) if row not in left_out])
        duplicates = find_duplicates(column(dataset, "text"))
    return Prepared(dataset, duplicates, tuple(sorted(ids[row] for row in left_out)))


class _Joined:
    """Groups under the least name of those they were joined with."""

    def __init__(self, groups: Sequence[str]) -> None:
        self.parent = {group: group for group in groups}

    def name(self, group: str) -> str:
        while self.parent[group] != group:
            self.parent[group] = self.parent[self.parent[group]]
            group = self.parent[group]
        return group

    def join(self, one: str, other: str) -> None:
        a, b = self.name(one), self.name(other)
        self.parent[max(a, b)] = min(a, b)


def _with_groups(dataset: Dataset, groups: Sequence[str]) -> Dataset:
    import pyarrow as pa
    from datasets import Dataset, DatasetInfo

    table = dataset.with_format("arrow")[:]
    table = table.set_column(dataset.column_names.index("group"), "group", pa.array(groups, pa.string()))
    return Dataset(table, info=DatasetInfo(features=dataset.features), fingerprint=uuid.uuid4().hex)  # see examples.py
