"""The group bootstrap: whole articles are drawn with replacement, because sentences of one article are not independent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from slant.metrics import score_bins
from slant.seeding import derive_seed

__all__ = ["group_weights", "interval", "ranking_samples"]

Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.float32]

#: Numbers held at once while groups are drawn and histograms are filled: 4 MB of float32, which stays in cache.
BLOCK = 1_000_000


def group_weights(n_groups: int, resamples: int, seed: int) -> Weights:
    """How often each group is drawn in each resample, `(resamples, n_groups)`; every row sums to `n_groups`.

    The same on every machine for one seed. float32 holds the counts exactly and multiplies fast.
    """
    generator = np.random.Generator(np.random.PCG64(derive_seed(seed, "bootstrap")))
    weights = np.empty((resamples, n_groups), np.float32)
    step = max(1, BLOCK // max(n_groups, 1))
    for first in range(0, resamples, step):
        size = min(step, resamples - first)
        cells = generator.integers(0, n_groups, (size, n_groups)) + np.arange(size)[:, None] * n_groups
        weights[first : first + size] = np.bincount(cells.ravel(), minlength=size * n_groups).reshape(size, n_groups)
    return weights


def interval(samples: npt.ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of a metric's resampled values, those that are undefined (NaN) left out; NaN when all are."""
    values = np.asarray(samples, np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def ranking_samples(
    metric: Callable[[Floats, Floats], Floats],
    scores: npt.ArrayLike,
    positive: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.int64],
    weights: Weights,
    *,
    limit: int | None = None,
) -> Floats:
    """A ranking metric in each of R resamples, `(R,)`, from n scores, n golds, n group numbers and weights `(R, G)`.

    `metric` takes histograms of positives and negatives in order of rising score (`auroc_from_histograms`). It is exact while
    there are at most `limit` unique scores; above that scores are binned by quantile (`score_bins`). NaN where undefined.
    """
    bins, size = score_bins(scores, limit)
    sides = []
    for mask in (positive, ~positive):
        rows = np.flatnonzero(mask)
        rows = rows[np.argsort(bins[rows], kind="stable")]
        present, first_row = np.unique(bins[rows], return_index=True)
        sides.append((groups[rows], present, first_row))
    result = np.empty(len(weights))
    step = max(1, BLOCK // max(len(bins), 1))
    for first in range(0, len(weights), step):
        block = weights[first : first + step]
        histograms = [np.zeros((len(block), size), np.float32) for _ in sides]
        for histogram, (drawn, present, first_row) in zip(histograms, sides, strict=True):
            if len(present):
                histogram[:, present] = np.add.reduceat(np.take(block, drawn, axis=1), first_row, axis=1)
        result[first : first + step] = metric(histograms[0].astype(np.float64), histograms[1].astype(np.float64))
    return result
