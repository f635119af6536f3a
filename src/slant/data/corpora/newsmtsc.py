"""NewsMTSC: sentences of US news with the sentiment towards the persons and others they mention (Hamborg and Donnay 2021, EACL).

Reads `train`, `rw_dev`, `rw_test`, `mt_dev` and `mt_test` as JSON lines: a sentence a line, with one target or more. A row here is a target in
its sentence. Polarity 2 (negative) → against, 4 → neutral, 6 (positive) → favor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from slant.data.choices import chosen
from slant.data.corpus import Corpus, Quarantined, corpus_version, read_manifest
from slant.data.examples import make_dataset
from slant.data.reading import read_json_lines
from slant.errors import DataError

__all__ = ["PARTS", "load_newsmtsc"]

#: The corpus's files without their ending. rw: as in the real world; mt: at least two targets a sentence. Both train on train.
PARTS = ("train", "rw_dev", "rw_test", "mt_dev", "mt_test")
LABELS = {2: "against", 4: "neutral", 6: "favor"}
KEYS = {"primary_gid", "sentence_normalized", "targets"}
TARGET_KEYS = {"Input.gid", "from", "to", "mention", "polarity"}

#: A gid is source, article, story (-1: none), sentence, then the mention and its place in the unnormalised sentence.
_GID = re.compile(r"(?P<sentence>(?P<source>allsides|polusa_v1)_(?P<article>\d+)_(?P<story>-1|\d+)_\d+_).*_\d+_\d+", re.DOTALL | re.ASCII)
#: What would break a line in a listing of ids, and the backslash itself.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\\]")
_AGAIN = "Take the official file again; data/newsmtsc/CARD.md says where it is"


def load_newsmtsc(root: str | Path, *, parts: Sequence[str] | None = None) -> Corpus:
    """Read the folder that holds the corpus's five `.jsonl` files.

    `target` is the mention as it stands in the sentence, `target_start` and `target_end` its place; a target whose offsets do not hold its
    mention is quarantined. `group` is the story where the gid names one (AllSides: up to three articles on one event), else the article.

    Args:
        parts: the files to read, of train, rw_dev, rw_test, mt_dev and mt_test; null for all five.

    Raises DataError, naming file and line, for a missing file, bytes that are not UTF-8, a line that is no JSON object, other keys or types
    than the corpus's own, a gid of another form, a gid twice in a file, an unknown polarity, an empty sentence and a file without rows;
    ConfigError for an unknown part.
    """
    root = Path(root)
    names = chosen(parts, PARTS, "data.parts")
    paths = {name: root / f"{name}.jsonl" for name in names}
    for path in paths.values():
        if not path.is_file():
            remedy = f"Name the folder with {', '.join(f'{name}.jsonl' for name in PARTS)}: data.root=FOLDER (see data/newsmtsc/CARD.md)"
            raise DataError("there is no such file", where=str(path), remedy=remedy)
    manifest = read_manifest("newsmtsc")
    version = corpus_version(manifest, {path.name: path for path in paths.values()})
    source = f"newsmtsc@{version}"
    quarantined: list[Quarantined] = []
    rows = (row | {"source": source} for name, path in paths.items() for row in _rows(path, name, quarantined))
    return Corpus(make_dataset(rows, str(root)), "newsmtsc", version, str(root), manifest["licence"], tuple(quarantined))


def _rows(path: Path, part: str, quarantined: list[Quarantined]) -> Iterator[dict[str, Any]]:
    seen: dict[str, str] = {}
    rows = 0
    for where, sentence in read_json_lines(path):
        text, group, targets = _sentence(sentence, where)
        for target in targets:
            gid = target["Input.gid"]
            if gid in seen:
                raise DataError(f"the Input.gid {gid!r} stands twice, first in {seen[gid]}", where=where, remedy=_AGAIN)
            seen[gid] = where.rpartition(", ")[2]
            # A gid is the corpus's own, but only within a file: ids stay unique should the parts of another version overlap.
            identity = f"newsmtsc-{part}-" + _UNPRINTABLE.sub(lambda c: f"\\u{ord(c[0]):04x}", gid)
            start, end, mention = target["from"], target["to"], target["mention"]
            reason = _misplaced(text, start, end, mention)
            if reason:
                quarantined.append(Quarantined(where, identity, reason))
                continue
            rows += 1
            yield {
                "id": identity,
                "text": text,
                "task": "stance",
                "label": LABELS[target["polarity"]],
                "target": mention,
                "target_start": start,
                "target_end": end,
                "group": group,
                "part": part,
            }
    if not rows:
        raise DataError("holds no rows whose target can be placed" if seen else "holds no rows", where=str(path), remedy=_AGAIN)


def _misplaced(text: str, start: int, end: int, mention: str) -> str | None:
    """Why the mention is not at its offsets; None when it is."""
    if not 0 <= start < end <= len(text):
        return "target offsets are outside the text"
    return None if text[start:end] == mention else "target offsets do not hold the mention"


def _sentence(row: dict[str, Any], where: str) -> tuple[str, str, list[dict[str, Any]]]:
    """A line's text, group and targets, each of the form and types of the corpus's own."""

    def refuse(problem: str, remedy: str = _AGAIN) -> DataError:
        return DataError(problem, where=where, remedy=remedy)

    if set(row) != KEYS:
        raise refuse("other keys than the corpus's own", f"The keys are {', '.join(sorted(KEYS))}. {_AGAIN}")
    text, primary, targets = row["sentence_normalized"], row["primary_gid"], row["targets"]
    if not isinstance(text, str) or not text.strip():
        raise refuse("sentence_normalized is empty or no text")
    place = _GID.fullmatch(primary) if isinstance(primary, str) else None
    if place is None:
        raise refuse(f"unknown form of primary_gid {primary!r}", f"A gid reads SOURCE_ARTICLE_STORY_SENTENCE_MENTION_FROM_TO. {_AGAIN}")
    if not isinstance(targets, list) or not targets:
        raise refuse("targets is no list, or an empty one")
    for target in targets:
        if not isinstance(target, dict) or set(target) - {"further_mentions"} != TARGET_KEYS:
            raise refuse("a target has other keys than the corpus's own", f"The keys are {', '.join(sorted(TARGET_KEYS))}. {_AGAIN}")
        if type(target["from"]) is not int or type(target["to"]) is not int:
            raise refuse("the offsets from and to are not whole numbers")
        if not isinstance(target["mention"], str) or not target["mention"].strip():
            raise refuse("the mention is empty or no text")
        polarity = target["polarity"]
        if type(polarity) not in (int, float) or polarity not in LABELS:
            raise refuse(f"unknown polarity {polarity!r}", f"Known: {', '.join(map(str, LABELS))}. {_AGAIN}")
        gid = target["Input.gid"]
        if not isinstance(gid, str) or not _GID.fullmatch(gid):
            raise refuse(f"unknown form of Input.gid {gid!r}", f"A gid reads SOURCE_ARTICLE_STORY_SENTENCE_MENTION_FROM_TO. {_AGAIN}")
        if not gid.startswith(place["sentence"]):
            raise refuse(f"the Input.gid {gid!r} names another sentence than primary_gid")
    return text, _group(place), targets


def _group(place: re.Match[str]) -> str:
    source = place["source"].partition("_")[0]
    return f"{source}-article-{place['article']}" if place["story"] == "-1" else f"{source}-story-{place['story']}"
