"""McNemar, Holm and the detectable difference, against scipy, hand-made values and their own inverses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slant.evaluation.comparison.significance import detectable_difference, holm, mcnemar, normal_p, power_at


@given(st.integers(0, 24), st.integers(0, 24))
def test_few_discordant_rows_take_the_exact_binomial_test(first: int, second: int) -> None:
    p, method = mcnemar(first, second)
    if first + second >= 25:
        assert method == "mid-p"
        return
    assert method == "exact"
    expected = stats.binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert p == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("first", "second"), [(30, 12), (12, 30), (20, 20), (200, 260), (0, 40)])
def test_many_discordant_rows_take_the_mid_p(first: int, second: int) -> None:
    n, fewer = first + second, min(first, second)
    expected = min(1.0, 2 * stats.binom.cdf(fewer, n, 0.5) - stats.binom.pmf(fewer, n, 0.5))
    p, method = mcnemar(first, second)
    assert (p, method) == (pytest.approx(expected, abs=1e-12), "mid-p")
    # Fagerland et al. (2013): between the uncorrected chi-square's p and the exact test's.
    assert p <= stats.binomtest(first, n, 0.5).pvalue + 1e-12


def test_the_mid_p_lies_near_the_asymptotic_p() -> None:
    statistic = (260 - 200) ** 2 / 460
    assert mcnemar(200, 260)[0] == pytest.approx(stats.chi2.sf(statistic, 1), rel=0.03)


def test_holm_by_hand() -> None:
    # 4 x .005, 3 x .01, 2 x .03, 1 x .04 made monotone.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.8, 0.9]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_lowers_a_p_and_keeps_their_order(p: list[float]) -> None:
    adjusted = np.array(holm(p))
    assert np.all(adjusted >= np.array(p) - 1e-15)
    assert np.all(adjusted <= np.minimum(1, len(p) * np.array(p)) + 1e-15)
    assert np.all(np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0)


def test_the_detectable_difference_is_the_textbooks() -> None:
    # 1.959964 + 0.841621 standard errors.
    assert detectable_difference(0.01, 0.05) == pytest.approx(0.02801585, abs=1e-7)


@given(st.floats(1e-4, 0.1), st.sampled_from([0.05, 0.01, 0.05 / 14]))
def test_power_at_the_detectable_difference_is_80_percent(se: float, alpha: float) -> None:
    assert power_at(detectable_difference(se, alpha), se, alpha) == pytest.approx(0.8, abs=1e-5)
    assert power_at(0.0, se, alpha) == pytest.approx(alpha, abs=1e-9)


def test_the_normal_p() -> None:
    assert normal_p(-1.96, 1.0) == pytest.approx(2 * stats.norm.sf(1.96))
    assert normal_p(0.0, 0.0) == 1.0
