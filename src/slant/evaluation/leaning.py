"""Leaning audit: does a model err against one side? From a predictions table, by the outlet's leaning or by the target's camp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from slant.errors import DataError
from slant.evaluation.bootstrap import group_weights, interval
from slant.evaluation.predictions import Predictions

__all__ = ["SIDES", "audit_camps", "audit_leanings"]

#: The gap is the second's minus the first's.
SIDES = ("left", "right")
#: What is flagged in each task, and its sign in the gap: being called loaded or attacked is one way, being praised the other.
_FLAGS = {"loaded": {"loaded": 1.0}, "stance": {"against": 0.5, "favor": -0.5}}

Floats = npt.NDArray[np.float64]


def audit_leanings(predictions: Predictions, *, split: str = "test", resamples: int = 2000, seed: int = 0) -> dict[str, Any] | None:
    """The audit by the `leaning` of each row's outlet; None where no row with gold has one. Returns and raises as `audit_camps`."""
    chosen = _rows(predictions, split)
    return _audit(chosen, chosen.column("leaning"), resamples, seed)


def audit_camps(
    predictions: Predictions, camps: Mapping[str, Sequence[str]], *, split: str = "test", resamples: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """False-positive and false-negative rates by the camp of each row's target, and the gap between left and right.

    Args:
        camps: the targets of each camp (`left`, `right` and any other), by name; case does not count.

    Returns, ready for JSON: `camps[camp]` has `rows`, `groups`, and `flags[label]` with `fpr` (of the rows without that gold label, the share
    given it) and `fnr` (of those with it, the share not given it), each {"value", "lo", "hi", "n"}. `gap` is one number, right minus left:
    for loaded the average odds difference (Bellamy et al. 2018), the mean of the differences in false- and in true-positive rate: above 0
    the right's sentences are called loaded more readily than the left's of the same gold label. For stance it is half that of `against` less
    half that of `favor`: above 0 the right's targets are read worse than the left's. `gaps[label]` tells the differences in `fpr`
    and `fnr` apart, for they can cancel out. Intervals are 95 % percentile intervals over resampled groups; null where undefined.
    `rows_without_camp` counts the rows with gold that belong to none.

    Raises DataError for a split without rows, for a target in two camps, and when no row's target is in a camp.
    """
    known: dict[str, str] = {}
    for camp, names in camps.items():
        for name in names:
            if known.setdefault(name.casefold(), camp) != camp:
                raise DataError(f"the target {name!r} is in the camps {known[name.casefold()]} and {camp}", where="camps", remedy="Name it once")
    chosen = _rows(predictions, split)
    targets = chosen.column("target")
    camp_of = np.array([None if target is None else known.get(target.casefold()) for target in targets], object)
    found = _audit(chosen, camp_of, resamples, seed)
    if found is None:
        seen = sorted({target for target in targets if target is not None})
        remedy = f"It has {', '.join(seen[:8])}{' …' if len(seen) > 8 else ''}" if seen else "Audit a run of the task stance"
        raise DataError("no labelled row's target is in a camp", where=predictions.where, remedy=remedy)
    return found


def _rows(predictions: Predictions, split: str) -> Predictions:
    chosen = predictions.select(predictions.column("split") == split)
    if not len(chosen):
        remedy = f"It holds {', '.join(sorted(set(predictions.column('split'))))}"
        raise DataError(f"no rows of split {split!r}", where=predictions.where, remedy=remedy)
    return chosen.select(chosen.label_index("gold") >= 0)


def _audit(chosen: Predictions, camp_of: npt.NDArray[Any], resamples: int, seed: int) -> dict[str, Any] | None:
    names = sorted({camp for camp in camp_of if camp is not None})
    if not names:
        return None
    groups, group = np.unique(chosen.column("group").astype(str), return_inverse=True)
    weights = np.vstack([np.ones((1, len(groups)), np.float32), group_weights(len(groups), resamples, seed)]).astype(np.float64)
    gold, pred = chosen.column("gold"), chosen.column("pred")
    flags = _FLAGS[chosen.meta.task]
    rates: dict[tuple[str, str, str], Floats] = {}
    camps: dict[str, Any] = {}
    for camp in names:
        ours = camp_of == camp
        told: dict[str, Any] = {}
        for flag in flags:
            told[flag] = {}
            for rate, base, wrong in (("fpr", gold != flag, pred == flag), ("fnr", gold == flag, pred != flag)):
                rows = ours & base
                of, hits = (np.bincount(group[mask], minlength=len(groups)).astype(np.float64) for mask in (rows, rows & wrong))
                values = _ratio(weights @ hits, weights @ of)
                rates[camp, flag, rate] = values
                told[flag][rate] = {**_told(values), "n": int(rows.sum())}
        camps[camp] = {"rows": int(ours.sum()), "groups": len(set(group[ours])), "flags": told}
    gaps: dict[str, Any] = {flag: {} for flag in flags}
    whole: Floats | None = None
    if set(SIDES) <= set(names):
        differences = {(flag, rate): rates[SIDES[1], flag, rate] - rates[SIDES[0], flag, rate] for flag in flags for rate in ("fpr", "fnr")}
        for (flag, rate), values in differences.items():
            gaps[flag][rate] = _told(values)
        # A difference in true-positive rates is minus that in false-negative rates.
        whole = np.sum([sign * (differences[flag, "fpr"] - differences[flag, "fnr"]) / 2 for flag, sign in flags.items()], axis=0)
    return {
        "task": chosen.meta.task,
        "rows": len(chosen),
        "rows_without_camp": int(sum(camp is None for camp in camp_of)),
        "camps": camps,
        "gaps": gaps,
        "gap": None if whole is None else _told(whole),
        "bootstrap": {"unit": "group", "resamples": resamples, "seed": seed, "level": 0.95},
    }


def _ratio(top: Floats, bottom: Floats) -> Floats:
    quotient: Floats = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return quotient


def _told(values: Floats) -> dict[str, float | None]:
    """The value, which comes first, and the interval of the resamples behind it."""
    lo, hi = interval(values[1:])
    return {name: None if np.isnan(number) else float(number) for name, number in (("value", values[0]), ("lo", lo), ("hi", hi))}
