"""Stances as a reader meets them: each told by a sign and in words, so that no view needs colour to tell them apart."""

from __future__ import annotations

from slant.labels import STANCE
from slant.records import AnnotatedSentence, AnnotatedStance
from slant.serve.article import visible

__all__ = ["ANSWERS", "UNDECIDED", "answer", "marked", "say_answer", "say_name", "say_probabilities", "say_stance"]

#: What stands in the place of a label where the model abstains.
UNDECIDED = "abstained"

#: Of each answer its sign and its words; the words are followed by the target's name.
ANSWERS = {
    "against": ("▼", "against", "against {}"),
    "neutral": ("○", "neutral", "neutral on {}"),
    "favor": ("▲", "in favor", "in favor of {}"),
    UNDECIDED: ("?", "undecided", "undecided on {}"),
}

#: A mark behind a sentence has room for a name, not for a paragraph.
_LONGEST_NAME = 60


def answer(stance: AnnotatedStance) -> str:
    """UNDECIDED where the model abstains, else the label."""
    return UNDECIDED if stance.abstained else stance.label


def marked(sentence: AnnotatedSentence) -> list[AnnotatedStance]:
    """The stances that are shown behind the sentence: all towards targets that it names, and towards others those that take a side.

    A head that answers for targets which a sentence does not name finds most sentences neutral about most of them.
    """
    return [stance for stance in sentence.stance if stance.start is not None or answer(stance) in ("against", "favor")]


def say_answer(given: str) -> str:
    """An answer without its target: "▼ against"."""
    sign, words, _ = ANSWERS[given]
    return f"{sign} {words}"


def say_name(name: str) -> str:
    """A target's name in one line without anything that acts; a very long one is cut, and says so with …."""
    shown = " ".join(visible(name, one_line=True).split())
    return shown if len(shown) <= _LONGEST_NAME else shown[: _LONGEST_NAME - 1].rstrip() + "…"


def say_stance(stance: AnnotatedStance) -> str:
    """A stance by sign and in words: "▼ against Ilya Orlov", in one line."""
    sign, _, words = ANSWERS[answer(stance)]
    return f"{sign} {words.format(say_name(stance.target))}"


def say_probabilities(stance: AnnotatedStance) -> str:
    """Each label's probability, in label order: "against 0.70, neutral 0.20, favor 0.10"."""
    return ", ".join(f"{label} {stance.probabilities[label]:.2f}" for label in STANCE.labels if label in stance.probabilities)
