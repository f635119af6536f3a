"""The shipped corpus: articles written and annotated for this repository. See data/newsroom/CARD.md and GUIDE.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from slant.data.corpus import Corpus, data_folder, read_manifest
from slant.data.examples import make_dataset
from slant.errors import DataError
from slant.files import read_utf8

__all__ = ["load_newsroom"]

KEYS = (
    "id", "article", "outlet", "leaning", "topic", "register", "section", "text", "label", "spans", "voice", "speaker", "stances",
    "pair",
)  # fmt: skip


def load_newsroom(root: str | Path | None = None) -> Corpus:
    """Read `rows.jsonl` from `root`, or the copy that ships with Slant.

    Groups are stories: articles that share a minimal pair tell the same event and stay together. Raises DataError, naming file
    and line, for a missing file, bytes that are not UTF-8, a line that is no JSON object, and other keys than the corpus's own.
    """
    path = (Path(root) if root else data_folder() / "newsroom") / "rows.jsonl"
    manifest = read_manifest("newsroom")
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(read_utf8(path).rstrip("\n").split("\n"), 1):
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"not a JSON object ({error})", where=where, remedy="Mend the line; each holds one sentence") from error
        if not isinstance(row, dict) or sorted(row) != sorted(KEYS):
            raise DataError("other keys than the corpus's own", where=where, remedy=f"The keys are {', '.join(KEYS)}")
        rows.append(row)
    stories = _stories(rows)
    dataset = make_dataset((_example(row, stories) | {"source": f"newsroom@{manifest['version']}"} for row in rows), str(path))
    return Corpus(dataset, "newsroom", manifest["version"], str(path), manifest["licence"])


def _example(row: dict[str, Any], stories: dict[str, str]) -> dict[str, Any]:
    copied = {name: row[name] for name in ("id", "text", "label", "spans", "outlet", "leaning", "topic", "voice", "speaker")}
    return copied | {"task": "loaded", "group": stories[row["article"]]}


def _stories(rows: list[dict[str, Any]]) -> dict[str, str]:
    """For each article the story it belongs to, named by the first of the articles that shared pairs join."""
    parent = {row["article"]: row["article"] for row in rows}

    def root(article: str) -> str:
        while parent[article] != article:
            article = parent[article]
        return article

    first: dict[str, str] = {}
    for row in rows:
        if row["pair"]:
            here, there = root(row["article"]), root(first.setdefault(row["pair"], row["article"]))
            parent[max(here, there)] = min(here, there)
    return {article: root(article) for article in parent}
