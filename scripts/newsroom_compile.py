"""Turn drafts in the format of data/newsroom/GUIDE.md into corpus rows (JSONL, one sentence a row).

    python scripts/newsroom_compile.py DRAFT.txt [DRAFT.txt ...] [-o rows.jsonl]

Without -o it only checks. Every broken rule is printed as FILE:LINE: problem; the exit status is then 1 and nothing is
written.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

WORLD = json.loads((Path(__file__).parents[1] / "data/newsroom/world.json").read_text(encoding="utf-8"))
HEAD_KEYS = ("article", "outlet", "topic", "register")
STANCES = ("against", "neutral", "favor")
VOICES = ("author", "quoted", "mixed")
MARK = re.compile(r"\[\[(.+?)\]\]")


def strip_marks(marked: str) -> tuple[str, list[dict[str, Any]]]:
    """The text without [[ ]], and the spans as half-open code-point offsets into it."""
    text, spans, at = "", [], 0
    for match in MARK.finditer(marked):
        text += marked[at : match.start()]
        start = len(text)
        text += match.group(1)
        spans.append({"start": start, "end": len(text), "label": "loaded"})
        at = match.end()
    return text + marked[at:], spans


def parse_stances(field: str, text: str) -> tuple[list[dict[str, Any]], list[str]]:
    stances, problems = [], []
    for part in filter(None, (p.strip() for p in field.split(";"))):
        match = re.fullmatch(r"(.+?)@(.+)=(\w+)", part)
        if not match:
            problems.append(f"stance {part!r} is not Target@mention=label")
            continue
        target, mention, label = match.groups()
        start = text.find(mention)
        if target not in WORLD["targets"]:
            problems.append(f"unknown target {target!r}")
        if label not in STANCES:
            problems.append(f"unknown stance {label!r}")
        if start < 0:
            problems.append(f"mention {mention!r} does not occur in the text")
        stances.append({"target": target, "start": start, "end": start + len(mention), "label": label})
    return stances, problems


def compile_file(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    head: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):

        def bad(message: str, where: str = f"{path.name}:{number}") -> None:
            problems.append(f"{where}: {message}")

        line = line.strip()
        if not line:
            continue
        key, _, value = line.partition(":")
        if key in HEAD_KEYS and " | " not in key:
            if key == "article":
                head = {}
            head[key] = value.strip()
            for group, names in (("outlet", WORLD["outlets"]), ("topic", WORLD["topics"]), ("register", WORLD["registers"])):
                if key == group and head[key] not in names:
                    bad(f"unknown {group} {head[key]!r}")
            continue
        parts = [p.strip() for p in line.split("|", 5)]
        if len(parts) != 6 or parts[0] not in ("H", "B"):
            bad("not 'H|B | voice | speaker | stances | pair | text'")
            continue
        if set(head) != set(HEAD_KEYS):
            bad(f"the article's head lacks {sorted(set(HEAD_KEYS) - set(head))}")
            continue
        section, voice, speaker, stance_field, pair, marked = parts
        text, spans = strip_marks(marked)
        if "[[" in text or "]]" in text:
            bad("unbalanced [[ ]]")
        if voice not in VOICES:
            bad(f"unknown voice {voice!r}")
        if voice != "author" and not re.search("[\"“”‘’']", text):
            bad("a quoted or mixed sentence without quotation marks")
        if len(text.split()) < 3:
            bad("fewer than three words")
        stances, wrong = parse_stances(stance_field, text)
        for message in wrong:
            bad(message)
        index = sum(r["article"] == head["article"] for r in rows)
        rows.append(
            {
                "id": f"{head['article']}:{index:02d}",
                "article": head["article"],
                "outlet": head["outlet"],
                "leaning": WORLD["outlets"].get(head["outlet"], ""),
                "topic": head["topic"],
                "register": head["register"],
                "section": "headline" if section == "H" else "body",
                "text": text,
                "label": "loaded" if spans else "neutral",
                "spans": spans,
                "voice": voice,
                "speaker": speaker or None,
                "stances": stances,
                "pair": pair or None,
            }
        )
    return rows, problems


def cross_checks(rows: list[dict[str, Any]]) -> list[str]:
    problems = [f"{i}: id twice" for i, n in Counter(r["id"] for r in rows).items() if n > 1]
    problems += [f"{t!r}: the same text {n} times" for t, n in Counter(r["text"] for r in rows).items() if n > 1]
    pairs = defaultdict(list)
    for row in rows:
        if row["pair"]:
            pairs[row["pair"]].append(row["label"])
    problems += [f"pair {p!r} has {sorted(v)}, not one loaded and one neutral" for p, v in pairs.items() if sorted(v) != ["loaded", "neutral"]]
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drafts", nargs="+", type=Path)
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for path in args.drafts:
        found, wrong = compile_file(path)
        rows += found
        problems += wrong
    problems += cross_checks(rows)
    loaded = sum(r["label"] == "loaded" for r in rows)
    stances = sum(len(r["stances"]) for r in rows)
    articles = len({r["article"] for r in rows})
    pairs = len({r["pair"] for r in rows if r["pair"]})
    print(f"{len(rows)} sentences, {articles} articles, {loaded / max(len(rows), 1):.1%} loaded, {stances} stances, {pairs} pairs")
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    if args.out:
        part = args.out.with_suffix(".part")
        part.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
        part.replace(args.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
