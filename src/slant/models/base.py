"""What every classifier offers, and how a run builds its predictions from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from slant.data import column
from slant.decode import Decision
from slant.errors import DataError
from slant.records import WordScores

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Classifier", "PointsAtWords", "label_indices", "require_targets"]


@runtime_checkable
class Classifier(Protocol):
    """Text in, numbers out (contract 2 of docs/design.md). No file, tracker or configuration object is known to it.

    Attributes:
        labels: the task's labels, the order of every probability table's columns.
        decision: thresholds and temperature, set by `fit` from train and dev alone.
    """

    labels: tuple[str, ...]
    decision: Decision

    def fit(self, train: Dataset, dev: Dataset | None, *, seed: int) -> Self:
        """Learn from `train`; choose thresholds and calibration on `dev` (or inside `train` where there is none)."""
        ...

    def predict_proba(self, dataset: Dataset) -> npt.NDArray[np.float64]:
        """Probabilities `(n, k)` in `labels` order, rows in the dataset's order."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model's files into an existing folder."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Runs no code from the folder."""
        ...


@runtime_checkable
class PointsAtWords(Protocol):
    """A classifier that can also say which words carry its answer."""

    @property
    def points(self) -> bool:
        """False when the training data marked no words, so that there is nothing to say."""
        ...

    def predict_words(self, dataset: Dataset) -> list[WordScores]:
        """For each text its words with their probabilities."""
        ...


def require_targets(dataset: Dataset) -> None:
    """Raises DataError where no row has a target: a model that reads targets has nothing to read."""
    if not any(target is not None for target in column(dataset, "target")):
        raise DataError("no training row has a target", where="model", remedy="Use data with targets (task=stance), or another model=")


def label_indices(dataset: Dataset, labels: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Gold labels `(n,)` as column numbers. Raises ValueError for a null: callers pass labelled rows only."""
    number = {label: index for index, label in enumerate(labels)}
    values = column(dataset, "label")
    if None in values:
        raise ValueError("a row without a gold label cannot be trained on")
    return np.array([number[value] for value in values], np.int64)
