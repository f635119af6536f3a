"""Slices of the test rows: by what describes them, how long they are, and how far their annotators agreed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slant.evaluation.bootstrap import Floats, Weights, group_weights, interval
from slant.evaluation.comparison.resampling import over_seeds, seed_weights
from slant.evaluation.comparison.shape import Estimate, Slice, SliceDifference
from slant.evaluation.comparison.sides import Rows, rows_of
from slant.evaluation.comparison.significance import holm, normal_p
from slant.evaluation.predictions import Predictions
from slant.evaluation.scores import UNDEFINED_SHARE
from slant.metrics import accuracy, f1_macro

__all__ = [
    "MIN_ROWS",
    "SLICE_COLUMNS",
    "SliceRows",
    "SliceSamples",
    "slice_differences",
    "slice_estimates",
    "slice_rows",
    "slice_samples",
    "slices",
]

#: Slices of fewer rows are left out, and a column shows this many of its largest values.
MIN_ROWS, MAX_VALUES = 10, 40
#: Draws of fewer groups than this say nothing of others like them.
MIN_GROUPS = 5
SLICE_COLUMNS = ("outlet", "leaning", "topic", "target", "voice", "length", "agreement")
METRICS = ("macro_f1", "accuracy")
#: Upper ends, in words between spaces.
_LENGTHS = ((10, "1–10 words"), (20, "11–20 words"), (30, "21–30 words"), (40, "31–40 words"), (10**9, "over 40 words"))
#: Lower ends of the share of votes that the most voted label has.
_AGREEMENT = ((1.0, "all agree"), (0.8, "80 % or more agree"), (0.6, "60–80 % agree"), (0.0, "under 60 % agree"))


@dataclass(frozen=True)
class SliceRows:
    """A slice's row numbers in order, and how many groups they are of."""

    column: str
    value: str
    rows: npt.NDArray[np.int64]
    groups: int


@dataclass(frozen=True)
class SliceSamples:
    """By metric, values `(S,)` of each slice and its resamples `(R, S)`; all rows come last, as one more slice. NaN where undefined."""

    values: dict[str, Floats]
    samples: dict[str, Floats]


def slices(tables: Sequence[Predictions], *, resamples: int = 2000, seed: int = 0, level: float = 0.95) -> list[Slice]:
    """Each slice's macro F1 and accuracy with intervals, of tables (a seed each) of the same rows in the same order (`seed_tables`).

    Columns with a single value, and slices of fewer than 10 rows with gold, are left out. macro F1 is None where a label is missing from the
    slice's gold, since a label that cannot be found would count as 0.
    """
    rows = rows_of(tables[0])
    cut = slice_rows(tables[0], rows)
    weights = group_weights(len(rows.groups), resamples, seed)
    seeds = seed_weights([int(table.column("seed")[0]) for table in tables], resamples, seed)
    return slice_estimates(cut, slice_samples(tables, rows, cut, weights, seeds), level)


def slice_rows(predictions: Predictions, rows: Rows) -> list[SliceRows]:
    """The slices of a table's rows that have gold, by column and then by falling size."""
    labelled = predictions.label_index("gold") >= 0
    found = []
    for column in SLICE_COLUMNS:
        values = _values(predictions, column)
        known = labelled & np.array([value is not None for value in values])
        names, counts = np.unique(values[known].astype(str), return_counts=True)
        if len(names) < 2:
            continue
        for name in names[np.argsort(-counts, kind="stable")][:MAX_VALUES]:
            members = np.flatnonzero(known & (values == name))
            if len(members) >= MIN_ROWS:
                found.append(SliceRows(column, str(name), members, len(np.unique(rows.of_row[members]))))
    return found


def slice_samples(tables: Sequence[Predictions], rows: Rows, cut: Sequence[SliceRows], weights: Weights, seeds: Floats) -> SliceSamples:
    """The metrics of each slice and of all rows, as they are and in resamples, averaged over the tables."""
    gold = tables[0].label_index("gold")
    k, everything = len(tables[0].meta.labels), np.flatnonzero(gold >= 0)
    members = [*(one.rows for one in cut), everything]
    row = np.concatenate(members)
    number = np.repeat(np.arange(len(members)), [len(one) for one in members])
    width = len(members) * k * k
    values: dict[str, list[Floats]] = {name: [] for name in METRICS}
    samples: dict[str, list[Floats]] = {name: [] for name in METRICS}
    for table in tables:
        cells = (number * k + gold[row]) * k + table.label_index("pred")[row]
        counts = np.bincount(rows.of_row[row] * width + cells, minlength=len(rows.groups) * width).reshape(-1, width).astype(np.float32)
        for name, value in _metrics(counts.sum(0, keepdims=True), len(members), k).items():
            values[name].append(value[0])
        for name, value in _metrics(weights @ counts, len(members), k).items():
            samples[name].append(value)
    drawn = {name: over_seeds(np.array(values[name]), np.array(samples[name]), seeds) for name in METRICS}
    means = {name: np.mean(values[name], axis=0) for name in METRICS}
    for at, one in enumerate(members):
        if len(np.unique(gold[one])) < k:
            means["macro_f1"][at] = np.nan
    return SliceSamples(means, drawn)


