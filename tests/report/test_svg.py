"""Charts: well-formed, told apart without colour, and true to their numbers."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from fixtures_pages import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from slant.report.svg import STYLES, Axis, Series, chart, forest, ticks_between

ALLOWED = {"figure", "h3", "svg", "line", "text", "polyline", "polygon", "path", "circle", "rect", "figcaption", "ul", "li"}
UNIT = Axis("x <&> y", 0, 1, (0, 0.5, 1))


def test_a_chart_is_well_formed_and_its_words_are_words() -> None:
    series = [Series(HOSTILE, [(0, 0), (1, 1)], [(0, 0, 0.1), (1, 0.9, 1)], markers=bool(i % 2), style=i) for i in range(STYLES)]
    figure = ElementTree.fromstring(chart(HOSTILE, HOSTILE, UNIT, UNIT, series, reference=[(0, 0), (1, 1)], reference_name="<b>chance</b>"))
    assert figure.findtext("h3") == HOSTILE
    svg = figure.find("svg")
    assert svg is not None and svg.get("aria-label") == HOSTILE and svg.get("role") == "img"
    keys = ["".join(key.itertext()) for key in figure.iter("li")]
    assert keys == [HOSTILE] * STYLES + ["<b>chance</b>"]
    assert {element.tag for element in figure.iter()} <= ALLOWED


def test_points_lie_where_their_numbers_say() -> None:
    svg = str(chart("t", "s", UNIT, UNIT, [Series("a", [(0, 0), (0.5, 1), (2, -1)])]))
    (points,) = re.findall(r'class="lines s0" points="([^"]*)"', svg)
    (x0, y0), (x1, y1), (x2, y2) = [tuple(map(float, pair.split(","))) for pair in points.split()]
    ticks = [float(x) for x in re.findall(r'class="grid" x1="([\d.]+)" x2="\1"', svg)]
    assert [x0, x1, x2] == [ticks[0], ticks[1], ticks[2]] and y0 == y2 > y1, "what lies outside the axes is shown at their ends"


def test_styles_differ_in_dashes_and_in_shapes() -> None:
    from pathlib import Path

    import slant.report

    style = (Path(slant.report.__file__).parent / "templates/style.css").read_text(encoding="utf-8")
    dashes = [re.findall(rf"\.s{i} {{ stroke: [^;]+;(?: stroke-dasharray: ([\d ]+);)? }}", style) for i in range(STYLES)]
    assert all(len(found) == 1 for found in dashes) and len({found[0] for found in dashes}) == STYLES
    marks = [
        re.sub(r"[\d.]+", "", re.findall(r'<(\w+ [^>]*) class="mark', str(chart("", "", UNIT, UNIT, [Series("a", [(0.5, 0.5)], style=i)])))[0])
        for i in range(STYLES)
    ]
    assert len(set(marks)) == STYLES


def test_a_forest_row_shows_interval_estimate_and_reference() -> None:
    axis = Axis("", -0.2, 0.2, ())
    lines = {line.get("class"): line for line in ElementTree.fromstring(forest(0.1, 0.0, 0.2, axis, zero=0, floor=-0.2))}
    assert (lines["zero"].get("x1"), lines["point"].get("x1"), lines["floor"].get("x1")) == ("50.00", "75.00", "0.00")
    bar = next(line for line in ElementTree.fromstring(forest(0.1, 0.0, 0.2, axis)) if line.get("y1") == line.get("y2"))
    assert (bar.get("x1"), bar.get("x2")) == ("50.00", "100.00")
    assert not list(ElementTree.fromstring(forest(None, None, None, axis)))


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4), st.integers(2, 8))
def test_ticks_are_round_few_and_within(low: float, span: float, most: int) -> None:
    ticks = ticks_between(low, low + span, most)
    assert 1 <= len(ticks) <= max(most, 2) and ticks == sorted(set(ticks))
    assert all(low - 1e-6 * max(1, abs(low)) <= tick <= low + span + 1e-6 * max(1, abs(low) + span) for tick in ticks)
    if len(ticks) > 2:
        step = ticks[1] - ticks[0]
        assert 10 ** (math.log10(step) % 1) == pytest.approx(1, rel=1e-3) or round(step / 10 ** math.floor(math.log10(step) + 1e-9)) in (1, 2, 5)
