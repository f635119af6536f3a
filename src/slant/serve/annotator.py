"""Documents in, annotations out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from slant.bundle import Bundle, read_bundle
from slant.decode import cut_spans, decide
from slant.errors import BundleError, DataError
from slant.labels import LOADED, STANCE
from slant.records import AnnotatedSentence, AnnotatedSpan, AnnotatedStance, Annotation, Label, ScoreItem
from slant.serve.answers import Answers, Asked, Runtime
from slant.serve.questions import ask_document, ask_item, check_targets
from slant.serve.runtime import open_runtime
from slant.serve.verify import replay_golden
from slant.serve.voices import tell_voices
from slant.text import Target, find_targets, split_sentences

__all__ = ["MAX_CHARACTERS", "Annotator"]

#: A document longer than this is refused rather than held in memory many times over.
MAX_CHARACTERS = 20_000_000


class Annotator:
    """One bundle or several at work, a head of the task loaded among theirs. Thread-safe: what a call keeps, states of targets' names, is locked."""

    def __init__(self, bundles: Sequence[Bundle], runtime: Runtime) -> None:
        self.bundles, self._run = tuple(bundles), runtime
        self.heads = {name: head for bundle in bundles for name, head in bundle.manifest.heads.items()}
        stance = self.heads.get(STANCE.name)
        #: Whether the stance head can say something of a target that the sentence does not mention.
        self._unmentioned = stance is not None and stance.reads != "mention"

    @classmethod
    def open(cls, *paths: str | Path, precision: str | None = None, threads: int = 1, replay: bool = True, key: str | Path | None = None) -> Self:
        """Read bundles, check every digest, replay their golden rows and make them ready. Those with the same encoder share one session and pass.

        With `key`, a file with an Ed25519 public key, each must be signed by it.

        Raises BundleError, with the reason, for a bundle that does not prove itself, for two that answer the same, and where none has a
        head of the task loaded.
        """
        if not paths:
            raise TypeError("name at least one bundle")
        bundles = [read_bundle(path, key=key) for path in paths]
        if not any(LOADED.name in bundle.manifest.heads for bundle in bundles):
            problem = f"it has no head of the task {LOADED.name!r}, only {', '.join(bundles[0].manifest.heads)}"
            raise BundleError(problem, where=bundles[0].where, remedy="Open it beside a bundle of the task loaded, or merge the two")
        runtime = open_runtime(bundles, precision=precision, threads=threads)
        if replay:
            for bundle in bundles:
                replay_golden(bundle, runtime, precision or bundle.manifest.precision)
        return cls(bundles, runtime)

    def annotate(self, text: str, targets: Sequence[Target] | None = None) -> Annotation:
        """Sentences, their labels and loaded spans, whose words they are, and their stances; all offsets are code points of `text` as it stands.

        Voices and speakers come from the quotations of the whole document. A text without sentences gives an annotation without
        sentences. With a stance head, each sentence gets a stance towards each target that it mentions, read at the first mention; a head that
        does not read mentions (`reads` text or fixed) answers for every sentence about targets that were named. A mention beyond what was read of a
        sentence gets none, and the sentence says truncated. A target that does not occur stays in `Annotation.targets` with 0 mentions.

        Args:
            targets: whom the stances are towards; when None the text's own main targets (`slant.text.find_targets`), of them only those that a
                head with a fixed list was trained on. An empty list asks about none.

        Raises DataError for a text that is too long, or no Unicode text, for a target without a name, and for targets when no bundle tells stances.
        """
        _check(text)
        places = [(sentence.start, sentence.end) for sentence in split_sentences(text)]
        wanted = self._targets(text, targets)
        asked, told = ask_document(text, places, wanted, everywhere=targets is not None and self._unmentioned)
        sentences = self._annotated([text[start:end] for start, end in places], places, asked)
        return Annotation(tell_voices(text, sentences), self.facts(), targets=told)

    def score(self, items: Iterable[str | ScoreItem]) -> list[AnnotatedSentence]:
        """Each text taken as one sentence, with offsets into itself and a voice told from itself alone.

        An item with a target gets at most one stance: at the offsets it gives, else at the first mention of the target's name, else, by a head that
        does not read mentions, without one. Where a head reads mentions and none is found or was read, `stance` is empty.

        Raises DataError as `annotate` does, and for a target or its offsets that cannot be, naming the item.
        """
        if isinstance(items, str | ScoreItem):
            raise TypeError("sentences must be several strings, not one string" if isinstance(items, str) else "items must be several")
        listed = [ScoreItem(item) if isinstance(item, str) else item for item in items]
        for number, item in enumerate(listed, 1):
            if not isinstance(item, ScoreItem):
                raise TypeError(f"item {number} must be a string or a ScoreItem, not {type(item).__name__}")
            _check(item.text, f"item {number}" if len(listed) > 1 else "")
            if item.target is not None and STANCE.name not in self.heads:
                raise _no_stance(f"item {number}")
        found = (ask_item(row, item, unmentioned=self._unmentioned) for row, item in enumerate(listed))
        asked = [question for question in found if question is not None]
        scored = self._annotated([item.text for item in listed], [(0, len(item.text)) for item in listed], asked)
        return [tell_voices(sentence.text, [sentence])[0] for sentence in scored]

    def facts(self) -> list[dict[str, Any]]:
        """What an annotation says of the heads that made it, an entry each; heads of one bundle have its id."""
        return [
            {
                "id": bundle.manifest.id,
                "name": bundle.manifest.name,
                "task": head.task,
                "task_version": head.task_version,
                "model": head.model,
                "package_version": bundle.manifest.package_version,
                # Of three labels the most probable wins, and only words have a threshold of their own.
                "threshold": head.decision.threshold if len(head.labels) == 2 else None,
                "word_threshold": head.decision.word_threshold if head.task == LOADED.name else None,
                "corpus": head.corpus,
            }
            for bundle in self.bundles
            for head in bundle.manifest.heads.values()
        ]

    def _targets(self, text: str, targets: Sequence[Target] | None) -> list[Target]:
        stance = self.heads.get(STANCE.name)
        if targets is None:
            found = find_targets(text) if stance else []
            return [target for target in found if target.name in stance.targets] if stance and stance.reads == "fixed" else found
        if targets and stance is None:
            raise _no_stance("targets")
        return check_targets(targets)

    def _annotated(self, texts: list[str], places: list[tuple[int, int]], asked: list[Asked]) -> list[AnnotatedSentence]:
        if not texts:
            return []
        answers = self._run(texts, asked)
        head, found = self.heads[LOADED.name], answers.heads[LOADED.name]
        chosen, abstained = decide(found.probabilities, head.decision)
        positive = head.labels.index("loaded")
        sentences = []
        for i, (text, (start, end)) in enumerate(zip(texts, places, strict=True)):
            label = Label(head.labels[chosen[i]], float(found.probabilities[i, positive]), bool(abstained[i]))
            cut = cut_spans(text, found.words[i], head.decision.word_threshold) if found.words else []
            spans = [AnnotatedSpan(start + s.start, start + s.end, text[s.start : s.end], p) for s, p in cut]
            sentences.append(AnnotatedSentence(start, end, text, label, spans, truncated=answers.truncated[i]))
        return self._with_stances(sentences, asked, answers) if asked else sentences

    def _with_stances(self, sentences: list[AnnotatedSentence], asked: list[Asked], answers: Answers) -> list[AnnotatedSentence]:
        head, found = self.heads[STANCE.name], answers.heads[STANCE.name]
        chosen, abstained = decide(found.probabilities, head.decision)
        stances: dict[int, list[AnnotatedStance]] = {}
        for number, question in enumerate(asked):
            if found.answered is not None and not found.answered[number]:
                continue
            start = sentences[question.row].start
            place = [None if offset is None else start + offset for offset in (question.start, question.end)]
            probabilities = dict(zip(head.labels, found.probabilities[number].tolist(), strict=True))
            told = AnnotatedStance(question.target, place[0], place[1], head.labels[chosen[number]], probabilities, bool(abstained[number]))
            stances.setdefault(question.row, []).append(told)
        return [replace(sentence, stance=stances.get(row, [])) for row, sentence in enumerate(sentences)]


def _no_stance(where: str) -> DataError:
    remedy = "Open a bundle of the task stance too, or give no target"
    return DataError("a target is given, and no bundle here tells stances", where=where, remedy=remedy)


def _check(text: str, where: str = "") -> None:
    if not isinstance(text, str):
        raise TypeError(f"a text must be a string, not {type(text).__name__}")
    if len(text) > MAX_CHARACTERS:
        problem = f"the text has {len(text):,} characters, more than {MAX_CHARACTERS:,}"
        raise DataError(problem, where=where, remedy="Cut it into documents")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:  # JSON can spell such a text, UTF-8 cannot
        problem = f"the text's character {error.start} is half of a surrogate pair"
        raise DataError(problem, where=where, remedy="Mend what decoded it: a pair of \\ud800 escapes makes one character") from error
