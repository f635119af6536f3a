"""`slant score`: a table of sentences, from bundles alone."""

from __future__ import annotations

import argparse
import os
import sys

from slant.cli.annotate import add_bundle_arguments, find_bundles
from slant.cli.progress import show_progress

__all__ = ["REJECTED", "add_arguments", "run"]

#: The exit status of a job that is done, with rows that could not be scored.
REJECTED = 3
#: Options that are a job's attributes by name.
_SAME = ("output", "workers", "chunk", "precision", "threads", "resume", "overwrite", "engine", "scheduler", "key")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", help="a .csv, .tsv, .jsonl (all also .gz, .zst) or .parquet file with a sentence a row, or - for JSONL")
    parser.add_argument("--output", "-o", required=True, help="where to write, in the format that its name tells; - for JSONL on standard output")
    add_bundle_arguments(parser)
    parser.add_argument("--text-column", default="text", metavar="NAME", help="default: text")
    for name in ("id", "target", "target-start", "target-end"):
        parser.add_argument(f"--{name}-column", metavar="NAME", help=f"default: {name.replace('-', '_')}, where there is one")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes; default: one a core")
    parser.add_argument("--chunk", type=int, default=512, help="rows that a process takes at a time, and that a kill loses; default: 512")
    parser.add_argument("--precision", choices=("fp32", "int8"), help="the bundles' graph to run; default: their own")
    parser.add_argument("--threads", type=int, default=1, help="onnxruntime's threads in each process; default: 1")
    parser.add_argument("--resume", action="store_true", help="go on where a broken job stopped; start where there is none")
    parser.add_argument("--overwrite", action="store_true", help="start anew, whatever stands at the output")
    parser.add_argument("--engine", choices=("local", "dask"), default="local")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler's, as tcp://127.0.0.1:8786; default: this machine's own")
    parser.epilog = f"The exit status is {REJECTED} where rows could not be scored: they are in OUTPUT.rejected.jsonl with reasons."


def run(args: argparse.Namespace) -> int:
    from slant.serve.batch import Columns, Job, score_table

    columns = Columns(args.text_column, args.id_column, args.target_column, args.target_start_column, args.target_end_column)
    same = {name: getattr(args, name) for name in _SAME}
    job = Job(args.input, bundles=tuple(map(str, find_bundles(args.bundle))), columns=columns, **same)
    show_progress()
    report = score_table(job)
    told = f"{report.rows:,} rows scored" + (f", {report.rejected:,} rejected" if report.rejected else "")
    if report.rejected and args.output != "-":
        told += f" (see {args.output}.rejected.jsonl)"
    told += f"; {report.resumed:,} of them by the job before" if report.resumed else ""
    print(told, file=sys.stderr)
    return REJECTED if report.rejected else 0
