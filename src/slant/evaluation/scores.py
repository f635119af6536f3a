"""From a predictions table to what may be said about it: each metric with its interval, its support and the trivial floors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from slant.errors import DataError
from slant.evaluation.bootstrap import Floats, Weights, group_weights, interval
from slant.evaluation.families import Family, metric_families
from slant.evaluation.predictions import Predictions, predictions_hash

__all__ = ["score"]

#: Above this many unique scores a ranking's interval, never its value, is computed on quantile bins.
RANKING_BINS = 4096
#: A metric undefined in more than this share of resamples has no honest interval.
UNDEFINED_SHARE = 0.05


def score(
    predictions: Predictions,
    *,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    split: str | None = None,
    floors: Mapping[str, Predictions] | None = None,
) -> dict[str, Any]:
    """Every metric of one split of a predictions table, ready for JSON.

    `metrics[name]` is {"value", "lo", "hi", "n", "groups"} and, where one of them is null, "reason". The interval is the
    percentile interval over `resamples` draws of whole groups; n counts rows, for `word_*` words. Rows of several folds and
    seeds are pooled, and a group is drawn with all of them. Rows without gold, or without gold spans, are left out of the
    metrics that need them and counted (`rows_without_gold`, `rows_without_spans`). Abstained rows count with their `pred`;
    `coverage` is the share of rows not abstained. A word counts as predicted when a span in `spans_pred` touches it, so that what
    is shipped is judged. Words a model did not read (`rows_truncated`) are judged by `span_partial_f1` only. AUROC and average
    precision are exact; their intervals too while there are at most 4,096 unique scores, above that on quantile bins.

    `floors` are predictions of trivial models over the same rows (seeds may differ), scored alike and with the same resamples; each
    floor's `difference[name]` is {"value", "lo", "hi"} of ours minus the floor's.
    Raises DataError for a split that is not there, for several splits when none is named, and for floors over other rows.
    """
    chosen = _one_split(predictions, split)
    name = str(chosen.column("split")[0])
    result, ours = _scored(chosen, resamples, seed, level)
    result["bootstrap"] = {"unit": "group", "resamples": resamples, "seed": seed, "level": level}
    result["floors"] = {}
    for floor, other in (floors or {}).items():
        below = _one_split(other, name)
        _check_same_rows(chosen, below, floor)
        result["floors"][floor], theirs = _scored(below, resamples, seed, level)
        result["floors"][floor]["difference"] = _differences(result, result["floors"][floor], ours, theirs, level)
    return result


def _differences(
    result: dict[str, Any], below: dict[str, Any], ours: dict[str, Floats], theirs: dict[str, Floats], level: float
) -> dict[str, dict[str, float]]:
    """Ours minus the floor's, metric by metric, with the interval of the difference: both are of the same draws of groups."""
    found = {}
    for name in ours.keys() & theirs.keys():
        value, other = result["metrics"][name]["value"], below["metrics"][name]["value"]
        low, high = interval(ours[name] - theirs[name], level)
        found[name] = {"value": value - other, "lo": low, "hi": high}
    return dict(sorted(found.items()))


def _one_split(predictions: Predictions, split: str | None) -> Predictions:
    splits = sorted(set(predictions.column("split").tolist()))
    if split is None:
        if len(splits) > 1:
            problem = f"the table holds several splits ({', '.join(splits)}), which are never scored together"
            raise DataError(problem, where=predictions.where, remedy="Name one with split=")
        return predictions
    if split not in splits:
        raise DataError(f"no rows of split {split!r}", where=predictions.where, remedy=f"It holds {', '.join(splits)}")
    return predictions.select(predictions.column("split") == split)


def _check_same_rows(ours: Predictions, floor: Predictions, name: str) -> None:
    if (ours.meta.task, ours.meta.task_version) != (floor.meta.task, floor.meta.task_version):
        problem = f"the floor {name!r} is of task {floor.meta.task!r} version {floor.meta.task_version}"
        raise DataError(problem, where=floor.where, remedy=f"Predict {ours.meta.task!r} version {ours.meta.task_version}")
    columns = ("fold", "id", "group", "gold")
    keys = [set(zip(*map(table.column, columns), strict=True)) for table in (ours, floor)]
    if differing := sorted(keys[0] ^ keys[1], key=repr):
        problem = f"the floor {name!r} differs in {len(differing)} rows (fold, id, group, gold), first {differing[0]!r}"
        raise DataError(problem, where=floor.where, remedy="Predict the floor over the same corpus and split")


def _scored(predictions: Predictions, resamples: int, seed: int, level: float) -> tuple[dict[str, Any], dict[str, Floats]]:
    """The scores, and each metric's values in the resamples, where it has an interval."""
    meta = predictions.meta
    drawn: dict[int, Weights] = {}
    metrics: dict[str, dict[str, Any]] = {}
    resampled: dict[str, Floats] = {}
    for family in metric_families(predictions):
        n_groups = len(family.groups)
        if n_groups > 1 and n_groups not in drawn:
            drawn[n_groups] = group_weights(n_groups, resamples, seed)
        entries, samples = _entries(family, drawn.get(n_groups), level)
        metrics |= entries
        resampled |= samples
    gold = predictions.label_index("gold")
    scores = {
        "task": meta.task,
        "task_version": meta.task_version,
        "labels": list(meta.labels),
        "model": meta.model,
        "split": str(predictions.column("split")[0]),
        "metrics": metrics,
        "support": {label: int((gold == index).sum()) for index, label in enumerate(meta.labels)},
        "rows": len(predictions),
        "rows_without_gold": int((gold < 0).sum()),
        "rows_without_spans": int(predictions.table["spans_gold"].null_count),
        "rows_truncated": int(predictions.column("truncated").sum()),
        "seeds": np.unique(predictions.column("seed")).tolist(),
        "folds": np.unique(predictions.column("fold")).tolist(),
        "fingerprints": {
            "corpus": meta.corpus_fingerprint,
            "split": meta.split_fingerprint,
            "predictions": predictions_hash(predictions),
        },
    }
    return scores, resampled


def _entries(family: Family, weights: Weights | None, level: float) -> tuple[dict[str, dict[str, Any]], dict[str, Floats]]:
    n_groups = len(family.groups)
    blank = {"value": None, "lo": None, "hi": None, "n": family.units, "groups": n_groups}
    if not family.units:
        return {name: blank | {"reason": "no row has a gold label"} for name in family.names}, {}
    values = family.compute(np.ones((1, n_groups), np.float32), None)
    samples = {} if weights is None else family.compute(weights, RANKING_BINS)
    entries: dict[str, dict[str, Any]] = {}
    kept: dict[str, Floats] = {}
    for name in family.names:
        value = float(values[name][0])
        if math.isnan(value):
            entries[name] = blank | {"reason": family.undefined[name]}
            continue
        entries[name] = blank | {"value": value}
        if weights is None:
            entries[name]["reason"] = "one group only, so no interval"
            continue
        undefined = float(np.isnan(samples[name]).mean())
        if undefined > UNDEFINED_SHARE:
            entries[name]["reason"] = f"undefined in {undefined:.0%} of the resamples, so no interval"
            continue
        entries[name]["lo"], entries[name]["hi"] = interval(samples[name], level)
        kept[name] = samples[name]
    return entries, kept
