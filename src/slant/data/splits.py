"""Splits that never cut a group, the same on any machine and in any row order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from slant.data.aliases import merge_aliases
from slant.data.examples import column
from slant.errors import ConfigError, DataError
from slant.seeding import derive_seed

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Split", "assign_groups", "grouped_folds", "grouped_holdout", "leave_one_out", "official", "split_fingerprint"]

#: Leave-one-out over more values than this is a mistake, such as a column of names or addresses.
MAX_FOLDS = 200

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """One way to part a dataset.

    Attributes:
        name: what stands in the test part, e.g. "fold-0" or "outlet=Example Gazette".
        fold: its number.
        train, dev, test: row numbers, rising, without overlap; no group stands in two of them.
    """

    name: str
    fold: int
    train: Indices
    dev: Indices
    test: Indices


def assign_groups(groups: Sequence[str], labels: Sequence[str], shares: Sequence[float], seed: int) -> Indices:
    """The part `(n,)` of each row, so that no group is cut and each part has about its share of every label.

    Groups are placed greedily, the largest first and equals in the order of a seeded hash of their names, each where it leaves the squared
    relative error of the label counts least; the last ones go to parts that are still empty, so that none stays so where there are groups
    enough. Neither row order nor the machine plays a part.
    """
    names, group_of = np.unique(np.asarray(groups, object).astype(str), return_inverse=True)
    kinds, label_of = np.unique(np.asarray(labels, object).astype(str), return_inverse=True)
    counts = np.zeros((len(names), len(kinds)))
    np.add.at(counts, (group_of, label_of), 1)
    wanted = np.asarray(shares, float)[:, None] * counts.sum(axis=0)
    rank = [derive_seed(seed, "group", name) for name in names]
    have = np.zeros_like(wanted)
    part_of_group = np.zeros(len(names), np.int64)
    order = sorted(range(len(names)), key=lambda g: (-counts[g].sum(), rank[g], names[g]))
    for left, g in zip(range(len(order), 0, -1), order, strict=True):
        # What each part's error would grow by; the first of equals is as good as any, for names are in hashed order.
        growth = (((have + counts[g] - wanted) ** 2 - (have - wanted) ** 2) / np.maximum(wanted, 1e-9)).sum(axis=1)
        empty = have.sum(axis=1) == 0
        if empty.sum() >= left:
            growth[~empty] = np.inf
        part = int(growth.argmin())
        have[part] += counts[g]
        part_of_group[g] = part
    return part_of_group[group_of]


def grouped_folds(dataset: Dataset, *, k: int, dev_fraction: float, seed: int) -> list[Split]:
    """Article-grouped, label-stratified k-fold cross-validation; of what is not tested, `dev_fraction` is dev.

    Raises ConfigError for k < 2 and DataError when there are fewer groups than folds.
    """
    if k < 2:
        raise ConfigError(f"split.k is {k}", remedy="Take at least 2 folds")
    groups, labels = column(dataset, "group"), column(dataset, "label")
    _check_enough(groups, k, "split.k")
    fold_of = assign_groups(groups, labels, [1 / k] * k, derive_seed(seed, "folds"))
    return [_with_dev(f"fold-{f}", f, fold_of != f, fold_of == f, groups, labels, dev_fraction, seed) for f in range(k)]


def grouped_holdout(dataset: Dataset, *, test_fraction: float, dev_fraction: float, seed: int) -> list[Split]:
    """One article-grouped, label-stratified split into train, dev and test."""
    if not 0 < test_fraction < 1:
        raise ConfigError(f"split.test_fraction is {test_fraction}", remedy="Take a share between 0 and 1, such as 0.2")
    groups, labels = column(dataset, "group"), column(dataset, "label")
    _check_enough(groups, 3, "parts")
    tested = assign_groups(groups, labels, [1 - test_fraction, test_fraction], derive_seed(seed, "holdout")) == 1
    return [_with_dev("holdout", 0, ~tested, tested, groups, labels, dev_fraction, seed)]


def leave_one_out(
    dataset: Dataset,
    *,
    by: str,
    dev_fraction: float,
    seed: int,
    merge: bool = False,
    aliases: Mapping[str, Sequence[str]] | None = None,
) -> list[Split]:
    """For each value of the column `by`, a split that tests on its rows and trains on the others.

    Args:
        merge: whether names that mean one thing (`gun control`, `gun-control`) are one value; see slant.data.aliases.
        aliases: names that no rule can join, by the name to keep.

    Rows whose value is null are trained on and never tested; rows whose group reaches into the test part are left out of that fold.
    Raises ConfigError when `by` is no column, and DataError when it has fewer than two values, or more than 200.
    """
    if by not in dataset.column_names:
        raise ConfigError(f"split.by names no column: {by!r}", remedy=f"Columns: {', '.join(dataset.column_names)}")
    named = column(dataset, by)
    values = np.asarray(merge_aliases(named, more=aliases, rules=merge, people=by == "target"), object)
    groups, labels = column(dataset, "group"), column(dataset, "label")
    names = sorted({value for value in values if value is not None})
    if len(names) < 2:
        raise DataError(f"leave-one-{by}-out needs at least two values, found {names}", remedy="Choose another split=")
    if len(names) > MAX_FOLDS:
        raise DataError(f"leave-one-{by}-out would train {len(names):,} models", remedy=f"Take a column of at most {MAX_FOLDS} values, or folds")
    splits = []
    for fold, name in enumerate(names):
        tested = values == name
        reached = set(np.asarray(groups, object)[tested])
        kept = np.array([group not in reached for group in groups])
        splits.append(_with_dev(f"{by}={name}", fold, ~tested & kept, tested, groups, labels, dev_fraction, seed))
    return splits


def official(
    dataset: Dataset,
    *,
    train: Sequence[str],
    dev: Sequence[str],
    test: Sequence[str],
    leaks: str,
    dev_fraction: float,
    seed: int,
) -> list[Split]:
    """The corpus's own split: which of its parts are trained on, selected on and tested on.

    Args:
        train, dev, test: values of the column `part`; rows of other parts are left out. `dev` may be empty.
        leaks: "stop": rows stay where the corpus has them, and a run stops where train or dev share a group with test;
            "drop": rows of train and dev whose group stands in test, and rows of train whose group stands in dev, are left out.
        dev_fraction: where `dev` is empty, the share of train that becomes dev.

    Raises ConfigError for another value of `leaks`, a part named twice and a part that the corpus has not, DataError for a corpus without parts.
    """
    if leaks not in ("stop", "drop"):
        raise ConfigError(f"split.leaks is {leaks!r}", remedy="Take stop or drop")
    parts = np.asarray(column(dataset, "part"), object)
    known = sorted({part for part in parts if part is not None})
    if not known:
        raise DataError("this corpus has no official split", remedy="Choose another split=, such as split=grouped_folds")
    named = [*train, *dev, *test]
    for name in named:
        if name not in known:
            raise ConfigError(f"the corpus has no part {name!r}", where="split", remedy=f"Its parts are {', '.join(known)}")
        if named.count(name) > 1:
            raise ConfigError(f"the part {name!r} is named twice", where="split", remedy="Each part trains, selects or tests")
    trained, selected, tested = (np.array([part in names for part in parts], bool) for names in (set(train), set(dev), set(test)))
    if not trained.any() or not tested.any():
        raise ConfigError("nothing is trained on, or nothing tested", where="split", remedy="Name parts for train and for test")
    groups, labels = column(dataset, "group"), column(dataset, "label")
    if leaks == "drop":
        selected &= ~_shares_group(groups, tested)
        trained &= ~_shares_group(groups, tested | selected)
        if not trained.any() or (dev and not selected.any()):
            problem = f"without the rows that share an article with test, {'dev' if trained.any() else 'train'} is empty"
            raise DataError(problem, where="split.leaks=drop", remedy="Choose another split=, such as split=grouped_folds")
    if not dev:
        return [_with_dev("official", 0, trained, tested, groups, labels, dev_fraction, seed)]
    return [Split("official", 0, np.flatnonzero(trained), np.flatnonzero(selected), np.flatnonzero(tested))]


def _shares_group(groups: Sequence[str], rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which rows are of a group that one of `rows` is of."""
    reached = {group for group, there in zip(groups, rows, strict=True) if there}
    return np.array([group in reached for group in groups], bool)


