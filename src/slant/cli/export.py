"""`slant export`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from slant.cli.needs import needs_training
from slant.cli.progress import show_progress
from slant.errors import ConfigError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="*", metavar="RUN", help="an MLflow run's id or name, a run folder, or a bundle; several become one bundle")
    parser.add_argument("-o", "--output", type=Path, metavar="PATH", help="the folder to write, or with --zip the file; nothing may stand there")
    parser.add_argument("--zip", action="store_true", help="write one file; equal bundles give equal zips")
    parser.add_argument("--precision", choices=("fp32", "int8"), help="the graph that runs unless another is asked for")
    parser.add_argument("--sign", metavar="KEY", help="an Ed25519 private key (PEM): write bundle.sig beside bundle.json")
    parser.add_argument("--layout", choices=("slant", "hub"), default="slant", help="hub: a folder for transformers and onnxruntime")
    parser.add_argument("--store", default="", metavar="URI", help="the MLflow store; mlflow.db in SLANT_HOME or here unless given")
    parser.add_argument("--new-key", type=Path, metavar="FILE", help="make a key pair, FILE and FILE.pub, and leave")


def run(args: argparse.Namespace) -> int:
    if args.new_key:
        if args.runs or args.output:
            raise ConfigError("--new-key makes a key and exports nothing", remedy="Export in a second command, with --sign")
        from slant.bundle.sign import new_key

        private, public = new_key(args.new_key)
        print(f"{private}: keep it secret, sign with it (slant export --sign)\n{public}: give it away (slant verify --key)")
        return 0
    if not args.runs or args.output is None:
        raise ConfigError("a RUN and -o PATH are needed", remedy="slant export RUN -o PATH")
    needs_training("slant export")
    from slant.pipeline.export_run import export_run

    show_progress()
    found = export_run(
        args.runs, args.output, store=args.store, precision=args.precision, packed=args.zip, key=args.sign, layout=args.layout
    )  # fmt: skip
    signed = f", signed by {found.signed_by}" if found.signed_by else ""
    print(f"{found.path}: bundle {found.bundle_id}, {' and '.join(found.heads)}, runs in {found.precision}{signed}")
    for note in found.notes:
        print(f"not in the card: {note}", file=sys.stderr)
    return 0
