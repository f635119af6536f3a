"""Curves of a ranking: true against false positives, precision against recall."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import numpy.typing as npt

from slant.evaluation.predictions import Predictions
from slant.labels import get_task
from slant.metrics import word_gold

__all__ = ["RankingCurve", "ranking_curve", "ranking_curves"]


class RankingCurve(TypedDict):
    """The points of one score's ranking, in order of falling threshold.

    `roc` holds (false-positive rate, true-positive rate) from (0, 0) to (1, 1); `pr` (recall, precision) from the strictest threshold on.
    `positives` is the share of positives, the precision of calling all positive; n counts what is ranked.
    """

    name: str
    n: int
    positives: float
    roc: list[tuple[float, float]]
    pr: list[tuple[float, float]]


def ranking_curves(predictions: Predictions) -> list[RankingCurve]:
    """A curve for each label that ranks rows (the positive one, or each against the rest), and one for the words where they are scored.

    Rows of several folds and seeds are pooled. A curve without a positive or without a negative is left out.
    """
    rows = predictions.select(predictions.label_index("gold") >= 0)
    gold, p, labels = rows.label_index("gold"), rows.probabilities(), rows.meta.labels
    positive = get_task(rows.meta.task).positive
    ranked = [labels.index(positive)] if positive else range(len(labels))
    curves = [ranking_curve(labels[i], p[:, i], gold == i) for i in ranked]
    scored = ~(np.asarray(rows.table["word_scores"].is_null()) | np.asarray(rows.table["spans_gold"].is_null()))
    if scored.any():
        curves.append(_word_curve(rows.select(scored)))
    return [curve for curve in curves if curve is not None]


def ranking_curve(name: str, scores: npt.ArrayLike, positive: npt.ArrayLike, *, points: int = 200) -> RankingCurve | None:
    """The curve of n scores against n true/false golds, thinned to about `points` of its thresholds; None where all golds are alike.

    Equal scores are one threshold. Kept are those at even steps along the ranking, the first and the last.
    """
    values, truth = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if truth.all() or not truth.any():
        return None
    order = np.argsort(-values, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(values[order]) != 0, True])
    hits, called = np.cumsum(truth[order])[ends], ends + 1.0
    kept = np.unique(np.searchsorted(called, np.linspace(called[0], called[-1], points)))
    hits, called = hits[kept], called[kept]
    tpr, fpr = hits / truth.sum(), (called - hits) / (~truth).sum()
    return RankingCurve(
        name=name,
        n=len(values),
        positives=float(truth.mean()),
        roc=[(0.0, 0.0), *zip(fpr.tolist(), tpr.tolist(), strict=True)],
        pr=list(zip(tpr.tolist(), (hits / called).tolist(), strict=True)),
    )


def _word_curve(rows: Predictions) -> RankingCurve | None:
    told = rows.table.select(["word_starts", "word_ends", "word_scores", "spans_gold"]).to_pylist()
    gold = [word_gold(row["word_starts"], row["word_ends"], [(span["start"], span["end"]) for span in row["spans_gold"]]) for row in told]
    scores = [row["word_scores"] for row in told]
    return ranking_curve("loaded words", np.concatenate([np.zeros(0), *scores]), np.concatenate([np.zeros(0, bool), *gold]))
