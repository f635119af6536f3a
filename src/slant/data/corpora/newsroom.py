"""The shipped corpus: articles written and annotated for this repository. See data/newsroom/CARD.md and GUIDE.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from slant.data.corpus import Corpus, corpus_version, data_folder, read_manifest
from slant.data.examples import make_dataset
from slant.data.reading import read_json_lines
from slant.errors import DataError
from slant.labels import LOADED, get_task

__all__ = ["load_newsroom"]

KEYS = (
    "id", "article", "outlet", "leaning", "topic", "register", "section", "text", "label", "spans", "voice", "speaker", "stances",
    "pair",
)  # fmt: skip


def load_newsroom(root: str | Path | None = None, *, task: str = "loaded") -> Corpus:
    """Read `rows.jsonl` from `root`, or the copy that ships with Slant.

    Args:
        task: "loaded": an Example a sentence; "stance": an Example for each target that a sentence mentions, `id#n`.

    Groups are stories: articles that share a minimal pair tell the same event and stay together. Raises DataError, naming file
    and line, for a missing file, bytes that are not UTF-8, a line that is no JSON object, and other keys than the corpus's own; ConfigError
    for another task.
    """
    task = get_task(task).name
    path = (Path(root) if root else data_folder() / "newsroom") / "rows.jsonl"
    manifest = read_manifest("newsroom")
    stories = _stories(path)
    version = corpus_version(manifest, {"rows.jsonl": path})
    examples = _loaded if task == LOADED.name else _stances
    common = {"task": task, "source": f"newsroom@{version}"}
    rows = (example | common | {"group": stories[row["article"]]} for row in _rows(path) for example in examples(row))
    return Corpus(make_dataset(rows, str(path)), "newsroom", version, str(path), manifest["licence"])


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for where, row in read_json_lines(path):
        if sorted(row) != sorted(KEYS):
            raise DataError("other keys than the corpus's own", where=where, remedy=f"The keys are {', '.join(KEYS)}")
        yield row


def _loaded(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in ("id", "text", "label", "spans", "outlet", "leaning", "topic", "voice", "speaker")}]


def _stances(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    [whole] = _loaded(row)
    return [
        whole
        | {
            "id": f"{row['id']}#{number}",
            "label": stance["label"],
            "target": stance["target"],
            "target_start": stance["start"],
            "target_end": stance["end"],
        }
        for number, stance in enumerate(row["stances"])
    ]


def _stories(path: Path) -> dict[str, str]:
    """For each article the story it belongs to, named by the first of the articles that shared pairs join."""
    parent: dict[str, str] = {}

    def root(article: str) -> str:
        while (above := parent.setdefault(article, article)) != article:
            article = above
        return article

    first: dict[str, str] = {}
    for row in _rows(path):
        here = root(row["article"])
        if row["pair"]:
            there = root(first.setdefault(row["pair"], row["article"]))
            parent[max(here, there)] = min(here, there)
    return {article: root(article) for article in parent}
