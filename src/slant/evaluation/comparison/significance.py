"""Tests and what goes with them: McNemar, Holm, the detectable difference. Pure functions of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

__all__ = ["POWER", "detectable_difference", "holm", "mcnemar", "normal_p", "power_at"]

#: The power that the detectable difference is stated for.
POWER = 0.8
#: Below so many discordant rows McNemar's test is the exact binomial one.
FEW_DISCORDANT = 25


def mcnemar(only_first: int, only_second: int) -> tuple[float, str]:
    """The two-sided p of McNemar's test from its two discordant counts, and which form it took.

    "exact": the binomial test, below 25 discordant rows. "mid-p" from there on: the same with half the probability of what was seen, which
    Fagerland, Lydersen and Laake (2013, BMC Medical Research Methodology 13:91) found to keep its level like the exact test with more power,
    where the chi-square with continuity correction is as conservative as the exact one. p is 1 without discordant rows.
    """
    from scipy.special import bdtr

    n, fewer = only_first + only_second, min(only_first, only_second)
    if not n:
        return 1.0, "exact"
    at_most = float(bdtr(fewer, n, 0.5))
    if n < FEW_DISCORDANT:
        return min(1.0, 2 * at_most), "exact"
    below = float(bdtr(fewer - 1, n, 0.5)) if fewer else 0.0
    return min(1.0, at_most + below), "mid-p"


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down adjustment, in the order given: reject those below alpha, and the family's error rate is at most alpha."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)) if len(p) else p
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def detectable_difference(se: float, alpha: float, power: float = POWER) -> float:
    """The smallest true difference that a two-sided test at `alpha` finds with this power: (z_{1-alpha/2} + z_{power}) standard errors.

    Bloom (1995), "Minimum detectable effects", Evaluation Review 19(5), for an estimate that is near normal; the bootstrap's standard error of
    the difference on this test set stands for the design. The other tail's share of the power is left out, as usual.
    """
    normal = NormalDist()
    return (normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)) * se


def power_at(difference: float, se: float, alpha: float) -> float:
    """The power of that test at a true difference, both tails: the inverse of `detectable_difference`."""
    normal = NormalDist()
    critical, shift = normal.inv_cdf(1 - alpha / 2), abs(difference) / se
    return normal.cdf(shift - critical) + normal.cdf(-shift - critical)


def normal_p(difference: float, se: float) -> float:
    """The two-sided p of a difference of near-normal error; 1 where it does not vary."""
    return 2 * NormalDist().cdf(-abs(difference) / se) if se > 0 else 1.0
