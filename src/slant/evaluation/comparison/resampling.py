"""Resampled and swapped metrics of sides: groups are drawn for all sides at once, seeds within a side. No loop runs over resamples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from slant.evaluation.bootstrap import Floats, Weights
from slant.evaluation.comparison.sums import Sums
from slant.seeding import derive_seed

__all__ = ["matched", "over_seeds", "seed_weights", "side_samples", "side_values", "swap_p_values", "swaps_for"]

#: Random numbers held at once while groups are swapped.
_BLOCK = 4_000_000
#: How far two equal statistics may differ by rounding.
_ROUNDING = 1e-9


def side_values(tables: Sequence[Sums]) -> dict[str, float]:
    """Each metric that all of a side's tables have, as the mean over them."""
    names = [name for name in tables[0].values if all(name in table.values for table in tables)]
    return {name: float(np.mean([table.values[name] for table in tables])) for name in names}


def seed_weights(seeds: Sequence[int], resamples: int, seed: int) -> Floats:
    """What each of T tables weighs in each resample, `(R, T)`, each row summing to 1; for one table always 1.

    T - 1 of the T tables are drawn with replacement (McCarthy and Snowden 1985; Rao and Wu 1988): the variance of the mean is then s²/T as it
    should be, where T draws of T give s²/T times (T - 1)/T, half of it for two seeds. Sides with the same seeds are given the same draws.
    """
    count = len(seeds)
    if count == 1:
        return np.ones((resamples, 1))
    generator = np.random.Generator(np.random.PCG64(derive_seed(seed, "seeds", *sorted(seeds))))
    order = np.argsort(np.argsort(seeds, kind="stable"), kind="stable")
    cells = generator.integers(0, count, (resamples, count - 1)) + np.arange(resamples)[:, None] * count
    drawn = np.bincount(cells.ravel(), minlength=resamples * count).reshape(resamples, count)
    return np.asarray(drawn[:, order] / (count - 1))


def side_samples(tables: Sequence[Sums], weights: Weights, seeds: Floats) -> dict[str, Floats]:
    """Each metric of a side in each of R resamples, `(R,)`, from group weights `(R, G)` and seed weights `(R, T)`; NaN where undefined.

    Rankings are resampled on binned scores, and moved by what binning changes in their value.
    """
    names = side_values(tables)
    found: dict[str, list[Floats]] = {name: [] for name in names}
    for table in tables:
        drawn = table.measure({key: _product(weights, matrix) for key, matrix in table.matrices.items()})
        plain = table.measure({key: matrix.sum(0, keepdims=True) for key, matrix in table.matrices.items()})
        for name in names:
            found[name].append(drawn[name] + (table.values[name] - plain[name][0]))
    return {name: over_seeds(np.array([table.values[name] for table in tables]), np.array(drawn), seeds) for name, drawn in found.items()}


def over_seeds(values: Floats, samples: Floats, seeds: Floats) -> Floats:
    """Resamples `(R, …)` of the mean over T tables, from their values `(T, …)`, their resamples over groups `(T, R, …)` and `seed_weights`.

    Tables of one side differ for two reasons: their seeds, and that each errs on rows of its own, which the resampled groups tell already. Drawing
    tables as they are would count the latter again (Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2)). So the tables'
    deviations are drawn shrunk to the variance that is left for the seeds: that of the values less what resampling gives for the deviations.
    """
    mean, count = samples.mean(0), len(values)
    if count == 1:
        return np.asarray(mean)
    apart = values - values.mean(0)
    spread = (apart**2).sum(0) / (count - 1)
    of_rows = np.nan_to_num(_variance(samples - mean)).sum(0) / (count - 1)
    factor = np.sqrt(np.divide(np.maximum(spread - of_rows, 0), spread, out=np.zeros_like(spread), where=spread > 0))
    return np.asarray(mean + factor * np.tensordot(seeds - 1 / count, np.nan_to_num(apart), axes=1))


