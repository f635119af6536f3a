"""Behavioural probes: from a suite's cases and a model's answers to pass rates with intervals, and the worst failures.

Kinds after CheckList (Ribeiro et al. 2020): minimum functionality, invariance, direction. Injection and neutralisation read a minimal pair
both ways, and are judged only where the model was right about the half it starts from: only then can an answer flip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from slant.data.probes import KINDS, ProbeCase
from slant.errors import DataError
from slant.records import ScoreItem

__all__ = ["MARGIN", "Answer", "Outcome", "judge_cases", "rate_interval", "summarise_probes", "worst_failures"]

#: A stance score lies in [-1, 1]; it has moved when it moved by this much. A model that does not read the target moves it by 0.
MARGIN = 0.1
_Z = 1.959963984540054


@dataclass(frozen=True)
class Answer:
    """A model's answer to one item.

    Attributes:
        label: its decision, also where it abstains.
        score: in the task loaded the probability of `loaded`; in stance p(favor) - p(against), in [-1, 1].
    """

    label: str
    score: float


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        passed: None where it could not be judged, because the half it starts from was misread already.
        badness: how far a failure is off, to rank failures of one kind; 0 for a pass.
    """

    case: ProbeCase
    answers: tuple[Answer, ...]
    passed: bool | None
    badness: float


def _label(case: ProbeCase, answers: Sequence[Answer]) -> tuple[bool | None, float]:
    return answers[0].label == case.expect[0], _distance(case.expect[0], answers[0].score, case.task)


def _flip(case: ProbeCase, answers: Sequence[Answer]) -> tuple[bool | None, float]:
    if answers[0].label != case.expect[0]:
        return None, 0.0
    return answers[1].label == case.expect[1], _distance(case.expect[1], answers[1].score, case.task)


def _same(case: ProbeCase, answers: Sequence[Answer]) -> tuple[bool | None, float]:
    return answers[0].label == answers[1].label, abs(answers[0].score - answers[1].score)


def _moved(case: ProbeCase, answers: Sequence[Answer]) -> tuple[bool | None, float]:
    """Items stand in twos, the better spoken of first: each must score above its fellow."""
    least = min(better.score - worse.score for better, worse in zip(answers[::2], answers[1::2], strict=True))
    return least >= MARGIN, MARGIN - least


def _distance(label: str, score: float, task: str) -> float:
    wanted = {"loaded": {"neutral": 0.0, "loaded": 1.0}, "stance": {"against": -1.0, "neutral": 0.0, "favor": 1.0}}[task][label]
    return abs(score - wanted)


_JUDGES: dict[str, Callable[[ProbeCase, Sequence[Answer]], tuple[bool | None, float]]] = {
    "minimum": _label,
    "hard_negative": _label,
    "injection": _flip,
    "neutralisation": _flip,
    "invariance": _same,
    "direction": _moved,
    "target_swap": _moved,
}


def judge_cases(cases: Iterable[ProbeCase], answers: Mapping[ScoreItem, Answer]) -> list[Outcome]:
    """Each case's outcome, in the order of the cases. Raises DataError for a case with an item that was not answered."""
    outcomes = []
    for case in cases:
        missing = [item for item in case.items if item not in answers]
        if missing:
            raise DataError(f"{missing[0].text!r} was not answered", where=f"case {case.id}", remedy="Give an answer for every item")
        given = tuple(answers[item] for item in case.items)
        passed, badness = _JUDGES[case.kind](case, given)
        outcomes.append(Outcome(case, given, passed, 0.0 if passed is not False else badness))
    return outcomes


def summarise_probes(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row for each task and kind, ready for JSON, in the order of KINDS.

    `cases`, `bases` (templates and hand-written cases that were judged), `judged`, `passed`, `rate` with `lo` and `hi`
    (`rate_interval`; null where nothing was judged), and `details`: the same for each detail.
    """
    rows = []
    for task in dict.fromkeys(outcome.case.task for outcome in outcomes):
        for kind in KINDS:
            those = [outcome for outcome in outcomes if (outcome.case.task, outcome.case.kind) == (task, kind)]
            if those:
                details = {
                    name: _rate([outcome for outcome in those if outcome.case.detail == name])
                    for name in sorted({outcome.case.detail for outcome in those})
                }
                rows.append({"task": task, "kind": kind, **_rate(those), "details": details})
    return rows


def worst_failures(outcomes: Sequence[Outcome], each: int) -> list[Outcome]:
    """Of each task and kind the failures that are furthest off, at most `each` and one a base."""
    worst: list[Outcome] = []
    for task, kind in dict.fromkeys((outcome.case.task, outcome.case.kind) for outcome in outcomes):
        failed = [o for o in outcomes if (o.case.task, o.case.kind) == (task, kind) and o.passed is False]
        by_base: dict[str, Outcome] = {}
        for outcome in sorted(failed, key=lambda o: (-o.badness, o.case.id)):
            by_base.setdefault(outcome.case.base, outcome)
        worst += list(by_base.values())[:each]
    return worst


def _rate(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    judged = [outcome for outcome in outcomes if outcome.passed is not None]
    bases = [outcome.case.base for outcome in judged]
    passed = np.array([bool(outcome.passed) for outcome in judged])
    rate, lo, hi = rate_interval(passed, bases) if judged else (None, None, None)
    counts = {"cases": len(outcomes), "judged": len(judged), "bases": len(set(bases)), "passed": int(passed.sum())}
    return {**counts, "rate": rate, "lo": lo, "hi": hi}


def rate_interval(passed: npt.ArrayLike, clusters: Sequence[str]) -> tuple[float, float, float]:
    """A pass rate and its 95 % interval, from n outcomes and the cluster each belongs to.

    Wilson's score interval (1927) at the effective sample size (Kish 1965, as Franco et al. 2019 do for surveys): n divided by the design
    effect, which is the clusters' variance of the rate over a simple sample's. Independent cases give Wilson's own interval. Where all
    outcomes are alike no variance can be seen, and every cluster counts as one case; nowhere do clusters count as more than n.
    """
    values = np.asarray(passed, np.float64)
    names, cluster = np.unique(np.asarray(clusters, object).astype(str), return_inverse=True)
    n, p = len(values), float(values.mean())
    if 0 < p < 1:
        residuals = np.bincount(cluster, values - p)
        effective = min(float(n), p * (1 - p) * n**2 / float((residuals**2).sum())) if residuals.any() else float(n)
    else:
        effective = float(len(names))
    return (p, *_wilson(p, effective))


def _wilson(p: float, n: float) -> tuple[float, float]:
    centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * float(np.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2)))
    return max(0.0, centre - half), min(1.0, centre + half)
