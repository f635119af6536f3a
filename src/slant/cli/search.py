"""`slant search`: a model's settings, searched on dev."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from slant.cli.needs import needs_training
from slant.cli.progress import show_progress

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "overrides",
        nargs="+",
        metavar="KEY=VALUE",
        help="search=NAME, search.trials=N, search.space.model.C.high=10, and any override of slant train; the same command goes on with it",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the experiment file; default: experiment/best.yaml in the search's folder")
    parser.add_argument("-q", "--quiet", action="store_true", help="no line a trial")


def run(args: argparse.Namespace) -> int:
    needs_training("slant search")
    from slant.pipeline import run_search

    if not args.quiet:
        show_progress()
        _show_lines()
    found = run_search(args.overrides, output=args.output)
    told = ", ".join(f"{count} {state}" for state, count in found.counts.items() if count)
    print(f"{'best':<14}trial {found.number}: dev {found.metric} {found.value:.4f} ({told})")
    for key, value in found.best.items():
        print(f"{'':<14}{key} = {value}")
    print(f"{'folder':<14}{found.folder}")
    print(f"{'MLflow run':<14}{found.run_id}")
    print(f"{'train it':<14}{found.command}")
    return 0


def _show_lines() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("slant")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
