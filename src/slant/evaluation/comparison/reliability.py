"""Whether probabilities mean what they say, and what answering only the sure rows would bring. Tables of several seeds are pooled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from slant.evaluation.bootstrap import Floats, Weights, group_weights, interval
from slant.evaluation.comparison.shape import Abstention, Calibration, CurveBin, Estimate, RiskPoint
from slant.evaluation.comparison.sides import rows_of
from slant.evaluation.predictions import Predictions
from slant.labels import get_task
from slant.metrics import ECE_BINS, brier_rows, calibration_bins

__all__ = ["abstention", "abstention_of", "calibration", "calibration_of"]

Ints = npt.NDArray[np.int64]

#: Points of a coverage curve, and the finer steps that its area is computed on.
POINTS, STEPS = 40, 200


def calibration(tables: Sequence[Predictions], *, resamples: int = 2000, seed: int = 0, level: float = 0.95) -> Calibration | None:
    """The calibration of tables (a seed each) of the same rows in the same order (`seed_tables`); None where no row has gold.

    Bins are 15 of equal width, as of the metric `ece` (Guo et al. 2017). Intervals are over resampled groups.
    """
    return calibration_of(tables, group_weights(len(rows_of(tables[0]).groups), resamples, seed), level)


def calibration_of(tables: Sequence[Predictions], weights: Weights, level: float) -> Calibration | None:
    """The same with group weights `(R, G)`."""
    pooled = _pooled(tables)
    if pooled is None:
        return None
    groups, n_groups, gold, pred, probabilities = pooled
    labels = tables[0].meta.labels
    task = get_task(tables[0].meta.task)
    shown = [labels.index(task.positive)] if task.positive else list(range(len(labels)))
    confidence = probabilities[np.arange(len(gold)), pred]
    sure = _binned(confidence, pred == gold, groups, n_groups)
    curves = {labels[label]: _binned(probabilities[:, label], gold == label, groups, n_groups) for label in shown}
    parts = np.sum([_murphy(sums.sum(0)) for sums in curves.values()], axis=0)
    squares = brier_rows(probabilities, gold)
    brier = float(squares.mean())
    squared, sizes = (np.bincount(groups, weights=w, minlength=n_groups).astype(np.float32) for w in (squares, None))
    support = {"n": len(gold), "groups": int((sizes > 0).sum())}
    reliability, resolution, uncertainty = (float(value) for value in parts)
    return Calibration(
        confidence=_curve(sure, weights, level),
        labels={label: _curve(sums, weights, level) for label, sums in curves.items()},
        ece=_estimate(float(_ece(sure.sum(0)[None])[0]), _ece(_weighted(weights, sure)), level, support),
        brier=_estimate(brier, np.asarray((weights @ squared) / (weights @ sizes), np.float64), level, support),
        brier_form="binary" if len(labels) == 2 else "multi-class",
        reliability=reliability,
        resolution=resolution,
        uncertainty=uncertainty,
        within=brier - (reliability - resolution + uncertainty),
    )


def abstention(tables: Sequence[Predictions], *, resamples: int = 2000, seed: int = 0, level: float = 0.95) -> Abstention | None:
    """Coverage against risk when only rows are answered whose predicted label has at least some probability; None where no row has gold.

    Rows of equal probability are answered together. The area is the mean risk over all coverages, on up to 200 steps.
    """
    return abstention_of(tables, group_weights(len(rows_of(tables[0]).groups), resamples, seed), level)


def abstention_of(tables: Sequence[Predictions], weights: Weights, level: float) -> Abstention | None:
    """The same with group weights `(R, G)`."""
    pooled = _pooled(tables)
    if pooled is None:
        return None
    groups, n_groups, gold, pred, probabilities = pooled
    confidence = probabilities[np.arange(len(gold)), pred]
    wrong = pred != gold
    thresholds, steps = _steps(confidence)
    cells, size = groups * len(thresholds) + steps, n_groups * len(thresholds)
    rows, errors = (np.bincount(cells, weights=w, minlength=size).reshape(n_groups, -1).astype(np.float32) for w in (None, wrong))
    coverage, risk = _coverage_risk(rows.sum(0, keepdims=True), errors.sum(0, keepdims=True))
    drawn = _coverage_risk(weights @ rows, weights @ errors)
    shown = np.unique(np.searchsorted(coverage[0], np.arange(1, POINTS + 1) / POINTS - 1e-9).clip(max=len(thresholds) - 1))
    curve = []
    for at in shown:
        low, high = _bounds(drawn[1][:, at], level)
        curve.append(RiskPoint(probability=float(thresholds[at]), coverage=float(coverage[0, at]), risk=float(risk[0, at]), lo=low, hi=high))
    support = {"n": len(gold), "groups": len(np.unique(groups))}
    area = _estimate(float(_area(coverage, risk)[0]), _area(*drawn), level, support)
    abstained = np.concatenate([table.column("abstained")[table.label_index("gold") >= 0] for table in tables]).astype(bool)
    return {"curve": curve, "area": area, "own": _own(~abstained, wrong, confidence, groups, n_groups, weights, level)}


def _pooled(tables: Sequence[Predictions]) -> tuple[Ints, int, Ints, Ints, Floats] | None:
    """Group numbers, their count, gold, predicted labels and probabilities `(n, k)` of the rows with gold of all tables."""
    rows = rows_of(tables[0])
    kept = tables[0].label_index("gold") >= 0
    if not kept.any():
        return None
    groups = np.tile(rows.of_row[kept], len(tables))
    gold = np.tile(tables[0].label_index("gold")[kept], len(tables))
    pred = np.concatenate([table.label_index("pred")[kept] for table in tables])
    return groups, len(rows.groups), gold, pred, np.concatenate([table.probabilities()[kept] for table in tables])


def _binned(probability: Floats, true: npt.NDArray[np.bool_], groups: Ints, n_groups: int) -> Floats:
    """Each group's rows, sum of probabilities and number that came true, by bin, `(G, bins, 3)`."""
    cells = groups * ECE_BINS + calibration_bins(probability)
    sums = [np.bincount(cells, weights=w, minlength=n_groups * ECE_BINS) for w in (None, probability, true)]
    return np.stack(sums, axis=1).astype(np.float64).reshape(n_groups, ECE_BINS, 3)


