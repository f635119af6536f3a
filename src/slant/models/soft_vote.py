"""Several classifiers' probabilities averaged, with weights chosen on dev."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from slant.decode import Decision
from slant.errors import ConfigError
from slant.files import write_atomic
from slant.models.base import Classifier, label_indices
from slant.records import WordScores

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["SoftVote"]

_STEPS = 10


class SoftVote:
    """The weighted mean of its members' probabilities.

    The weights are those of least log loss on dev, among all in tenths; without a dev part they are equal. Members are fitted on train, and
    choose and calibrate on dev as they do alone: one that chooses much there, as a fine-tuned one its epoch, may look better than it is
    and get too much weight (study 09).

    Where members point at words, their scores are averaged too, with the weights that these members have among themselves; the word threshold is
    the mean of theirs.

    Args:
        members: by name, two to four classifiers of one task.
    """

    def __init__(self, *, members: Mapping[str, Any]) -> None:
        if not 2 <= len(members) <= 4:
            raise ConfigError(f"a vote of {len(members)}", where="model.members", remedy="Name two to four classifiers")
        self.members: dict[str, Classifier] = dict(members)
        kinds = {member.labels for member in self.members.values()}
        if len(kinds) > 1:
            raise ConfigError("its members are of different tasks", where="model.members", remedy="Give them one task")
        [self.labels] = kinds
        self.decision = Decision()
        self.weights = [1 / len(self.members)] * len(self.members)

    def fit(self, train: Dataset, dev: Dataset | None, *, seed: int) -> Self:
        for member in self.members.values():
            member.fit(train, dev, seed=seed)
        if dev is not None:
            gold = label_indices(dev, self.labels)
            found = np.stack([member.predict_proba(dev) for member in self.members.values()])[:, np.arange(len(gold)), gold]
            choices = list(_simplex(len(self.members), _STEPS))
            losses = [-np.log(np.clip(np.asarray(choice) / _STEPS @ found, 1e-12, None)).mean() for choice in choices]
            self.weights = [part / _STEPS for part in choices[int(np.argmin(losses))]]
        if pointing := self._pointing():
            self.decision = Decision(word_threshold=sum(weight * member.decision.word_threshold for weight, member in pointing))
        return self

    def predict_proba(self, dataset: Dataset) -> npt.NDArray[np.float64]:
        found = [weight * member.predict_proba(dataset) for weight, member in zip(self.weights, self.members.values(), strict=True)]
        return np.asarray(np.sum(found, axis=0), np.float64)

    @property
    def points(self) -> bool:
        return bool(self._pointing())

    def _pointing(self) -> list[tuple[float, Any]]:
        """The members that point at words, each with its share of their weight; none where they have no weight."""
        found = [(weight, member) for weight, member in zip(self.weights, self.members.values(), strict=True) if getattr(member, "points", False)]
        total = sum(weight for weight, _ in found)
        return [(weight / total, member) for weight, member in found] if total else []

    def predict_words(self, dataset: Dataset) -> list[WordScores]:
        """Raises ConfigError where two members do not see the same words: they have other tokenizers or limits."""
        pointing = self._pointing()
        voted = []
        for row in zip(*(member.predict_words(dataset) for _, member in pointing), strict=True):
            first = row[0]
            if any(list(other.starts) != list(first.starts) for other in row[1:]):
                raise ConfigError("its members do not see the same words", where="model.members", remedy="Give them one encoder and one max_pieces")
            scores = np.average([one.scores for one in row], axis=0, weights=[weight for weight, _ in pointing])
            voted.append(WordScores(first.starts, first.ends, scores.tolist(), any(one.truncated for one in row)))
        return voted

    def save(self, folder: Path) -> None:
        kinds = {name: type(member).__name__ for name, member in self.members.items()}
        for name, member in self.members.items():
            (folder / name).mkdir()
            member.save(folder / name)
        with write_atomic(folder / "soft_vote.json") as part:
            part.write_text(json.dumps({"members": kinds, "weights": self.weights, "decision": vars(self.decision)}, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        import slant.models

        state = json.loads((folder / "soft_vote.json").read_text(encoding="utf-8"))
        if unknown := set(state["members"].values()) - set(slant.models.CLASSIFIERS):
            raise ConfigError(f"no classifier is called {sorted(unknown)[0]!r}", where=str(folder), remedy="The folder was not written by Slant")
        members = {name: getattr(slant.models, kind).load(folder / name) for name, kind in state["members"].items()}
        model = cls(members=members)
        model.weights, model.decision = state["weights"], Decision(**state["decision"])
        return model


def _simplex(parts: int, total: int) -> Iterator[tuple[int, ...]]:
    """All ways to share `total` steps among the members."""
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in _simplex(parts - 1, total - first):
            yield (first, *rest)
