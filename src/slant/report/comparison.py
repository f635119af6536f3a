"""Several runs on one page: verdicts, differences, slices, the sentences that changed, calibration; nothing outside the file is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slant.evaluation.comparison import Comparison
from slant.evaluation.comparison.shape import Changed, Difference, Judgement, Pair, SliceDifference
from slant.report.charts import reliability_charts, risk_chart
from slant.report.page import in_words, shown, template
from slant.report.sentences import pieces
from slant.report.svg import Axis, forest
from slant.report.tables import HEADLINE

__all__ = ["render_comparison"]

_SECTIONS = (
    ("differences", "Differences"), ("slices", "Slices"), ("changed", "Most changed sentences"), ("calibration", "Calibration and abstention"),
    ("sides", "Each side"), ("config", "Configuration"), ("notes", "Notes"),
)  # fmt: skip
#: Of a sentence so many of a side's words are told, from this score on.
_WORDS, _SCORE = 3, 0.2


def render_comparison(comparison: Comparison) -> str:
    """A comparison (`slant.evaluation.comparison`) as a page; write it as UTF-8.

    It works without its script, which sorts the tables; the page's policy allows no other script and nothing from outside. All that the runs and
    their corpus say is shown as text. Ten runs of 4,000 rows give about a megabyte.
    """
    sides = comparison["sides"]
    pairs = [_pair(pair) for pair in comparison["pairs"]]
    calibrated = [(shown(side["name"]), side["calibration"]) for side in sides if side["calibration"] is not None]
    answered = [(shown(side["name"]), side["abstention"]) for side in sides if side["abstention"] is not None]
    charts = [*(reliability_charts(calibrated) if calibrated else []), *([risk_chart(answered)] if answered else [])]
    has_slices = any(pair["slices"] for pair in pairs)
    left_out = {"slices": not has_slices, "calibration": not charts, "config": not comparison["config"], "notes": not comparison["notes"]}
    return template("comparison.html.j2").render(
        c=comparison,
        names=[shown(side["name"]) for side in sides],
        title=f"{', '.join(shown(side['name']) for side in sides[1:])} against {shown(sides[0]['name'])}",
        pairs=pairs,
        level=f"{100 * float(comparison['settings']['level']):g}",
        sections=[(name, title) for name, title in _SECTIONS if not left_out.get(name)],
        has_slices=has_slices,
        charts=charts,
        metrics=_ordered(dict.fromkeys(name for side in sides for name in side["metrics"])),
    )


def _pair(pair: Pair) -> dict[str, Any]:
    by_metric = {entry["metric"]: entry for entry in pair["metrics"]}
    entries = [by_metric[name] for name in _ordered(by_metric)]
    # A metric that is not judged may be of a few rows, and would stretch the scale of all.
    axis = _around_zero([entry for entry in entries if entry["judged"]] or entries)
    slices = _chosen(pair["slices"])
    slice_axis = _around_zero(slices)
    flags = _flags(pair["slices"])
    columns: dict[str, list[tuple[SliceDifference, Any, list[SliceDifference]]]] = {}
    for one in slices:
        columns.setdefault(one["column"], []).append((one, _picture(one, slice_axis), flags.get((one["column"], one["value"]), [])))
    return {
        "baseline": shown(pair["baseline"]),
        "candidate": shown(pair["candidate"]),
        "said": _verdict(entries),
        "metrics": [(entry, _picture(entry, axis)) for entry in entries],
        "axis": axis,
        "mcnemar": pair["mcnemar"],
        "slices": list(columns.items()),
        "slice_axis": slice_axis,
        "against": [one for one in pair["slices"] if one["flag"] == "against"],
        "apart": sum(one["flag"] == "apart" for one in pair["slices"]),
        "changed": [(row, _sides(row, pair)) for row in pair["changed"]],
    }


def _verdict(entries: Sequence[Difference]) -> str:
    """All judged metrics in a sentence, by verdict."""
    found: dict[str, list[str]] = {"better": [], "worse": [], "cannot tell": []}
    for entry in entries:
        if entry["verdict"] in found:
            found[entry["verdict"]].append(in_words(shown(entry["metric"])))
    said = [f"{verdict} in {', '.join(names)}" for verdict, names in found.items() if names and verdict != "cannot tell"]
    if found["cannot tell"]:
        said.append(f"cannot tell for {', '.join(found['cannot tell'])}")
    return "; ".join(said) + "." if said else "nothing could be judged."


def _ordered(metrics: Mapping[str, Any]) -> list[str]:
    return [*(name for name in HEADLINE if name in metrics), *(name for name in metrics if name not in HEADLINE)]


def _chosen(slices: Sequence[SliceDifference]) -> list[SliceDifference]:
    """One metric a slice: macro F1 where it is defined there, else accuracy; in the order they came."""
    found: dict[tuple[str, str], SliceDifference] = {}
    for one in slices:
        key = one["column"], one["value"]
        if key not in found or (found[key]["difference"] is None and one["difference"] is not None):
            found[key] = one
    return list(found.values())


def _flags(slices: Sequence[SliceDifference]) -> dict[tuple[str, str], list[SliceDifference]]:
    """The flagged entries of each slice, of whatever metric."""
    found: dict[tuple[str, str], list[SliceDifference]] = {}
    for one in slices:
        if one["flag"]:
            found.setdefault((one["column"], one["value"]), []).append(one)
    return found


def _around_zero(entries: Sequence[Mapping[str, Any]]) -> Axis:
    """A symmetric axis with room for every interval."""
    reach = max((abs(entry[key]) for entry in entries for key in ("lo", "hi", "difference") if entry[key] is not None), default=0.0)
    step = next(size for size in (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0, reach) if reach <= size)
    return Axis("", -step, step, (-step, 0, step), digits=2)


def _picture(entry: Mapping[str, Any], axis: Axis) -> Any:
    return forest(entry["difference"], entry["lo"], entry["hi"], axis, zero=0)


def _sides(row: Changed, pair: Pair) -> list[tuple[str, Judgement, Any, list[tuple[str, float]]]]:
    """What each side says, with the sentence as it marked it; once only where the second side marked the same."""
    told = []
    before: Any = None
    for name, side in ((pair["baseline"], row["baseline"]), (pair["candidate"], row["candidate"])):
        text = pieces(row["text"], side["spans"], row["spans_gold"])
        told.append((shown(name), side, None if text == before else text, _strongest(row["text"], side)))
        before = text
    return told


def _strongest(text: str, side: Judgement) -> list[tuple[str, float]]:
    words = sorted(side["words"] or [], key=lambda word: -word["score"])[:_WORDS]
    return [(text[word["start"] : word["end"]], word["score"]) for word in words if word["score"] >= _SCORE]
