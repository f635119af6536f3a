"""Paired differences between sides: interval, test, detectable difference and one verdict a metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slant.errors import ConfigError
from slant.evaluation.bootstrap import Floats, Weights, interval
from slant.evaluation.comparison.resampling import seed_weights, side_samples, side_values, swap_p_values, swaps_for
from slant.evaluation.comparison.shape import Difference
from slant.evaluation.comparison.significance import detectable_difference, holm
from slant.evaluation.comparison.sums import Sums
from slant.evaluation.scores import UNDEFINED_SHARE

__all__ = ["Judged", "Resampled", "higher_is_better", "judge", "judge_pairs", "resample", "undefined"]

_LOWER_IS_BETTER = frozenset(("brier", "ece"))


@dataclass(frozen=True)
class Resampled:
    """A side's metrics: of each table as sums over groups, their means, and these in R resamples `(R,)`."""

    sums: Sequence[Sums]
    values: Mapping[str, float]
    samples: Mapping[str, Floats]


@dataclass(frozen=True)
class Judged:
    """What each side after the first is against the first, and how many swaps and tests that took."""

    differences: list[list[Difference]]
    swaps: int
    tests: int


def resample(sums: Sequence[Sums], seeds: Sequence[int], weights: Weights, seed: int) -> Resampled:
    """A side from its tables' sums, their seeds, and weights `(R, G)` that all compared sides share."""
    return Resampled(sums, side_values(sums), side_samples(sums, weights, seed_weights(seeds, len(weights), seed)))


def higher_is_better(metric: str) -> bool | None:
    """Which way is good; None for `coverage`, which is neither better high nor low by itself."""
    return None if metric == "coverage" else metric not in _LOWER_IS_BETTER


def judge(difference: float, lo: float, hi: float, p_adjusted: float, alpha: float, higher: bool) -> str:
    """The verdict: "better" or "worse" when the interval excludes 0 and the adjusted p lies below alpha, else "cannot tell".

    The interval knows of seeds, and the p of the other tests that were made; neither knows of both, and each must be convinced.
    """
    if not (lo > 0 or hi < 0) or p_adjusted >= alpha:
        return "cannot tell"
    return "better" if (difference > 0) == higher else "worse"


def judge_pairs(sides: Sequence[Resampled], seed: int, level: float, metrics: Sequence[str] | None = None) -> Judged:
    """Every side after the first against the first.

    `metrics` are those that are judged; without it, all that have a better direction and are not of a single target. p-values are adjusted over
    the judged metrics of all pairs. Raises ConfigError for a metric that no side has or that has no direction.
    """
    baseline = sides[0]
    judged = [_to_judge(baseline, other, metrics) for other in sides[1:]]
    for name in metrics or ():
        known = {known for one in sides for known in one.values if higher_is_better(known) is not None}
        if name not in known:
            raise ConfigError(f"the metric {name!r} cannot be judged", remedy=f"Choose of {', '.join(sorted(known))}")
    alpha, tests = 1 - level, sum(map(len, judged))
    n_groups = len(next(iter(baseline.sums[0].matrices.values())))
    resamples = len(next(iter(baseline.samples.values())))
    swaps = swaps_for(tests, resamples, alpha)
    p_values = swap_p_values([(baseline.sums, other.sums) for other in sides[1:]], n_groups, swaps, seed)
    found = [_differences(baseline, *one, level, tests) for one in zip(sides[1:], p_values, judged, strict=True)]
    entries = [entry for one in found for entry in one if entry["judged"]]
    for entry, adjusted in zip(entries, holm([entry["p"] or 0.0 for entry in entries]), strict=True):
        entry["p_adjusted"] = adjusted
        assert entry["difference"] is not None and entry["lo"] is not None and entry["hi"] is not None
        entry["verdict"] = judge(entry["difference"], entry["lo"], entry["hi"], adjusted, alpha, entry["higher_is_better"] is True)
    return Judged(found, swaps, tests)


def undefined(baseline: Resampled, candidate: Resampled, name: str) -> str:
    """Why the difference of a metric of both has no interval, or ""; of a side with itself, why the metric has none."""
    for one in (baseline, candidate):
        if math.isnan(one.values[name]):
            return next((sums.undefined[name] for sums in one.sums if sums.undefined.get(name)), "undefined on these rows")
    share = float(np.isnan(candidate.samples[name] + baseline.samples[name]).mean())
    return f"undefined in {share:.0%} of the resamples, so no interval" if share > UNDEFINED_SHARE else ""


def _to_judge(baseline: Resampled, candidate: Resampled, wanted: Sequence[str] | None) -> list[str]:
    """The metrics that are judged: on both sides, with a direction, asked for, and defined."""
    both = [name for name in baseline.values if name in candidate.values and higher_is_better(name) is not None]
    chosen = [name for name in both if (name in wanted if wanted is not None else "/" not in name)]
    return [name for name in chosen if not undefined(baseline, candidate, name)]


def _differences(
    baseline: Resampled, candidate: Resampled, p_values: Mapping[str, float], judged: Sequence[str], level: float, tests: int
) -> list[Difference]:
    found = []
    for name, first in baseline.values.items():
        if name not in candidate.values:
            continue
        second = candidate.values[name]
        reason = undefined(baseline, candidate, name)
        units, groups = baseline.sums[0].support[name]
        entry = Difference(
            metric=name, higher_is_better=higher_is_better(name), judged=name in judged, baseline=_or_none(first), candidate=_or_none(second),
            difference=_or_none(second - first), lo=None, hi=None, se=None, p=None, p_adjusted=None, detectable=None,
            verdict="cannot tell" if name in judged else "not judged", n=units, groups=groups, reason=reason,
        )  # fmt: skip
        if not reason:
            samples = candidate.samples[name] - baseline.samples[name]
            entry["lo"], entry["hi"] = interval(samples, level)
            entry["se"] = se = float(np.nanstd(samples, ddof=1))
            entry["p"] = p_values[name]
            entry["detectable"] = detectable_difference(se, (1 - level) / max(tests, 1))
        found.append(entry)
    return found


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
