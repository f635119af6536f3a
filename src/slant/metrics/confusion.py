"""Metrics of decisions, from confusion counts `(..., k, k)`: rows are gold labels, columns are predicted labels.

A ratio whose denominator is zero is 0, as scikit-learn's `zero_division=0`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "accuracy",
    "confusion_counts",
    "f1_macro",
    "f1_per_class",
    "f1_weighted",
    "f_avg_pooled",
    "mcc",
    "precision_recall_f1",
]

Floats = npt.NDArray[np.float64]


def _ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Floats:
    top, bottom = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    quotient: Floats = np.divide(top, bottom, out=np.zeros(top.shape), where=bottom != 0)
    return quotient


def confusion_counts(gold: npt.ArrayLike, pred: npt.ArrayLike, k: int) -> Floats:
    """Counts `(k, k)` of two sequences of label indices in [0, k), rows gold and columns predicted."""
    cell = np.asarray(gold, np.int64) * k + np.asarray(pred, np.int64)
    return np.bincount(cell, minlength=k * k).reshape(k, k).astype(np.float64)


def accuracy(counts: npt.ArrayLike) -> Floats:
    """The share of rows whose predicted label is the gold one, `(...)` from `(..., k, k)`."""
    table = np.asarray(counts, np.float64)
    return _ratio(np.trace(table, axis1=-2, axis2=-1), table.sum((-2, -1)))


def f1_per_class(counts: npt.ArrayLike) -> Floats:
    """F1 of each label in label order, `(..., k)` from `(..., k, k)`; 0 for a label neither in gold nor predicted."""
    table = np.asarray(counts, np.float64)
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    return _ratio(2 * hits, table.sum(-1) + table.sum(-2))


def f1_macro(counts: npt.ArrayLike) -> Floats:
    """The unweighted mean of F1 over all the task's labels, `(...)` from `(..., k, k)`.

    scikit-learn averages over the labels it meets in gold or predictions unless it is given `labels=`. This always averages over
    all k, so that a label nobody predicts and nobody bears counts as 0: a slice's score does not rise because a label is missing.
    """
    return np.asarray(f1_per_class(counts).mean(-1))


def f1_weighted(counts: npt.ArrayLike) -> Floats:
    """The mean of F1 weighted by each label's gold count, `(...)` from `(..., k, k)`: what the BABE papers call macro F1."""
    table = np.asarray(counts, np.float64)
    support = table.sum(-1)
    return _ratio((f1_per_class(table) * support).sum(-1), support.sum(-1))


def f_avg_pooled(counts: npt.ArrayLike, *, favor: int, against: int) -> Floats:
    """SemEval-2016 Task 6's F_avg: the mean of F1(favor) and F1(against), `(...)` from `(..., k, k)`.

    Pooled: the counts are summed over targets before this is called (Mohammad et al. 2016, section 4). `favor` and `against` are
    label indices. The neutral label counts only through the errors it takes part in.
    """
    per_class = f1_per_class(counts)
    return np.asarray((per_class[..., favor] + per_class[..., against]) / 2)


def mcc(counts: npt.ArrayLike) -> Floats:
    """The multi-class Matthews correlation R_k (Gorodkin 2004), `(...)` in [-1, 1] from `(..., k, k)`.

    0 where gold or predictions hold a single label, which leaves it undefined.
    """
    table = np.asarray(counts, np.float64)
    gold, pred, total = table.sum(-1), table.sum(-2), table.sum((-2, -1))
    covariance = np.trace(table, axis1=-2, axis2=-1) * total - (gold * pred).sum(-1)
    variances = (total**2 - (gold**2).sum(-1)) * (total**2 - (pred**2).sum(-1))
    return _ratio(covariance, np.sqrt(np.maximum(variances, 0)))


def precision_recall_f1(hits: npt.ArrayLike, predicted: npt.ArrayLike, gold: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 of one positive label, from true positives, predicted and gold positives of any one shape."""
    true = np.asarray(hits, np.float64)
    return _ratio(true, predicted), _ratio(true, gold), _ratio(2 * true, np.add(predicted, gold))
