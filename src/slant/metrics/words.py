"""Word-level scores of loaded language: a word is loaded when a span touches it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slant.metrics.confusion import precision_recall_f1
from slant.metrics.spans import Spans, merge_spans

__all__ = ["word_counts", "word_f1", "word_gold"]


def word_gold(word_starts: npt.ArrayLike, word_ends: npt.ArrayLike, spans: Spans) -> npt.NDArray[np.bool_]:
    """For each of n words, half-open in code points, whether it shares at least one character with a span, `(n,)`.

    Words and spans may stand in any order and spans may overlap. Raises DataError for a span that holds no character.
    """
    starts, ends = np.asarray(word_starts, np.int64), np.asarray(word_ends, np.int64)
    merged = merge_spans(spans)
    if not len(merged):
        return np.zeros(len(starts), bool)
    first_unpassed = np.searchsorted(merged[:, 1], starts, side="right")
    begins = np.append(merged[:, 0], np.iinfo(np.int64).max)[first_unpassed]
    return np.asarray((begins < ends) & (ends > starts))


def word_counts(gold: npt.ArrayLike, pred: npt.ArrayLike) -> tuple[int, int, int]:
    """True positives, predicted positives and gold positives of two true/false sequences over the same words."""
    true, said = np.asarray(gold, bool), np.asarray(pred, bool)
    return int((true & said).sum()), int(said.sum()), int(true.sum())


def word_f1(gold: npt.ArrayLike, pred: npt.ArrayLike) -> tuple[float, float, float]:
    """Precision, recall and binary F1 of the loaded words, from two true/false sequences; 0 where a denominator is 0."""
    precision, recall, f1 = precision_recall_f1(*word_counts(gold, pred))
    return float(precision), float(recall), float(f1)
