"""From logits to answers: probabilities, thresholds, abstention, temperature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from slant.decode import Decision, calibrate, decide, fit_temperature, sigmoid

#: Hundredths, so that no two logits differ by less than the division by a temperature can keep apart.
LOGIT = st.integers(-3000, 3000).map(lambda hundredths: hundredths / 100)
TEMPERATURE = st.floats(0.2, 5.0)
FLAT = arrays(np.float64, st.integers(0, 12), elements=LOGIT)
TABLE = st.tuples(st.integers(0, 8), st.integers(2, 5)).flatmap(lambda shape: arrays(np.float64, shape, elements=LOGIT))


@given(arrays(np.float64, st.integers(0, 20), elements=st.floats(-1e300, 1e300)))
def test_the_sigmoid_never_overflows(z: Any) -> None:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        p = sigmoid(z)
    assert ((p >= 0) & (p <= 1)).all()
    np.testing.assert_allclose(p + sigmoid(-z), 1.0, rtol=0, atol=1e-15)
    near = np.abs(z) < 30
    np.testing.assert_allclose(p[near], 1 / (1 + np.exp(-z[near])), rtol=1e-12)


def test_known_probabilities() -> None:
    np.testing.assert_allclose(calibrate([0.0, np.log(3.0)]), [[0.5, 0.5], [0.25, 0.75]])
    np.testing.assert_allclose(calibrate([2 * np.log(3.0)], 2.0), [[0.25, 0.75]])
    np.testing.assert_allclose(calibrate(np.log([[1.0, 2.0, 5.0]])), [[0.125, 0.25, 0.625]])


@given(FLAT | TABLE, TEMPERATURE)
def test_probabilities_are_probabilities_in_the_logits_order(z: Any, temperature: float) -> None:
    p = calibrate(z, temperature)
    assert p.shape == (len(z), 2 if z.ndim == 1 else z.shape[1])
    assert ((p >= 0) & (p <= 1)).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)
    for logits, row in zip(z, p, strict=True):
        if z.ndim == 1:
            assert (row[1] > row[0]) == (logits > 0)
        else:
            assert row[logits.argmax()] == row.max()
            assert (np.diff(row[np.argsort(logits)]) >= 0).all()


@given(FLAT, TEMPERATURE)
def test_two_columns_and_one_are_the_same_model(z: Any, temperature: float) -> None:
    np.testing.assert_allclose(calibrate(np.stack([np.zeros_like(z), z], axis=1), temperature), calibrate(z, temperature), atol=1e-12)


@given(TABLE, TEMPERATURE, st.floats(-50, 50))
def test_only_differences_of_logits_count(z: Any, temperature: float, shift: float) -> None:
    np.testing.assert_allclose(calibrate(z + shift, temperature), calibrate(z, temperature), atol=1e-9)


def test_great_logits_do_not_overflow() -> None:
    with np.errstate(over="raise", invalid="raise"):
        np.testing.assert_array_equal(calibrate([[1e5, 0.0, -1e5], [-1e5, -2e5, -2e5]]), [[1, 0, 0], [1, 0, 0]])
        np.testing.assert_array_equal(calibrate([1e5, -1e5]), [[0, 1], [1, 0]])


# --- decisions


@given(TABLE, st.floats(0, 1), st.floats(0, 1))
def test_decisions_follow_the_rule(z: Any, threshold: float, abstain_below: float) -> None:
    p = calibrate(z)
    chosen, abstained = decide(p, Decision(threshold=threshold, abstain_below=abstain_below))
    assert chosen.shape == abstained.shape == (len(p),)
    for row, label, silent in zip(p.tolist(), chosen.tolist(), abstained.tolist(), strict=True):
        assert label == (int(row[1] >= threshold) if len(row) == 2 else row.index(max(row)))
        assert silent == (row[label] < abstain_below)


def test_a_probability_on_the_threshold_is_positive_and_is_not_abstained_from() -> None:
    chosen, abstained = decide([[0.75, 0.25], [0.7, 0.3], [0.2, 0.8]], Decision(threshold=0.25, abstain_below=0.3))
    assert chosen.tolist() == [1, 1, 1]
    assert abstained.tolist() == [True, False, False]


def test_abstention_is_off_unless_asked_for() -> None:
    assert not decide([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], Decision())[1].any()


@pytest.mark.parametrize("name", ["threshold", "abstain_below", "word_threshold", "temperature"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), float("-inf")])
def test_impossible_decisions_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Decision(**{name: value})


@pytest.mark.parametrize(("name", "value"), [("threshold", 1.01), ("abstain_below", 2), ("word_threshold", 1.5), ("temperature", 0)])
def test_decisions_beyond_the_edge_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Decision(**{name: value})


def test_decisions_on_the_edge_are_taken() -> None:
    Decision(threshold=0.0, abstain_below=1.0, word_threshold=1.0, temperature=1e-3)


# --- temperature


@pytest.mark.parametrize("true", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("k", [1, 3])
def test_a_known_temperature_is_recovered(true: float, k: int) -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, (20_000, k)).squeeze()
    p = calibrate(honest)
    gold = (rng.random((len(p), 1)) > p.cumsum(axis=1)[:, :-1]).sum(axis=1)
    assert fit_temperature(honest * true, gold) == pytest.approx(true, rel=0.06)


@given(FLAT | TABLE, st.integers(0, 2**32 - 1))
def test_the_fitted_temperature_is_the_best_and_moves_no_answer(z: Any, seed: int) -> None:
    k = 2 if z.ndim == 1 else z.shape[1]
    gold = np.random.default_rng(seed).integers(0, k, len(z))
    fitted = fit_temperature(z, gold)
    assert 0.2 <= fitted <= 5.0

    def loss(temperature: float) -> float:
        p = calibrate(z, temperature)[np.arange(len(z)), gold]
        return float(-np.log(np.clip(p, 1e-12, 1)).mean())

    if len(set(gold.tolist())) < 2:
        assert fitted == 1.0
    elif np.abs(z).max() <= 5:  # beyond, the clip at 1e-12 may make the loss flat or wavy
        assert all(loss(fitted) <= loss(other) + 1e-6 for other in np.geomspace(0.2, 5.0, 60))
    before, after = calibrate(z), calibrate(z, fitted)
    assert all(after[i, row.argmax()] == after[i].max() for i, row in enumerate(before))


def test_nothing_to_fit_on() -> None:
    assert fit_temperature([], []) == 1.0
    assert fit_temperature([1.0, 2.0], [1, 1]) == 1.0
