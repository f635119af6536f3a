"""TF-IDF for stance: the target masked in its sentence, or a model for each target of a fixed list."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from slant.data import column
from slant.decode import Decision
from slant.errors import ConfigError
from slant.files import write_atomic
from slant.labels import get_task
from slant.models.base import require_targets
from slant.models.linear import Linear
from slant.text import find_words

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["TargetLinear"]

#: What stands for the mention; no corpus has the word.
MASK = "targetmention"


class TargetLinear:
    """`Linear` on texts that tell where the target is.

    With `reads="mention"` the mention is masked, and the words within `window` of it are repeated behind the sentence in a spelling of
    their own, so that near words weigh apart from far ones; with "fixed" each target of the training rows has a model, and another
    target gets the one fitted on all; with "text" the sentence is read as it stands, by one model.

    Args:
        task, C, min_df, max_features, balanced: as `Linear`.
        reads: "mention", "fixed" or "text".
        window: words on either side.
        blind: hide the target: one model on the sentence as it stands.
    """

    def __init__(
        self,
        *,
        task: str = "stance",
        reads: str = "mention",
        window: int = 6,
        C: float = 1.0,
        min_df: int = 2,
        max_features: int = 200_000,
        balanced: bool = False,
        blind: bool = False,
    ) -> None:
        if reads not in ("mention", "fixed", "text"):
            raise ConfigError(f"model.reads is {reads!r}", remedy="Choose one of: mention, fixed, text")
        self.labels = get_task(task).labels
        self.task, self.reads, self.window, self.blind = task, reads, window, blind
        self.options: dict[str, Any] = {"C": C, "min_df": min_df, "max_features": max_features, "balanced": balanced}
        self.decision = Decision()
        self.models: dict[str, Linear] = {}

    def fit(self, train: Dataset, dev: Dataset | None, *, seed: int) -> Self:
        if not self.blind:
            require_targets(train)
        rows, keys, labels = self._rewritten(train), self._keys(train), column(train, "label")
        self.models = {"": Linear(task=self.task, **self.options).fit(rows, None, seed=seed)}
        for key in sorted(set(keys) - {""}):
            own = [i for i, other in enumerate(keys) if other == key]
            # Of a target with few rows there may be no n-gram that min_df rows share: it is left to the model of all.
            if len({labels[i] for i in own}) > 1:
                with contextlib.suppress(ValueError):
                    self.models[key] = Linear(task=self.task, **self.options).fit(rows.select(own), None, seed=seed)
        return self

    def predict_proba(self, dataset: Dataset) -> npt.NDArray[np.float64]:
        rows = self._rewritten(dataset)
        keys = [key if key in self.models else "" for key in self._keys(dataset)]
        found = np.empty((len(rows), len(self.labels)))
        for key in sorted(set(keys)):
            own = [i for i, other in enumerate(keys) if other == key]
            found[own] = self.models[key].predict_proba(rows.select(own))
        return found

    def _keys(self, dataset: Dataset) -> list[str]:
        if self.blind or self.reads != "fixed":
            return [""] * len(dataset)
        return [target or "" for target in column(dataset, "target")]

    def _rewritten(self, dataset: Dataset) -> Dataset:
        """The rows with the texts that the model reads, and nothing else but their labels."""
        from datasets import Dataset

        texts = column(dataset, "text")
        if self.reads == "mention" and not self.blind:
            places = zip(texts, column(dataset, "target_start"), column(dataset, "target_end"), strict=True)
            texts = [self._masked(text, start, end) for text, start, end in places]
        return Dataset.from_dict({"text": texts, "label": column(dataset, "label")})

    def _masked(self, text: str, start: int | None, end: int | None) -> str:
        if start is None or end is None:
            return text
        words = find_words(text)
        before = [text[a:b] for a, b in words if b <= start]
        before = before[max(len(before) - self.window, 0) :]
        after = [text[a:b] for a, b in words if a >= end][: self.window]
        near = " ".join(f"near{word}" for word in (*before, *after))
        return f"{text[:start]}{MASK}{text[end:]} {near}"

    def save(self, folder: Path) -> None:
        state = {"task": self.task, "reads": self.reads, "window": self.window, "blind": self.blind, "targets": list(self.models)} | self.options
        for n, model in enumerate(self.models.values()):
            (folder / f"target-{n}").mkdir()
            model.save(folder / f"target-{n}")
        with write_atomic(folder / "target_linear.json") as part:
            part.write_text(json.dumps(state, ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        state = json.loads((folder / "target_linear.json").read_text(encoding="utf-8"))
        targets = state.pop("targets")
        model = cls(**state)
        model.models = {target: Linear.load(folder / f"target-{n}") for n, target in enumerate(targets)}
        return model
