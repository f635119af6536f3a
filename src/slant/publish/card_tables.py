"""The card's tables: plain figures in, Markdown out. What is None was not measured, and they say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["calibration_line", "cost_line", "leaning_lines", "probe_table", "score_table", "slice_table"]

_NOT_MEASURED = "Not measured."
_MOST_SLICES = 40


def score_table(scores: Mapping[str, Any]) -> str:
    """Every metric with its interval, support and floors; a floor's difference with its interval behind its value."""
    metrics = scores.get("metrics")
    if not metrics:
        return _NOT_MEASURED
    floors = scores.get("floors", {})
    bootstrap = scores.get("bootstrap", {})
    level = f"{100 * bootstrap.get('level', 0.95):g} % interval"
    head = ["metric", "value", level, "n", "groups", *(f"floor {name.replace('_', ' ')} (difference)" for name in floors)]
    rows = [
        [
            name,
            _number(found),
            _interval(found),
            _count(found.get("n")),
            _count(found.get("groups")),
            *(_below(floor, name) for floor in floors.values()),
        ]
        for name, found in metrics.items()
    ]
    drawn = f"{bootstrap['resamples']:,} bootstrap draws of groups" if "resamples" in bootstrap else "a bootstrap over groups"
    about = f"On {scores.get('rows', 0):,} test rows, read once. Intervals are percentile intervals from {drawn}. "
    about += "A floor is a trivial model on the same rows; where a difference's interval reaches 0 the model is not shown to beat it."
    return f"{about}\n\n{_table(head, rows)}"


def slice_table(slices: Sequence[Mapping[str, Any]] | None) -> str:
    """Rows by outlet, topic and so on: size, accuracy and macro F1, with intervals."""
    if slices is None:
        return _NOT_MEASURED
    if not slices:
        return "No column of the test rows cuts them into slices of ten rows or more."
    names = [name for name in ("accuracy", "macro_f1") if any(name in found["metrics"] for found in slices)]
    rows = [
        [f"{found['column']}: {found['value']}", _count(found["rows"]), _count(found["groups"])]
        + [f"{_number(found['metrics'].get(name))} ({_interval(found['metrics'].get(name))})" for name in names]
        for found in slices[:_MOST_SLICES]
    ]
    more = f"\n\n{len(slices) - _MOST_SLICES} smaller slices are in card.json." if len(slices) > _MOST_SLICES else ""
    return _table(["slice", "rows", "groups", *names], rows) + more


def calibration_line(calibration: Mapping[str, Any] | None, scores: Mapping[str, Any]) -> str:
    """The calibration error and the Brier score, from the calibration or else from the scores."""
    metrics = scores.get("metrics", {})
    source = calibration or {name: metrics[name] for name in ("ece", "brier") if name in metrics}
    told = [
        f"{shown} {_number(source[name])} ({_interval(source[name])})" for name, shown in (("ece", "ECE"), ("brier", "Brier score")) if name in source
    ]
    if not told:
        return _NOT_MEASURED
    parts = ""
    if calibration and "reliability" in calibration:
        parts = f"; Murphy's parts: reliability {calibration['reliability']:.3f}, resolution {calibration['resolution']:.3f}"
        parts += f", uncertainty {calibration['uncertainty']:.3f}"
    return f"On the test rows: {', '.join(told)}{parts}."


def probe_table(probes: Sequence[Mapping[str, Any]] | None) -> str:
    """The pass rate of each kind of probe."""
    if not probes:
        return _NOT_MEASURED
    rows = [[str(row["kind"]), _number({"value": row["rate"]}), _interval(row), _count(row["judged"])] for row in probes]
    about = "The share of shipped minimal pairs on which the model does what the kind asks for (`slant probe`)."
    return f"{about}\n\n{_table(['kind', 'passed', 'interval', 'judged'], rows)}"


def leaning_lines(leaning: Mapping[str, Any] | None) -> str:
    """The gap between left and right, and the error rates of each side."""
    if leaning is None:
        return f"{_NOT_MEASURED} An audit needs test rows whose outlets have a known leaning."
    rows = [
        [camp, flag, _count(told.get("rows")), *(f"{_number(rates[rate])} ({_interval(rates[rate])})" for rate in ("fpr", "fnr"))]
        for camp, told in leaning["camps"].items()
        for flag, rates in told["flags"].items()
    ]
    gap = leaning.get("gap")
    figure = f"{gap['value']:+.3f} ({_interval(gap)})" if gap and gap.get("value") is not None else "not defined on these rows"
    about = f"Gap, right minus left, in being flagged at the same gold label: {figure}. By the leaning of the rows' outlets:"
    return f"{about}\n\n{_table(['side', 'label', 'rows', 'false positives', 'false negatives'], rows)}"


def cost_line(scores: Mapping[str, Any]) -> str:
    """Time and memory of the run."""
    cost = scores.get("cost", {})
    told = [f"{cost['seconds']:,.0f} s"] if "seconds" in cost else []
    told += [f"{cost['peak_memory_mb']:,.0f} MB of memory at most"] if "peak_memory_mb" in cost else []
    return f"The whole run, floors and evaluation too: {', '.join(told)}." if told else _NOT_MEASURED


def _below(floor: Mapping[str, Any], name: str) -> str:
    value = _number(floor.get("metrics", {}).get(name))
    found = floor.get("difference", {}).get(name)
    return f"{value} ({found['value']:+.3f}, {_interval(found)})" if found and found.get("value") is not None else value


def _number(found: Mapping[str, Any] | None) -> str:
    return "–" if found is None or found.get("value") is None else f"{found['value']:.3f}"


def _interval(found: Mapping[str, Any] | None) -> str:
    known = found is not None and found.get("lo") is not None and found.get("hi") is not None
    return f"{found['lo']:.3f} to {found['hi']:.3f}" if found is not None and known else "no interval"


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "–"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers. A bar in a cell would end it."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (head, rule, *rows))
