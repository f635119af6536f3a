"""The metrics of a predictions table, by what they judge: sentences, words, spans. Each is a function of group weights.

A family's `compute(weights, limit)` gives each metric in each of R resamples from weights `(R, G)`, so that the value itself is
the same code with one row of ones. It is made of sums over groups and of rankings, which a comparison takes by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from slant.evaluation.bootstrap import Floats, Weights, ranking_samples
from slant.evaluation.predictions import Predictions
from slant.labels import get_task
from slant.metrics import (
    ECE_BINS,
    accuracy,
    auroc_from_histograms,
    average_precision_from_histograms,
    brier_rows,
    calibration_bins,
    calibration_gaps,
    covered_share,
    f1_macro,
    f1_per_class,
    f1_weighted,
    f_avg_pooled,
    mcc,
    merge_spans,
    precision_recall_f1,
    word_gold,
)

__all__ = ["Family", "Ranking", "metric_families"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ranking:
    """A metric of the order in which scores put units: n scores, n golds, and n numbers of the groups that the units are of."""

    metric: Callable[[Floats, Floats], Floats]
    scores: Floats
    positive: npt.NDArray[np.bool_]
    groups: Ints


@dataclass(frozen=True)
class Family:
    """Metrics that judge the same units and so share their groups.

    Attributes:
        names: the metrics, in the order of their reporting.
        units: how many rows, or words, they judge.
        groups: the names of the groups those units come from, sorted; the columns of `weights`.
        statistics: what each group adds, `(G, S)`.
        measure: their weighted sums `(R, S)` to metrics `(R,)`, NaN where undefined.
        rankings: by metric, one or several whose mean it is; NaN where undefined.
        undefined: why a metric may be undefined, by its name.
    """

    names: tuple[str, ...]
    units: int
    groups: tuple[str, ...]
    statistics: Floats
    measure: Callable[[Floats], dict[str, Floats]]
    undefined: dict[str, str] = field(default_factory=dict)
    rankings: dict[str, tuple[Ranking, ...]] = field(default_factory=dict)

    def compute(self, weights: Weights, limit: int | None) -> dict[str, Floats]:
        """Each metric's values `(R,)` from weights `(R, G)` and a limit of ranking bins (None: exact)."""
        values = self.measure(weights.astype(np.float64) @ self.statistics)
        for name, parts in self.rankings.items():
            each = [ranking_samples(part.metric, part.scores, part.positive, part.groups, weights, limit=limit) for part in parts]
            values[name] = np.mean(each, axis=0)
        return values


def metric_families(predictions: Predictions) -> list[Family]:
    """The families a table can be judged by: sentences and coverage always, words and spans where both sides are there."""
    families = [_sentences(predictions), _coverage(predictions), *_targets(predictions)]
    spanned = ~(np.asarray(predictions.table["spans_gold"].is_null()) | np.asarray(predictions.table["spans_pred"].is_null()))
    worded = spanned & ~np.asarray(predictions.table["word_scores"].is_null())
    if worded.any():
        families.append(_words(predictions.select(worded)))
    if spanned.any():
        families.append(_spans(predictions.select(spanned)))
    return families


def _grouped(predictions: Predictions) -> tuple[tuple[str, ...], Ints]:
    names, codes = np.unique(predictions.column("group").astype(str), return_inverse=True)
    return tuple(names.tolist()), codes.astype(np.int64)


def _sums(groups: Ints, n_groups: int, values: Floats | None = None, bins: Ints | None = None, n_bins: int = 1) -> Floats:
    """`values` (or 1 a row) summed by group and bin, `(G, n_bins)`."""
    cells = groups * n_bins + (0 if bins is None else bins)
    return np.bincount(cells, weights=values, minlength=n_groups * n_bins).reshape(n_groups, n_bins).astype(np.float64)


