"""The rows that are compared: one table a seed, the same test rows in the same order, or a refusal that says which rows differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slant.errors import DataError
from slant.evaluation.predictions import Predictions

__all__ = ["Rows", "Side", "align", "rows_fingerprint", "rows_of", "seed_tables"]

#: What makes a test row the same row: its text's digest, what is asked, the answer held to be right, and what it is resampled with.
_FACTS = ("text", "target", "gold", "group")
_NAMED = 5


@dataclass(frozen=True)
class Rows:
    """The groups of a test set.

    Attributes:
        groups: their names, sorted.
        of_row: each row's group number, `(n,)`, rows in order of id.
    """

    groups: tuple[str, ...]
    of_row: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a table for each seed, all of the same rows in order of id."""

    name: str
    tables: tuple[Predictions, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each table."""
        return tuple(int(table.column("seed")[0]) for table in self.tables)


def seed_tables(predictions: Predictions, split: str = "test") -> list[Predictions]:
    """The rows of one split, a table for each seed, in order of id; the folds of a seed are together.

    Raises DataError when the split is not there, or a seed has a row twice (in two folds): which of them counts is not for a comparison to say.
    """
    import pyarrow.compute as pc

    chosen = predictions.select(predictions.column("split") == split)
    if not len(chosen):
        there = ", ".join(sorted(set(predictions.column("split").tolist())))
        raise DataError(f"no rows of split {split!r}", where=predictions.where, remedy=f"It holds {there}")
    tables = []
    for seed in np.unique(chosen.column("seed")):
        table = chosen.select(chosen.column("seed") == seed)
        table = Predictions(table.table.take(pc.sort_indices(table.table["id"])).combine_chunks(), table.meta, table.where)
        ids = table.column("id")
        if len(twice := ids[1:][ids[1:] == ids[:-1]]):
            problem = f"the row {twice[0]!r} of seed {seed} was predicted in two folds"
            raise DataError(problem, where=predictions.where, remedy="Give runs whose folds test each row once")
        tables.append(table)
    return tables


def rows_fingerprint(predictions: Predictions) -> str:
    """The sha256 over the test rows in order of id: id, text, target, gold and group. Runs of equal fingerprint were asked the same.

    The order of rows, their folds, and what was predicted do not change it.
    """
    digest = hashlib.sha256()
    for row in sorted(zip(*(predictions.table[name].to_pylist() for name in ("id", *_FACTS)), strict=True)):
        digest.update(repr(row).encode())
    return digest.hexdigest()


def align(sides: Mapping[str, Sequence[Predictions]], split: str = "test") -> tuple[list[Side], Rows]:
    """The sides with their rows in one order, and the groups of those rows.

    Raises DataError for fewer than two sides, a side without tables, another task, other test rows (saying which), and a test set of a single
    group, which cannot be resampled.
    """
    if len(sides) < 2:
        raise DataError(f"{len(sides)} side(s) to compare", remedy="Name at least two runs")
    found = []
    for name, given in sides.items():
        tables = tuple(table for predictions in given for table in seed_tables(predictions, split))
        if not tables:
            raise DataError("no predictions to compare", where=name, remedy="Name a run that wrote predictions.parquet")
        found.append(Side(name, tables))
    first = found[0].tables[0]
    expected = rows_fingerprint(first)
    for side in found:
        for table in side.tables:
            _refuse_other_task(found[0].name, first, side.name, table)
            if rows_fingerprint(table) != expected:
                raise _other_rows(found[0].name, first, side.name, table)
    return found, rows_of(first)


def rows_of(predictions: Predictions) -> Rows:
    """The groups of a table's rows. Raises DataError for a single group."""
    names, codes = np.unique(predictions.column("group").astype(str), return_inverse=True)
    if len(names) < 2:
        problem = f"all {len(predictions)} test row(s) are of one group, so nothing can be resampled"
        raise DataError(problem, where=predictions.where, remedy="Give runs tested on rows of several groups (articles)")
    return Rows(tuple(names.tolist()), codes.astype(np.int64))


def _refuse_other_task(mine: str, first: Predictions, name: str, table: Predictions) -> None:
    if (first.meta.task, first.meta.task_version) != (table.meta.task, table.meta.task_version):
        problem = f"{mine} is of task {first.meta.task!r} version {first.meta.task_version}, {name} of {table.meta.task!r} {table.meta.task_version}"
        raise DataError(problem, where=table.where, remedy="Compare runs of one task and version")


def _other_rows(mine: str, first: Predictions, name: str, table: Predictions) -> DataError:
    """The error that says which rows differ, and in what."""
    facts = [{row[0]: row[1:] for row in zip(*(t.table[c].to_pylist() for c in ("id", *_FACTS)), strict=True)} for t in (first, table)]
    lacking, more = sorted(facts[0].keys() - facts[1].keys()), sorted(facts[1].keys() - facts[0].keys())
    said = []
    for ids, what in ((lacking, f"only in {mine}"), (more, f"only in {name}")):
        if ids:
            said.append(f"{len(ids):,} {what} ({_some(ids)})")
    for place, what in enumerate(_FACTS):
        changed = sorted(i for i in facts[0].keys() & facts[1].keys() if facts[0][i][place] != facts[1][i][place])
        if changed:
            said.append(f"{len(changed):,} with another {what} ({_some(changed)})")
    problem = f"{mine} and {name} were tested on different rows: {'; '.join(said)}"
    return DataError(problem, where=table.where, remedy="Compare runs of the same corpus version and test split")


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_NAMED]) + (", …" if len(ids) > _NAMED else "")
