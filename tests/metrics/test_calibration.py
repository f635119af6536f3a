"""Brier score against scikit-learn, calibration error against the paper's definition row by row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st

from slant.metrics import brier, brier_rows, calibration_bins, expected_calibration_error

Forecasts = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]


@st.composite
def forecasts(draw: st.DrawFn) -> Forecasts:
    k = draw(st.integers(2, 4))
    rows = draw(st.lists(st.tuples(st.integers(0, k - 1), st.tuples(*[st.integers(0, 15)] * k)), min_size=1, max_size=40))
    raw = np.array([weights for _, weights in rows], float) + 1e-3
    return raw / raw.sum(1, keepdims=True), np.array([label for label, _ in rows])


@given(forecasts())
def test_brier_agrees_with_scikit_learn(case: Forecasts) -> None:
    p, gold = case
    k = p.shape[1]
    expected = reference.brier_score_loss(gold, p, labels=range(k), scale_by_half=k == 2)
    assert brier(p, gold) == pytest.approx(expected)
    assert brier_rows(p, gold).mean() == pytest.approx(expected)


def test_brier_of_two_labels_is_half_the_sum_form() -> None:
    assert brier([[0.25, 0.75]], [1]) == pytest.approx(0.0625)
    assert brier([[0.25, 0.75, 0.0]], [1]) == pytest.approx(0.125)


@given(forecasts(), st.booleans())
def test_ece_is_the_papers_sum(case: Forecasts, own_decisions: bool) -> None:
    p, gold = case
    pred = (p.argmax(1) + 1) % p.shape[1] if own_decisions else p.argmax(1)
    confidence = p[np.arange(len(gold)), pred]
    expected = 0.0
    for m in range(15):
        inside = (confidence > m / 15) & (confidence <= (m + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs((pred == gold)[inside].mean() - confidence[inside].mean())
    assert expected_calibration_error(p, gold, pred if own_decisions else None) == pytest.approx(expected)


def test_bins_are_closed_on_the_right() -> None:
    np.testing.assert_array_equal(calibration_bins(np.arange(16) / 15), [0, *range(15)])
    np.testing.assert_array_equal(calibration_bins([0.2, 0.2 + 1e-9]), [2, 3])


def test_no_rows_have_no_score() -> None:
    empty = np.zeros((0, 2))
    assert np.isnan(brier(empty, [])) and np.isnan(expected_calibration_error(empty, []))
