"""The group bootstrap: its weights, its rankings, and whether its intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.evaluation import bootstrap, group_weights, interval, ranking_samples
from slant.metrics import auroc, auroc_from_histograms, average_precision, average_precision_from_histograms


def test_weights_are_counts_of_draws() -> None:
    weights = group_weights(40, 5000, 3)
    assert weights.shape == (5000, 40) and weights.dtype == np.float32
    assert (weights.sum(1) == 40).all() and (weights >= 0).all() and (weights == weights.round()).all()
    # A multinomial of 40 draws over 40 groups: mean 1, variance 1 - 1/40.
    np.testing.assert_allclose(weights.mean(0), 1, atol=0.08)
    assert weights.var() == pytest.approx(39 / 40, rel=0.02)


def test_weights_depend_on_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = group_weights(7, 90, 0)
    assert not np.array_equal(weights, group_weights(7, 90, 1))
    np.testing.assert_array_equal(group_weights(7, 30, 0), weights[:30])
    monkeypatch.setattr(bootstrap, "BLOCK", 50)
    np.testing.assert_array_equal(group_weights(7, 90, 0), weights)


def test_interval_is_the_percentiles_of_what_is_defined() -> None:
    samples = np.r_[np.nan, np.arange(101) / 100, np.nan]
    assert interval(samples, 0.9) == pytest.approx((0.05, 0.95))
    assert np.isnan(interval([np.nan, np.nan])).all()


rows = st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 4)), min_size=1, max_size=30)


@given(rows, st.integers(1, 60))
def test_rankings_equal_repeated_rows(listed: list[tuple[int, bool, int]], block: int) -> None:
    scores, gold, groups = (np.array(column) for column in zip(*listed, strict=True))
    weights = group_weights(5, 12, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "BLOCK", block)
        for metric, plain in (
            (auroc_from_histograms, auroc),
            (average_precision_from_histograms, average_precision),
        ):
            found = ranking_samples(metric, scores, gold, groups, weights)
            for value, drawn in zip(found, weights, strict=True):
                repeated = np.repeat(np.arange(len(scores)), drawn[groups].astype(int))
                assert value == pytest.approx(plain(scores[repeated], gold[repeated]), nan_ok=True)


def test_binned_rankings_are_close_to_exact_ones() -> None:
    rng = np.random.default_rng(0)
    gold = rng.random(3000) < 0.3
    scores, groups = rng.normal(gold, 1), rng.integers(0, 50, 3000)
    weights = group_weights(50, 20, 0)
    exact = ranking_samples(auroc_from_histograms, scores, gold, groups, weights)
    binned = ranking_samples(auroc_from_histograms, scores, gold, groups, weights, limit=300)
    assert 0 < np.abs(exact - binned).max() < 0.002


def grouped_hits(rng: np.random.Generator, n_groups: int, per_group: int) -> npt.NDArray[np.float64]:
    """Hits a group of rows whose chance of a hit varies from group to group, around a mean of 0.7."""
    return rng.binomial(per_group, rng.beta(0.7, 0.3, n_groups)).astype(float)


def test_group_intervals_hold_the_truth_and_row_intervals_do_not() -> None:
    rng = np.random.default_rng(7)
    n_groups, per_group, trials = 60, 5, 300
    by_group, by_row = group_weights(n_groups, 400, 0), group_weights(n_groups * per_group, 400, 1)
    held, widths = {"group": 0, "row": 0}, {"group": 0.0, "row": 0.0}
    for _ in range(trials):
        hits = grouped_hits(rng, n_groups, per_group)
        flat = (np.arange(per_group) < hits[:, None]).ravel().astype(float)
        for name, samples in (("group", by_group @ hits), ("row", by_row @ flat)):
            low, high = interval(samples / (n_groups * per_group))
            held[name] += low <= 0.7 <= high
            widths[name] += (high - low) / trials
    assert 0.90 <= held["group"] / trials <= 0.98
    assert held["row"] / trials < 0.85
    assert widths["group"] > 1.3 * widths["row"]
