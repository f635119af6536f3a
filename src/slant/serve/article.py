"""An annotated text as a reader meets it: paragraphs, sentences, loaded words. Page and terminal are both set from this."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from slant.errors import DataError
from slant.labels import LOADED
from slant.records import AnnotatedSentence, AnnotatedSpan, Annotation

__all__ = [
    "DECIMALS", "STRENGTHS", "Counts", "LoadedWord", "Paragraph", "Part", "Piece",
    "context", "count", "lay_out", "rank_words", "say_voice", "strength", "verdict", "visible", "weight",
]  # fmt: skip

#: Probabilities are written with this many decimals, and ranked by them, so that what is read back has the order of what was written.
DECIMALS = 6

#: How strongly a loaded word is marked, by its probability as shown (two decimals); the greatest bound it reaches.
STRENGTHS = (("strong", 0.85), ("clear", 0.70), ("slight", 0.0))

_BOM = "\ufeff"
_LINE_END = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_WHITE = re.compile(rf"[\s{_BOM}]+")
_BIDI = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_UNSHOWABLE = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) != "\t"}
_UNSHOWABLE |= dict.fromkeys([*range(128, 160), *range(55296, 57344)], "�") | {0x7F: "\u2421"}
_UNSHOWABLE |= {ord(end): "\n" for end in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"}
_UNSHOWABLE_LINE = _UNSHOWABLE | dict.fromkeys(_BIDI, "�") | {ord("\t"): " "}
_UNSHOWABLE_LINE |= {code: " " for code, sign in _UNSHOWABLE.items() if sign == "\n"}


@dataclass(frozen=True)
class Piece:
    """A stretch of text, and the loaded span it is."""

    text: str
    span: AnnotatedSpan | None = None


@dataclass(frozen=True)
class Part:
    """A sentence cut at its spans, or (number 0, no sentence) what stands between two sentences. Numbers count from 1."""

    pieces: list[Piece]
    number: int = 0
    sentence: AnnotatedSentence | None = None


@dataclass(frozen=True)
class Paragraph:
    """A paragraph, numbered from 1.

    Attributes:
        parts: all its text in reading order.
        before: the white space between it and the paragraph before.
        wrapped: its line ends were made to fit a width (one falls within a sentence) and mean no more than a space.
    """

    number: int
    parts: list[Part]
    before: str
    wrapped: bool


@dataclass(frozen=True)
class LoadedWord:
    """A loaded span and where it stands; numbers count from 1."""

    span: AnnotatedSpan
    sentence: AnnotatedSentence
    sentence_number: int
    paragraph_number: int


@dataclass(frozen=True)
class Counts:
    """How many sentences; of them judged loaded, abstained from (these are not among the loaded), not read to the end; spans."""

    sentences: int
    loaded: int
    abstained: int
    truncated: int
    spans: int

    @property
    def loaded_rate(self) -> float:
        """Loaded sentences per sentence; 0 for a text without sentences."""
        return self.loaded / self.sentences if self.sentences else 0.0


def count(annotation: Annotation) -> Counts:
    """What a summary says of an annotation."""
    sentences = annotation.sentences
    verdicts = [verdict(sentence) for sentence in sentences]
    return Counts(
        sentences=len(sentences),
        loaded=verdicts.count("loaded"),
        abstained=verdicts.count("abstained"),
        truncated=sum(sentence.truncated for sentence in sentences),
        spans=sum(len(sentence.spans) for sentence in sentences),
    )


def verdict(sentence: AnnotatedSentence) -> str:
    """`abstained` where the model abstains, else `loaded` or `neutral`."""
    if sentence.loaded.abstained:
        return "abstained"
    return "loaded" if sentence.loaded.label == LOADED.positive else "neutral"


def strength(probability: float) -> str:
    """`strong`, `clear` or `slight`: by the probability rounded as it is printed, so that no page contradicts itself."""
    shown = round(probability, 2)
    return next(name for name, bound in STRENGTHS if shown >= bound)


def visible(text: str, *, one_line: bool = False) -> str:
    """`text` with every character that would act instead of being read shown as a sign.

    Line ends of any kind become a line feed; control characters their picture (ESC: ␛); C1 controls and lone surrogates U+FFFD.
    With `one_line` line ends and tabs become spaces and bidirectional embeddings, overrides and isolates U+FFFD: what is left moves
    nothing outside itself, on a terminal or in a title.
    """
    return text.replace("\r\n", "\n").translate(_UNSHOWABLE_LINE if one_line else _UNSHOWABLE)


def lay_out(text: str, annotation: Annotation) -> list[Paragraph]:
    """The paragraphs of `text` as `annotation` sees them.

    Blank lines and U+2029 part paragraphs, never within a sentence (the rule of `slant.text.split_sentences`). Every character of
    `text` is in exactly one piece or `before`; white space that ends the text is the `before` of a last paragraph without parts.
    Raises DataError when the annotation is of another text: a sentence or span that is out of order or whose words are not there,
    a stance's mention outside its sentence.
    """
    _check(text, annotation.sentences)
    paragraphs: list[Paragraph] = []
    before, parts = "", list[Part]()
    for item in _stream(text, annotation.sentences):
        if isinstance(item, Part):
            parts.append(item)
            continue
        if parts:
            paragraphs.append(_paragraph(len(paragraphs) + 1, parts, before))
            before, parts = "", []
        before = item
    if parts or before:
        paragraphs.append(_paragraph(len(paragraphs) + 1, parts, before))
    return paragraphs


def rank_words(paragraphs: Iterable[Paragraph]) -> list[LoadedWord]:
    """Every loaded span, the most probable first; equals in reading order."""
    words = [
        LoadedWord(span, part.sentence, part.number, paragraph.number)
        for paragraph in paragraphs
        for part in paragraph.parts
        if part.sentence is not None
        for span in part.sentence.spans
    ]
    return sorted(words, key=lambda word: weight(word.span))


def weight(span: AnnotatedSpan) -> tuple[float, int]:
    """What loaded spans are ordered by: the most probable first, equals in reading order."""
    return -round(float(span.probability), DECIMALS), span.start


def say_voice(said: AnnotatedSentence | AnnotatedSpan) -> str:
    """Whose words they are where the author's are not all of it ("quoted, Felix Grau"), in one line; "" elsewhere and where untold.

    Of a sentence in the author's voice it names whoever is reported when another sentence names them ("reports Felix Grau").
    """
    speaker = " ".join(visible(said.speaker, one_line=True).split()) if said.speaker else ""
    if said.voice in ("quoted", "mixed"):
        return ("quoted" if said.voice == "quoted" else "partly quoted") + (f", {speaker}" if speaker else "")
    if isinstance(said, AnnotatedSpan) or not speaker or said.speaker_start is None or said.start <= said.speaker_start < said.end:
        return ""
    return f"reports {speaker}"


def context(word: LoadedWord, reach: int) -> tuple[str, str]:
    """Up to `reach` code points of the sentence on either side of the word, cut at a space and marked with … where it goes on."""
    at, sentence = word.span.start - word.sentence.start, word.sentence.text
    before, after = sentence[:at], sentence[at + len(word.span.text) :]
    if len(before) > reach:
        before = "…" + (before[-reach:].partition(" ")[2] if " " in before[-reach:-1] else before[-reach:])
    if len(after) > reach:
        after = (after[:reach].rpartition(" ")[0] if " " in after[1:reach] else after[:reach]) + "…"
    return before, after


def _check(text: str, sentences: list[AnnotatedSentence]) -> None:
    at = 0
    for number, sentence in enumerate(sentences, start=1):
        places: list[tuple[int, int, int, int, str, str]] = [(sentence.start, sentence.end, at, len(text), sentence.text, "")]
        if sentence.speaker_start is not None and sentence.speaker_end is not None:
            places.append((sentence.speaker_start, sentence.speaker_end, 0, len(text), sentence.speaker or "", ", speaker"))
        inside = sentence.start
        for span in sentence.spans:
            places.append((span.start, span.end, inside, sentence.end, span.text, f", span {span.start}:{span.end}"))
            inside = span.end
        for stance in sentence.stance:
            if stance.start is not None and stance.end is not None:
                named = text[stance.start : stance.end]
                places.append((stance.start, stance.end, sentence.start, sentence.end, named, f", stance {stance.start}:{stance.end}"))
        for start, end, low, high, words, what in places:
            if not low <= start < end <= high or text[start:end] != words:
                problem = "the annotation does not fit the text: offsets out of order, or other words there"
                raise DataError(problem, where=f"sentence {number}{what}", remedy="Annotate this very text again")
        at = sentence.end
        stances = (p for stance in sentence.stance for p in stance.probabilities.values())
        for probability in (sentence.loaded.probability, *(span.probability for span in sentence.spans), *stances):
            if not 0.0 <= probability <= 1.0:
                raise DataError(f"{probability} is no probability", where=f"sentence {number}", remedy="Annotate the text again")


def _cut(text: str, sentence: AnnotatedSentence) -> list[Piece]:
    pieces: list[Piece] = []
    at = sentence.start
    for span in sentence.spans:
        pieces += [Piece(text[at : span.start]), Piece(text[span.start : span.end], span)]
        at = span.end
    return [piece for piece in [*pieces, Piece(text[at : sentence.end])] if piece.text]


def _stream(text: str, sentences: list[AnnotatedSentence]) -> Iterator[Part | str]:
    """The whole text in order: parts, and as plain strings the white space that parts paragraphs."""
    at = 0
    for number, sentence in enumerate(sentences, start=1):
        yield from _gap(text, at, sentence.start)
        yield Part(_cut(text, sentence), number, sentence)
        at = sentence.end
    yield from _gap(text, at, len(text))


def _gap(text: str, start: int, end: int) -> Iterator[Part | str]:
    at = start
    for white in _WHITE.finditer(text, start, end):
        ends = _LINE_END.findall(white.group())
        if len(ends) > 1 or "\u2029" in ends or white.start() == 0 or white.end() == len(text):
            if at < white.start():
                yield Part([Piece(text[at : white.start()])])
            yield white.group()
            at = white.end()
    if at < end:
        yield Part([Piece(text[at:end])])


def _paragraph(number: int, parts: list[Part], before: str) -> Paragraph:
    wrapped = any(part.sentence is not None and _LINE_END.search(part.sentence.text) is not None for part in parts)
    return Paragraph(number, parts, before, wrapped)
