"""`slant predictions`: predictions tables in other layouts."""

from __future__ import annotations

import argparse
from pathlib import Path

from slant.cli.needs import needs_training

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    line = "write predictions as official scorers read them"
    export = actions.add_parser("export", help=line, description=line)
    export.add_argument("table", help="a run's folder, or its predictions.parquet")
    export.add_argument("--layout", required=True, choices=("tweeteval", "ptc"), help="tweeteval: a label a line; ptc: a span a line")
    export.add_argument("-o", "--output", required=True, help="tweeteval: a new folder; ptc: a file")
    export.add_argument("--split", default="test", help="which rows; default: test")


def run(args: argparse.Namespace) -> int:
    needs_training("slant predictions export")
    from slant.evaluation import read_predictions
    from slant.evaluation.layouts import LAYOUTS

    path = Path(args.table)
    for file in LAYOUTS[args.layout](read_predictions(path / "predictions.parquet" if path.is_dir() else path), args.output, split=args.split):
        print(file)
    return 0
