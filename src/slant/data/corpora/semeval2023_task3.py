"""SemEval-2023 Task 3, subtask 3: English news paragraphs with the persuasion techniques they use (Piskorski et al. 2023, SemEval).

Reads the `preprocessed.csv` of the MAGPIE collection: text, a column of 0 and 1 for each of 19 techniques, and `label`, True where any is 1.
A row with one of the chosen techniques → loaded, any other → neutral.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from slant.data.corpus import Corpus, corpus_version, read_manifest
from slant.data.examples import make_dataset
from slant.data.reading import read_csv
from slant.data.techniques import chosen_techniques
from slant.errors import DataError

__all__ = ["FILE", "TECHNIQUES", "load_semeval2023_task3"]

FILE = "preprocessed.csv"
#: The techniques that have a column, in the order of the columns.
TECHNIQUES = (
    "Flag_Waving", "Slogans", "Doubt", "Conversation_Killer", "Loaded_Language", "Causal_Oversimplification", "Obfuscation-Vagueness-Confusion",
    "Appeal_to_Fear-Prejudice", "Straw_Man", "Appeal_to_Popularity", "Appeal_to_Hypocrisy", "Name_Calling-Labeling", "Exaggeration-Minimisation",
    "Whataboutism", "Appeal_to_Authority", "Guilt_by_Association", "Repetition", "Red_Herring", "False_Dilemma-No_Choice",
)  # fmt: skip
COLUMNS = ("text", *TECHNIQUES, "label")


def load_semeval2023_task3(root: str | Path, *, techniques: Sequence[str] | None = ("Loaded_Language",)) -> Corpus:
    """Read the folder that holds `preprocessed.csv` (or the file itself).

    The file names no article, so that every row is a group of its own; it marks no words (`spans` is null) and has no official split (`part` is
    null). Ids are digests of text and techniques; rows that stand twice are kept, the second with "-2" after its id.

    Args:
        techniques: the techniques that make a row loaded, of `TECHNIQUES`; null for all.

    Raises DataError, naming file and line, when the file is missing, is not UTF-8, has another header, a row of another width, a technique
    that is neither 0 nor 1, a `label` that is not what the techniques say, or an empty text; ConfigError for an unknown technique in
    `techniques`, with the nearest name.
    """
    path = Path(root) / FILE if Path(root).is_dir() else Path(root)
    kept = chosen_techniques(techniques, TECHNIQUES)
    if not path.is_file():
        remedy = f"Name the folder with {FILE}: data.root=FOLDER (see data/semeval2023_task3/CARD.md)"
        raise DataError("there is no SemEval-2023 Task 3 file", where=str(path), remedy=remedy)
    manifest = read_manifest("semeval2023_task3")
    version = corpus_version(manifest, {FILE: path})
    source = f"semeval2023_task3@{version}"
    dataset = make_dataset((row | {"source": source} for row in _examples(path, kept)), str(path))
    return Corpus(dataset, "semeval2023_task3", version, str(path), manifest["licence"])


def _examples(path: Path, kept: frozenset[str]) -> Iterator[dict[str, Any]]:
    remedy = f"The file is separated by ',' with the header {','.join(COLUMNS)}; data/semeval2023_task3/CARD.md says where it is"
    seen: Counter[str] = Counter()
    for where, row in read_csv(path, COLUMNS, remedy=remedy):
        _check(row, where)
        marks = "".join(row[technique] for technique in TECHNIQUES)
        identity = "semeval2023_task3-" + hashlib.sha256(f"{marks}\n{row['text']}".encode()).hexdigest()[:12]
        seen[identity] += 1
        if seen[identity] > 1:
            identity += f"-{seen[identity]}"
        yield {
            "id": identity,
            "text": row["text"],
            "task": "loaded",
            "label": "loaded" if any(row[technique] == "1" for technique in kept) else "neutral",
            "group": identity,
        }


def _check(row: dict[str, str], where: str) -> None:
    for technique in TECHNIQUES:
        if row[technique] not in ("0", "1"):
            raise DataError(f"{technique} is {row[technique][:80]!r}", where=where, remedy="A technique is 0 or 1")
    expected = str(any(row[technique] == "1" for technique in TECHNIQUES))
    if row["label"] != expected:
        remedy = "It is True where any technique is 1, else False; take the file again"
        raise DataError(f"label is {row['label'][:80]!r}, the techniques say {expected}", where=where, remedy=remedy)
    if not row["text"].strip():
        raise DataError("the text is empty", where=where, remedy="Take the file again, or remove the row")
