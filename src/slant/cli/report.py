"""`slant report`: one run's page."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from slant.cli.needs import needs_training

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="a run's folder, or an MLflow run's id or name")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write the page; default: RUN-FOLDER/report.html for a folder")
    parser.add_argument("--json", metavar="FILE", help="write the same as JSON; - for stdout")
    parser.add_argument("--store", default="", metavar="URI", help="the tracking store that holds the run; default: your own")


def run(args: argparse.Namespace) -> int:
    """Exit status 0. Without --html the page stands in the run's folder, or in the MLflow run alone."""
    needs_training("slant report")
    from slant.cli.terminal import format_scores
    from slant.pipeline import run_report

    html = args.html or (Path(args.run) / "report.html" if Path(args.run).is_dir() else None)
    json_file = Path(args.json) if args.json and args.json != "-" else None
    report = run_report(args.run, store=args.store, html=html, json_file=json_file)
    if args.json == "-":
        print(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        print(format_scores(report["scores"]))
    for line in report["warnings"]:
        print(f"warning  {line}", file=sys.stderr)
    for path in (html, json_file):
        if path:
            print(f"written  {path}", file=sys.stderr)
    if report["run_id"]:
        print(f"logged   report/report.html to MLflow run {report['run_id']}", file=sys.stderr)
    return 0
