"""What every classifier offers, and how a run builds its predictions from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from slant.data import column
from slant.decode import Decision, LightHead
from slant.errors import DataError
from slant.records import WordScores

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

    from slant.models.encoder import Recipe

__all__ = ["Classifier", "ExportParts", "ExportsHeads", "PointsAtWords", "label_indices", "require_targets"]


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


@dataclass(frozen=True)
class ExportParts:
    """What a bundle takes of a model: an encoder and light heads over its states.

    Attributes:
        module: the encoder; `module(input_ids=, attention_mask=, output_hidden_states=True).hidden_states` must hold the recipe's layers.
        recipe: which states the heads read, and how many pieces of a text.
        tokenizer_file: its `tokenizer.json`.
        encoder_digest: names the encoder's weights.
        heads: by name, which is the task's.
        tensors: each head's weights by name, as `slant.decode.heads.head_shapes` names and shapes them.
    """

    module: torch.nn.Module
    recipe: Recipe
    tokenizer_file: Path
    encoder_digest: str
    heads: Mapping[str, LightHead]
    tensors: Mapping[str, Mapping[str, npt.NDArray[np.floating]]]


@runtime_checkable
class ExportsHeads(Protocol):
    """A classifier that light heads over an encoder's states can answer for."""

    def export_parts(self) -> ExportParts | None:
        """What a bundle takes of it, once it is fitted or loaded; None where this one, for its settings, has no export."""
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
