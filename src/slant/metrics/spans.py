"""Partial-match scores of character spans, half-open `(start, end)` in code points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from slant.errors import DataError

__all__ = ["covered_share", "merge_spans", "partial_match_f1", "span_array"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Spans = Sequence[tuple[int, int]] | Ints


def span_array(spans: Spans) -> Ints:
    """Spans as an `(m, 2)` array. Raises DataError for a negative offset or a span that holds no character."""
    table = np.asarray(spans, np.int64).reshape(-1, 2)
    bad = np.flatnonzero((table[:, 0] < 0) | (table[:, 0] >= table[:, 1]))
    if len(bad):
        raise DataError(
            f"the span {tuple(table[bad[0]].tolist())} is not a stretch of text",
            where=f"span {bad[0]}",
            remedy="Give half-open offsets with 0 <= start < end",
        )
    return table


def merge_spans(spans: Spans) -> Ints:
    """The spans in reading order as `(m, 2)`, those that share a character joined into one; touching spans stay apart."""
    table = span_array(spans)
    if not len(table):
        return table
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    reach = np.maximum.accumulate(table[:, 1])
    first = np.flatnonzero(np.r_[True, table[1:, 0] >= reach[:-1]])
    return np.stack([table[first, 0], np.maximum.reduceat(table[:, 1], first)], axis=1)


def covered_share(spans: Ints, by: Ints) -> Floats:
    """The share of each span's characters that lies in `by`, `(m,)` in [0, 1]; both as `merge_spans` returns them."""
    if not len(by):
        return np.zeros(len(spans))
    before = np.r_[0, np.cumsum(by[:, 1] - by[:, 0])]

    def characters_below(offsets: Ints) -> Ints:
        begun = np.searchsorted(by[:, 0], offsets, side="right")
        cut_off = np.maximum(by[np.maximum(begun - 1, 0), 1] - offsets, 0)
        return np.asarray(np.where(begun > 0, before[begun] - cut_off, 0))

    return np.asarray((characters_below(spans[:, 1]) - characters_below(spans[:, 0])) / (spans[:, 1] - spans[:, 0]))


def partial_match_f1(gold: Sequence[Spans], pred: Sequence[Spans]) -> tuple[float, float, float]:
    """Precision, recall and F1 of SemEval-2020 Task 11's span identification (Da San Martino et al. 2020, section 4.1).

    `gold[i]` and `pred[i]` are the `(start, end)` spans of document i. Precision is the mean over predicted spans of the share of
    their characters that is gold, recall the mean over gold spans of the share that is predicted; documents are pooled. Spans of
    a document that share a character are merged first: the scorer does so to predictions, the task's gold has none, and doing it
    to both keeps precision at or below 1. A mean over no spans is 0. Raises DataError for spans without a character and for
    lists of different length.
    """
    if len(gold) != len(pred):
        raise DataError(f"{len(gold)} documents with gold spans but {len(pred)} with predicted ones", remedy="Give one list each")
    pairs = [(merge_spans(true), merge_spans(said)) for true, said in zip(gold, pred, strict=True)]
    precisions = np.concatenate([np.zeros(0), *(covered_share(said, true) for true, said in pairs)])
    recalls = np.concatenate([np.zeros(0), *(covered_share(true, said) for true, said in pairs)])
    precision = float(precisions.mean()) if len(precisions) else 0.0
    recall = float(recalls.mean()) if len(recalls) else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0
