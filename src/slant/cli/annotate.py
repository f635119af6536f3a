"""`slant annotate`: from a bundle and a text to marked sentences."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from slant.cli.progress import show_progress
from slant.errors import BundleError, ConfigError
from slant.files import decode_utf8, read_utf8, write_atomic

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="a text file in UTF-8, or - for standard input")
    parser.add_argument("--bundle", "-b", help="a bundle folder or zip; default: SLANT_BUNDLE, else the newest below runs/")
    parser.add_argument("--json", action="store_true", help="print the annotation as JSON")
    parser.add_argument("--html", metavar="FILE", help="write one self-contained page")
    parser.add_argument("--precision", choices=("fp32", "int8"), help="the bundle's graph to run; default: the bundle's own")
    parser.add_argument("--threads", type=int, default=1, help="onnxruntime's threads")


def run(args: argparse.Namespace) -> int:
    from slant.serve import Annotator

    if args.threads < 1:
        raise ConfigError(f"--threads is {args.threads}", remedy="Give at least 1")
    text = decode_utf8(sys.stdin.buffer.read(), "standard input") if args.file == "-" else read_utf8(args.file)
    annotator = Annotator.open(find_bundle(args.bundle), precision=args.precision, threads=args.threads)
    show_progress()
    annotation = annotator.annotate(text)
    if args.html:
        from slant.serve.html import render_html

        title = "Standard input" if args.file == "-" else Path(args.file).stem
        page = render_html(text, annotation, title=title)
        with write_atomic(args.html) as part:
            part.write_text(page, encoding="utf-8")
    if args.json:
        from slant.serve.schema import annotation_to_json

        print(json.dumps(annotation_to_json(annotation), ensure_ascii=False, indent=1))
    elif args.html:
        print(f"written to {args.html}")
    else:
        from slant.cli.terminal import format_article

        print(format_article(text, annotation, width=min(shutil.get_terminal_size((100, 24)).columns, 110), color=wants_color()))
    return 0


def wants_color() -> bool:
    """Colour on a terminal, unless NO_COLOR is set (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def find_bundle(named: str | None) -> Path:
    """The bundle to use: the one named, SLANT_BUNDLE's, or the newest that a run below runs/ wrote whole.

    Raises BundleError when there is none.
    """
    if named or os.environ.get("SLANT_BUNDLE"):
        return Path(named or os.environ["SLANT_BUNDLE"])
    runs = Path(os.environ.get("SLANT_HOME", ".")) / "runs"
    found = sorted(runs.rglob("bundle/bundle.json"), key=lambda path: path.stat().st_mtime) if runs.is_dir() else []
    if not found:
        raise BundleError("no bundle was named and none was found below runs/", remedy="Name one with --bundle, or run: slant demo")
    return found[-1].parent
