"""A corpus as it was read: its rows, what was set aside, and where it came from."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slant.data.examples import corpus_fingerprint
from slant.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Corpus", "Quarantined", "data_folder", "read_manifest"]


@dataclass(frozen=True)
class Quarantined:
    """Something an adapter could not align and therefore set aside.

    Attributes:
        where: file and row.
        what: the thing set aside: a span's words, or a whole row's id.
        reason: a short phrase that can be counted.
    """

    where: str
    what: str
    reason: str


@dataclass(frozen=True)
class Corpus:
    """An Example table with its name, version and quarantine."""

    dataset: Dataset
    name: str
    version: str
    path: str
    licence: str
    quarantined: tuple[Quarantined, ...] = field(default=(), repr=False)

    @cached_property
    def fingerprint(self) -> str:
        return corpus_fingerprint(self.dataset)

    def quarantine_counts(self) -> dict[str, int]:
        """How many things were set aside, by reason."""
        return dict(Counter(q.reason for q in self.quarantined))


def data_folder() -> Path:
    """The folder with a folder a corpus: the repository's `data/`, or its copy in an installed wheel."""
    packaged = Path(__file__).parents[1] / "_data"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "data"


def read_manifest(name: str) -> dict[str, Any]:
    """`data/<name>/manifest.json`: name, version, licence, home, and for each file its path and sha256."""
    path = data_folder() / name / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        remedy = "Install slant from its repository, with its data folder"
        raise DataError("the corpus's manifest cannot be read", where=str(path), remedy=remedy) from error
    return manifest
