"""A document in numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from slant.records import AnnotatedSentence, AnnotatedSpan, Annotation, Label
from slant.serve.article import lay_out, rank_words
from slant.serve.schema import annotation_from_json, annotation_to_json
from slant.serve.summary import Tally, summarise

CASE = json.loads((Path(__file__).parents[1] / "cases" / "article.json").read_text(encoding="utf-8"))
TEXT, ANNOTATION = CASE["text"], annotation_from_json(CASE["annotation"])


def sentence(
    start: int, voice: str | None, label: str = "loaded", *, abstained: bool = False, spans: tuple[AnnotatedSpan, ...] = ()
) -> AnnotatedSentence:
    return AnnotatedSentence(start, start + 1, "x", Label(label, 0.6, abstained), list(spans), voice)


def test_sentences_are_counted_by_voice() -> None:
    voices = ["author", "author", "author", "quoted", "mixed", "mixed", None]
    labels = ["loaded", "neutral", "neutral", "loaded", "loaded", "neutral", "loaded"]
    found = summarise(Annotation([sentence(i, v, label) for i, (v, label) in enumerate(zip(voices, labels, strict=True))], []))
    assert found.sentences == {"all": Tally(7, 4, 0), "author": Tally(3, 1, 0), "quoted": Tally(1, 1, 0), "mixed": Tally(2, 1, 0)}
    assert [found.sentences[voice].loaded_rate for voice in ("author", "quoted", "mixed")] == [1 / 3, 1.0, 0.5]
    assert found.voiced


def test_a_sentence_abstained_from_is_not_loaded() -> None:
    found = summarise(Annotation([sentence(0, "quoted", abstained=True), sentence(2, "quoted")], []))
    assert found.sentences["quoted"] == found.sentences["all"] == Tally(2, 1, 1)


def test_spans_are_counted_by_their_own_voice_not_their_sentences() -> None:
    spans = [AnnotatedSpan(i, i + 1, "x", 0.5, voice) for i, voice in enumerate(["author", "quoted", "quoted", None])]
    found = summarise(Annotation([sentence(0, "mixed", spans=tuple(spans))], []))
    assert found.spans == {"all": 4, "author": 1, "quoted": 2}


def test_a_document_without_sentences_has_no_rate() -> None:
    found = summarise(Annotation([], []))
    assert found.sentences["all"].loaded_rate is None and found.words == [] and not found.voiced
    assert annotation_to_json(Annotation([], []))["summary"]["sentences"]["quoted"]["loaded_rate"] is None


def test_voices_that_nobody_told_are_no_voices() -> None:
    untold = [replace(s, voice=None, spans=[replace(span, voice=None) for span in s.spans]) for s in ANNOTATION.sentences]
    found = summarise(Annotation(untold, []))
    assert not found.voiced and found.sentences["all"].sentences == 12 and found.spans == {"all": 10, "author": 0, "quoted": 0}


def test_the_words_have_one_order_everywhere() -> None:
    ranked = [word.span for word in rank_words(lay_out(TEXT, ANNOTATION))]
    assert [span for span, _ in summarise(ANNOTATION).words] == ranked
    assert all(span in ANNOTATION.sentences[index].spans for span, index in summarise(ANNOTATION).words)
    written = annotation_to_json(ANNOTATION)["summary"]["words"]
    assert [(word["start"], word["sentence"]) for word in written] == [(span.start, index) for span, index in summarise(ANNOTATION).words]


def test_words_that_differ_in_the_seventh_decimal_keep_the_order_of_the_text() -> None:
    spans = (AnnotatedSpan(0, 1, "x", 0.5), AnnotatedSpan(1, 2, "x", 0.5000001))
    annotation = Annotation([sentence(0, "author", spans=spans)], [])
    again = annotation_from_json(annotation_to_json(annotation))
    assert [span.start for span, _ in summarise(annotation).words] == [span.start for span, _ in summarise(again).words] == [0, 1]
