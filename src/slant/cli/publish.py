"""`slant publish`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from slant.cli.needs import needs_training
from slant.cli.progress import show_progress

if TYPE_CHECKING:
    from slant.pipeline.publish_run import Published

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="an MLflow run's id or name, or a run folder; one for each head of the bundle")
    parser.add_argument("--name", required=True, help="the registered model")
    parser.add_argument("--alias", default="champion", help="what moves to the new version (champion)")
    parser.add_argument("--gate", type=Path, metavar="FILE", help="a gate file; the shipped configs/gate/default.yaml unless given")
    parser.add_argument("--bundle", type=Path, metavar="PATH", help="the bundle, where the run does not know it, or of several runs")
    parser.add_argument("--blind", nargs="+", default=[], metavar="WORD", help="a blind set: a corpus and its keys (table file=blind.csv)")
    parser.add_argument("--override", metavar="REASON", help="register in spite of failed checks; the reason is recorded")
    parser.add_argument("--store", default="", metavar="URI", help="the MLflow store; mlflow.db in SLANT_HOME or here unless given")
    parser.add_argument("--records", type=Path, metavar="FOLDER", help="where the ledger lies; `published` beside the store unless given")
    parser.add_argument(
        "--requirement",
        action="append",
        metavar="SPEC",
        help="what pip installs where the model is served, instead of slant[serve] and mlflow; repeatable",
    )


def run(args: argparse.Namespace) -> int:
    needs_training("slant publish")
    from slant.pipeline.app import compose_config
    from slant.pipeline.publish_run import publish_run

    show_progress()
    found = publish_run(
        args.runs,
        name=args.name,
        alias=args.alias,
        uri=args.store or compose_config([]).tracking.uri,
        gate=args.gate,
        bundle=args.bundle,
        blind=args.blind,
        override=args.override,
        records=args.records,
        requirements=args.requirement,
    )
    print(_told(found))
    return 0 if found.accepted else 1


def _told(found: Published) -> str:
    """The table, and what came of it."""
    from slant.publish.gates import NOT_JUDGED, failing

    rows = [("", "gate", "what", "figure", "demanded", "why")]
    for check in found.checks:
        # In brackets: it keeps nothing out.
        status = f"({check.status})" if check.status == NOT_JUDGED and not check.required else check.status
        rows.append((status, check.gate, check.what, check.figure, check.bound, check.why))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows if found.checks]
    lines += [""] if lines else []
    against = len(failing(found.checks))
    if not found.accepted:
        lines.append(f"{against} of {len(found.checks)} checks keep it out; nothing was registered. --override REASON registers it all the same.")
    elif found.checks:
        how = f"Registered in spite of {against} failed check(s) ({found.override})" if found.override else "Registered"
        lines.append(f"{how}: models:/{found.name}@{found.alias} is version {found.version}, bundle {found.bundle_id}")
    return "\n".join([*lines, *([found.note] if found.note else [])])
