"""The curves of a run or of several, as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from slant.evaluation.comparison.shape import Abstention, Calibration
from slant.evaluation.curves import RankingCurve
from slant.report.page import in_words, number, shown
from slant.report.svg import STYLES, Axis, Series, chart, ticks_between

__all__ = ["learning_chart", "ranking_charts", "reliability_charts", "risk_chart"]

_TENTHS = (0, 0.2, 0.4, 0.6, 0.8, 1)
_DIAGONAL = ((0.0, 0.0), (1.0, 1.0))


def ranking_charts(curves: Sequence[RankingCurve], areas: Mapping[str, str]) -> list[Markup]:
    """Both curves of each ranking, up to six a picture. `areas` holds words for the key, by curve name."""
    named = [(curve, f"{shown(curve['name'])}{areas.get(curve['name'], '')}") for curve in curves[:STYLES]]
    if not named:
        return []
    roc = [Series(name, curve["roc"], style=i) for i, (curve, name) in enumerate(named)]
    pr = [Series(f"{name}, {curve['positives']:.1%} positive", curve["pr"], style=i) for i, (curve, name) in enumerate(named)]
    rates = Axis("false-positive rate", 0, 1, _TENTHS), Axis("true-positive rate", 0, 1, _TENTHS)
    both = Axis("recall", 0, 1, _TENTHS), Axis("precision", 0, 1, _TENTHS)
    return [
        chart("ROC", "True-positive rate against false-positive rate", *rates, roc, reference=_DIAGONAL, reference_name="chance"),
        chart("Precision and recall", "Precision against recall", *both, pr),
    ]


def reliability_charts(sides: Sequence[tuple[str, Calibration]]) -> list[Markup]:
    """How often an answer of a probability is right, and how often each label's probability comes true; a line a side."""
    pictures = [_reliability("Reliability of the answer", "answer right", [(name, side["confidence"]) for name, side in sides])]
    for label in sides[0][1]["labels"]:
        curves = [(name, side["labels"][label]) for name, side in sides if label in side["labels"]]
        pictures.append(_reliability(f"Reliability of P({label})", f"gold is {label}", curves))
    return pictures


def _reliability(title: str, share: str, curves: Sequence[tuple[str, Sequence[Any]]]) -> Markup:
    series = []
    for i, (name, bins) in enumerate(curves[:STYLES]):
        full = [found for found in bins if found["n"] and found["probability"] is not None and found["share"] is not None]
        points = [(found["probability"], found["share"]) for found in full]
        band = [(b["probability"], b["share_lo"], b["share_hi"]) for b in full if b["share_lo"] is not None and b["share_hi"] is not None]
        series.append(Series(name, points, band, markers=True, style=i))
    axes = Axis("probability given", 0, 1, _TENTHS), Axis(f"share where {share}", 0, 1, _TENTHS)
    return chart(title, f"{title}: the share that came true by probability", *axes, series, reference=_DIAGONAL, reference_name="perfect")


def risk_chart(sides: Sequence[tuple[str, Abstention]]) -> Markup:
    """The share of wrong answers when only the surest are given."""
    series = []
    highest = 0.05
    for i, (name, side) in enumerate(sides[:STYLES]):
        points = [(point["coverage"], point["risk"]) for point in side["curve"]]
        band = [(p["coverage"], p["lo"], p["hi"]) for p in side["curve"] if p["lo"] is not None and p["hi"] is not None]
        area = side["area"]["value"]
        series.append(Series(f"{name} (area {number(area)})" if area is not None else name, points, band, style=i))
        if (own := side["own"]) is not None:
            series.append(Series(f"{name}: its own abstention", [(own["coverage"], own["risk"])], markers=True, joined=False, style=i))
        # A handful of rows at the left end may be all wrong; the picture is of the rest.
        highest = max([highest, *(p["risk"] for p in side["curve"] if p["coverage"] >= 0.05)])
    top = min(1.0, highest * 1.25)
    y = Axis("share wrong", 0, top, ticks_between(0, top), digits=2)
    said = "Share of wrong answers against the share of rows answered"
    return chart("Coverage against risk", said, Axis("share answered", 0, 1, _TENTHS), y, series)


def learning_chart(curve: Mapping[str, Any], metric: str) -> Markup:
    """One metric of a recorded learning curve against the number of training rows, with its intervals."""
    points = sorted((point for point in curve["points"] if metric in point["metrics"]), key=lambda point: point["rows"])
    found = [(float(point["rows"]), point["metrics"][metric]) for point in points]
    values = [value for _, entry in found for value in (entry["value"], entry.get("lo"), entry.get("hi")) if value is not None]
    low, high = min(values), max(values)
    margin = max((high - low) * 0.1, 0.01)
    most = max(rows for rows, _ in found)
    x = Axis("training rows", 0, most, ticks_between(0, most, 5), digits=0)
    y = Axis(in_words(metric), low - margin, high + margin, ticks_between(low - margin, high + margin), digits=2)
    band = [(rows, entry["lo"], entry["hi"]) for rows, entry in found if entry.get("lo") is not None and entry.get("hi") is not None]
    line = Series("", [(rows, entry["value"]) for rows, entry in found if entry["value"] is not None], band, markers=True)
    return chart(in_words(metric), f"{metric} by training rows", x, y, [line])
