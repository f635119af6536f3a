"""Decision metrics against scikit-learn, over random labels and leading axes."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st

from slant.metrics import (
    accuracy,
    confusion_counts,
    f1_macro,
    f1_per_class,
    f1_weighted,
    f_avg_pooled,
    mcc,
    precision_recall_f1,
)


@st.composite
def decisions(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    k = draw(st.integers(2, 4))
    pairs = draw(st.lists(st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)), min_size=1, max_size=40))
    return k, [gold for gold, _ in pairs], [pred for _, pred in pairs]


@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
@given(decisions())
def test_agrees_with_scikit_learn(case: tuple[int, list[int], list[int]]) -> None:
    k, gold, pred = case
    counts = confusion_counts(gold, pred, k)
    options = {"labels": list(range(k)), "zero_division": 0}
    np.testing.assert_array_equal(counts, reference.confusion_matrix(gold, pred, labels=range(k)))
    assert accuracy(counts) == pytest.approx(reference.accuracy_score(gold, pred))
    np.testing.assert_allclose(f1_per_class(counts), reference.f1_score(gold, pred, average=None, **options))
    assert f1_macro(counts) == pytest.approx(reference.f1_score(gold, pred, average="macro", **options))
    assert f1_weighted(counts) == pytest.approx(reference.f1_score(gold, pred, average="weighted", **options))
    assert mcc(counts) == pytest.approx(reference.matthews_corrcoef(gold, pred), abs=1e-12)
    hits, predicted, positives = counts[1, 1], counts[:, 1].sum(), counts[1].sum()
    expected = reference.precision_recall_fscore_support(gold, pred, labels=[1], average="macro", zero_division=0)[:3]
    np.testing.assert_allclose(precision_recall_f1(hits, predicted, positives), expected)


@given(st.lists(decisions(), min_size=1, max_size=5))
def test_leading_axes_are_independent(cases: list[tuple[int, list[int], list[int]]]) -> None:
    tables = np.stack([confusion_counts(gold, pred, 4) for _, gold, pred in cases])[None]
    for metric in (accuracy, f1_per_class, f1_macro, f1_weighted, mcc):
        together = metric(tables)
        assert together.shape[:2] == (1, len(cases))
        np.testing.assert_allclose(together[0], [metric(table) for table in tables[0]])


def test_macro_counts_a_label_that_nobody_bears() -> None:
    counts = confusion_counts([0, 1], [0, 1], 3)
    assert f1_macro(counts) == pytest.approx(2 / 3)
    assert reference.f1_score([0, 1], [0, 1], average="macro") == 1.0


def test_f_avg_leaves_neutral_out_except_for_its_errors() -> None:
    # against, neutral, favor: F1(against) = 4/7, F1(favor) = 2/4.
    counts = [[2, 1, 0], [1, 5, 1], [1, 0, 1]]
    assert f_avg_pooled(counts, favor=2, against=0) == pytest.approx((4 / 7 + 1 / 2) / 2)
    assert f_avg_pooled(np.diag([3, 0, 3]), favor=2, against=0) == 1.0


@pytest.mark.parametrize("counts", [np.zeros((3, 3)), [[4, 0], [0, 0]], [[2, 0], [2, 0]]])
def test_undefined_ratios_are_zero(counts: object) -> None:
    assert mcc(np.asarray(counts)) == 0
    assert np.isfinite(f1_per_class(np.asarray(counts))).all()
