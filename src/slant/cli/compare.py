"""`slant compare`: is run B better than run A?"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from slant.cli.needs import needs_training

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    named = "a run's folder, an MLflow run's id or name, experiment:NAME or sweep:ID_OR_NAME for a group of seeds; the first is the baseline"
    parser.add_argument("runs", nargs="+", metavar="RUN", help=named)
    parser.add_argument("--html", metavar="FILE", type=Path, help="write the whole as a page that needs no network")
    parser.add_argument("--json", metavar="FILE", help="write the whole as JSON; - for stdout instead of the table")
    parser.add_argument("--metrics", metavar="NAME,NAME", help="judge these only: fewer tests to correct for; default: all that have a direction")
    parser.add_argument("--resamples", type=int, default=2000, help="draws of groups; default: 2000")
    parser.add_argument("--seed", type=int, default=0, help="of the draws; default: 0")
    parser.add_argument("--store", default="", metavar="URI", help="the tracking store that holds the runs; default: your own")


def run(args: argparse.Namespace) -> int:
    needs_training("slant compare")
    from slant.cli.comparison import format_comparison
    from slant.pipeline.review import review

    to_stdout = args.json == "-"
    comparison = review(
        args.runs,
        store=args.store,
        html=args.html,
        json_file=Path(args.json) if args.json and not to_stdout else None,
        resamples=args.resamples,
        seed=args.seed,
        metrics=args.metrics.split(",") if args.metrics else None,
    )
    if to_stdout:
        json.dump(comparison, sys.stdout, ensure_ascii=False, indent=1, allow_nan=False)
        print()
    else:
        print(format_comparison(comparison, width=max(shutil.get_terminal_size((110, 24)).columns, 60)))
    for path in (args.html, None if to_stdout else args.json):
        if path:
            print(f"written  {path}", file=sys.stderr)
    return 0
