"""Several logistic regressions at once: each is scikit-learn's, and each is what it would be alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from slant.models.logistic import fit_logistic

Problem = tuple[Any, Any, Any]


def problem(seed: int, n: int = 240, d: int = 6, m: int = 4) -> Problem:
    """Features, gold and weights with zeros, where the classes overlap and are uneven."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, d)).astype(np.float32)
    gold = features @ rng.normal(size=d) + rng.logistic(size=n) > 1.0
    weights = rng.random((n, m)) * (rng.random((n, m)) < 0.8)
    return features, gold, weights


def sklearn_fit(features: Any, gold: Any, weights: Any, l2: float) -> Any:
    """The same objective: scikit-learn sums where we average."""
    model = LogisticRegression(C=1 / (l2 * weights.sum()), tol=1e-10, max_iter=10_000)
    model.fit(features.astype(np.float64), gold, sample_weight=weights)
    return np.append(model.coef_[0], model.intercept_)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("l2", [1.0, 0.1, 0.003])
def test_agrees_with_scikit_learn(seed: int, l2: float) -> None:
    features, gold, weights = problem(seed)
    found = fit_logistic(features, gold, weights, l2=l2)
    wanted = np.stack([sklearn_fit(features, gold, column, l2) for column in weights.T])
    assert found.shape == (4, 7)
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_agrees_on_many_wide_correlated_features() -> None:
    rng = np.random.default_rng(9)
    features = (rng.normal(size=(400, 30)) @ rng.normal(size=(30, 120)) / 5).astype(np.float32)
    gold = features[:, 0] + rng.logistic(size=400) > 0
    weights = np.ones((400, 2))
    weights[:80, 1] = 0
    found = fit_logistic(features, gold, weights, l2=0.1, iterations=300)
    np.testing.assert_allclose(found, [sklearn_fit(features, gold, column, 0.1) for column in weights.T], atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_a_fit_in_company_is_the_fit_alone(seed: int) -> None:
    features, gold, weights = problem(seed, m=6)
    together = fit_logistic(features, gold, weights, l2=0.05)
    alone = np.concatenate([fit_logistic(features, gold, weights[:, [j]], l2=0.05) for j in range(6)])
    np.testing.assert_allclose(together, alone, atol=1e-3)
    np.testing.assert_allclose(fit_logistic(features, gold, weights[:, ::-1], l2=0.05), together[::-1], atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_a_row_left_out_of_a_fit_changes_no_bit_of_it(seed: int) -> None:
    """What cross-fitting rests on: the held-out rows' features and gold may be anything, and other fits go other ways."""
    features, gold, weights = problem(seed)
    left_out = np.arange(len(gold)) % 5 == 0
    weights[left_out, 1] = 0
    weights[left_out, 0] = weights[left_out, 0] + 0.1
    before = fit_logistic(features, gold, weights, l2=0.05)
    other = np.where(left_out[:, None], 3 - 7 * features, features).astype(np.float32)
    after = fit_logistic(other, gold ^ left_out, weights, l2=0.05)
    np.testing.assert_array_equal(before[1], after[1])
    assert np.abs(before[0] - after[0]).max() > 0.1


def test_only_the_weights_proportions_count() -> None:
    features, gold, weights = problem(5)
    before = fit_logistic(features, gold, weights, l2=0.1)
    np.testing.assert_allclose(fit_logistic(features, gold, weights * 64, l2=0.1), before, atol=1e-6)
    doubled = fit_logistic(np.concatenate([features] * 2), np.concatenate([gold] * 2), np.concatenate([weights] * 2), l2=0.1)
    np.testing.assert_allclose(doubled, before, atol=1e-3)


def test_separable_classes_have_a_finite_answer() -> None:
    features = np.linspace(-2, 2, 40, dtype=np.float32)[:, None]
    gold = features[:, 0] > 0
    found = fit_logistic(features, gold, np.ones((40, 1)), l2=1e-3)
    assert np.isfinite(found).all()
    assert ((features[:, 0] * found[0, 0] + found[0, 1] > 0) == gold).all()
    np.testing.assert_allclose(found[0], sklearn_fit(features, gold, np.ones(40), 1e-3), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("only", [True, False])
def test_a_fit_whose_rows_are_all_of_one_class(only: bool) -> None:
    features, gold, weights = problem(1, m=2)
    weights[:, 0] = gold == only
    found = fit_logistic(features, gold, weights, l2=0.1)
    p = 1 / (1 + np.exp(-(features @ found[0, :-1] + found[0, -1])))
    assert (np.abs(p - only) < 0.01).all()
    np.testing.assert_allclose(found[1], sklearn_fit(features, gold, weights[:, 1], 0.1), atol=1e-3)


def test_a_fit_without_rows_is_finite_and_disturbs_no_other() -> None:
    features, gold, weights = problem(2, m=3)
    weights[:, 1] = 0
    with np.errstate(invalid="raise", divide="raise", over="raise"):
        found = fit_logistic(features, gold, weights, l2=0.1)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[1, :-1], 0)
    for j in (0, 2):
        np.testing.assert_allclose(found[j], sklearn_fit(features, gold, weights[:, j], 0.1), atol=1e-3)


def test_unscaled_features_do_not_overflow() -> None:
    features, gold, weights = problem(3)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = fit_logistic(features * np.float32(1e3), gold, weights, l2=1e-3)
    assert np.isfinite(found).all()
    accuracy = (((features * 1e3) @ found[0, :-1] + found[0, -1] > 0) == gold).mean()
    assert accuracy > 0.7


def test_no_steps_give_the_base_rate() -> None:
    features, gold, weights = problem(4, m=1)
    found = fit_logistic(features, gold, weights, l2=0.1, iterations=0)
    share = weights[gold].sum() / weights.sum()
    np.testing.assert_allclose(found, [[0] * 6 + [np.log(share / (1 - share))]], rtol=1e-5)


def test_more_steps_never_end_higher() -> None:
    features, gold, weights = problem(6, m=1)

    def loss(x: Any) -> float:
        z = features @ x[0, :-1] + x[0, -1]
        w = weights[:, 0] / weights.sum()
        return float((w * (np.logaddexp(0, z) - gold * z)).sum() + 0.05 * (x[0, :-1] ** 2).sum())

    losses = [loss(fit_logistic(features, gold, weights, l2=0.1, iterations=steps)) for steps in (0, 1, 2, 4, 8, 16, 64)]
    assert all(later <= earlier + 1e-6 for earlier, later in pairwise(losses))
    assert losses[-1] < losses[0] - 0.05