def split_fingerprint(ids: Sequence[str], splits: Sequence[Split]) -> str:
    """sha256 over which ids stand in which part of which fold; row order does not change it."""
    parts: list[Any] = [
        [split.name, *([sorted(ids[i] for i in part) for part in (split.train, split.dev, split.test)])]
        for split in sorted(splits, key=lambda split: split.fold)
    ]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def _with_dev(
    name: str,
    fold: int,
    trained: npt.NDArray[np.bool_],
    tested: npt.NDArray[np.bool_],
    groups: Sequence[str],
    labels: Sequence[str],
    dev_fraction: float,
    seed: int,
) -> Split:
    if not 0 <= dev_fraction < 1:
        raise ConfigError(f"split.dev_fraction is {dev_fraction}", remedy="Take a share of at least 0 and below 1")
    rest = np.flatnonzero(trained)
    in_dev = np.zeros(len(rest), bool)
    if dev_fraction:
        shares = [1 - dev_fraction, dev_fraction]
        rest_groups, rest_labels = [groups[i] for i in rest.tolist()], [labels[i] for i in rest.tolist()]
        in_dev = assign_groups(rest_groups, rest_labels, shares, derive_seed(seed, "dev", name)) == 1
    return Split(name, fold, rest[~in_dev], rest[in_dev], np.flatnonzero(tested))


def _check_enough(groups: Sequence[str], parts: int, key: str) -> None:
    if len(set(groups)) < parts:
        problem = f"{len(set(groups))} articles cannot fill {parts} parts ({key})"
        raise DataError(problem, remedy="Take fewer folds or a larger corpus; an article is never cut")
