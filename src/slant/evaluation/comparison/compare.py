"""Is one side better than another? All that a reviewer asks, from predictions tables alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from slant.errors import ConfigError
from slant.evaluation.bootstrap import Weights, group_weights, interval
from slant.evaluation.comparison.changed import most_changed
from slant.evaluation.comparison.paired import Resampled, judge_pairs, resample, undefined
from slant.evaluation.comparison.reliability import abstention_of, calibration_of
from slant.evaluation.comparison.resampling import matched, seed_weights
from slant.evaluation.comparison.shape import Comparison, Estimate, McNemar, Pair, SideSummary
from slant.evaluation.comparison.sides import Rows, Side, align, rows_fingerprint, rows_of
from slant.evaluation.comparison.significance import mcnemar
from slant.evaluation.comparison.slices import (
    MIN_ROWS,
    SLICE_COLUMNS,
    SliceRows,
    SliceSamples,
    slice_differences,
    slice_estimates,
    slice_rows,
    slice_samples,
)
from slant.evaluation.comparison.sums import sums_of
from slant.evaluation.predictions import Predictions, predictions_hash
from slant.metrics import confusion_counts

__all__ = ["compare", "summarise_side"]

SCHEMA_VERSION = 1
#: Fewer groups than this, and percentile intervals are known to be too narrow.
FEW_GROUPS = 30


def compare(
    sides: Mapping[str, Sequence[Predictions]],
    *,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    metrics: Sequence[str] | None = None,
    split: str = "test",
) -> Comparison:
    """Each side after the first against the first, which is the baseline; see `slant.evaluation.comparison.shape` for what comes back.

    A side is one or more predictions tables of the same test rows: seeds of one configuration. Groups are resampled for all sides alike, and
    the seeds of a side, where it has several, as a second level. `metrics` names those that are judged, and so how many tests Holm's correction
    counts; without it, all that have a better direction and are not of a single target.

    Raises DataError for what `align` refuses, ConfigError for fewer than 100 resamples, a level outside (0.5, 1) and metrics that are not there.
    """
    _check_settings(resamples, level)
    aligned, rows = align(sides, split)
    weights = group_weights(len(rows.groups), resamples, seed)
    sums = iter(sums_of([table for side in aligned for table in side.tables], rows))
    found = [resample([next(sums) for _ in side.tables], side.seeds, weights, seed) for side in aligned]
    reference = aligned[0].tables[0]
    cut = slice_rows(reference, rows)
    sliced = [_sliced(side, rows, cut, weights, seed) for side in aligned]
    judged = judge_pairs(found, seed, level, metrics)
    pairs = [
        Pair(
            baseline=aligned[0].name,
            candidate=side.name,
            metrics=differences,
            mcnemar=_mcnemar(aligned[0], side),
            slices=slice_differences(cut, sliced[0], samples, level),
            changed=most_changed(aligned[0], side),
        )
        for side, samples, differences in zip(aligned[1:], sliced[1:], judged.differences, strict=True)
    ]
    gold = reference.label_index("gold")
    settings: dict[str, int | float | str] = {"resamples": resamples, "swaps": judged.swaps, "tests": judged.tests, "seed": seed, "level": level}
    return Comparison(
        schema_version=SCHEMA_VERSION,
        task=reference.meta.task,
        task_version=reference.meta.task_version,
        labels=list(reference.meta.labels),
        split=split,
        settings=settings | {"alpha": round(1 - level, 12), "unit": "group"},
        test={
            "fingerprint": rows_fingerprint(reference),
            "rows": len(reference),
            "groups": len(rows.groups),
            "support": {label: int((gold == index).sum()) for index, label in enumerate(reference.meta.labels)},
            "rows_without_gold": int((gold < 0).sum()),
        },
        sides=[_summary(*one, cut, weights, level) for one in zip(aligned, found, sliced, strict=True)],
        pairs=pairs,
        notes=_notes(aligned, found, rows, cut),
        warnings=[],
        config={},
        runs={},
    )


def summarise_side(name: str, tables: Sequence[Predictions], *, resamples: int = 2000, seed: int = 0, level: float = 0.95) -> SideSummary:
    """One side by itself: metrics, confusion, calibration, abstention and slices of tables as `seed_tables` gives them (a seed each).

    Raises DataError for rows of a single group, and as `compare` for its settings.
    """
    _check_settings(resamples, level)
    side, rows = Side(name, tuple(tables)), rows_of(tables[0])
    weights = group_weights(len(rows.groups), resamples, seed)
    cut = slice_rows(tables[0], rows)
    found = resample(sums_of(tables, rows), side.seeds, weights, seed)
    return _summary(side, found, _sliced(side, rows, cut, weights, seed), cut, weights, level)


def _check_settings(resamples: int, level: float) -> None:
    if resamples < 100 or not 0.5 < level < 1:
        raise ConfigError(f"{resamples} resamples at level {level}", remedy="Give at least 100 resamples and a level between 0.5 and 1")


def _sliced(side: Side, rows: Rows, cut: Sequence[SliceRows], weights: Weights, seed: int) -> SliceSamples:
    return slice_samples(side.tables, rows, cut, weights, seed_weights(side.seeds, len(weights), seed))


def _mcnemar(baseline: Side, candidate: Side) -> list[McNemar]:
    gold = baseline.tables[0].label_index("gold")
    found = []
    for i, j in matched(len(baseline.tables), len(candidate.tables)):
        right = [(table.label_index("pred") == gold)[gold >= 0] for table in (baseline.tables[i], candidate.tables[j])]
        only_baseline, only_candidate = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
        p, method = mcnemar(only_baseline, only_candidate)
        entry = McNemar(
            baseline_seed=baseline.seeds[i], candidate_seed=candidate.seeds[j],
            only_baseline=only_baseline, only_candidate=only_candidate, p=p, method=method,
        )  # fmt: skip
        found.append(entry)
    return found


def _summary(side: Side, found: Resampled, sliced: SliceSamples, cut: Sequence[SliceRows], weights: Weights, level: float) -> SideSummary:
    k = len(side.tables[0].meta.labels)
    kept = side.tables[0].label_index("gold") >= 0
    counts = [confusion_counts(table.label_index("gold")[kept], table.label_index("pred")[kept], k) for table in side.tables]
    metrics: dict[str, Estimate] = {}
    for name, value in found.values.items():
        reason = undefined(found, found, name)
        low, high = (None, None) if reason else interval(found.samples[name], level)
        units, groups = found.sums[0].support[name]
        metrics[name] = Estimate(value=_or_none(value), lo=low, hi=high, n=units, groups=groups, reason=reason)
    return SideSummary(
        name=side.name,
        models=_distinct(table.meta.model for table in side.tables),
        run_ids=_distinct(str(table.column("run_id")[0]) for table in side.tables),
        seeds=list(side.seeds),
        package_versions=_distinct(table.meta.package_version for table in side.tables),
        predictions=[predictions_hash(table) for table in side.tables],
        metrics=metrics,
        by_seed={name: [_or_none(sums.values[name]) for sums in found.sums] for name in found.values},
        confusion=np.sum(counts, axis=0).astype(int).tolist(),
        calibration=calibration_of(side.tables, weights, level),
        abstention=abstention_of(side.tables, weights, level),
        slices=slice_estimates(cut, sliced, level),
    )


def _notes(sides: Sequence[Side], found: Sequence[Resampled], rows: Rows, cut: Sequence[SliceRows]) -> list[str]:
    """What could not be shown, and what to keep in mind."""
    notes = []
    if len(rows.groups) < FEW_GROUPS:
        notes.append(f"The test set has {len(rows.groups)} groups: intervals from so few are too narrow, and a verdict is worth little.")
    table = sides[0].tables[0]
    gold = table.label_index("gold")
    if absent := [label for index, label in enumerate(table.meta.labels) if not (gold == index).any()]:
        notes.append(f"No test row is labelled {' or '.join(absent)}: macro F1 counts it as 0 on every side.")
    every = list(dict.fromkeys(name for one in found for name in one.values))
    for side, one in zip(sides, found, strict=True):
        if lacking := [name for name in every if name not in one.values]:
            notes.append(f"{side.name} has no {', '.join(lacking)}.")
    if single := [side.name for side in sides if len(side.tables) == 1]:
        notes.append(f"One seed only of {', '.join(single)}: the intervals do not tell how far another seed would fall from it.")
    shown = {one.column for one in cut}
    if without := [name for name in SLICE_COLUMNS if name not in shown]:
        notes.append(f"No slices by {', '.join(without)}: unknown, one value only, or fewer than {MIN_ROWS} rows of each.")
    return notes


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