def slice_estimates(cut: Sequence[SliceRows], found: SliceSamples, level: float) -> list[Slice]:
    """Each slice's metrics with intervals."""
    result = []
    for at, one in enumerate(cut):
        metrics: dict[str, Estimate] = {}
        for name in METRICS:
            value, samples = float(found.values[name][at]), found.samples[name][:, at]
            reason = _reason(one, value, samples)
            low, high = (None, None) if reason else interval(samples, level)
            shown = None if np.isnan(value) else value
            metrics[name] = {"value": shown, "lo": low, "hi": high, "n": len(one.rows), "groups": one.groups, "reason": reason}
        result.append(Slice(column=one.column, value=one.value, rows=len(one.rows), groups=one.groups, metrics=metrics))
    return result


def slice_differences(cut: Sequence[SliceRows], baseline: SliceSamples, candidate: SliceSamples, level: float) -> list[SliceDifference]:
    """Each slice's difference, candidate minus baseline, and how far it is from the difference over all rows.

    The latter's p takes its resamples for normal and is adjusted (Holm) over the slices of the same metric; slices without an interval have none.
    """
    result: list[SliceDifference] = []
    for name in METRICS:
        value = candidate.values[name] - baseline.values[name]
        samples = candidate.samples[name] - baseline.samples[name]
        entries, p_values = [], []
        for at, one in enumerate(cut):
            reason = _reason(one, float(value[at]), samples[:, at])
            entry = SliceDifference(
                column=one.column, value=one.value, metric=name, rows=len(one.rows), groups=one.groups,
                baseline=_or_none(baseline.values[name][at]), candidate=_or_none(candidate.values[name][at]), difference=_or_none(value[at]),
                lo=None, hi=None, apart=None, apart_lo=None, apart_hi=None, apart_p_adjusted=None, flag="", reason=reason,
            )  # fmt: skip
            result.append(entry)
            if reason:
                continue
            entry["lo"], entry["hi"] = interval(samples[:, at], level)
            if np.isnan(value[-1]):
                continue
            apart = samples[:, at] - samples[:, -1]
            difference = float(value[at] - value[-1])
            entry["apart"] = difference
            entry["apart_lo"], entry["apart_hi"] = interval(apart, level)
            entries.append(entry)
            p_values.append(normal_p(difference, float(np.nanstd(apart, ddof=1))))
        for entry, adjusted in zip(entries, holm(p_values), strict=True):
            entry["apart_p_adjusted"] = adjusted
            if adjusted < 1 - level:
                entry["flag"] = "against" if (entry["difference"] or 0.0) * value[-1] < 0 else "apart"
    return result


def _values(predictions: Predictions, column: str) -> npt.NDArray[np.object_]:
    if column == "length":
        lengths = [len(text.split()) for text in predictions.table["text"].to_pylist()]
        return np.array([next(name for end, name in _LENGTHS if length <= end) for length in lengths], object)
    if column == "agreement":
        votes = predictions.table["label_votes"].to_pylist()
        return np.array([None if vote is None else _agreement(vote) for vote in votes], object)
    return np.array(predictions.table[column].to_pylist(), object)


def _agreement(votes: Sequence[float]) -> str:
    # float32 shares such as 0.8 lie a little off themselves.
    share = max(votes) / sum(votes) + 1e-6
    return next(name for start, name in _AGREEMENT if share >= start)


def _metrics(totals: npt.NDArray[np.float32], n: int, k: int) -> dict[str, Floats]:
    counts = totals.astype(np.float64).reshape(-1, n, k, k)
    empty = counts.sum((-2, -1)) == 0
    return {name: np.where(empty, np.nan, measure(counts)) for name, measure in (("macro_f1", f1_macro), ("accuracy", accuracy))}


def _reason(one: SliceRows, value: float, samples: Floats) -> str:
    if np.isnan(value):
        return "a label is missing from the slice's gold"
    if one.groups < MIN_GROUPS:
        return f"{one.groups} group(s) only, so no interval"
    undefined = float(np.isnan(samples).mean())
    return f"undefined in {undefined:.0%} of the resamples, so no interval" if undefined > UNDEFINED_SHARE else ""


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
