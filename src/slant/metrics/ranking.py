"""Metrics of rankings: how well a score puts positives above negatives. Undefined values are NaN, never a number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "auroc",
    "auroc_from_histograms",
    "auroc_macro_ovr",
    "average_precision",
    "average_precision_from_histograms",
    "score_bins",
]

Floats = npt.NDArray[np.float64]


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    quotient: Floats = np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)
    return quotient


def auroc_from_histograms(positives: npt.ArrayLike, negatives: npt.ArrayLike) -> Floats:
    """The area under the ROC curve, `(...)` from two `(..., B)` counts in order of rising score.

    A positive and a negative in the same bin are a tie and count a half, so it is exact when each bin is one score. NaN where
    there are no positives or no negatives.
    """
    pos, neg = np.asarray(positives, np.float64), np.asarray(negatives, np.float64)
    below = np.cumsum(neg, axis=-1) - neg / 2
    return _divide((pos * below).sum(-1), pos.sum(-1) * neg.sum(-1))


def average_precision_from_histograms(positives: npt.ArrayLike, negatives: npt.ArrayLike) -> Floats:
    """Average precision, `(...)` from two `(..., B)` counts in order of rising score.

    scikit-learn's step sum over thresholds of (R_n - R_{n-1}) P_n, with no interpolation; a bin is a threshold. NaN where there
    are no positives (scikit-learn: 0).
    """
    pos, neg = np.asarray(positives, np.float64), np.asarray(negatives, np.float64)
    total = (pos + neg)[..., ::-1].cumsum(-1)[..., ::-1]
    hits = pos[..., ::-1].cumsum(-1)[..., ::-1]
    precision = np.divide(hits, total, out=np.zeros(hits.shape), where=total > 0)
    return _divide((pos * precision).sum(-1), pos.sum(-1))


def score_bins(scores: npt.ArrayLike, limit: int | None = None) -> tuple[npt.NDArray[np.int64], int]:
    """The bin of each of n scores, numbered with rising score, and the number of bins.

    One bin a unique score while there are at most `limit` of those; otherwise `limit` bins that hold about n / limit scores
    each, and equal scores always share a bin.
    """
    values = np.asarray(scores, np.float64)
    unique, bins = np.unique(values, return_inverse=True)
    if limit is None or len(unique) <= limit:
        return bins.astype(np.int64), len(unique)
    return np.searchsorted(np.sort(values), values, side="left") * limit // len(values), limit


def _histograms(scores: npt.ArrayLike, gold: npt.ArrayLike) -> tuple[Floats, Floats]:
    bins, size = score_bins(scores)
    positive = np.asarray(gold, bool)
    counts = [np.bincount(bins[mask], minlength=size).astype(np.float64) for mask in (positive, ~positive)]
    return counts[0], counts[1]


def auroc(scores: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """The area under the ROC curve of n scores against n true/false golds, ties counted a half; NaN for one-class gold."""
    return float(auroc_from_histograms(*_histograms(scores, gold)))


def average_precision(scores: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """Average precision (scikit-learn's step definition) of n scores against n true/false golds; NaN without a positive."""
    return float(average_precision_from_histograms(*_histograms(scores, gold)))


def auroc_macro_ovr(probabilities: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """The mean over labels of the one-vs-rest AUROC, from `(n, k)` probabilities and n label indices.

    Every label weighs the same (scikit-learn: `multi_class="ovr", average="macro"`). NaN when a label has no gold row.
    """
    table, labels = np.asarray(probabilities, np.float64), np.asarray(gold)
    return float(np.mean([auroc(table[:, label], labels == label) for label in range(table.shape[1])]))
