"""A comparison as a terminal shows it: the verdicts first, then what a reviewer would ask next. The page and the JSON have all of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from slant.serve.article import visible

if TYPE_CHECKING:
    from slant.evaluation.comparison import Comparison
    from slant.evaluation.comparison.shape import Changed, Difference, Pair, SideSummary

__all__ = ["format_comparison"]

_SENTENCES, _KEYS = 5, 20
_EXCERPT = 160

Rows = list[list[str]]


def format_comparison(comparison: Comparison, *, width: int = 110) -> str:
    """Verdicts a pair, slices that move otherwise, the most changed sentences, calibration, configuration, warnings and notes."""
    test, settings = comparison["test"], comparison["settings"]
    level = 100 * float(settings["level"])
    head = f"{test['rows']:,} test rows in {test['groups']:,} groups · {settings['resamples']:,} resamples of groups, {settings['swaps']:,} swaps"
    parts = [_wrapped(f"{head} · Holm over {settings['tests']} tests · test fingerprint {str(test['fingerprint'])[:12]}", width)]
    parts += [_wrapped(f"warning  {line}", width) for line in comparison["warnings"]]
    for pair in comparison["pairs"]:
        parts.append(f"\n{_plain(pair['candidate'])} against {_plain(pair['baseline'])}")
        parts.append(_table(_verdicts(pair, level), left=(0, 8)))
        parts.append(_mcnemar(pair))
        parts += _slices(pair, width)
        parts += _changed(pair["changed"][:_SENTENCES], width)
    parts += ["", _table(_calibrations(comparison["sides"]))]
    parts += _config(comparison)
    parts += ["", *(_wrapped(f"note  {line}", width) for line in comparison["notes"])] if comparison["notes"] else []
    return "\n".join(parts)


def _verdicts(pair: Pair, level: float) -> Rows:
    rows = [["metric", "baseline", "candidate", "difference", f"{level:g} % interval", "p", "p, Holm", "detectable", "verdict"]]
    for found in sorted(pair["metrics"], key=lambda entry: not entry["judged"]):
        if "/" not in found["metric"] or found["judged"]:
            rows.append(_verdict(found))
    return rows


def _verdict(found: Difference) -> list[str]:
    verdict = found["verdict"] if found["judged"] else f"({found['reason'] or 'not judged'})"
    between = "–" if found["lo"] is None else f"{found['lo']:+.3f} to {found['hi']:+.3f}"
    cells = [found["metric"], _number(found["baseline"]), _number(found["candidate"]), _signed(found["difference"]), between]
    return [*cells, _p(found["p"]), _p(found["p_adjusted"]), _number(found["detectable"]), verdict]


def _mcnemar(pair: Pair) -> str:
    lines = []
    for found in pair["mcnemar"]:
        seeds = "" if len(pair["mcnemar"]) == 1 else f", seeds {found['baseline_seed']} and {found['candidate_seed']}"
        counts = f"{found['only_candidate']} rows right in the candidate only, {found['only_baseline']} in the baseline only"
        lines.append(f"McNemar ({found['method']}, rows as if independent{seeds}): {counts}, p {_p(found['p'])}")
    return "\n".join(lines)


def _slices(pair: Pair, width: int) -> list[str]:
    flagged = [one for one in pair["slices"] if one["flag"]]
    count = len({(one["column"], one["value"]) for one in pair["slices"]})
    if not flagged:
        return [_wrapped(f"None of {count} slices is shown to move otherwise than all rows.", width)]
    rows = [["slice", "", "metric", "rows", "difference", "interval", "minus all rows", ""]]
    for one in flagged:
        between = f"{one['lo']:+.3f} to {one['hi']:+.3f}"
        cells = [one["column"], _plain(one["value"])[:40], one["metric"], f"{one['rows']:,}", _signed(one["difference"]), between]
        rows.append([*cells, _signed(one["apart"]), "moves against" if one["flag"] == "against" else "moves apart"])
    return [f"Of {count} slices, these move otherwise than all rows:", _table(rows, left=(0, 1, 2, 7))]


def _changed(changed: Sequence[Changed], width: int) -> list[str]:
    lines = ["Most changed sentences:"] if changed else []
    for one in changed:
        said = [f"{side['pred']} {side['probabilities'][side['pred']]:.2f}" for side in (one["baseline"], one["candidate"])]
        gold = f", gold {one['gold']}" if one["gold"] else ""
        target = f" on {_plain(one['target'])}" if one["target"] else ""
        text = _plain(one["text"])
        short = text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 1].rstrip()}…"
        lines.append(_wrapped(f"{said[0]} → {said[1]}{gold}{target}: {short}", width, indent=2))
    return lines


def _calibrations(sides: Sequence[SideSummary]) -> Rows:
    rows = [["calibration", "seeds", "ECE", "Brier", "reliability", "resolution", "uncertainty", "area under risk-coverage"]]
    for side in sides:
        found, risk = side["calibration"], side["abstention"]
        parts = [f"{found[part]:.4f}" for part in ("reliability", "resolution", "uncertainty")] if found else ["–"] * 3
        shown = [_number(found["ece"]["value"]), _number(found["brier"]["value"])] if found else ["–", "–"]
        rows.append([_plain(side["name"]), str(len(side["seeds"])), *shown, *parts, _number(risk["area"]["value"]) if risk else "–"])
    return rows


def _config(comparison: Comparison) -> list[str]:
    config = comparison["config"]
    if not config:
        return []
    names = [side["name"] for side in comparison["sides"]]
    rows = [["configuration", *map(_plain, names)]]
    for key in list(config)[:_KEYS]:
        rows.append([key, *(_plain(value)[:40] if (value := config[key].get(name)) is not None else "–" for name in names)])
    more = [f"… and {len(config) - _KEYS} more keys (--json has all)"] if len(config) > _KEYS else []
    return ["", _table(rows, left=tuple(range(len(names) + 1))), *more]


def _table(rows: Rows, left: Sequence[int] = (0,)) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(size) if i in left else cell.rjust(size) for i, (cell, size) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _wrapped(text: str, width: int, indent: int = 0) -> str:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(file=io.StringIO(), width=width, height=25, no_color=True, highlight=False, markup=False, emoji=False)
    console.print(Padding(Text(text), (0, 0, 0, indent)))
    written = console.file
    assert isinstance(written, io.StringIO)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


def _plain(text: str) -> str:
    """A line of text that cannot drive the terminal."""
    return visible(text, one_line=True)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}"


def _p(value: float | None) -> str:
    return "–" if value is None else "<.001" if value < 0.001 else f"{value:.3f}"
