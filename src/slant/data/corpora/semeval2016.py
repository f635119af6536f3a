"""SemEval-2016 Task 6A: tweets with their stance towards one of five fixed targets (Mohammad et al. 2016, SemEval).

Reads TweetEval's layout: for each target a folder with `train`, `val` and `test`, each a `_text.txt` (a tweet a line) and a
`_labels.txt` (its label's number), and beside the folders `mapping.txt`. none → neutral, against → against, favor → favor.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from slant.data.choices import chosen
from slant.data.corpus import Corpus, corpus_version, read_manifest
from slant.data.examples import make_dataset
from slant.data.reading import read_lines, read_text
from slant.errors import DataError

__all__ = ["PARTS", "TARGETS", "load_semeval2016"]

#: The targets' folders, and the targets as the task words them.
TARGETS = {
    "abortion": "Legalization of Abortion",
    "atheism": "Atheism",
    "climate": "Climate Change is a Real Concern",
    "feminist": "Feminist Movement",
    "hillary": "Hillary Clinton",
}
#: TweetEval's parts, and their names here.
PARTS = {"train": "train", "val": "dev", "test": "test"}
LABELS = {"0": "neutral", "1": "against", "2": "favor"}
MAPPING = "mapping.txt"
_MAPPED = ["0\tnone", "1\tagainst", "2\tfavor"]
_AGAIN = "Take TweetEval's files again, as they are; data/semeval2016/CARD.md says where"


def load_semeval2016(root: str | Path, *, targets: Sequence[str] | None = None) -> Corpus:
    """Read the folder that holds the targets' folders and `mapping.txt`: TweetEval's `datasets/stance`.

    A row is a tweet and its target; `part` is train, dev (there: val) or test, `topic` the target's folder. Every row is a group of its own:
    tweets know no article. A line ends at a line feed and nowhere else.

    Args:
        targets: the folders to read, of abortion, atheism, climate, feminist and hillary; null for all five.

    Raises DataError, naming file and line, for a missing folder or file, a `mapping.txt` that says something else, bytes that are not UTF-8,
    text and label files of unequal length, an empty tweet or file, and an unknown label; ConfigError for an unknown target.
    """
    root = Path(root)
    names = chosen(targets, list(TARGETS), "data.targets")
    _check_layout(root, names)
    manifest = read_manifest("semeval2016")
    paths = [MAPPING, *(f"{name}/{part}_{kind}.txt" for name in names for part in PARTS for kind in ("text", "labels"))]
    version = corpus_version(manifest, {path: root / path for path in paths})
    source = f"semeval2016@{version}"
    rows = (row | {"source": source} for name in names for part in PARTS for row in _rows(root, name, part))
    return Corpus(make_dataset(rows, str(root)), "semeval2016", version, str(root), manifest["licence"])


def _check_layout(root: Path, names: Sequence[str]) -> None:
    remedy = f"Name the folder with {', '.join(TARGETS)} and {MAPPING}: data.root=FOLDER (see data/semeval2016/CARD.md)"
    if not root.is_dir():
        raise DataError("there is no such folder", where=str(root), remedy=remedy)
    for name in names:
        if not (root / name).is_dir():
            some = f"{remedy}; or name the targets to read: data.targets=[…]"
            raise DataError(f"there is no folder of the target {name}", where=str(root / name), remedy=some)
    paths = [root / MAPPING, *(root / name / f"{part}_{kind}.txt" for name in names for part in PARTS for kind in ("text", "labels"))]
    for path in paths:
        if not path.is_file():
            raise DataError("there is no such file", where=str(path), remedy=remedy)
    # Windows' line ends are as good as any here; another number or name is not.
    found = read_text(root / MAPPING).splitlines()
    if found != _MAPPED:
        problem = f"maps {'; '.join(found)[:80]!r} instead of {'; '.join(_MAPPED)!r}"
        raise DataError(problem, where=str(root / MAPPING), remedy=_AGAIN)


def _rows(root: Path, name: str, part: str) -> Iterator[dict[str, Any]]:
    texts, labels = (root / name / f"{part}_{kind}.txt" for kind in ("text", "labels"))
    seen: Counter[str] = Counter()
    for line, label in zip_longest(read_lines(texts), read_lines(labels)):
        if line is None or label is None:
            short, long, number = (texts, labels, label[0]) if line is None else (labels, texts, line[0])
            problem = f"has {number - 1} lines, and {long.name} has more"
            raise DataError(problem, where=str(short), remedy=f"Each line of {texts.name} needs its line in {labels.name}. {_AGAIN}")
        number, text = line[0], line[1].removesuffix("\n")
        if not text.strip():
            raise DataError("the text is empty", where=f"{texts}, line {number}", remedy=_AGAIN)
        stance = label[1].removesuffix("\n")
        if stance not in LABELS:
            raise DataError(f"unknown label {stance[:40]!r}", where=f"{labels}, line {number}", remedy=f"Known: {', '.join(LABELS)}. {_AGAIN}")
        identity = "semeval2016-" + hashlib.sha256(f"{name}\n{PARTS[part]}\n{text}".encode()).hexdigest()[:12]
        # The same tweet may stand twice; ids stay independent of the order of the others.
        seen[identity] += 1
        if seen[identity] > 1:
            identity += f"-{seen[identity]}"
        yield {
            "id": identity,
            "text": text,
            "task": "stance",
            "label": LABELS[stance],
            "target": TARGETS[name],
            "group": identity,
            "topic": name,
            "part": PARTS[part],
        }
    if not seen:
        raise DataError("holds no rows", where=str(texts), remedy=_AGAIN)
