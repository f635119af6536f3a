"""Ranking metrics against scikit-learn, with many ties."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st

from slant.metrics import (
    auroc,
    auroc_from_histograms,
    auroc_macro_ovr,
    average_precision,
    average_precision_from_histograms,
    score_bins,
)

two_class = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40).filter(lambda rows: len({gold for _, gold in rows}) == 2)


@given(two_class)
def test_agrees_with_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    scores, gold = [score / 6 for score, _ in rows], [label for _, label in rows]
    assert auroc(scores, gold) == pytest.approx(reference.roc_auc_score(gold, scores))
    assert average_precision(scores, gold) == pytest.approx(reference.average_precision_score(gold, scores))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30))
def test_histograms_stand_for_repeated_rows(rows: list[tuple[int, int, int]]) -> None:
    pos, neg = np.zeros((2, 6)), np.zeros((2, 6))
    for bin_, n_pos, n_neg in [*rows, (0, 1, 1)]:
        pos[1, bin_] += n_pos
        neg[1, bin_] += n_neg
    scores = np.r_[np.repeat(np.arange(6), pos[1].astype(int)), np.repeat(np.arange(6), neg[1].astype(int))]
    gold = np.arange(len(scores)) < pos[1].sum()
    assert auroc_from_histograms(pos, neg)[1] == pytest.approx(reference.roc_auc_score(gold, scores))
    assert average_precision_from_histograms(pos, neg)[1] == pytest.approx(reference.average_precision_score(gold, scores))
    assert np.isnan(auroc_from_histograms(pos, neg)[0])


@given(st.lists(st.tuples(st.integers(0, 2), st.tuples(*[st.integers(1, 9)] * 3)), min_size=3, max_size=30))
def test_multi_class_agrees_with_scikit_learn(rows: list[tuple[int, tuple[int, int, int]]]) -> None:
    gold = np.array([0, 1, 2, *(label for label, _ in rows)])
    raw = np.array([(1, 1, 1), (1, 2, 3), (2, 2, 1), *(weights for _, weights in rows)], float)
    p = raw / raw.sum(1, keepdims=True)
    assert auroc_macro_ovr(p, gold) == pytest.approx(reference.roc_auc_score(gold, p, multi_class="ovr", average="macro"))


def test_undefined_is_nan() -> None:
    assert np.isnan(auroc([0.1, 0.2], [True, True]))
    assert np.isnan(auroc([0.1, 0.2], [False, False]))
    assert np.isnan(average_precision([0.1, 0.2], [False, False]))
    assert average_precision([0.1, 0.2], [True, True]) == 1.0
    assert np.isnan(auroc_macro_ovr([[0.2, 0.8, 0.0], [0.5, 0.5, 0.0]], [0, 1]))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(1, 8))
def test_bins_rise_with_scores_and_keep_ties_together(scores: list[float], limit: int) -> None:
    bins, size = score_bins(scores, limit)
    order = np.argsort(scores, kind="stable")
    assert size <= limit or len(set(scores)) <= limit
    assert (np.diff(bins[order]) >= 0).all() and bins.min() >= 0 and bins.max() < size
    assert all(bins[i] == bins[j] for i in range(len(scores)) for j in range(i) if scores[i] == scores[j])
    exact, unique = score_bins(scores)
    np.testing.assert_array_equal(np.sort(np.unique(scores))[exact], scores)
    assert unique == len(np.unique(scores))


def test_quantile_bins_are_of_about_one_size() -> None:
    bins, size = score_bins(np.random.default_rng(0).beta(0.2, 5, 10_000), 100)
    assert size == 100
    np.testing.assert_array_equal(np.bincount(bins), np.full(100, 100))