def _sentences(predictions: Predictions) -> Family:
    task, labels = get_task(predictions.meta.task), predictions.meta.labels
    k, rows = len(labels), predictions.select(predictions.label_index("gold") >= 0)
    gold, pred, probabilities = rows.label_index("gold"), rows.label_index("pred"), rows.probabilities()
    names, groups = _grouped(rows)
    n_groups = len(names)
    confidence = probabilities[np.arange(len(rows)), pred]
    statistics = np.hstack(
        [
            _sums(groups, n_groups, bins=gold * k + pred, n_bins=k * k),
            _sums(groups, n_groups, calibration_gaps(confidence, pred == gold), calibration_bins(confidence), ECE_BINS),
            _sums(groups, n_groups, brier_rows(probabilities, gold)),
        ]
    )
    ranked = [labels.index(task.positive)] if task.positive else list(range(k))

    def measure(totals: Floats) -> dict[str, Floats]:
        counts = totals[:, : k * k].reshape(-1, k, k)
        n = counts.sum((1, 2))
        per_class = f1_per_class(counts)
        values = {"accuracy": accuracy(counts), "macro_f1": f1_macro(counts), "weighted_f1": f1_weighted(counts)}
        values |= {f"f1_{label}": per_class[:, index] for index, label in enumerate(labels)}
        if {"favor", "against"} <= set(labels):
            values["f_avg_pooled"] = f_avg_pooled(counts, favor=labels.index("favor"), against=labels.index("against"))
        values |= {"mcc": mcc(counts), "brier": totals[:, -1] / n}
        return values | {"ece": np.abs(totals[:, k * k : -1]).sum(1) / n}

    areas = tuple(Ranking(auroc_from_histograms, probabilities[:, label], gold == label, groups) for label in ranked)

    present = {labels[index] for index in np.unique(gold)}
    absent = [label for label in labels if label not in present]
    reason = f"no gold row is labelled {' or '.join(absent)}" if absent else ""
    names_of_metrics = ("accuracy", "macro_f1", "weighted_f1", *(f"f1_{label}" for label in labels))
    names_of_metrics += ("f_avg_pooled",) if {"favor", "against"} <= set(labels) else ()
    named = (*names_of_metrics, "mcc", "auroc", "brier", "ece")
    return Family(named, len(rows), names, statistics, measure, {"auroc": reason}, {"auroc": areas})


#: With more targets than this a score for each says nothing.
MAX_TARGETS = 20


def _targets(predictions: Predictions) -> list[Family]:
    """For a stance table of two to twenty targets: the mean over targets of F_avg, and each target's own F_avg and macro F1.

    F_avg is the mean F1 of favor and against (SemEval-2016 Task 6, Mohammad et al. 2016); its mean over targets weighs them alike, where
    `f_avg_pooled` weighs them by their rows.
    """
    labels = predictions.meta.labels
    rows = predictions.select(predictions.label_index("gold") >= 0)
    names = sorted({target for target in rows.column("target").tolist() if target is not None})
    if not {"favor", "against"} <= set(labels) or not 2 <= len(names) <= MAX_TARGETS:
        return []
    favor, against, k = labels.index("favor"), labels.index("against"), len(labels)

    def judged(chosen: Predictions, targets: list[str]) -> tuple[tuple[str, ...], Floats]:
        groups_named, groups = _grouped(chosen)
        number = np.array([targets.index(target) for target in chosen.column("target").tolist()], np.int64)
        cells = (number * k + chosen.label_index("gold")) * k + chosen.label_index("pred")
        return groups_named, _sums(groups, len(groups_named), bins=cells, n_bins=len(targets) * k * k)

    def mean_family() -> Family:
        chosen = rows.select(np.array([target is not None for target in rows.column("target").tolist()]))
        groups, statistics = judged(chosen, names)

        def measure(totals: Floats) -> dict[str, Floats]:
            counts = totals.reshape(-1, len(names), k, k)
            each = [f_avg_pooled(counts[:, i], favor=favor, against=against) for i in range(len(names))]
            return {"f_avg_mean_over_targets": np.mean(each, axis=0)}

        return Family(("f_avg_mean_over_targets",), len(chosen), groups, statistics, measure)

    def one_family(name: str) -> Family:
        chosen = rows.select(rows.column("target") == name)
        groups, statistics = judged(chosen, [name])

        def measure(totals: Floats) -> dict[str, Floats]:
            counts = totals.reshape(-1, k, k)
            return {f"f_avg/{name}": f_avg_pooled(counts, favor=favor, against=against), f"macro_f1/{name}": f1_macro(counts)}

        return Family((f"f_avg/{name}", f"macro_f1/{name}"), len(chosen), groups, statistics, measure)

    return [mean_family(), *(one_family(name) for name in names)]


