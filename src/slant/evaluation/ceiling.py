"""How well people do what the model is asked to do: against annotators' votes, and against a second round of annotation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from slant.evaluation.bootstrap import Floats
from slant.evaluation.comparison.shape import Estimate
from slant.evaluation.predictions import Predictions, make_predictions
from slant.evaluation.ratios import draw_groups
from slant.evaluation.scores import score
from slant.metrics import word_gold
from slant.records import Span

__all__ = ["RoundCeiling", "RoundMetric", "SecondMark", "VoteCeiling", "alpha_of_counts", "round_ceiling", "vote_ceiling"]

#: What a round of labels and spans can be judged by; it has no probabilities.
_JUDGED = ("macro_f1", "f_avg_pooled", "accuracy", "word_f1", "span_partial_f1")
#: A probability of 0 costs as much as this one: one sure mistake must not make the mean infinite.
_LEAST = 1e-12


class VoteCeiling(TypedDict):
    """The model's probabilities p against the shares q of the votes, over the rows that have votes; logarithms are natural.

    `soft_cross_entropy` is the mean of -sum q log p; `vote_entropy`, that of the votes themselves, is the least it can be, and `excess` their
    difference (the Kullback-Leibler divergence). `prior_cross_entropy` is what the votes' overall shares would get. `total_variation` is half
    the sum of |q - p|, `jensen_shannon` the divergence in bits (0 to 1; both as in Uma et al. 2021, section 4). `model_agreement` is the
    chance that a voter drawn at random gives the model's label, `best_agreement` the same of each row's most frequent vote: no single label
    can do better. `annotator_agreement` is the chance that two voters of a row agree; None where the votes are shares without counts.
    """

    rows: int
    groups: int
    votes_a_row: float | None
    soft_cross_entropy: Estimate
    vote_entropy: Estimate
    excess: Estimate
    prior_cross_entropy: Estimate
    total_variation: Estimate
    jensen_shannon: Estimate
    model_agreement: Estimate
    best_agreement: Estimate
    annotator_agreement: Estimate | None


class RoundMetric(TypedDict):
    """A metric of the second round and of the model, both against gold over the same rows, and the model's minus the round's."""

    metric: str
    human: dict[str, Any]
    model: dict[str, Any]
    difference: dict[str, float] | None


class RoundCeiling(TypedDict):
    """A second round of annotation scored as if it were a model. `alpha` is Krippendorff's, between gold and the round.

    The metrics' entries are those of `slant.evaluation.score`.
    """

    rows: int
    groups: int
    alpha: Estimate
    metrics: list[RoundMetric]


@dataclass(frozen=True)
class SecondMark:
    """What a second annotator said of a row: its label and, where spans were asked for, the (start, end) of each in code points."""

    label: str
    spans: Sequence[tuple[int, int]] | None = None


def vote_ceiling(predictions: Predictions, *, resamples: int = 2000, seed: int = 0, level: float = 0.95) -> VoteCeiling | None:
    """What `label_votes` say of the model and of the task, or None where no row has votes. Intervals are over groups."""
    rows = predictions.select(~np.asarray(predictions.table["label_votes"].is_null()))
    if not len(rows):
        return None
    votes = np.array(rows.table["label_votes"].to_pylist(), np.float64)
    counts = votes.sum(axis=1)
    q, p, pred = votes / counts[:, None], rows.probabilities(), rows.label_index("pred")
    middle = (p + q) / 2
    prior = np.broadcast_to(votes.sum(axis=0) / votes.sum(), q.shape)
    means = {
        "soft_cross_entropy": _cross_entropy(q, p),
        "vote_entropy": _cross_entropy(q, q),
        "excess": _cross_entropy(q, p) - _cross_entropy(q, q),
        "prior_cross_entropy": _cross_entropy(q, prior),
        "total_variation": np.abs(p - q).sum(axis=1) / 2,
        "jensen_shannon": (_cross_entropy(middle, middle) - (_cross_entropy(p, p) + _cross_entropy(q, q)) / 2) / np.log(2),
        "model_agreement": q[np.arange(len(rows)), pred],
        "best_agreement": q.max(axis=1),
    }
    # Whole numbers that sum to two or more are counts of voters; only these tell how often two of them agree.
    counted = (votes == votes.round()).all(axis=1) & (counts >= 2)
    pairs = np.maximum(counts * (counts - 1), 1)
    agree = (votes * (votes - 1)).sum(axis=1) / pairs
    draws = draw_groups(rows, resamples=resamples, seed=seed, level=level)
    ones = np.ones(len(rows))
    tops = np.stack([*means.values(), np.where(counted, agree, 0)], axis=1)
    *found, pairwise = draws.ratios(tops, np.stack([*[ones] * len(means), counted], axis=1))
    told = dict(zip(means, found, strict=True))
    return VoteCeiling(
        rows=len(rows),
        groups=found[0]["groups"],
        votes_a_row=float(counts[counted].mean()) if counted.any() else None,
        soft_cross_entropy=told["soft_cross_entropy"],
        vote_entropy=told["vote_entropy"],
        excess=told["excess"],
        prior_cross_entropy=told["prior_cross_entropy"],
        total_variation=told["total_variation"],
        jensen_shannon=told["jensen_shannon"],
        model_agreement=told["model_agreement"],
        best_agreement=told["best_agreement"],
        annotator_agreement=pairwise if counted.any() else None,
    )


def round_ceiling(
    predictions: Predictions, second: Mapping[str, SecondMark], *, resamples: int = 2000, seed: int = 0, level: float = 0.95
) -> RoundCeiling | None:
    """What a second round says of one split's rows, by their id, and the model's answers, both against gold; None where no row has both.

    Rows of several seeds are pooled. Both are judged on the same rows and the same draws of groups. Raises DataError for a label that is
    not the task's and for spans outside their text.
    """
    known = np.array([name in second for name in predictions.column("id").tolist()], bool)
    rows = predictions.select(known & (predictions.label_index("gold") >= 0))
    if not len(rows):
        return None
    human = _as_predictions(rows, second)
    settings: dict[str, Any] = {"resamples": resamples, "seed": seed, "level": level}
    found = score(rows, floors={"round": human}, **settings)
    round_scores = found["floors"]["round"]
    metrics = [
        RoundMetric(metric=name, human=theirs, model=found["metrics"][name], difference=round_scores["difference"].get(name))
        for name in _JUDGED
        if name in found["metrics"] and (theirs := round_scores["metrics"].get(name)) is not None
    ]
    draws, k = draw_groups(rows, **settings), len(rows.meta.labels)
    value, samples = draws.of_counts(rows.label_index("gold") * k + human.label_index("pred"), k, alpha_of_counts)
    groups = int(draws.groups.max()) + 1
    alpha = draws.estimate(value, samples, len(rows), groups, "all labels are the same, so that agreement says nothing")
    return RoundCeiling(rows=len(rows), groups=groups, alpha=alpha, metrics=metrics)


def _as_predictions(rows: Predictions, second: Mapping[str, SecondMark]) -> Predictions:
    """The round's marks as a model's answers over the same rows; a word is held loaded when a span of the round touches it."""
    columns = {name: rows.table[name].to_pylist() for name in rows.table.column_names}
    marks = [second[name] for name in columns["id"]]
    columns["pred"] = [mark.label for mark in marks]
    columns |= {f"p_{label}": [float(mark.label == label) for mark in marks] for label in rows.meta.labels}
    columns["spans_pred"] = [None if mark.spans is None else [Span(start, end) for start, end in mark.spans] for mark in marks]
    places = zip(columns["word_starts"], columns["word_ends"], marks, strict=True)
    columns["word_scores"] = [
        None if starts is None or mark.spans is None else word_gold(starts, ends, list(mark.spans)).astype(float).tolist()
        for starts, ends, mark in places
    ]
    for part in ("word_starts", "word_ends"):
        columns[part] = [None if scores is None else told for told, scores in zip(columns[part], columns["word_scores"], strict=True)]
    columns["abstained"] = [False] * len(rows)
    return make_predictions(columns, rows.meta, where="the second round of annotation")


def alpha_of_counts(counts: Floats) -> Floats:
    """Krippendorff's nominal alpha of two raters without gaps, `(…)` from their joint counts `(…, k, k)`; NaN where all labels are one.

    The same as `slant.metrics.krippendorff_alpha`, over leading axes.
    """
    coincidences = counts + np.swapaxes(counts, -1, -2)
    margins = coincidences.sum(axis=-1)
    total = margins.sum(axis=-1)
    observed = total - np.trace(coincidences, axis1=-2, axis2=-1)
    expected = (total**2 - (margins**2).sum(axis=-1)) / (total - 1)
    return np.asarray(1 - np.divide(observed, expected, out=np.full(np.shape(observed), np.nan), where=expected > 0))


def _cross_entropy(q: Floats, p: Floats) -> Floats:
    """-sum q log p of each row, `(n,)` nats; where q is 0 nothing is added, whatever p is."""
    return np.asarray(-(q * np.log(np.maximum(p, _LEAST))).sum(axis=-1))
