"""An annotated document in numbers: how loaded in whose voice, its loaded words by weight, and its stances by target and voice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slant.labels import STANCE
from slant.records import AnnotatedSentence, AnnotatedSpan, AnnotatedStance, AnnotatedTarget, Annotation
from slant.serve.article import verdict, weight
from slant.serve.stances import UNDECIDED, answer

__all__ = ["SENTENCE_VOICES", "SPAN_VOICES", "UNDECIDED", "Summary", "Tally", "TargetSummary", "summarise"]

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
class TargetSummary:
    """What the sentences that tell a stance towards one target come to.

    Attributes:
        stance: for "all" and for each of SENTENCE_VOICES the number of stances by label, and under UNDECIDED of those abstained from.
        loaded: those sentences' tallies, by the same keys; a sentence counts once, however often it names the target.
        words: their loaded spans, as indices into `Summary.words`, in its order.
    """

    target: AnnotatedTarget
    stance: dict[str, dict[str, int]]
    loaded: dict[str, Tally]
    words: list[int]

    @property
    def told(self) -> dict[str, dict[str, int]]:
        """`stance` of the voices that have any; of those whose voice nobody told under "untold"."""
        rows = {voice: self.stance[voice] for voice in SENTENCE_VOICES}
        rows["untold"] = {given: number - sum(row[given] for row in rows.values()) for given, number in self.stance["all"].items()}
        return {voice: counts for voice, counts in rows.items() if any(counts.values())}


@dataclass(frozen=True)
class Summary:
    """What is said of a whole document.

    Attributes:
        sentences: a tally for "all" and for each of SENTENCE_VOICES; sentences whose voice nobody told are only among "all".
        spans: the number of loaded spans for "all" and for each of SPAN_VOICES.
        words: every loaded span and the index of its sentence, in the order of `slant.serve.article.weight`.
        targets: in the annotation's order, those without a mention too.
        untargeted: whether a model could tell stances and had no target to tell them towards.
    """

    sentences: dict[str, Tally]
    spans: dict[str, int]
    words: list[tuple[AnnotatedSpan, int]]
    targets: list[TargetSummary]
    untargeted: bool

    @property
    def voiced(self) -> bool:
        """Whether somebody told whose words the sentences are."""
        return any(self.sentences[voice].sentences for voice in SENTENCE_VOICES)


def summarise(annotation: Annotation) -> Summary:
    """The summary of an annotation, from its sentences and the targets it names; linear in what it holds, but for sorting the words."""
    words = [(span, index) for index, sentence in enumerate(annotation.sentences) for span in sentence.spans]
    words.sort(key=lambda word: weight(word[0]))
    return Summary(
        sentences=_tallies(annotation.sentences),
        spans={"all": len(words)} | {voice: sum(span.voice == voice for span, _ in words) for voice in SPAN_VOICES},
        words=words,
        targets=_targets(annotation, words),
        untargeted=not annotation.targets and any(bundle.get("task") == STANCE.name for bundle in annotation.bundles),
    )


def _targets(annotation: Annotation, words: Sequence[tuple[AnnotatedSpan, int]]) -> list[TargetSummary]:
    ranks: dict[int, list[int]] = {}
    for rank, (_, index) in enumerate(words):
        ranks.setdefault(index, []).append(rank)
    told: dict[str, list[tuple[AnnotatedStance, int]]] = {target.name: [] for target in annotation.targets}
    for index, sentence in enumerate(annotation.sentences):
        for stance in sentence.stance:
            # A scored item names its target without a list of targets; nothing told may go uncounted.
            told.setdefault(stance.target, []).append((stance, index))
    known = {target.name: target for target in annotation.targets}
    found = []
    for name, stances in told.items():
        counts = {voice: dict.fromkeys((*STANCE.labels, UNDECIDED), 0) for voice in ("all", *SENTENCE_VOICES)}
        for stance, index in stances:
            for voice in {"all", annotation.sentences[index].voice or "all"}:
                counts[voice][answer(stance)] += 1
        about = list(dict.fromkeys(index for _, index in stances))
        found.append(
            TargetSummary(
                target=known.get(name) or AnnotatedTarget(name, [], len(stances)),
                stance=counts,
                loaded=_tallies([annotation.sentences[index] for index in about]),
                words=sorted(rank for index in about for rank in ranks.get(index, ())),
            )
        )
    return found


def _tallies(sentences: Sequence[AnnotatedSentence]) -> dict[str, Tally]:
    """A tally of all the sentences, and of those in each voice."""
    of = {voice: [sentence for sentence in sentences if sentence.voice == voice] for voice in SENTENCE_VOICES}
    return {voice: _tally(some) for voice, some in ({"all": sentences} | of).items()}


def _tally(sentences: Iterable[AnnotatedSentence]) -> Tally:
    verdicts = [verdict(sentence) for sentence in sentences]
    return Tally(len(verdicts), verdicts.count("loaded"), verdicts.count("abstained"))
