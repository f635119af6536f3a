"""What an audit says: findings, and the columns it reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slant.data.duplicates import Duplicates, find_duplicates
from slant.data.examples import column
from slant.files import write_atomic

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["AUDIT_VERSION", "Audit", "Finding", "Rows", "read_rows"]

#: Raised when a check changes what it counts.
AUDIT_VERSION = 1

#: Of a text, so much is shown.
EXCERPT = 160


@dataclass(frozen=True)
class Finding:
    """One kind of fault.

    Attributes:
        kind: its name, the same in every corpus.
        what: what was counted, in a sentence.
        count: how many there are; for a shortcut, the rows that the prior predicts rightly.
        total: out of how many, or None.
        items: where: for each a mapping with `ids` and what else there is to see. All of them, in row order.
        figures: other numbers, by name.
        severity: "stop" ends a training run, "warn" wants a look, "info" is good to know.
        remedy: what to do.
    """

    kind: str
    what: str
    count: int
    total: int | None = None
    items: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, float | int | str | None] = field(default_factory=dict)
    severity: str = "warn"
    remedy: str = ""


@dataclass(frozen=True)
class Audit:
    """The findings about one corpus."""

    corpus: str
    version: str
    fingerprint: str
    rows: int
    findings: list[Finding]
    checked: list[str]
    audit_version: int = AUDIT_VERSION

    def counts(self) -> dict[str, int]:
        """How many of each kind that was looked for; 0 where nothing was found."""
        counts = dict.fromkeys(self.checked, 0)
        for finding in self.findings:
            counts[finding.kind] = counts.get(finding.kind, 0) + finding.count
        return counts

    def to_json(self) -> str:
        """The whole audit, with every item of every finding."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, sort_keys=True) + "\n"

    def write(self, path: str | Path) -> None:
        """Write `to_json` to a file, whole or not at all."""
        with write_atomic(path) as part:
            part.write_text(self.to_json(), encoding="utf-8")


@dataclass(frozen=True)
class Rows:
    """An Example table's columns as lists, and its duplicates: what every check reads."""

    id: list[str]
    text: list[str]
    task: list[str]
    label: list[str | None]
    target: list[str | None]
    target_start: list[int | None]
    target_end: list[int | None]
    spans: list[list[dict[str, Any]] | None]
    group: list[str]
    outlet: list[str | None]
    leaning: list[str | None]
    topic: list[str | None]
    part: list[str | None]
    duplicates: Duplicates

    def __len__(self) -> int:
        return len(self.id)

    def item(self, rows: int | Sequence[int], **more: Any) -> dict[str, Any]:
        """What is shown of some rows: their ids, labels and the beginning of their texts."""
        numbers = [rows] if isinstance(rows, int) else [int(row) for row in rows]
        return {
            "ids": [self.id[i] for i in numbers],
            "labels": [self.label[i] for i in numbers],
            "texts": [excerpt(self.text[i]) for i in numbers],
        } | more

    def items(self, rows: Iterable[int]) -> list[dict[str, Any]]:
        return [self.item(int(i)) for i in rows]


def excerpt(text: str) -> str:
    """The text, cut where it is long."""
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"


def read_rows(dataset: Dataset, duplicates: Duplicates | None = None) -> Rows:
    """The columns that checks read; duplicates are searched for where none are given."""
    columns = {name: column(dataset, name) for name in Rows.__annotations__ if name != "duplicates"}
    return Rows(**columns, duplicates=duplicates or find_duplicates(columns["text"]))
