"""Whose words an annotated document's sentences and loaded spans are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from slant.records import AnnotatedSentence, AnnotatedSpan, Sentence
from slant.text import Quotation, find_quotations, sentence_voices, span_voice

__all__ = ["tell_voices"]


def tell_voices(text: str, sentences: Sequence[AnnotatedSentence]) -> list[AnnotatedSentence]:
    """`sentences` of the document `text`, in reading order, with voice and speaker of each and of its spans filled in.

    The rules are those of `slant.text.sentence_voices` and `span_voice`; they see the whole document, once, and no model.
    """
    quotations = find_quotations(text)
    voices = sentence_voices(text, [Sentence(sentence.start, sentence.end) for sentence in sentences], quotations)
    direct = [quotation for quotation in quotations if quotation.kind == "direct"]
    told = []
    for sentence, said in zip(sentences, voices, strict=True):
        named = said.speaker
        told.append(
            replace(
                sentence,
                spans=[_tell(text, span, direct) for span in sentence.spans],
                voice=said.voice,
                speaker=text[named.start : named.end] if named else None,
                speaker_start=named.start if named else None,
                speaker_end=named.end if named else None,
            )
        )
    return told


def _tell(text: str, span: AnnotatedSpan, direct: Sequence[Quotation]) -> AnnotatedSpan:
    """The span with its voice, and the speaker of the first direct speech it reaches into."""
    voice = span_voice(span.start, span.end, direct)
    if voice != "quoted":
        return replace(span, voice=voice)
    place = bisect_right(direct, span.start, key=lambda quotation: quotation.end)
    speaker = direct[place].speaker
    return replace(span, voice=voice, speaker=text[speaker.start : speaker.end] if speaker else None)
