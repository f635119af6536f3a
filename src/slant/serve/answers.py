"""What is asked of bundles, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from slant.labels import STANCE
from slant.records import WordScores

__all__ = ["Answers", "Asked", "HeadAnswers", "Runtime", "reads_targets"]


@dataclass(frozen=True)
class Asked:
    """A question: what stance does sentence number `row` take towards `target`?

    Attributes:
        start, end: where the sentence mentions it, in its own code points; None where it does not.
    """

    row: int
    target: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class HeadAnswers:
    """What one head says of n sentences, or of m questions about them where its task has targets.

    Attributes:
        probabilities: `(n, k)` or `(m, k)` in label order, calibrated.
        words: one entry a sentence, or None when the head does not point at words.
        answered: `(m,)`, of a head with targets: False where it reads the mention and no word of that was read; the row then means nothing.
    """

    probabilities: npt.NDArray[np.float64]
    words: list[WordScores] | None = None
    answered: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Answers:
    """What all heads say, by name, and whether each sentence went on after the last piece that was read, `(n,)`."""

    heads: dict[str, HeadAnswers]
    truncated: list[bool]


class Runtime(Protocol):
    """Sentences and questions about them in, answers out, in the same order."""

    def __call__(self, sentences: Sequence[str], asked: Sequence[Asked] = (), /) -> Answers: ...


def reads_targets(task: str) -> bool:
    """Whether answers to this task are answers to `Asked`."""
    return task == STANCE.name