def _variance(samples: Floats) -> Floats:
    """Over resamples, axis 1, those that are undefined left out; NaN where all are."""
    defined = ~np.isnan(samples)
    n = defined.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(defined, samples, 0).sum(1) / n
        return np.asarray(np.where(defined, (samples - np.expand_dims(mean, 1)) ** 2, 0).sum(1) / n)


def matched(first: int, second: int) -> list[tuple[int, int]]:
    """Which tables of two sides are set against each other: in order, those of the side that has fewer taken again."""
    return [(place % first, place % second) for place in range(max(first, second))]


def swaps_for(tests: int, resamples: int, alpha: float) -> int:
    """How many swaps a family of tests needs, so that the smallest p it can give, times the tests, lies at half of alpha at most."""
    return max(resamples, int(np.ceil(2 * tests / alpha)))


def swap_p_values(pairs: Sequence[tuple[Sequence[Sums], Sequence[Sums]]], n_groups: int, swaps: int, seed: int) -> list[dict[str, float]]:
    """The approximate-randomisation test (Noreen 1989; Yeh 2000): by pair of sides, each common metric's two-sided p.

    Under the null hypothesis it does not matter which side said what about a group, so whole groups change sides, each with probability a half, in
    all matched tables at once. p is (1 + swaps whose difference is as large) / (1 + swaps); an undefined difference counts as large.
    Rankings are compared on binned scores, in what was observed and in the swaps alike, which leaves the test valid.
    """
    generator = np.random.Generator(np.random.PCG64(derive_seed(seed, "swaps")))
    parts = [[_Swapped(baseline[i], candidate[j]) for i, j in matched(len(baseline), len(candidate))] for baseline, candidate in pairs]
    observed = [_mean([part.differences(np.zeros((1, n_groups), np.float32)) for part in pair]) for pair in parts]
    large = [dict.fromkeys(found, 0) for found in observed]
    step = max(1, _BLOCK // n_groups)
    for first in range(0, swaps, step):
        moved = generator.integers(0, 2, (min(step, swaps - first), n_groups), dtype=np.int8).astype(np.float32)
        for pair, seen, counts in zip(parts, observed, large, strict=True):
            for name, values in _mean([part.differences(moved) for part in pair]).items():
                bound = abs(seen[name][0]) - _ROUNDING
                counts[name] += int(len(values) - np.sum(np.abs(values) < bound))
    return [{name: (1 + count) / (1 + swaps) for name, count in counts.items()} for counts in large]


class _Swapped:
    """Two tables whose groups change places."""

    def __init__(self, baseline: Sums, candidate: Sums) -> None:
        self.baseline, self.candidate = baseline, candidate
        self.keys = [key for key in baseline.matrices if key in candidate.matrices]
        self.change = {key: candidate.matrices[key] - baseline.matrices[key] for key in self.keys}
        self.mine = {key: baseline.matrices[key].sum(0) for key in self.keys}
        self.both = {key: self.mine[key] + candidate.matrices[key].sum(0) for key in self.keys}

    def differences(self, moved: npt.NDArray[np.float32]) -> dict[str, Floats]:
        """Candidate minus baseline `(B,)`, from which groups have changed places, `(B, G)`."""
        mine = {key: self.mine[key] + _product(moved, self.change[key]) for key in self.keys}
        theirs = {key: self.both[key] - total for key, total in mine.items()}
        first, second = self.baseline.measure(mine), self.candidate.measure(theirs)
        return {name: second[name] - first[name] for name in first if name in second}


def _product(weights: Weights, matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Weighted sums in the matrix's own precision, a block of rows at a time: the weights need not stand in memory twice."""
    if matrix.dtype == weights.dtype:
        return np.asarray(weights @ matrix)
    found = np.empty((len(weights), matrix.shape[1]), matrix.dtype)
    step = max(1, _BLOCK // max(weights.shape[1], 1) // 8)
    for first in range(0, len(weights), step):
        found[first : first + step] = weights[first : first + step].astype(matrix.dtype) @ matrix
    return found


def _mean(found: Sequence[dict[str, Floats]]) -> dict[str, Floats]:
    return {name: np.mean([one[name] for one in found], axis=0) for name in found[0] if all(name in one for one in found)}
