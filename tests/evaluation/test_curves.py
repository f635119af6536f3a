"""Ranking curves against scikit-learn's, and what thinning may change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st

from slant.evaluation import make_predictions, score
from slant.evaluation.curves import ranking_curve, ranking_curves

from .conftest import Columns, columns_of, meta_of


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40))
def test_points_are_those_of_scikit_learn(pairs: list[tuple[int, bool]]) -> None:
    scores, gold = (np.array(column) for column in zip(*pairs, strict=True))
    curve = ranking_curve("x", scores, gold)
    if gold.all() or not gold.any():
        assert curve is None
        return
    assert curve is not None
    fpr, tpr, _ = reference.roc_curve(gold, scores, drop_intermediate=False)
    np.testing.assert_allclose(np.array(curve["roc"]), np.stack([fpr, tpr], axis=1))
    precision, recall, _ = reference.precision_recall_curve(gold, scores)
    np.testing.assert_allclose(np.array(curve["pr"]), np.stack([recall[:-1], precision[:-1]], axis=1)[::-1])
    assert curve["n"] == len(pairs) and curve["positives"] == pytest.approx(gold.mean())


def test_a_thinned_curve_keeps_its_ends_and_its_area() -> None:
    rng = np.random.default_rng(0)
    gold = rng.random(5000) < 0.3
    scores = rng.normal(gold, 1)
    curve = ranking_curve("x", scores, gold, points=100)
    assert curve is not None and len(curve["roc"]) <= 101 and curve["roc"][0] == (0.0, 0.0) and curve["roc"][-1] == (1.0, 1.0)
    fpr, tpr = np.array(curve["roc"]).T
    assert np.trapezoid(tpr, fpr) == pytest.approx(reference.roc_auc_score(gold, scores), abs=2e-3)


def test_a_table_has_a_curve_for_what_ranks_it(pointing: Callable[[], Columns]) -> None:
    predictions = make_predictions(pointing(), meta_of())
    loaded, words = ranking_curves(predictions)
    assert (loaded["name"], loaded["n"]) == ("loaded", 6) and (words["name"], words["n"]) == ("loaded words", 20)
    metrics = score(predictions, resamples=2)["metrics"]
    for curve, name in ((loaded, "auroc"),):
        fpr, tpr = np.array(curve["roc"]).T
        assert np.trapezoid(tpr, fpr) == pytest.approx(metrics[name]["value"])
    recall, precision = np.array([(0, 1), *words["pr"]]).T
    assert float((np.diff(recall) * precision[1:]).sum()) == pytest.approx(metrics["word_ap"]["value"])
    three = make_predictions(columns_of([0, 1, 2], [0, 1, 2], np.eye(3) * 0.7 + 0.1, "abc", "stance"), meta_of("stance"))
    assert [curve["name"] for curve in ranking_curves(three)] == ["against", "neutral", "favor"]
