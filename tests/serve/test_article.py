"""The layout that page and terminal share."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.errors import DataError
from slant.records import AnnotatedSentence, AnnotatedSpan, Annotation, Label
from slant.serve.article import context, count, lay_out, rank_words, strength, visible
from slant.serve.schema import annotation_from_json
from slant.text import split_sentences

CASE = json.loads((Path(__file__).parents[1] / "cases" / "article.json").read_text(encoding="utf-8"))
TEXT, ANNOTATION = CASE["text"], annotation_from_json(CASE["annotation"])


def annotate(text: str, span: tuple[int, int] | None = None) -> Annotation:
    """Every sentence judged loaded, its `span` (offsets into the sentence, where they fit) a loaded one."""
    sentences = []
    for place in split_sentences(text):
        start, end = (place.start + offset for offset in span or (0, 0))
        spans = [AnnotatedSpan(start, end, text[start:end], 0.9)] if start < end <= place.end else []
        sentences.append(AnnotatedSentence(place.start, place.end, text[place.start : place.end], Label("loaded", 0.8), spans))
    return Annotation(sentences, [])


def everything(text: str, annotation: Annotation) -> str:
    laid = lay_out(text, annotation)
    return "".join(p.before + "".join(piece.text for part in p.parts for piece in part.pieces) for p in laid)


@given(st.text(alphabet=st.sampled_from("ab. \n\r\t\u2029\ufeff\x85A!é😀"), max_size=60))
def test_every_character_is_laid_out_once_and_paragraphs_are_the_splitters(text: str) -> None:
    annotation = annotate(text, (0, 1))
    assert everything(text, annotation) == text
    numbers = [paragraph.number for paragraph in lay_out(text, annotation) for part in paragraph.parts if part.sentence]
    assert numbers == [sentence.paragraph + 1 for sentence in split_sentences(text)]


def test_words_between_sentences_are_kept() -> None:
    text = "  Photo: AFP\n\nIt rained. [advert]\n\nmore"
    annotation = Annotation([AnnotatedSentence(14, 24, "It rained.", Label("neutral", 0.1))], [])
    assert everything(text, annotation) == text
    assert [paragraph.number for paragraph in lay_out(text, annotation)] == [1, 2, 3]


def test_white_space_at_either_end_belongs_to_no_paragraph() -> None:
    first, last = lay_out("\n It rained.\n", Annotation([AnnotatedSentence(2, 12, "It rained.", Label("neutral", 0.1))], []))
    assert (first.before, [piece.text for part in first.parts for piece in part.pieces]) == ("\n ", ["It rained."])
    assert (last.before, last.parts) == ("\n", [])


def test_a_paragraph_is_wrapped_only_when_a_line_end_falls_within_a_sentence() -> None:
    text = "First line of it\ngoes on here.\n\nOne.\nTwo."
    places = [(0, 30), (32, 36), (37, 41)]
    sentences = [AnnotatedSentence(start, end, text[start:end], Label("neutral", 0.1)) for start, end in places]
    assert [paragraph.wrapped for paragraph in lay_out(text, Annotation(sentences, []))] == [True, False]


def test_counts_keep_abstained_sentences_out_of_the_loaded() -> None:
    found = count(ANNOTATION)
    assert (found.sentences, found.loaded, found.abstained, found.truncated, found.spans) == (12, 5, 1, 1, 10)
    assert found.loaded_rate == pytest.approx(5 / 12)
    unsure = [replace(sentence, loaded=replace(sentence.loaded, abstained=True)) for sentence in ANNOTATION.sentences]
    assert count(Annotation(unsure, [])).loaded == 0
    assert count(Annotation([], [])).loaded_rate == 0


def test_words_are_ranked_by_probability_then_place() -> None:
    words = rank_words(lay_out(TEXT, ANNOTATION))
    assert [word.span.text for word in words[:3]] == ["shameless giveaway", "catastrophic", "cronies"]
    assert (words[1].sentence_number, words[1].paragraph_number) == (10, 4)
    even = [replace(s, spans=[replace(span, probability=0.5) for span in s.spans]) for s in ANNOTATION.sentences]
    starts = [word.span.start for word in rank_words(lay_out(TEXT, Annotation(even, [])))]
    assert starts == sorted(starts) and len(starts) == 10


def test_context_is_cut_at_spaces_and_says_so() -> None:
    word = next(word for word in rank_words(lay_out(TEXT, ANNOTATION)) if word.span.text == "catastrophic")
    assert context(word, 20) == ("…the mayor, whose ", " handling of the…")
    assert "".join((context(word, 1000)[0], word.span.text, context(word, 1000)[1])) == word.sentence.text


@pytest.mark.parametrize(
    ("probability", "expected"), [(0.0, "slight"), (0.694, "slight"), (0.696, "clear"), (0.844, "clear"), (0.846, "strong"), (1.0, "strong")]
)
def test_strength_follows_the_printed_probability(probability: float, expected: str) -> None:
    assert strength(probability) == expected


def test_visible_leaves_nothing_that_acts() -> None:
    assert visible("a\x1b[2Jb\x07\x00\x7f\x9b\ud800") == "a␛[2Jb␇␀␡��"
    assert visible("a\r\nb\rc\u2028d\x0be") == "a\nb\nc\nd\ne"
    assert visible("a\tb\r\nc\u202edlrow\u2069", one_line=True) == "a b c�dlrow�"


@given(st.text())
def test_visible_text_is_encodable_and_free_of_controls(text: str) -> None:
    shown = visible(text, one_line=True)
    shown.encode("utf-8")
    assert not [character for character in shown if ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0]
    assert len(shown.splitlines()) <= 1


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Something else was said in this place of the text, and it was long."},
        {"start": -1},
        {"end": 10**6},
        {"spans": [AnnotatedSpan(0, 5, "Counc", 0.9), AnnotatedSpan(3, 8, "ncill", 0.9)]},
        {"spans": [AnnotatedSpan(0, 5, "wrong", 0.9)]},
        {"spans": [AnnotatedSpan(98, 101, TEXT[98:101], 0.9)]},
        {"spans": [AnnotatedSpan(0, 5, "Counc", float("nan"))]},
        {"loaded": Label("loaded", 1.5)},
        {"speaker": "Mara Lindqvist", "speaker_start": 266, "speaker_end": 280},
        {"speaker": None, "speaker_start": 267, "speaker_end": 281},
        {"speaker": "Mara Lindqvist", "speaker_start": -1, "speaker_end": 10**6},
    ],
)
def test_an_annotation_of_another_text_is_refused(change: dict[str, object]) -> None:
    first, *rest = ANNOTATION.sentences
    with pytest.raises(DataError, match="sentence 1"):
        lay_out(TEXT, Annotation([replace(first, **change), *rest], []))  # type: ignore[arg-type]


def test_sentences_out_of_order_are_refused() -> None:
    with pytest.raises(DataError, match="sentence 2"):
        lay_out(TEXT, Annotation([ANNOTATION.sentences[1], ANNOTATION.sentences[0]], []))
