"""`slant rerun`: a run replayed from its stored configuration."""

from __future__ import annotations

import argparse
from pathlib import Path

from slant.cli.needs import needs_training
from slant.cli.progress import show_progress

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="a run's folder, or its MLflow id")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="where things lie here: data.root=FOLDER, model.encoder.path=FOLDER")
    parser.add_argument("--store", default="", metavar="URI", help="the tracking store that holds the run; default: your own")
    parser.add_argument("--allow-network", action="store_true", help="let the encoder be fetched, where the run's was")
    parser.add_argument("--threads", type=int, help="in place of the run's")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the replay's predictions as Parquet")


def run(args: argparse.Namespace) -> int:
    """Exit status 0: the same predictions; 1: others, or none could be made."""
    needs_training("slant rerun")
    from slant.pipeline import replay
    from slant.serve.article import visible

    show_progress()
    found = replay(args.run, overrides=args.overrides, store=args.store, allow_network=args.allow_network, threads=args.threads, output=args.output)
    lines = [("run", found.run), ("hash then", found.hash_before), ("hash now", found.hash_now or "nothing was fitted")]
    lines += [("differs", line) for line in found.differences] + [("note", line) for line in found.notes]
    for name, line in [*lines, ("verdict", "the same predictions" if found.same else "NOT the same predictions")]:
        # A table's ids and a stored configuration are not ours: they are shown, and do not act on the terminal.
        print(f"{name:<10} {visible(line, one_line=True)}")
    return 0 if found.same else 1
