"""An annotated document in numbers: how much of it is loaded in whose voice, and its loaded words by weight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from slant.records import AnnotatedSentence, AnnotatedSpan, Annotation
from slant.serve.article import verdict, weight

__all__ = ["SENTENCE_VOICES", "SPAN_VOICES", "Summary", "Tally", "summarise"]

SENTENCE_VOICES = ("author", "quoted", "mixed")
SPAN_VOICES = ("author", "quoted")


@dataclass(frozen=True)
class Tally:
    """How many sentences; of them judged loaded, and abstained from (these are not among the loaded)."""

    sentences: int
    loaded: int
    abstained: int

    @property
    def loaded_rate(self) -> float | None:
        """Loaded sentences per sentence; None where there are no sentences."""
        return self.loaded / self.sentences if self.sentences else None


@dataclass(frozen=True)
class Summary:
    """What is said of a whole document.

    Attributes:
        sentences: a tally for "all" and for each of SENTENCE_VOICES; sentences whose voice nobody told are only among "all".
        spans: the number of loaded spans for "all" and for each of SPAN_VOICES.
        words: every loaded span and the index of its sentence, in the order of `slant.serve.article.weight`.
    """

    sentences: dict[str, Tally]
    spans: dict[str, int]
    words: list[tuple[AnnotatedSpan, int]]

    @property
    def voiced(self) -> bool:
        """Whether somebody told whose words the sentences are."""
        return any(self.sentences[voice].sentences for voice in SENTENCE_VOICES)


def summarise(annotation: Annotation) -> Summary:
    """The summary of an annotation, from its sentences alone."""
    words = [(span, index) for index, sentence in enumerate(annotation.sentences) for span in sentence.spans]
    of = {voice: [sentence for sentence in annotation.sentences if sentence.voice == voice] for voice in SENTENCE_VOICES}
    return Summary(
        sentences={"all": _tally(annotation.sentences)} | {voice: _tally(sentences) for voice, sentences in of.items()},
        spans={"all": len(words)} | {voice: sum(span.voice == voice for span, _ in words) for voice in SPAN_VOICES},
        words=sorted(words, key=lambda word: weight(word[0])),
    )


def _tally(sentences: Iterable[AnnotatedSentence]) -> Tally:
    verdicts = [verdict(sentence) for sentence in sentences]
    return Tally(len(verdicts), verdicts.count("loaded"), verdicts.count("abstained"))
