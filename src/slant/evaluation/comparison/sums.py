"""A table's metrics as sums over groups, so that resampling and swapping groups are matrix products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from slant.evaluation.bootstrap import Floats
from slant.evaluation.comparison.sides import Rows
from slant.evaluation.families import Family, Ranking, metric_families
from slant.evaluation.predictions import Predictions

__all__ = ["Sums", "sums_of"]

Array = npt.NDArray[Any]

#: Ranking metrics are resampled on this many bins of scores: half of them quantiles of the positives, half of the negatives. On predictions of
#: BABE's size the standard error of AUROC and of average precision is then within 1 % of the exact one's (a test holds it to that).
RANKING_BINS = 64
#: With many groups fewer bins, so that a ranking's counts stay below 64 MB.
_CELLS = 1 << 23


@dataclass(frozen=True)
class Sums:
    """One table's metrics.

    Attributes:
        matrices: by family or ranking, what each group adds, `(G, S)`.
        values: each metric's exact value, NaN where undefined.
        support: each metric's number of units and of their groups.
        undefined: why a metric may be undefined.
    """

    matrices: dict[str, Array]
    values: dict[str, float]
    support: dict[str, tuple[int, int]]
    undefined: dict[str, str]
    _measures: dict[str, Callable[[Array], dict[str, Floats]]]

    def measure(self, totals: dict[str, Array]) -> dict[str, Floats]:
        """Metrics `(R,)` from weighted sums `(R, S)` of some of `matrices`. A ranking's are those of binned scores."""
        found: dict[str, Floats] = {}
        with np.errstate(invalid="ignore", divide="ignore"):
            for key, total in totals.items():
                found |= self._measures[key](total)
        return found


def sums_of(tables: Sequence[Predictions], rows: Rows) -> list[Sums]:
    """The sums of each table; all are of the same `rows`, and their rankings share their bins."""
    families = [metric_families(table) for table in tables]
    edges = _edges(families, len(rows.groups))
    return [_sums(found, rows, edges) for found in families]


def _edges(tables: Sequence[Sequence[Family]], groups: int) -> dict[str, Floats]:
    """The inner edges of each ranking's bins: by ranking and its part, `(B - 1,)`."""
    most = int(np.clip(_CELLS // max(groups, 1), 16, RANKING_BINS)) // 2
    pooled: dict[str, list[tuple[Floats, Floats]]] = {}
    for families in tables:
        for family in families:
            for name, parts in family.rankings.items():
                for place, part in enumerate(parts):
                    scores = np.asarray(part.scores, np.float64)
                    pooled.setdefault(f"{name}/{place}", []).append((scores[part.positive], scores[~part.positive]))
    edges = {}
    for key, pairs in pooled.items():
        sides = [np.concatenate(side) for side in zip(*pairs, strict=True)]
        cuts = [np.quantile(side, np.arange(1, most) / most) for side in sides if len(side)]
        edges[key] = np.unique(np.concatenate([np.zeros(0), *cuts]))
    return edges


def _sums(families: Sequence[Family], rows: Rows, edges: dict[str, Floats]) -> Sums:
    numbers = {name: number for number, name in enumerate(rows.groups)}
    matrices: dict[str, Array] = {}
    measures: dict[str, Callable[[Array], dict[str, Floats]]] = {}
    values: dict[str, float] = {}
    support: dict[str, tuple[int, int]] = {}
    undefined: dict[str, str] = {}
    for family in families:
        if not family.units:
            continue
        own = np.array([numbers[name] for name in family.groups], np.int64)
        matrix = np.zeros((len(rows.groups), family.statistics.shape[1]))
        matrix[own] = family.statistics
        key = family.names[0]
        matrices[key], measures[key] = matrix, family.measure
        for name, parts in family.rankings.items():
            ranked = [_histograms(part, own, len(rows.groups), edges[f"{name}/{i}"]) for i, part in enumerate(parts)]
            matrices[name], measures[name] = np.hstack(ranked), _ranking(name, family, [counts.shape[1] // 2 for counts in ranked])
        exact = family.compute(np.ones((1, len(family.groups)), np.float32), None)
        values |= {name: float(exact[name][0]) for name in family.names}
        support |= dict.fromkeys(family.names, (family.units, len(family.groups)))
        undefined |= family.undefined
    return Sums(matrices, values, support, undefined, measures)


def _histograms(ranking: Ranking, group_numbers: Array, n_groups: int, edges: Floats) -> Array:
    """Each group's counts of positives, then of negatives, in bins of rising score, `(G, 2 B)`. float32 holds sums below 16 million exactly."""
    size = len(edges) + 1
    groups = group_numbers[ranking.groups]
    bins = np.searchsorted(edges, np.asarray(ranking.scores, np.float64), side="right") + np.where(ranking.positive, 0, size)
    return np.bincount(groups * (2 * size) + bins, minlength=n_groups * 2 * size).reshape(n_groups, 2 * size).astype(np.float32)


def _ranking(name: str, family: Family, sizes: list[int]) -> Callable[[Array], dict[str, Floats]]:
    parts = family.rankings[name]

    def measure(totals: Array) -> dict[str, Floats]:
        found, begin = [], 0
        for part, size in zip(parts, sizes, strict=True):
            counts = totals[:, begin : begin + 2 * size].astype(np.float64)
            found.append(part.metric(counts[:, :size], counts[:, size:]))
            begin += 2 * size
        return {name: np.mean(found, axis=0)}

    return measure
