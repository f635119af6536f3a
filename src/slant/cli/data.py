"""`slant data`: what corpora there are, what is in them, what is wrong with them, and getting them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from slant.cli.needs import needs_training
from slant.cli.progress import show_progress
from slant.errors import ConfigError
from slant.files import write_atomic

__all__ = ["add_arguments", "run"]

_TEXT = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="the corpora that have an adapter")
    for name, line in (("show", "counts, label balance, lengths, three rows, known flaws"), ("audit", "look for faults; exit status 1 for a leak")):
        sub = actions.add_parser(name, help=line, description=line)
        sub.add_argument("corpus", help="its name (slant data list)")
        sub.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="the corpus's keys, e.g. root=FOLDER; task=, split=")
        if name == "audit":
            sub.add_argument("--json", metavar="FILE", help="write all findings with all rows as JSON; - for stdout")
            sub.add_argument("--html", metavar="FILE", help="write a page to read")
            sub.add_argument("--no-noise", action="store_true", help="do not look for doubtful labels, which takes longest")
    sub = actions.add_parser(
        "get", help="download a corpus from its public home", description="Shows licence and digests, asks, downloads, compares."
    )
    sub.add_argument("corpus", help="its name (slant data list)")
    sub.add_argument("-o", "--output", metavar="FOLDER", help="a new folder; default: ./NAME")
    sub.add_argument("-y", "--yes", action="store_true", help="do not ask")
    sub.add_argument("--unverified", action="store_true", help="take files of which no digest is known")


def run(args: argparse.Namespace) -> int:
    needs_training(f"slant data {args.action}")
    return {"list": _list, "show": _show, "audit": _audit, "get": _get}[args.action](args)


def _list(args: argparse.Namespace) -> int:
    from slant.data.corpus import data_folder, read_manifest
    from slant.pipeline import corpus_names

    rows = [["corpus", "task", "licence", "where"]]
    for name in corpus_names():
        manifest = read_manifest(name)
        shipped = any((data_folder() / name / entry["path"]).exists() for entry in manifest["files"])
        where = "shipped" if shipped else manifest["home"] if manifest["files"] else "your own file"
        rows.append([name, manifest["task"], manifest["licence"], where])
    print(_table(rows))
    return 0


def _table(rows: list[list[str]]) -> str:
    """Columns side by side, numbers to the right; the last column as wide as it is."""
    rows = [[_shown(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    numeric = [all(row[i].replace(",", "").isdigit() or not row[i] for row in rows[1:]) for i in range(len(widths))]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(row, widths, numeric, strict=False)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def _show(args: argparse.Namespace) -> int:
    from slant.pipeline import describe, known_flaws, load_named

    cfg, corpus = load_named(args.corpus, args.overrides)
    found = describe(corpus)
    print(f"{corpus.name}@{corpus.version}  task {cfg.task.name}  licence {corpus.licence}")
    print(f"fingerprint {corpus.fingerprint[:16]}  {corpus.path}\n")
    print(", ".join(f"{count:,} {name}" for name, count in found.counts.items()))
    for reason, count in corpus.quarantine_counts().items():
        print(f"  set aside: {count:,} {reason}")
    for what, count in corpus.notes.items():
        print(f"  {count:,} {what}")
    print("words a text: least {}, quartiles {}, {}, {}, most {}\n".format(*found.lengths))
    for part, labels in found.labels.items():
        total = sum(labels.values())
        shares = ", ".join(f"{label or 'no label'} {n:,} ({n / total:.0%})" for label, n in sorted(labels.items(), key=lambda pair: str(pair[0])))
        print(f"{_shown(part):<10} {total:>7,}  {shares}")
    print()
    for row in found.rows:
        print(_row(row))
    flaws = known_flaws(args.corpus)
    if flaws:
        print("\nknown flaws (its CARD.md has more)")
        for flaw in flaws:
            print(f"  - {flaw}")
    return 0


def _shown(text: str) -> str:
    """What a corpus says, its names too, is to be read and not to act on the terminal."""
    from slant.serve.article import visible

    return visible(text, one_line=True)


def _row(row: dict[str, Any]) -> str:
    text = row["text"]
    shown = text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
    about = [row["label"] or "no label", *(f"{name} {row[name]}" for name in ("target", "outlet", "topic", "part") if row[name])]
    marked = [row["text"][span["start"] : span["end"]] for span in row["spans"] or ()]
    lines = [f"{row['id']}  {'; '.join(about)}", f"  {shown}", *([f"  marked: {', '.join(marked)}"] if marked else [])]
    return "\n".join(_shown(line) for line in lines)


def _audit(args: argparse.Namespace) -> int:
    from slant.pipeline import audit_named
    from slant.report import audit_rows, render_audit

    show_progress()
    audit = audit_named(args.corpus, args.overrides, noise=not args.no_noise)
    if args.json == "-":
        sys.stdout.write(audit.to_json())
    else:
        print(f"{audit.corpus}@{audit.version}: {audit.rows:,} rows, {len(audit.findings)} findings\n")
        print(_table(audit_rows(audit)))
        if args.json:
            audit.write(args.json)
    if args.html:
        with write_atomic(args.html) as part:
            part.write_text(render_audit(audit), encoding="utf-8")
    for path in (args.json, args.html):
        if path and path != "-":
            print(f"written  {path}", file=sys.stderr)
    return 1 if any(finding.severity == "stop" for finding in audit.findings) else 0


def _get(args: argparse.Namespace) -> int:
    from slant.data.corpus import read_manifest
    from slant.data.fetch import describe_download, fetch_corpus
    from slant.pipeline import corpus_names
    from slant.pipeline.app import near

    if args.corpus not in corpus_names():
        raise ConfigError(f"there is no corpus {args.corpus!r}", remedy=near(args.corpus, corpus_names(), f"Known: {', '.join(corpus_names())}"))
    manifest = read_manifest(args.corpus)
    folder = Path(args.output or args.corpus)
    for line in describe_download(manifest):
        print(line)
    if not args.yes:
        if not sys.stdin.isatty():
            raise ConfigError("nobody can be asked whether to download", remedy="Read the licence above and add --yes")
        if input(f"Download into {folder}? [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing downloaded")
            return 1
    show_progress()
    files = fetch_corpus(manifest, folder, unverified=args.unverified)
    print(f"{len(files)} files in {folder}\nslant data audit {args.corpus} root={folder}")
    return 0
