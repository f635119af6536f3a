"""Judging a run: facts in, a table of checks out. Nothing here reads a file or asks a model."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from slant.publish.gatefile import Audit, Blind, Bounds, Champion, Floors, Gate, Git, Leaning, Probes, Slices

__all__ = ["FAIL", "NOT_JUDGED", "PASS", "Against", "Check", "Facts", "Rate", "failing", "judge", "judge_heads"]

PASS, FAIL, NOT_JUDGED = "pass", "fail", "not judged"

_SEVERITIES = ("info", "warn", "stop")


@dataclass(frozen=True)
class Check:
    """One line of the table.

    Attributes:
        gate: the section of the gate file that asks.
        what: what was looked at.
        figure, bound: what was found and what was demanded, as they are shown.
        status: PASS, FAIL or NOT_JUDGED.
        why: what explains the status, where figure and bound do not.
        required: whether NOT_JUDGED counts as failed.
    """

    gate: str
    what: str
    figure: str
    bound: str
    status: str
    why: str = ""
    required: bool = True


@dataclass(frozen=True)
class Rate:
    """A figure with its interval and the number of cases behind it; None for a value that nobody could tell."""

    value: float | None
    lo: float | None = None
    hi: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class Against:
    """The run against the present champion.

    Attributes:
        champion: how tables name it; "" when there is none.
        problem: why the two cannot be compared, e.g. other test rows; "" when they can.
        differences: paired, run minus champion: `metric`, `difference`, `lo`, `hi`, `n`, `reason`, as in `slant compare`.
        slices: the same by slice, with `column`, `value` and `rows`.
    """

    champion: str = ""
    problem: str = ""
    differences: Sequence[Mapping[str, Any]] = ()
    slices: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Facts:
    """All that a gate may ask of a run.

    Attributes:
        scores: as in scores.json.
        audit: as in audit.json; None without one.
        git_dirty: whether run or bundle come from a tree with uncommitted changes; None when nobody knows.
        probes: pass rates by kind of probe; None when none was made.
        gap: between left and right, as `slant.evaluation.leaning` tells it; None where the test rows tell no leaning.
        blind: the figure on the blind set; None when it was not looked at, and `blind_problem` says why.
    """

    scores: Mapping[str, Any]
    audit: Mapping[str, Any] | None = None
    git_dirty: bool | None = None
    against: Against = field(default_factory=Against)
    probes: Mapping[str, Rate] | None = None
    gap: Rate | None = None
    blind: Rate | None = None
    blind_problem: str = "no blind set was named"


def judge(gate: Gate, facts: Facts) -> list[Check]:
    """Every check that the gate asks for, in the order of the gate file's sections.

    A figure that is not a number fails. One that is missing is not judged, with the reason; whether that fails the run is the section's to say.
    """
    return [check for name, section in _SECTIONS.items() if (asked := getattr(gate, name)) is not None for check in section(asked, facts)]


def failing(checks: Iterable[Check]) -> list[Check]:
    """The checks that keep a run from being published: failed, or required and not judged."""
    return [check for check in checks if check.status == FAIL or (check.status == NOT_JUDGED and check.required)]


def judge_heads(heads: Iterable[str], judged: Iterable[str], champion: Iterable[str]) -> list[Check]:
    """Whether every head of the bundle is of a judged run, and the bundle answers all that the champion answers; no gate file asks otherwise.

    Args:
        heads, judged, champion: tasks of the bundle's heads, of the runs at the gates, and of the champion's heads.
    """
    here = sorted(heads)
    unjudged, lost = sorted(set(here) - set(judged)), sorted(set(champion) - set(here))
    why = f"no run is named for {', '.join(unjudged)}" if unjudged else f"the champion also answers {', '.join(lost)}" if lost else ""
    return [Check("heads", "of the bundle", ", ".join(here), "all judged, none lost", FAIL if why else PASS, why)]


def _check(gate: str, what: str, found: Mapping[str, Any], key: str, bound: str, holds: Callable[[float], bool], required: bool, why: str) -> Check:
    """The check that `found[key]` holds; `why` is said where there is no such figure."""
    number, shown = found.get(key), _figure(found, "difference" if "difference" in found else "value")
    if number is None:
        return Check(gate, what, shown, bound, NOT_JUDGED, why, required)
    if not math.isfinite(number):
        return Check(gate, what, shown, bound, FAIL, "the figure is not a number", required)
    return Check(gate, what, shown, bound, PASS if holds(number) else FAIL, "", required)


def _figure(found: Mapping[str, Any], key: str = "value") -> str:
    """A value and its interval, with signs where it is a difference."""
    if found.get(key) is None:
        return "–"
    sign = "+" if key == "difference" else ""
    told = f"{found[key]:{sign}.3f}"
    return told if found.get("lo") is None else f"{told} [{found['lo']:{sign}.3f}, {found['hi']:{sign}.3f}]"


def _floors(asked: Floors, facts: Facts) -> Iterator[Check]:
    floors, metrics = facts.scores.get("floors", {}), facts.scores["metrics"]
    bound = f"lo > {asked.above:+.3f}"
    there = [metric for metric in asked.metrics if metric in metrics]
    if not floors or not there:
        why = f"the run has none of {', '.join(asked.metrics)}" if floors else "the run has no floors"
        yield Check("floors", ", ".join(asked.metrics), "–", bound, NOT_JUDGED, why, asked.required)
    for metric in there:
        for name, below in floors.items():
            found = below.get("difference", {}).get(metric, {})
            why = str(metrics[metric].get("reason") or "the run recorded no difference")
            shown = {"difference": found.get("value"), **found}
            yield _check("floors", f"{metric} − {name}", shown, "lo", bound, partial(operator.lt, asked.above), asked.required, why)


def _bounds(asked: Bounds, facts: Facts) -> Iterator[Check]:
    for metric, least in asked.lower.items():
        found = facts.scores["metrics"].get(metric, _MISSING)
        yield _check("bounds", metric, found, "lo", f"lo > {least:.3f}", partial(operator.lt, least), asked.required, _reason(found))
    for metric, most in asked.upper.items():
        found = facts.scores["metrics"].get(metric, _MISSING)
        yield _check("bounds", metric, found, "value", f"≤ {most:.3f}", partial(operator.ge, most), asked.required, _reason(found))


_MISSING: Mapping[str, Any] = {"value": None, "lo": None, "hi": None, "reason": "the run has no such metric"}
_NO_CHAMPION = "there is no champion yet"


def _reason(found: Mapping[str, Any]) -> str:
    return str(found.get("reason") or "no interval was recorded")


def _champion(asked: Champion, facts: Facts) -> Iterator[Check]:
    against, bound = facts.against, f"lo > −{asked.margin:.3f}"
    if not against.champion:
        yield Check("champion", ", ".join(asked.metrics), "–", bound, PASS, _NO_CHAMPION, asked.required)
        return
    there = [found for found in against.differences if found["metric"] in asked.metrics]
    if against.problem or not there:
        why = against.problem or f"neither has {', '.join(asked.metrics)}"
        yield Check("champion", f"against {against.champion}", "–", bound, NOT_JUDGED, why, asked.required)
        return
    for found in there:
        what = f"{found['metric']} − {against.champion}"
        yield _check("champion", what, found, "lo", bound, partial(operator.lt, -asked.margin), asked.required, _reason(found))


def _slices(asked: Slices, facts: Facts) -> Iterator[Check]:
    against = facts.against
    bound = "no fall beyond margin"
    if not against.champion or against.problem:
        status, why = (NOT_JUDGED, against.problem) if against.champion else (PASS, _NO_CHAMPION)
        yield Check("slices", asked.metric, "–", bound, status, why, asked.required)
        return
    mine = [found for found in against.slices if found["metric"] == asked.metric and found["column"] in asked.margins]
    judged = [found for found in mine if found["rows"] >= asked.min_rows and found["difference"] is not None and found["hi"] is not None]
    if not judged:
        why = f"no slice by {', '.join(asked.margins)} of {asked.min_rows} rows or more"
        yield Check("slices", asked.metric, "–", bound, NOT_JUDGED, why, asked.required)
        return
    falls = [found for found in judged if _falls(found, asked.margins[found["column"]])]
    for found in falls:
        what = f"{asked.metric} where {found['column']} is {found['value']}"
        why = f"{found['rows']:,} rows"
        yield Check("slices", what, _figure(found, "difference"), f"≥ −{asked.margins[found['column']]:.3f}", FAIL, why, asked.required)
    if not falls:
        worst = min(judged, key=lambda found: float(found["difference"]))
        why = f"worst of {len(judged)} slices: {worst['column']} {worst['value']}; {len(mine) - len(judged)} too small or undefined"
        yield Check("slices", asked.metric, _figure(worst, "difference"), bound, PASS, why, asked.required)


def _falls(found: Mapping[str, Any], margin: float) -> bool:
    """Beyond the margin, and not by chance: small slices swing. What is not a number counts as a fall."""
    if not math.isfinite(found["difference"]) or not math.isfinite(found["hi"]):
        return True
    return bool(found["difference"] < -margin and found["hi"] < 0)


def _probes(asked: Probes, facts: Facts) -> Iterator[Check]:
    # A kind that the suite asks nothing of in this task (target_swap, of loaded language) is passed over.
    known = {kind: rate for kind, rate in (facts.probes or {}).items() if kind in asked.rates}
    if not known:
        yield Check("probes", ", ".join(asked.rates), "–", "", NOT_JUDGED, "no probe of these kinds was made", asked.required)
    for kind, rate in known.items():
        least, why = asked.rates[kind], "no case could be judged"
        yield _check("probes", kind, vars(rate), "value", f"≥ {least:.3f}", partial(operator.le, least), asked.required, why)


def _leaning(asked: Leaning, facts: Facts) -> Iterator[Check]:
    found = _MISSING if facts.gap is None else vars(facts.gap)
    why = "the test rows tell no left and right"
    yield _check("leaning", "right − left", found, "value", f"within ±{asked.gap:.3f}", partial(_within, asked.gap), asked.required, why)


def _within(most: float, value: float) -> bool:
    return abs(value) <= most


def _audit(asked: Audit, facts: Facts) -> Iterator[Check]:
    bound = "no stop" if asked.severity == "stop" else "no stop, no warn"
    if asked.allow:
        bound += f" but {', '.join(asked.allow)}"
    if facts.audit is None or "leaks" not in facts.audit.get("checked", ()):
        why = "the run has no audit.json" if facts.audit is None else "its audit did not look for leaks between train and test"
        yield Check("audit", "findings", "–", bound, NOT_JUDGED, why, asked.required)
        return
    found = [finding for finding in facts.audit["findings"] if finding["count"] and finding["severity"] != "info"]
    bad = [
        finding
        for finding in found
        if _SEVERITIES.index(finding["severity"]) >= _SEVERITIES.index(asked.severity) and finding["kind"] not in asked.allow
    ]
    for finding in bad:
        yield Check("audit", finding["kind"], f"{finding['count']:,} ({finding['severity']})", bound, FAIL, finding["what"], asked.required)
    if not bad:
        rest = ", ".join(f"{finding['kind']} {finding['count']:,}" for finding in found)
        yield Check("audit", "findings", "0", bound, PASS, f"let pass: {rest}" if rest else "", asked.required)


def _git(asked: Git, facts: Facts) -> Iterator[Check]:
    bound = "clean"
    if facts.git_dirty is None:
        why = "neither run nor bundle tell the commit they come from"
        yield Check("git", "tree", "–", bound, NOT_JUDGED, why, asked.required)
        return
    figure, status = ("dirty", FAIL) if facts.git_dirty else ("clean", PASS)
    yield Check("git", "tree", figure, bound, status, "trained or exported with uncommitted changes" if facts.git_dirty else "", asked.required)


def _blind(asked: Blind, facts: Facts) -> Iterator[Check]:
    found = _MISSING if facts.blind is None else vars(facts.blind)
    why = facts.blind_problem if facts.blind is None else "the set gives no interval"
    yield _check("blind", asked.metric, found, "lo", f"lo > {asked.lower:.3f}", partial(operator.lt, asked.lower), asked.required, why)


_SECTIONS: dict[str, Callable[[Any, Facts], Iterator[Check]]] = {
    "floors": _floors,
    "bounds": _bounds,
    "champion": _champion,
    "slices": _slices,
    "probes": _probes,
    "leaning": _leaning,
    "audit": _audit,
    "git": _git,
    "blind": _blind,
}
