"""Documents in, annotations out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from slant.bundle import Bundle, read_bundle
from slant.decode import cut_spans, decide
from slant.errors import BundleError, DataError
from slant.records import AnnotatedSentence, AnnotatedSpan, Annotation, Label
from slant.serve.runtime import Runtime, open_runtime
from slant.serve.verify import replay_golden
from slant.serve.voices import tell_voices
from slant.text import split_sentences

__all__ = ["MAX_CHARACTERS", "Annotator"]

#: A document longer than this is refused rather than held in memory many times over.
MAX_CHARACTERS = 20_000_000


class Annotator:
    """A bundle at work. Thread-safe: a call keeps nothing."""

    def __init__(self, bundle: Bundle, runtime: Runtime) -> None:
        self.bundle, self._run = bundle, runtime

    @classmethod
    def open(cls, path: str | Path, *, precision: str | None = None, threads: int = 1, replay: bool = True) -> Self:
        """Read a bundle, check every digest, replay its golden rows and make it ready.

        Raises BundleError, with the reason, for a bundle that does not prove itself.
        """
        bundle = read_bundle(path)
        if "loaded" not in bundle.manifest.labels:
            remedy = "Name a bundle of the task loaded"
            raise BundleError(f"its task {bundle.manifest.task!r} cannot be annotated yet", where=bundle.where, remedy=remedy)
        runtime = open_runtime(bundle, precision=precision, threads=threads)
        if replay:
            replay_golden(bundle, runtime, precision or bundle.manifest.precision)
        return cls(bundle, runtime)

    def annotate(self, text: str) -> Annotation:
        """Sentences, their labels and loaded spans, and whose words they are; all offsets are code points of `text` as it stands.

        Voices and speakers come from the quotations of the whole document. A text without sentences gives an annotation without
        sentences. Raises DataError for one that is too long, or no Unicode text.
        """
        _check(text)
        return Annotation(tell_voices(text, list(self._sentences(text))), [self.facts()])

    def score(self, sentences: Iterable[str]) -> list[AnnotatedSentence]:
        """Each text taken as one sentence, with offsets into itself and a voice told from itself alone.

        Raises DataError as `annotate` does.
        """
        if isinstance(sentences, str):
            raise TypeError("sentences must be several strings, not one string")
        texts = list(sentences)
        for text in texts:
            _check(text)
        scored = self._annotated(texts, [(0, len(text)) for text in texts])
        return [tell_voices(text, [sentence])[0] for text, sentence in zip(texts, scored, strict=True)]

    def facts(self) -> dict[str, Any]:
        """What an annotation says of the model that made it."""
        m = self.bundle.manifest
        return {
            "id": m.id,
            "name": m.name,
            "task": m.task,
            "task_version": m.task_version,
            "package_version": m.package_version,
            "threshold": m.decision.threshold,
            "word_threshold": m.decision.word_threshold,
            "corpus": m.corpus,
        }

    def _sentences(self, text: str) -> Iterator[AnnotatedSentence]:
        places = [(sentence.start, sentence.end) for sentence in split_sentences(text)]
        return self._annotated([text[start:end] for start, end in places], places)

    def _annotated(self, texts: list[str], places: list[tuple[int, int]]) -> Iterator[AnnotatedSentence]:
        if not texts:
            return
        manifest = self.bundle.manifest
        answers = self._run(texts)
        chosen, abstained = decide(answers.probabilities, manifest.decision)
        positive = manifest.labels.index("loaded")
        for i, (text, (start, end)) in enumerate(zip(texts, places, strict=True)):
            label = Label(manifest.labels[chosen[i]], float(answers.probabilities[i, positive]), bool(abstained[i]))
            words = answers.words[i] if answers.words else None
            cut = cut_spans(text, words, manifest.decision.word_threshold) if words else []
            spans = [AnnotatedSpan(start + s.start, start + s.end, text[s.start : s.end], p) for s, p in cut]
            yield AnnotatedSentence(start, end, text, label, spans, truncated=bool(words and words.truncated))


def _check(text: str) -> None:
    if not isinstance(text, str):
        raise TypeError(f"a text must be a string, not {type(text).__name__}")
    if len(text) > MAX_CHARACTERS:
        problem = f"the text has {len(text):,} characters, more than {MAX_CHARACTERS:,}"
        raise DataError(problem, remedy="Cut it into documents")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:  # JSON can spell such a text, UTF-8 cannot
        problem = f"the text's character {error.start} is half of a surrogate pair"
        raise DataError(problem, remedy="Mend what decoded it: a pair of \\ud800 escapes makes one character") from error
