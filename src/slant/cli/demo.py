"""`slant demo`: what `make demo` runs once everything is installed."""

from __future__ import annotations

import argparse
import shlex
import shutil
from pathlib import Path

from slant.cli.needs import needs_training

__all__ = ["add_arguments", "run"]

SAMPLE = Path("newsroom") / "sample_article.txt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("overrides", nargs="*", help="configuration overrides, as for slant train")


def run(args: argparse.Namespace) -> int:
    needs_training("slant demo")
    from slant.cli.annotate import wants_color
    from slant.cli.progress import show_progress
    from slant.cli.terminal import format_article
    from slant.cli.train import summary
    from slant.data.corpus import data_folder
    from slant.files import read_utf8
    from slant.pipeline import run_app
    from slant.serve import Annotator

    print("Training experiment=loaded/demo on the shipped corpus …", flush=True)
    show_progress()
    result = run_app(["experiment=loaded/demo", *args.overrides])
    sample = data_folder() / SAMPLE
    text = read_utf8(sample)
    annotation = Annotator.open(result.bundle).annotate(text)
    width = min(shutil.get_terminal_size((100, 24)).columns, 110)
    print(f"\n{format_article(text, annotation, width=width, color=wants_color())}\n\n{summary(result)}\n\nNext:")
    bundle = shlex.quote(str(_relative(result.bundle)))
    for command in (
        f"slant annotate {shlex.quote(str(_relative(sample)))} --bundle {bundle} --html article.html",
        "slant train -m experiment=loaded/demo seed=1,2,3",
        "make ui",
    ):
        print(f"  {command}")
    return 0


def _relative(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
