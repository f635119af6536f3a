"""Parsing. Each command's module is loaded when it is called, so that `slant --help` loads nothing heavy."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from slant.errors import SlantError

__all__ = ["COMMANDS", "main"]

#: name: (module, one line of help). The module's `add_arguments(parser)` and `run(args) -> exit status` do the rest.
COMMANDS = {
    "train": ("slant.cli.train", "run an experiment: Hydra's command line, e.g. slant train experiment=loaded/demo"),
    "data": ("slant.cli.data", "corpora: list, show, audit, get"),
    "predictions": ("slant.cli.predictions", "export predictions in an official scorer's layout"),
    "rerun": ("slant.cli.rerun", "replay a run from its stored configuration: the same predictions, or what differs"),
    "search": ("slant.cli.search", "search a model's settings on dev, resumable, and write the best as an experiment"),
    "compare": ("slant.cli.compare", "is run B better than run A: paired differences, tests and one verdict a metric"),
    "report": ("slant.cli.report", "one run's page: scores, slices, calibration, errors, cost"),
    "probe": ("slant.cli.probe", "a model's behaviour on minimal pairs, and its leaning"),
    "export": ("slant.cli.export", "a bundle from runs: several heads, zip, signature, hub layout"),
    "publish": ("slant.cli.publish", "pass a run through the gates and register it"),
    "annotate": ("slant.cli.annotate", "mark loaded language and stances in a text, from a bundle alone"),
    "score": ("slant.cli.score", "score a table of sentences: CSV, JSONL, Parquet; resumable"),
    "serve": ("slant.cli.serve", "answer over HTTP, with a page to try it"),
    "verify": ("slant.cli.verify", "check a bundle: format, digests, golden answers"),
    "cache": ("slant.cli.cache", "the encoder cache: its size, or clear it"),
    "doctor": ("slant.cli.doctor", "what this installation has, what it lacks, and what to do"),
    "demo": ("slant.cli.demo", "train the demo, annotate a sample article, show both"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 1 for a failure told in one line, 2 for a usage error, 130 for Ctrl-C."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # A spinning second thread costs more than it brings on shared cores (docs/design.md, "Threads").
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    debug = "--debug" in arguments
    if debug:
        arguments.remove("--debug")
    try:
        return _dispatch(arguments)
    except SlantError as error:
        if debug:
            raise
        print(f"slant: {_one_line(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if debug:
            raise
        print("slant: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`slant … | head`); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if debug:
            raise
        name = arguments[0] if arguments else ""
        print(
            f"slant: {name} failed unexpectedly: {type(error).__name__}: {_one_line(str(error))} (again with --debug for the trace)", file=sys.stderr
        )
        return 1


def _dispatch(arguments: list[str]) -> int:
    if arguments[:1] == ["train"]:
        # Everything after `train` is Hydra's, its --help too.
        return int(import_module("slant.cli.train").run(arguments[1:]))
    if arguments[:1] and arguments[0] in ("-sc", "--shell-completion"):
        return int(import_module("slant.cli.completion").run(arguments))
    parser = _parser(arguments[0] if arguments else None)
    args, rest = parser.parse_known_args(arguments)
    if rest and hasattr(args, "overrides") and all("=" in word and not word.startswith("-") for word in rest):
        # argparse takes positional arguments in one run only; people write key=value behind options, too.
        args.overrides += rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if args.command is None:
        parser.print_help()
        return 2
    return int(import_module(COMMANDS[args.command][0]).run(args))


def _parser(named: str | None) -> argparse.ArgumentParser:
    """The parser; only the named command's module is loaded for its arguments."""
    parser = argparse.ArgumentParser(prog="slant", description="Classifiers of loaded language and of stance in news text.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and leave")
    parser.add_argument("--debug", action="store_true", help="show a stack trace when something fails")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (module, line) in COMMANDS.items():
        sub = commands.add_parser(name, help=line, description=line)
        if name == named and name != "train":
            import_module(module).add_arguments(sub)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from slant import __version__

        print(f"slant {__version__}")
        parser.exit()


def _one_line(text: str) -> str:
    return " ".join(text.split())
