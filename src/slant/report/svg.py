"""Small line charts and forest plots as inline SVG.

Drawn here and not by matplotlib: the style sheet then colours them, so that one picture serves light, dark and print; their words stay text; a
chart of 200 points is 5 kB. Series differ by dashes and markers as well as by colour, and stand in the figure's key.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

__all__ = ["STYLES", "Axis", "Series", "chart", "forest", "ticks_between"]

Point = tuple[float, float]

#: So many series can be told apart.
STYLES = 6
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 360, 270, 44, 10, 8, 40


@dataclass(frozen=True)
class Axis:
    """What an axis shows, from where to where, and where it is labelled."""

    label: str
    low: float
    high: float
    ticks: Sequence[float]
    digits: int = 1

    def place(self, value: float) -> float:
        """Where a value lies, 0 to 1; outside values at the nearer end."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


@dataclass(frozen=True)
class Series:
    """A line.

    Attributes:
        points: (x, y) in drawing order.
        band: (x, low, high) of an interval around it.
        markers: whether each point is marked, and its band drawn as whiskers.
        joined: whether a line is drawn.
    """

    name: str
    points: Sequence[Point]
    band: Sequence[tuple[float, float, float]] = ()
    markers: bool = False
    joined: bool = True
    style: int = 0


def chart(title: str, said: str, x: Axis, y: Axis, series: Sequence[Series], *, reference: Sequence[Point] = (), reference_name: str = "") -> Markup:
    """A figure with its heading, picture and key. `said` describes the picture for those who do not see it.

    `reference` is a thin dotted line, named in the key where it has a name.
    """
    parts = [_grid(x, y)]
    if reference:
        parts.append(f'<polyline class="ref" points="{_points(reference, x, y)}"/>')
    parts += [_line(one, x, y) for one in series]
    keys = [_key(one) for one in series if one.name]
    if reference and reference_name:
        keys.append(
            f'<li><svg viewBox="0 0 40 12" aria-hidden="true"><line class="ref" x1="0" y1="6" x2="40" y2="6"/></svg>{escape(reference_name)}</li>'
        )
    legend = f'<ul class="legend">{"".join(keys)}</ul>' if keys else ""
    picture = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(said)}">{"".join(parts)}</svg>'
    return Markup(f"<figure><h3>{escape(title)}</h3>{picture}<figcaption>{legend}</figcaption></figure>")


def forest(
    estimate: float | None, low: float | None, high: float | None, axis: Axis, *, zero: float | None = None, floor: float | None = None
) -> Markup:
    """One row of a forest plot: an interval, its estimate, a dashed line at `zero` and a short thick one at `floor`. It holds no words."""
    parts = []
    if zero is not None:
        parts.append(_stroke("zero", axis.place(zero), 0, axis.place(zero), 20))
    if floor is not None:
        parts.append(_stroke("floor", axis.place(floor), 11, axis.place(floor), 19))
    if low is not None and high is not None:
        ends = axis.place(low), axis.place(high)
        parts += [_stroke("line", ends[0], 10, ends[1], 10), *(_stroke("line", end, 7, end, 13) for end in ends)]
    if estimate is not None:
        parts.append(_stroke("point", axis.place(estimate), 5, axis.place(estimate), 15))
    # The numbers stand beside it in the row; read aloud, the picture adds nothing.
    picture = f'<svg class="forest" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>'
    return Markup(picture)


def ticks_between(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from `low` to `high`, at most so many; both ends where there are none."""
    least = math.floor(math.log10((high - low) / most))
    for step in (digit * 10.0**power for power in range(least, least + 3) for digit in (1, 2, 5)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            return [round(number * step, 10) for number in range(first, last + 1)] or [low, high]
    return [low, high]


def _grid(x: Axis, y: Axis) -> str:
    parts = []
    for tick in x.ticks:
        at = _x(tick, x)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 14}" text-anchor="middle">{tick:,.{x.digits}f}</text>')
    for tick in y.ticks:
        at = _y(tick, y)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{at + 4:.1f}" text-anchor="end">{tick:,.{y.digits}f}</text>')
    middle = _TOP + (_HEIGHT - _TOP - _BOTTOM) / 2
    parts.append(f'<text class="axis" x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(x.label)}</text>')
    parts.append(f'<text class="axis" transform="translate(11 {middle}) rotate(-90)" text-anchor="middle">{escape(y.label)}</text>')
    return "".join(parts)


def _line(one: Series, x: Axis, y: Axis) -> str:
    style, parts = one.style % STYLES, []
    if one.band and not one.markers:
        outline = [(at, high) for at, _, high in one.band] + [(at, low) for at, low, _ in reversed(one.band)]
        parts.append(f'<polygon class="band f{style}" points="{_points(outline, x, y)}"/>')
    elif one.band:
        whiskers = "".join(f"M{_x(at, x):.1f} {_y(low, y):.1f}V{_y(high, y):.1f}" for at, low, high in one.band)
        parts.append(f'<path class="whisker s{style}" d="{whiskers}"/>')
    if one.joined and len(one.points) > 1:
        parts.append(f'<polyline class="lines s{style}" points="{_points(one.points, x, y)}"/>')
    if one.markers or len(one.points) == 1:
        parts += [_marker(_x(px, x), _y(py, y), style) for px, py in one.points]
    return "".join(parts)


def _marker(x: float, y: float, style: int) -> str:
    """A shape a style: circle, square, triangle, diamond, cross, triangle upside down."""
    shapes = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6"',
        f'<rect x="{x - 3.3:.1f}" y="{y - 3.3:.1f}" width="6.6" height="6.6"',
        f'<path d="M{x:.1f} {y - 4.4:.1f}l4.2 7.6h-8.4z"',
        f'<path d="M{x:.1f} {y - 4.8:.1f}l4.8 4.8-4.8 4.8-4.8-4.8z"',
        f'<path d="M{x - 1.3:.1f} {y - 4.3:.1f}h2.6v3h3v2.6h-3v3h-2.6v-3h-3v-2.6h3z"',
        f'<path d="M{x - 4:.1f} {y - 3.2:.1f}h8l-4 7.2z"',
    )
    return f'{shapes[style]} class="mark f{style}"/>'


def _key(one: Series) -> str:
    style = one.style % STYLES
    line = f'<line class="lines s{style}" x1="0" y1="6" x2="40" y2="6"/>' if one.joined else ""
    mark = _marker(20, 6, style) if one.markers else ""
    return f'<li><svg viewBox="0 0 40 12" aria-hidden="true">{line}{mark}</svg>{escape(one.name)}</li>'


def _points(points: Sequence[Point], x: Axis, y: Axis) -> str:
    return " ".join(f"{_x(px, x):.1f},{_y(py, y):.1f}" for px, py in points)


def _x(value: float, axis: Axis) -> float:
    return _LEFT + axis.place(value) * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, axis: Axis) -> float:
    return _HEIGHT - _BOTTOM - axis.place(value) * (_HEIGHT - _TOP - _BOTTOM)


def _stroke(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{100 * x1:.2f}" y1="{y1}" x2="{100 * x2:.2f}" y2="{y2}"/>'
