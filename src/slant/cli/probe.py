"""`slant probe`: a model's behaviour, and its leaning."""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slant.cli.needs import needs_training
from slant.cli.progress import show_progress
from slant.errors import ConfigError
from slant.files import write_atomic

if TYPE_CHECKING:
    from slant.evaluation.behaviour import Outcome

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a bundle (folder or zip), a run's folder, or a run's MLflow id")
    parser.add_argument("--suite", metavar="FOLDER", help="a folder of probes; default: the shipped ones")
    parser.add_argument("--kind", action="append", default=[], metavar="K", help="only this kind; may be given again")
    parser.add_argument("--camps", metavar="FILE", help="YAML: the targets of each camp, for the leaning audit by target")
    parser.add_argument("--worst", type=int, default=3, metavar="N", help="show so many of each kind's failures; default: 3")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON; - for stdout")
    parser.add_argument("--store", default="", metavar="URI", help="the tracking store that holds the run; default: your own")
    parser.add_argument("--precision", choices=("fp32", "int8"), help="the bundle's graph to run; default: the bundle's own")
    parser.add_argument("--threads", type=int, default=1, help="onnxruntime's threads")


def run(args: argparse.Namespace) -> int:
    needs_training("slant probe")
    for name, least in (("worst", 0), ("threads", 1)):
        if getattr(args, name) < least:
            raise ConfigError(f"--{name} is {getattr(args, name)}", remedy=f"Give at least {least}")
    from slant.evaluation.behaviour import worst_failures
    from slant.pipeline import probe_model, read_camps

    show_progress()
    camps = read_camps(args.camps) if args.camps else None
    found = probe_model(
        args.model, suite=args.suite, kinds=args.kind, camps=camps, store=args.store, precision=args.precision, threads=args.threads
    )  # fmt: skip
    written = json.dumps(found.to_json(), ensure_ascii=False, indent=1)
    if args.json == "-":
        print(written)
        return 0
    print(f"bundle {found.bundle} on {found.suite.name} {found.suite.version} ({found.suite.digest[:12]}), {len(found.outcomes):,} cases\n")
    print(_columns(_rates(found.rows)))
    for title, audit in (("by the outlet's leaning", found.leaning), ("by the target's camp", found.camps)):
        if audit:
            print(f"\nErrors {title} ({audit['rows']:,} labelled test rows, {audit['rows_without_camp']:,} of no side)\n\n{_audit(audit)}")
    for note in found.notes:
        print(f"\nNote: {note}")
    worst = worst_failures(found.outcomes, args.worst)
    if worst:
        print("\nWorst failures\n" + "\n".join(_failure(outcome) for outcome in worst))
    if args.json:
        with write_atomic(args.json) as part:
            part.write_text(written, encoding="utf-8")
        print(f"\nwritten  {args.json}")
    return 0


def _rates(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """A row a kind; below it a row a detail, where it has several."""
    lines = [["kind", "cases", "judged", "pass rate", "95 % interval"]]
    for row in rows:
        lines.append([f"{row['task']}: {row['kind']}", *_cells(row)])
        if len(row["details"]) > 1:
            lines += [[f"   {name}", *_cells(detail)] for name, detail in row["details"].items()]
    return lines


def _cells(row: dict[str, Any]) -> list[str]:
    rate, interval = ("–", "–") if row["rate"] is None else (f"{row['rate']:.1%}", f"{row['lo']:.1%} to {row['hi']:.1%}")
    return [f"{row['cases']:,}", f"{row['judged']:,}", rate, interval]


def _audit(audit: dict[str, Any]) -> str:
    """False-positive and false-negative rates a side, the differences, and the gap."""
    flags = list(next(iter(audit["camps"].values()))["flags"])
    lines = [["side", "rows", "groups", *(f"{rate} {flag}" for flag in flags for rate in ("false", "missed"))]]
    for camp, told in audit["camps"].items():
        rates = [_interval(told["flags"][flag][rate]) for flag in flags for rate in ("fpr", "fnr")]
        lines.append([camp, f"{told['rows']:,}", f"{told['groups']:,}", *rates])
    if audit["gap"] is None:
        return f"{_columns(lines)}\n\nno gap: it takes the sides left and right"
    lines.append(["right − left", "", "", *(_interval(audit["gaps"][flag][rate], "+") for flag in flags for rate in ("fpr", "fnr"))])
    meant = {"loaded": "above 0: the right is called loaded more readily", "stance": "above 0: the right is read worse"}[audit["task"]]
    return f"{_columns(lines)}\n\ngap {_interval(audit['gap'], '+')} ({meant}; 0: both alike)"


def _interval(found: dict[str, float | None], sign: str = "") -> str:
    if found["value"] is None:
        return "–"
    if found["lo"] is None:
        return f"{found['value']:{sign}.3f}"
    return f"{found['value']:{sign}.3f} ({found['lo']:{sign}.3f} to {found['hi']:{sign}.3f})"


def _failure(outcome: Outcome) -> str:
    from slant.serve.article import visible

    lines = [f"{outcome.case.task}: {outcome.case.kind}, case {outcome.case.id}"]
    for number, (item, answer) in enumerate(zip(outcome.case.items, outcome.answers, strict=True)):
        about = f" on {item.target}" if item.target else ""
        wanted = f", not {outcome.case.expect[number]}" if outcome.case.expect and answer.label != outcome.case.expect[number] else ""
        text = visible(f"{answer.label}{about} ({answer.score:+.2f}){wanted}: {item.text}", one_line=True)
        lines += textwrap.wrap(text, min(shutil.get_terminal_size((100, 24)).columns, 140), initial_indent="  ", subsequent_indent="    ")
    return visible(lines[0], one_line=True) + "\n" + "\n".join(lines[1:])


def _columns(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side, the first to the left, the others to the right."""
    from slant.serve.article import visible

    shown = [[visible(cell, one_line=True) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = ([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))] for row in shown)
    return "\n".join("  ".join(line).rstrip() for line in lines)
