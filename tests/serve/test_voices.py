"""Whose words an annotated document's sentences and loaded words are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slant.records import AnnotatedSentence, AnnotatedSpan, Label
from slant.serve import Annotator, voices
from slant.text import Quotation, find_quotations, find_words, span_voice, split_sentences

TEXT = (
    "Mayor Felix Grau called the deal “a heroic gift”. The vile plan was his. “It is shameful,” said Nadia Orsolo, who leads the union.\n\n"
    "She said that 140 jobs were at risk. The so-called “audit” is late. “A vile lie,” said Grau, while Tom Hale, his aide, spoke of “glorious days”."
)


@pytest.fixture(scope="module")
def annotator(tiny_bundle: Path) -> Annotator:
    return Annotator.open(tiny_bundle)


def untold(text: str) -> list[AnnotatedSentence]:
    """The sentences of `text`, each with each of its words a loaded span."""
    sentences = []
    for place in split_sentences(text):
        words = find_words(text[place.start : place.end])
        spans = [AnnotatedSpan(place.start + a, place.start + b, text[place.start + a : place.start + b], 0.9) for a, b in words]
        sentences.append(AnnotatedSentence(place.start, place.end, text[place.start : place.end], Label("loaded", 0.9), spans))
    return sentences


def quoted(sentence: AnnotatedSentence) -> list[tuple[str, str | None]]:
    return [(span.text, span.speaker) for span in sentence.spans if span.voice == "quoted"]


def test_voices_and_speakers_are_told_sentence_by_sentence() -> None:
    told = voices.tell_voices(TEXT, untold(TEXT))
    assert [(s.voice, s.speaker) for s in told[:5]] == [
        ("mixed", "Mayor Felix Grau"),
        ("author", None),
        ("quoted", "Nadia Orsolo"),
        ("author", "Nadia Orsolo"),
        ("author", None),
    ]
    assert all(TEXT[s.speaker_start : s.speaker_end] == s.speaker for s in told if s.speaker)
    assert [(s.speaker_start, s.speaker_end) for s in told if not s.speaker] == [(None, None)] * 2
    assert quoted(told[0]) == [("a", "Mayor Felix Grau"), ("heroic", "Mayor Felix Grau"), ("gift", "Mayor Felix Grau")]
    assert quoted(told[1]) == quoted(told[3]) == []


def test_speech_reported_without_marks_is_the_authors_and_names_its_speaker_elsewhere() -> None:
    reported = voices.tell_voices(TEXT, untold(TEXT))[3]
    assert reported.text.startswith("She said") and reported.voice == "author"
    assert reported.speaker_start == TEXT.index("Nadia Orsolo") < reported.start


def test_scare_quotes_are_the_authors() -> None:
    scare = voices.tell_voices(TEXT, untold(TEXT))[4]
    assert "“audit”" in scare.text
    assert {span.voice for span in scare.spans} == {"author"}


def test_each_loaded_word_has_the_speaker_of_its_own_quotation() -> None:
    last = dict(quoted(voices.tell_voices(TEXT, untold(TEXT))[-1]))
    assert last["lie"] != last["glorious"] and "Grau" in str(last["lie"]) and "Hale" in str(last["glorious"])


def test_a_span_over_a_quotations_edge_goes_with_its_greater_part() -> None:
    text = "He called it “a vile, shameful plan” today."
    for words, voice in (("shameful plan” today", "quoted"), ("plan” today", "author")):
        start = text.index(words)
        spans = [AnnotatedSpan(start, start + len(words), words, 0.9)]
        (told,) = voices.tell_voices(text, [AnnotatedSentence(0, len(text), text, Label("loaded", 0.9), spans)])
        assert told.spans[0].voice == voice
        assert told.voice == "mixed"


def test_an_annotator_tells_voices_of_the_whole_document(annotator: Annotator, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(text: str) -> list[Quotation]:
        asked.append(text)
        return find_quotations(text)

    monkeypatch.setattr(voices, "find_quotations", counted)
    found = annotator.annotate(TEXT).sentences
    assert asked == [TEXT], "once a document"
    assert [(s.voice, s.speaker) for s in found] == [(s.voice, s.speaker) for s in voices.tell_voices(TEXT, untold(TEXT))]
    spans = {span.text: span.voice for s in found[:3] for span in s.spans}
    assert (spans["heroic"], spans["vile"], spans["shameful"]) == ("quoted", "author", "quoted")


def test_a_score_sees_each_text_alone(annotator: Annotator) -> None:
    texts = ["“A vile plan,” said Nadia Orsolo.", "", "She said that it was shameful.", "“The vile plan"]
    found = annotator.score(texts)
    assert [(s.voice, s.speaker, s.speaker_start) for s in found[:3]] == [
        ("quoted", "Nadia Orsolo", 20),
        ("author", None, None),
        ("author", None, None),
    ]
    assert [span.voice for span in found[0].spans] == ["quoted"]
    assert annotator.annotate(" ".join(texts)).sentences[1].speaker == "Nadia Orsolo", "together, the second text has a speaker"


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*" \n.,“”\"'‘’:", "\n\n", "vile", " said Nadia Orsolo", "He said", "🙂", "called it", "so-called"])).map("".join))
def test_whatever_is_told_fits_its_text(text: str) -> None:
    before = untold(text)
    after = voices.tell_voices(text, before)
    quotations = find_quotations(text)
    assert [(s.start, s.end, s.text, s.loaded, s.truncated) for s in after] == [(s.start, s.end, s.text, s.loaded, s.truncated) for s in before]
    speakers = {text[q.speaker.start : q.speaker.end] if q.speaker else None for q in quotations}
    for sentence in after:
        assert sentence.voice in ("author", "quoted", "mixed")
        assert (sentence.speaker is None) == (sentence.speaker_start is None) == (sentence.speaker_end is None)
        assert sentence.speaker is None or text[sentence.speaker_start : sentence.speaker_end] == sentence.speaker
        for span in sentence.spans:
            assert span.voice == span_voice(span.start, span.end, quotations)
            assert span.speaker in speakers if span.voice == "quoted" else span.speaker is None
