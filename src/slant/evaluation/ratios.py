"""Shares and means of rows, many at once, each with the interval that whole groups give it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slant.evaluation.bootstrap import Floats, Weights, group_weights, interval
from slant.evaluation.comparison.shape import Estimate
from slant.evaluation.predictions import Predictions
from slant.evaluation.scores import UNDEFINED_SHARE

__all__ = ["Draws", "draw_groups"]


@dataclass(frozen=True)
class Draws:
    """The groups of n rows and how often each group is drawn.

    Attributes:
        groups: each row's group number, `(n,)`.
        weights: `(R, G)`; None where there is one group only, which gives no interval.
        level: the intervals' coverage.
    """

    groups: npt.NDArray[np.int64]
    weights: Weights | None
    level: float

    def sums(self, values: npt.ArrayLike) -> Floats:
        """Values `(n, m)` summed by group, `(G, m)`."""
        table = np.asarray(values, np.float64)
        found = np.zeros((int(self.groups.max(initial=-1)) + 1, table.shape[1]))
        np.add.at(found, self.groups, table)
        return found

    def ratios(self, tops: npt.ArrayLike, bottoms: npt.ArrayLike) -> list[Estimate]:
        """For each of m columns the sum of `tops` over the sum of `bottoms`, both `(n, m)` and `bottoms` of at least 0.

        n and groups count the rows with something in `bottoms` and the groups they come from.
        """
        above, below = np.asarray(tops, np.float64), np.asarray(bottoms, np.float64)
        m = above.shape[1]
        sums = self.sums(np.hstack([above, below]))
        samples = None if self.weights is None else _divide(*np.hsplit(self.weights.astype(np.float64) @ sums, [m]))
        values = _divide(*np.hsplit(sums.sum(axis=0)[None], [m]))[0]
        counted, grouped = (below > 0).sum(axis=0), (sums[:, m:] > 0).sum(axis=0)
        return [
            self.estimate(float(values[i]), None if samples is None else samples[:, i], int(counted[i]), int(grouped[i]), "there are no such rows")
            for i in range(m)
        ]

    def of_counts(self, cells: npt.NDArray[np.int64], k: int, metric: Callable[[Floats], Floats]) -> tuple[float, Floats | None]:
        """A metric of confusion counts `(…, k, k)`, from each row's cell `gold * k + said`: its value, and its values `(R,)` in the resamples."""
        onehot = np.eye(k * k)[cells]
        sums = self.sums(onehot)
        value = float(metric(sums.sum(axis=0).reshape(k, k)))
        return value, None if self.weights is None else metric((self.weights.astype(np.float64) @ sums).reshape(-1, k, k))

    def estimate(self, value: float, samples: Floats | None, n: int, groups: int, undefined: str) -> Estimate:
        """A value with its percentile interval, or why it has none."""
        if np.isnan(value):
            return {"value": None, "lo": None, "hi": None, "n": n, "groups": groups, "reason": undefined}
        blank: Estimate = {"value": value, "lo": None, "hi": None, "n": n, "groups": groups, "reason": ""}
        if samples is None or groups < 2:
            return {**blank, "reason": "one group only, so no interval"}
        missing = float(np.isnan(samples).mean())
        if missing > UNDEFINED_SHARE:
            return {**blank, "reason": f"undefined in {missing:.0%} of the resamples, so no interval"}
        low, high = interval(samples, self.level)
        return {**blank, "lo": low, "hi": high}


def draw_groups(rows: Predictions, *, resamples: int, seed: int, level: float) -> Draws:
    """The draws of these rows' groups: the same as those of `score` with the same arguments over the same rows."""
    names, codes = np.unique(rows.column("group").astype(str), return_inverse=True)
    weights = group_weights(len(names), resamples, seed) if len(names) > 1 else None
    return Draws(codes.astype(np.int64), weights, level)


def _divide(top: Floats, bottom: Floats) -> Floats:
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0))