def _weighted(weights: Weights, sums: Floats) -> Floats:
    """`(R, bins, 3)` from `(G, bins, 3)`; single precision is enough for an interval's ends."""
    flat = sums.reshape(len(sums), -1).astype(np.float32)
    return np.asarray((weights @ flat).reshape(-1, *sums.shape[1:]), np.float64)


def _ece(sums: Floats) -> Floats:
    """`(R,)` from `(R, bins, 3)`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.abs(sums[..., 1] - sums[..., 2]).sum(-1) / sums[..., 0].sum(-1))


def _murphy(sums: Floats) -> Floats:
    """Reliability, resolution and uncertainty of one label's curve from `(bins, 3)` (Murphy 1973, Journal of Applied Meteorology 12)."""
    n, stated, true = sums[sums[:, 0] > 0].T
    base = true.sum() / n.sum()
    reliability = (n * ((stated - true) / n) ** 2).sum() / n.sum()
    resolution = (n * (true / n - base) ** 2).sum() / n.sum()
    return np.array([reliability, resolution, base * (1 - base)])


def _curve(sums: Floats, weights: Weights, level: float) -> list[CurveBin]:
    n, stated, true = sums.sum(0).T
    drawn = _weighted(weights, sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = drawn[:, :, 2] / drawn[:, :, 0]
    curve = []
    for place in range(ECE_BINS):
        found = CurveBin(
            low=place / ECE_BINS, high=(place + 1) / ECE_BINS, n=int(n[place]), probability=None, share=None, share_lo=None, share_hi=None
        )
        if n[place]:
            found["probability"], found["share"] = float(stated[place] / n[place]), float(true[place] / n[place])
            found["share_lo"], found["share_hi"] = _bounds(shares[:, place], level)
        curve.append(found)
    return curve


def _steps(confidence: Floats) -> tuple[Floats, Ints]:
    """Falling thresholds, and the first of them that each row reaches."""
    unique = np.unique(confidence)
    if len(unique) > STEPS:
        unique = np.unique(np.quantile(confidence, np.arange(STEPS) / STEPS, method="lower"))
    falling = unique[::-1]
    return falling, (len(unique) - np.searchsorted(unique, confidence, side="right")).astype(np.int64)


def _coverage_risk(rows: npt.NDArray[np.float32], errors: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Coverage and risk `(R, steps)` from the rows and errors of each step; the risk of no answers is NaN."""
    answered, missed = (np.cumsum(counts, axis=1, dtype=np.float64) for counts in (rows, errors))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(answered / answered[:, -1:]), np.asarray(missed / answered)


def _area(coverage: Floats, risk: Floats) -> Floats:
    return np.asarray((np.diff(coverage, axis=1, prepend=0) * np.nan_to_num(risk)).sum(1))


def _own(
    answered: npt.NDArray[np.bool_], wrong: npt.NDArray[np.bool_], confidence: Floats, groups: Ints, n_groups: int, weights: Weights, level: float
) -> RiskPoint | None:
    if answered.all() or not answered.any():
        return None
    n, missed = (np.bincount(groups, weights=w, minlength=n_groups).astype(np.float32) for w in (answered, wrong & answered))
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = _bounds((weights @ missed) / (weights @ n), level)
    risk = float(missed.sum() / n.sum())
    return RiskPoint(probability=float(confidence[answered].min()), coverage=float(answered.mean()), risk=risk, lo=low, hi=high)


def _estimate(value: float, samples: Floats, level: float, support: dict[str, int]) -> Estimate:
    low, high = _bounds(samples, level)
    return Estimate(value=value, lo=low, hi=high, n=support["n"], groups=support["groups"], reason="")


def _bounds(samples: Floats, level: float) -> tuple[float | None, float | None]:
    low, high = interval(samples, level)
    return (None, None) if np.isnan(low) else (low, high)
