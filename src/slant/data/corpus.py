"""A corpus as it was read: its rows, what was set aside, and where it came from."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slant.data.examples import corpus_fingerprint
from slant.data.reading import file_sha256, folder_sha256
from slant.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Corpus", "Quarantined", "corpus_version", "data_folder", "read_manifest"]


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
    """An Example table with its name, version and quarantine.

    `notes` are counts that only the adapter can make, by what they count: what stood in the files and not in the table.
    """

    dataset: Dataset
    name: str
    version: str
    path: str
    licence: str
    quarantined: tuple[Quarantined, ...] = field(default=(), repr=False)
    notes: Mapping[str, int] = field(default_factory=dict)

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


def corpus_version(manifest: Mapping[str, Any], found: Mapping[str, Path]) -> str:
    """The manifest's version where every file found is the one it knows, else "sha256-" and twelve digits of what was found.

    Args:
        found: for each of the manifest's `files` that was read, by its `path` there, where it lies here. A folder stands for its files
            and is compared with the manifest's `folder_sha256`.

    Raises DataError when a file cannot be read.
    """
    digests = {name: folder_sha256(path) if path.is_dir() else file_sha256(path) for name, path in found.items()}
    known = {entry["path"]: entry.get("folder_sha256") or entry.get("sha256") for entry in manifest["files"]}
    if all(known.get(name) == digest for name, digest in digests.items()):
        return str(manifest["version"])
    together = hashlib.sha256("".join(f"{name}\n{digest}\n" for name, digest in sorted(digests.items())).encode()).hexdigest()
    return f"sha256-{(next(iter(digests.values())) if len(digests) == 1 else together)[:12]}"
