"""`slant annotate`: from bundles and a text to marked sentences and stances."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slant.cli.progress import show_progress
from slant.errors import BundleError, ConfigError
from slant.files import decode_utf8, read_utf8, write_atomic
from slant.labels import LOADED, STANCE

if TYPE_CHECKING:
    from slant.text import Target

__all__ = [
    "DEFAULT_BUNDLES", "MAX_TARGETS", "add_arguments", "add_bundle_arguments", "add_key_argument", "find_bundles", "read_targets", "run",
    "wants_color",
]  # fmt: skip

_VARIABLE = "SLANT_BUNDLE"
#: How `find_bundles` finds what was not named, for help.
DEFAULT_BUNDLES = f"those of {_VARIABLE} ({os.pathsep!r} between them), else the newest below runs/ that marks loaded language"

#: More targets than these are refused: a list of so many is a mistake, and the views tell each of them.
MAX_TARGETS = 1_000
_ABSENT_TOLD = 20
#: What JSON leaves as it is and a terminal acts on: C1 controls, DEL, directions. JSON spells them as escapes, and a reader gets the same string.
_ACTING = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="a text file in UTF-8, or - for standard input")
    add_bundle_arguments(parser)
    parser.add_argument(
        "--target",
        "-t",
        action="append",
        metavar="NAME",
        help='whom stances are towards, with other names of theirs behind =, as in "Orlov=the president,he"; repeatable; '
        "default, where a bundle tells stances: the text's own main targets",
    )
    parser.add_argument("--json", action="store_true", help="print the annotation as JSON")
    parser.add_argument("--html", metavar="FILE", help="write one self-contained page")
    parser.add_argument("--precision", choices=("fp32", "int8"), help="the bundle's graph to run; default: the bundle's own")
    parser.add_argument("--threads", type=int, default=1, help="onnxruntime's threads")


def add_bundle_arguments(parser: argparse.ArgumentParser) -> None:
    """Which bundles answer, and who must have signed them: `find_bundles` reads the one, `Annotator.open` the other."""
    parser.add_argument("--bundle", "-b", action="append", help=f"a bundle folder or zip; repeat it to open several; default: {DEFAULT_BUNDLES}")
    add_key_argument(parser)


def add_key_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", metavar="PUB", help="an Ed25519 public key (PEM): answer only from bundles signed by it")


def run(args: argparse.Namespace) -> int:
    from slant.serve import Annotator

    if args.threads < 1:
        raise ConfigError(f"--threads is {args.threads}", remedy="Give at least 1")
    targets = None if args.target is None else read_targets(args.target)
    text = decode_utf8(sys.stdin.buffer.read(), "standard input") if args.file == "-" else read_utf8(args.file)
    annotator = Annotator.open(*find_bundles(args.bundle), precision=args.precision, threads=args.threads, key=args.key)
    if targets and STANCE.name not in annotator.heads:
        remedy = "Name one with --bundle beside it (slant train experiment=stance/newsroom makes one), or leave --target out"
        raise ConfigError("no bundle here tells stances", where="--target", remedy=remedy)
    show_progress()
    annotation = annotator.annotate(text, targets)
    if absent := [target.name for target in annotation.targets if not target.mentions]:
        tell_absent(absent)
    if args.html:
        from slant.serve.html import render_html

        title = "Standard input" if args.file == "-" else Path(args.file).stem
        page = render_html(text, annotation, title=title)
        with write_atomic(args.html) as part:
            part.write_text(page, encoding="utf-8")
    if args.json:
        from slant.serve.schema import annotation_to_json

        printed = json.dumps(annotation_to_json(annotation), ensure_ascii=False, indent=1)
        print(_ACTING.sub(lambda match: f"\\u{ord(match.group()):04x}", printed))
    elif args.html:
        print(f"written to {args.html}")
    else:
        from slant.cli.terminal import format_article

        print(format_article(text, annotation, width=min(shutil.get_terminal_size((100, 24)).columns, 110), color=wants_color()))
    return 0


def wants_color() -> bool:
    """Colour on a terminal, unless NO_COLOR is set (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def read_targets(options: Sequence[str]) -> list[Target]:
    """The targets that --target describes; several of one name, white space aside, are one with all their aliases.

    Raises ConfigError for an empty name, one too long to be looked for or no Unicode text, and for more targets than MAX_TARGETS.
    """
    from slant.serve.article import visible
    from slant.text import Target, parse_target

    if len(options) > MAX_TARGETS:
        remedy = "Annotate the text several times, with some of them each time"
        raise ConfigError(f"{len(options):,} targets are more than {MAX_TARGETS:,}", where="--target", remedy=remedy)
    found: dict[str, Target] = {}
    for option in options:
        if any("\ud800" <= character <= "\udfff" for character in option):
            raise ConfigError("it is not UTF-8", where=f"--target {visible(option, one_line=True)}", remedy="Spell the name in UTF-8")
        target = parse_target(option)
        same = found.get(target.name)
        found[target.name] = target if same is None else Target(target.name, tuple(dict.fromkeys(same.aliases + target.aliases)))
    return list(found.values())


def tell_absent(names: Sequence[str]) -> None:
    """One line on standard error on the targets that the text does not mention."""
    from slant.serve.stances import say_name

    more = f" and {len(names) - _ABSENT_TOLD} more" if len(names) > _ABSENT_TOLD else ""
    print(f"slant: the text does not mention {', '.join(map(say_name, names[:_ABSENT_TOLD]))}{more}", file=sys.stderr)


def find_bundles(named: Sequence[str] | None) -> list[Path]:
    """The bundles to use: those named, else those of SLANT_BUNDLE with os.pathsep between them, else the newest that a run below runs/ wrote
    whole and that marks loaded language.

    Raises BundleError when there is none.
    """
    if told := named or [name for name in os.environ.get(_VARIABLE, "").split(os.pathsep) if name]:
        return [Path(name) for name in told]
    runs = Path(os.environ.get("SLANT_HOME", ".")) / "runs"
    found = sorted(runs.rglob("bundle/bundle.json"), key=lambda path: path.stat().st_mtime) if runs.is_dir() else []
    if not found:
        remedy = f"Name one on the command line or in {_VARIABLE}, or run: slant demo"
        raise BundleError("no bundle was named and none was found below runs/", remedy=remedy)
    # A bundle of stances alone answers no annotation; where there is no other, opening it says so.
    return [next(filter(_marks_loaded, reversed(found)), found[-1]).parent]


def _marks_loaded(manifest: Path) -> bool:
    try:
        said = json.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and (said.get("task") == LOADED.name or LOADED.name in (said.get("heads") or ()))
