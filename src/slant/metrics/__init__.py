"""Metrics as pure functions of numpy arrays, over leading axes wherever that lets a bootstrap be one call."""

from slant.metrics.agreement import krippendorff_alpha
from slant.metrics.calibration import ECE_BINS, brier, brier_rows, calibration_bins, calibration_gaps, expected_calibration_error
from slant.metrics.confusion import (
    accuracy,
    confusion_counts,
    f1_macro,
    f1_per_class,
    f1_weighted,
    f_avg_pooled,
    mcc,
    precision_recall_f1,
)
from slant.metrics.ranking import (
    auroc,
    auroc_from_histograms,
    auroc_macro_ovr,
    average_precision,
    average_precision_from_histograms,
    score_bins,
)
from slant.metrics.spans import covered_share, merge_spans, partial_match_f1
from slant.metrics.words import word_counts, word_f1, word_gold

__all__ = [
    "ECE_BINS",
    "accuracy",
    "auroc",
    "auroc_from_histograms",
    "auroc_macro_ovr",
    "average_precision",
    "average_precision_from_histograms",
    "brier",
    "brier_rows",
    "calibration_bins",
    "calibration_gaps",
    "confusion_counts",
    "covered_share",
    "expected_calibration_error",
    "f1_macro",
    "f1_per_class",
    "f1_weighted",
    "f_avg_pooled",
    "krippendorff_alpha",
    "mcc",
    "merge_spans",
    "partial_match_f1",
    "precision_recall_f1",
    "score_bins",
    "word_counts",
    "word_f1",
    "word_gold",
]
