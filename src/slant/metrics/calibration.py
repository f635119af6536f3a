"""Metrics of probabilities: are they near the truth, and do they mean what they say?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["ECE_BINS", "brier", "brier_rows", "calibration_bins", "calibration_gaps", "expected_calibration_error"]

Floats = npt.NDArray[np.float64]

#: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 5: M = 15.
ECE_BINS = 15


def brier_rows(probabilities: npt.ArrayLike, gold: npt.ArrayLike) -> Floats:
    """Each row's Brier score `(n,)`, in the definition of `brier`, from `(n, k)` probabilities and n label indices."""
    table = np.asarray(probabilities, np.float64)
    labels = np.asarray(gold, np.int64)
    if table.shape[1] == 2:
        return np.asarray((table[:, 1] - labels) ** 2)
    return np.asarray(((table - np.eye(table.shape[1])[labels]) ** 2).sum(1))


def brier(probabilities: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """The Brier score of `(n, k)` probabilities against n label indices; NaN for no rows.

    For k = 2 the usual binary score, the mean of (p_1 - y)^2, in [0, 1]; for k > 2 Brier's own sum over labels, the mean of
    sum_j (p_j - y_j)^2, in [0, 2]. The sum form of a binary task would be twice its binary score.
    """
    rows = brier_rows(probabilities, gold)
    return float(rows.mean()) if len(rows) else float("nan")


def calibration_bins(confidence: npt.ArrayLike, bins: int = ECE_BINS) -> npt.NDArray[np.int64]:
    """The bin of each confidence in [0, 1], of equal-width bins ((m - 1) / bins, m / bins]; 0 falls in the first."""
    # Compared with the edges themselves: ceil(c * bins) misplaces confidences that lie on an edge, such as 0.2 of 15 bins.
    inner = np.arange(1, bins) / bins
    return np.searchsorted(inner, np.asarray(confidence, np.float64), side="left").astype(np.int64)


def calibration_gaps(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> Floats:
    """Each row's share in its bin's gap, confidence minus correctness; summed over a bin it is count times (conf - acc)."""
    return np.asarray(confidence, np.float64) - np.asarray(correct, np.float64)


def expected_calibration_error(
    probabilities: npt.ArrayLike, gold: npt.ArrayLike, pred: npt.ArrayLike | None = None, *, bins: int = ECE_BINS
) -> float:
    """The expected calibration error in [0, 1] of `(n, k)` probabilities against n label indices; NaN for no rows.

    Equal-width bins on the confidence of the predicted label, each bin's |accuracy - mean confidence| weighted by its share of
    rows (Guo et al. 2017, eq. 3). `pred` holds n label indices where decisions are not the most probable label.
    """
    table, labels = np.asarray(probabilities, np.float64), np.asarray(gold, np.int64)
    if not len(labels):
        return float("nan")
    chosen = table.argmax(1) if pred is None else np.asarray(pred, np.int64)
    confidence = table[np.arange(len(labels)), chosen]
    gaps = calibration_gaps(confidence, chosen == labels)
    return float(np.abs(np.bincount(calibration_bins(confidence, bins), weights=gaps, minlength=bins)).sum() / len(labels))
