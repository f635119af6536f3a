"""The trivial floors: how often each label occurred in training, overall or for each value of one column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from slant.data import column
from slant.decode import Decision
from slant.errors import ConfigError
from slant.files import write_atomic
from slant.labels import get_task
from slant.models.base import label_indices

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Prior"]


class Prior:
    """Predicts label frequencies of the training rows, with one count added to each label.

    Args:
        task: the task's name.
        by: a column such as "outlet" whose values get their own frequencies; a value not seen in training, and every row when `by` is
            None, gets the overall ones. `Prior(by=None)` is the majority floor.
    """

    def __init__(self, *, task: str = "loaded", by: str | None = None) -> None:
        self.labels = get_task(task).labels
        self.task = task
        self.by = by
        self.decision = Decision()
        self.overall: list[float] = []
        self.table: dict[str, list[float]] = {}

    def fit(self, train: Dataset, dev: Dataset | None, *, seed: int) -> Self:
        if self.by and self.by not in train.column_names:
            raise ConfigError(f"by names no column: {self.by!r}", remedy=f"Columns: {', '.join(train.column_names)}")
        gold = label_indices(train, self.labels)
        self.overall = self._frequencies(gold)
        self.table = {}
        if self.by:
            values = np.asarray(column(train, self.by), object)
            for value in sorted({v for v in values if v is not None}):
                self.table[value] = self._frequencies(gold[values == value])
        return self

    def _frequencies(self, gold: npt.NDArray[np.int64]) -> list[float]:
        counts = np.bincount(gold, minlength=len(self.labels)) + 1.0
        return [float(share) for share in counts / counts.sum()]

    def predict_proba(self, dataset: Dataset) -> npt.NDArray[np.float64]:
        values: list[str | None] = column(dataset, self.by) if self.by else [None] * len(dataset)
        rows = [self.overall if value is None else self.table.get(value, self.overall) for value in values]
        return np.array(rows, np.float64).reshape(-1, len(self.labels))

    def save(self, folder: Path) -> None:
        state = {"task": self.task, "by": self.by, "overall": self.overall, "table": self.table}
        with write_atomic(folder / "prior.json") as part:
            part.write_text(json.dumps(state, ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        state = json.loads((folder / "prior.json").read_text(encoding="utf-8"))
        model = cls(task=state["task"], by=state["by"])
        model.overall, model.table = state["overall"], state["table"]
        return model
