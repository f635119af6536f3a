"""GWSD: sentences of news on global warming with eight readers' votes on their stance (Luo, Card and Jurafsky 2020, Findings of EMNLP).

Reads `GWSD.tsv`: tab-separated, UTF-8, a header in any order. agrees → favor, disagrees → against, neutral; the target is the same in every
row. Written from a description and a look at the file's beginning and end, never run on the whole of it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from slant.data.corpus import Corpus, Quarantined, corpus_version, read_manifest
from slant.data.examples import make_dataset
from slant.data.reading import read_csv
from slant.errors import ConfigError, DataError
from slant.labels import STANCE

__all__ = ["FILE", "TARGET", "load_gwsd"]

FILE = "GWSD.tsv"
TARGET = "climate change is a serious concern"

WORKERS = tuple(f"worker_{number}" for number in range(8))
VOTES = {"disagrees": "against", "neutral": "neutral", "agrees": "favor"}
#: The columns of the posterior, in the order of the task's labels.
POSTERIOR = ("disagree", "neutral", "agree")
REQUIRED = ("sentence", *WORKERS, "round", "batch", "sent_id", *POSTERIOR)
#: The row's number (its column has no name), the id of round, batch and sentence, and the authors' own test set.
OPTIONAL = ("", "guid", "in_held_out_test")
PARTS = {"True": "test", "False": "train"}
#: By how much a posterior's three numbers may miss 1.
TOLERANCE = 0.02


def load_gwsd(root: str | Path, *, labels_from: str = "posterior") -> Corpus:
    """Read GWSD from the folder that holds `GWSD.tsv` (or from the file itself).

    Args:
        labels_from: "posterior": the authors' estimate from a model of the readers, and the votes where it is empty; "votes": the votes.

    `label_votes` are against, neutral, favor: the posterior's numbers, or the votes' shares. The label is the greatest of them; a tie, and
    a row without either, has a null label. A row whose `sent_id` begins with "s" is a screening item and quarantined. Each sentence is a
    group of its own, since the file names no articles. `part` is "test" where `in_held_out_test` says so, else "train"; null without that
    column.

    Raises ConfigError for another `labels_from`; DataError, naming file and line, when the file is missing, is not UTF-8, lacks a column or
    has an unknown one, and for an empty sentence or id, an id that stands twice, an unknown vote, and a posterior that is incomplete, not
    of numbers in [0, 1] or does not sum to 1 within .02.
    """
    if labels_from not in ("posterior", "votes"):
        raise ConfigError(f"unknown labels_from {labels_from!r}", where="data.labels_from", remedy="Choose one of: posterior, votes")
    path = Path(root) / FILE if Path(root).is_dir() else Path(root)
    if not path.is_file():
        raise DataError("there is no GWSD file", where=str(path), remedy=f"Name the folder with {FILE}: data.root=FOLDER (see data/gwsd/CARD.md)")
    manifest = read_manifest("gwsd")
    version = corpus_version(manifest, {FILE: path})
    quarantined: list[Quarantined] = []
    rows = (row | {"source": f"gwsd@{version}"} for row in _examples(path, labels_from, quarantined))
    return Corpus(make_dataset(rows, str(path)), "gwsd", version, str(path), manifest["licence"], tuple(quarantined))


def _examples(path: Path, labels_from: str, quarantined: list[Quarantined]) -> Iterator[dict[str, Any]]:
    first: dict[str, str] = {}
    checked = False
    for where, row in read_csv(path, delimiter="\t", remedy="data/gwsd/CARD.md says which file it is"):
        if not checked:
            _check_header(path, list(row))
            checked = True
        # Every batch counts its sentences from t0, so that sent_id alone is no id.
        identity = row["guid"] if "guid" in row else "_".join((row["round"], row["batch"], row["sent_id"]))
        if row["sent_id"].startswith("s"):
            quarantined.append(Quarantined(where, identity, "screening item"))
            continue
        if not row["sent_id"].strip() or not identity.strip():
            raise DataError("the id is empty", where=where, remedy="Take the official file again")
        if identity in first:
            raise DataError(f"the id {identity!r} stands twice, first in {first[identity]}", where=where, remedy="Take the official file again")
        first[identity] = where.rpartition(", ")[2]
        yield _example(row, f"gwsd-{identity}", where, labels_from)


def _check_header(path: Path, header: Sequence[str]) -> None:
    missing, unknown = [c for c in REQUIRED if c not in header], [c for c in header if c not in REQUIRED + OPTIONAL]
    if missing or unknown:
        problem = f"there is no column {missing[0]!r}" if missing else f"unknown column {unknown[0]!r}"
        remedy = f"GWSD.tsv is tab-separated with the columns {', '.join(REQUIRED)}, and may have guid and in_held_out_test"
        raise DataError(f"{problem}; the columns are {', '.join(header)[:200]}", where=str(path), remedy=remedy)


def _example(row: Mapping[str, str], identity: str, where: str, labels_from: str) -> dict[str, Any]:
    if not row["sentence"].strip():
        raise DataError("the sentence is empty", where=where, remedy="Take the official file again, or remove the row")
    shares, posterior = _vote_shares(row, where), _posterior(row, where)
    scores = posterior or shares if labels_from == "posterior" else shares
    return {
        "id": identity,
        "text": row["sentence"],
        "task": STANCE.name,
        "label": _greatest(scores),
        "target": TARGET,
        "group": identity,
        "label_votes": scores,
        "part": _part(row, where),
    }


def _vote_shares(row: Mapping[str, str], where: str) -> list[float] | None:
    """The shares of against, neutral, favor among the votes that are there."""
    votes: Counter[str] = Counter()
    for worker in WORKERS:
        vote = row[worker].strip()
        if vote and vote not in VOTES:
            raise DataError(f"unknown vote {vote!r} of {worker}", where=where, remedy=f"Known: {', '.join(VOTES)}, or empty")
        if vote:
            votes[VOTES[vote]] += 1
    return [votes[label] / votes.total() for label in STANCE.labels] if votes else None


def _posterior(row: Mapping[str, str], where: str) -> list[float] | None:
    cells = [row[column].strip() for column in POSTERIOR]
    if not any(cells):
        return None
    remedy = f"{', '.join(POSTERIOR)} are three numbers in [0, 1] that sum to 1, or all empty"
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError as error:
        raise DataError(f"the posterior {', '.join(cells)} is not of three numbers", where=where, remedy=remedy) from error
    if not all(0 <= number <= 1 for number in numbers) or not math.isclose(sum(numbers), 1, rel_tol=0, abs_tol=TOLERANCE):
        raise DataError(f"the posterior {', '.join(cells)} is no distribution", where=where, remedy=remedy)
    return numbers


def _greatest(scores: Sequence[float] | None) -> str | None:
    if scores is None or list(scores).count(max(scores)) > 1:
        return None
    return STANCE.labels[scores.index(max(scores))]


def _part(row: Mapping[str, str], where: str) -> str | None:
    if "in_held_out_test" not in row:
        return None
    if row["in_held_out_test"] not in PARTS:
        raise DataError(f"unknown in_held_out_test {row['in_held_out_test']!r}", where=where, remedy=f"Known: {', '.join(PARTS)}")
    return PARTS[row["in_held_out_test"]]