def _coverage(predictions: Predictions) -> Family:
    names, groups = _grouped(predictions)
    statistics = np.hstack([_sums(groups, len(names), (~predictions.column("abstained")).astype(np.float64)), _sums(groups, len(names))])

    def measure(totals: Floats) -> dict[str, Floats]:
        return {"coverage": totals[:, 0] / totals[:, 1]}

    return Family(("coverage",), len(predictions), names, statistics, measure)


def _list_lengths(predictions: Predictions, name: str) -> Ints:
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(predictions.table[name]).to_numpy(), np.int64)


def _stride(predictions: Predictions) -> int:
    """More than any offset: row i's offsets moved by i strides make one long text in which no two rows touch."""
    import pyarrow.compute as pc

    return int(pc.max(pc.utf8_length(predictions.table["text"])).as_py()) + 1


def _moved_spans(predictions: Predictions, name: str) -> Ints:
    begin = np.repeat(np.arange(len(predictions)) * _stride(predictions), _list_lengths(predictions, name))
    starts, ends = predictions.table[name].combine_chunks().flatten().flatten()[:2]
    return np.stack([starts.to_numpy() + begin, ends.to_numpy() + begin], axis=1)


def _words(predictions: Predictions) -> Family:
    names, row_groups = _grouped(predictions)
    counts = _list_lengths(predictions, "word_scores")
    begin = np.repeat(np.arange(len(predictions)) * _stride(predictions), counts)
    starts, ends, scores = (predictions.table[f"word_{part}"].combine_chunks().flatten().to_numpy() for part in ("starts", "ends", "scores"))
    gold, pred = (word_gold(starts + begin, ends + begin, _moved_spans(predictions, f"spans_{side}")) for side in ("gold", "pred"))
    groups = np.repeat(row_groups, counts)
    statistics = np.hstack([_sums(groups, len(names), side.astype(np.float64)) for side in (gold & pred, pred, gold)])

    def measure(totals: Floats) -> dict[str, Floats]:
        precision, recall, f1 = precision_recall_f1(*totals.T)
        return {"word_f1": f1, "word_precision": precision, "word_recall": recall}

    named = ("word_f1", "word_precision", "word_recall", "word_ap")
    ranking = Ranking(average_precision_from_histograms, scores, gold, groups)
    return Family(named, len(scores), names, statistics, measure, {"word_ap": "no word lies in a gold span"}, {"word_ap": (ranking,)})


def _spans(predictions: Predictions) -> Family:
    names, row_groups = _grouped(predictions)
    gold, pred = (merge_spans(_moved_spans(predictions, f"spans_{side}")) for side in ("gold", "pred"))
    columns = []
    for spans, by in ((pred, gold), (gold, pred)):
        groups = row_groups[spans[:, 0] // _stride(predictions)]
        columns += [_sums(groups, len(names), covered_share(spans, by)), _sums(groups, len(names))]
    statistics = np.hstack(columns)

    def measure(totals: Floats) -> dict[str, Floats]:
        hits_pred, n_pred, hits_gold, n_gold = totals.T
        precision = np.divide(hits_pred, n_pred, out=np.zeros(len(totals)), where=n_pred > 0)
        recall = np.divide(hits_gold, n_gold, out=np.zeros(len(totals)), where=n_gold > 0)
        total = precision + recall
        return {"span_partial_f1": np.divide(2 * precision * recall, total, out=np.zeros(len(totals)), where=total > 0)}

    return Family(("span_partial_f1",), len(predictions), names, statistics, measure)
