"""Whose words a text's words are: its quotations, their speakers, and the voice of each sentence."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from slant.records import Sentence, Span
from slant.text.attribution import may_attribute
from slant.text.dialogue import LONGEST, MEMORY, quotation_token, read_dialogue, resolve_phrase
from slant.text.tags import find_reporter, is_bare_tag
from slant.text.tokens import Token, tokenize

__all__ = ["Quotation", "SentenceVoice", "find_quotations", "sentence_voices", "span_voice"]


@dataclass(frozen=True)
class Quotation:
    """The quoted words `text[start:end]`, without their marks and the white space inside them.

    Attributes:
        kind: "direct" for somebody's speech; "scare" for marks that quote nobody: scare quotes, titles, nicknames, mentions.
        closed: False where the closing mark is missing; the quotation then runs to the end of its paragraph.
        speaker: where the text names the speaker; None where it does not, or where the kind is "scare".
    """

    start: int
    end: int
    kind: str
    closed: bool
    speaker: Span | None


@dataclass(frozen=True)
class SentenceVoice:
    """A sentence's `voice` ("author", "quoted" or "mixed"), and where the text names whoever speaks in it."""

    voice: str
    speaker: Span | None


def find_quotations(text: str) -> list[Quotation]:
    """The outermost quotations of `text` in order and apart; quotations within them are part of them.

    A quotation that runs over several paragraphs gives one for each. `kind` and `speaker` come from rules on the words around:
    verbs of speech and judgement, "according to", colons, titles, names in apposition. A pronoun, and a quotation that only goes on,
    take the speaker before them. Nothing is raised; the time taken is linear in the length of `text`.
    """
    return [
        Quotation(spoken.pair.first, spoken.pair.last, spoken.kind, spoken.pair.closed, spoken.speaker if spoken.kind == "direct" else None)
        for spoken in read_dialogue(text)
    ]


def span_voice(start: int, end: int, quotations: Sequence[Quotation]) -> str:
    """ "quoted" where at least half of `text[start:end]` lies in direct speech, else "author". `quotations` are in order."""
    place = max(0, bisect_right(quotations, start, key=lambda quotation: quotation.start) - 1)
    inside = 0
    while place < len(quotations) and quotations[place].start < end:
        if quotations[place].kind == "direct":
            inside += max(0, min(end, quotations[place].end) - max(start, quotations[place].start))
        place += 1
    return "quoted" if inside and 2 * inside >= end - start else "author"


def sentence_voices(text: str, sentences: Sequence[Sentence], quotations: Sequence[Quotation] | None = None) -> list[SentenceVoice]:
    """The voice and speaker of each of `sentences`, which are in reading order; `quotations` are those of `find_quotations(text)`.

    "author": the writer's own words, reported speech without marks included; the speaker is then whoever is reported. "quoted": all
    is speech but a bare attribution ("…," said the mayor, Felix Grau). "mixed": speech built into a sentence of the writer's.
    """
    quotations = find_quotations(text) if quotations is None else quotations
    voices: list[SentenceVoice] = []
    speaker: Span | None = None
    since = MEMORY + 1
    place = 0
    for sentence in sentences:
        while place < len(quotations) and quotations[place].end <= sentence.start:
            place += 1
        last = place
        while last < len(quotations) and quotations[last].start < sentence.end:
            last += 1
        inside = quotations[place:last]
        if any(quotation.kind == "direct" for quotation in inside):
            voice = _spoken(text, sentence, inside)
        else:
            reports = may_attribute(text[sentence.start : sentence.end])
            phrase = find_reporter(_sentence_tokens(text, sentence, inside)[:LONGEST]) if reports else None
            voice = SentenceVoice("author", resolve_phrase(phrase, speaker if since <= MEMORY else None))
        voices.append(voice)
        since = 0 if voice.speaker is not None else since + 1
        speaker = voice.speaker or speaker
    return voices


def _spoken(text: str, sentence: Sentence, inside: Sequence[Quotation]) -> SentenceVoice:
    """The voice of a sentence with speech in it: its speaker is that of its first speech that has one."""
    speaker = next((quotation.speaker for quotation in inside if quotation.kind == "direct" and quotation.speaker is not None), None)
    tokens = _sentence_tokens(text, sentence, inside)
    if not any(token.is_word for token in tokens):
        return SentenceVoice("quoted", speaker)
    direct = [at for at, token in enumerate(tokens) if token.quotation >= 0 and inside[token.quotation].kind == "direct"]
    return SentenceVoice("quoted" if len(tokens) <= LONGEST and is_bare_tag(tokens, direct) else "mixed", speaker)


def _sentence_tokens(text: str, sentence: Sentence, inside: Sequence[Quotation]) -> list[Token]:
    tokens: list[Token] = []
    position = sentence.start
    for number, quotation in enumerate(inside):
        tokens += tokenize(text, position, max(position, quotation.start))
        tokens.append(quotation_token(quotation.start, quotation.end, number))
        position = max(position, min(quotation.end, sentence.end))
    tokens += tokenize(text, position, sentence.end)
    return tokens
