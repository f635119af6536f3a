"""A document in numbers."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.records import AnnotatedSentence, AnnotatedSpan, AnnotatedStance, AnnotatedTarget, Annotation, Label
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


# --- targets

NONE = {"against": 0, "neutral": 0, "favor": 0, "abstained": 0}


def stance(target: str, label: str = "against", *, abstained: bool = False) -> AnnotatedStance:
    return AnnotatedStance(target, None, None, label, {label: 1.0}, abstained)


def test_stances_are_counted_by_target_and_voice_abstentions_apart() -> None:
    told = [
        ("author", [stance("Orlov"), stance("Lind", "favor")]),
        ("author", [stance("Orlov", abstained=True)]),
        ("quoted", [stance("Orlov", "favor")]),
        ("mixed", [stance("Orlov", "neutral")]),
        (None, [stance("Orlov")]),
    ]
    sentences = [replace(sentence(i, voice), stance=stances) for i, (voice, stances) in enumerate(told)]
    targets = [AnnotatedTarget("Nobody", ["N."], 0), AnnotatedTarget("Orlov", [], 5), AnnotatedTarget("Lind", [], 1)]
    nobody, orlov, lind = summarise(Annotation(sentences, [], targets=targets)).targets
    assert [about.target for about in (nobody, orlov, lind)] == targets
    assert orlov.stance == {
        "all": {"against": 2, "neutral": 1, "favor": 1, "abstained": 1},
        "author": NONE | {"against": 1, "abstained": 1},
        "quoted": NONE | {"favor": 1},
        "mixed": NONE | {"neutral": 1},
    }
    assert orlov.told == {voice: orlov.stance[voice] for voice in ("author", "quoted", "mixed")} | {"untold": NONE | {"against": 1}}
    assert lind.told == {"author": NONE | {"favor": 1}}
    assert nobody.told == {} and nobody.words == [] and nobody.loaded["all"].loaded_rate is None


def test_a_targets_loaded_rate_and_words_are_those_of_its_sentences() -> None:
    spans = [AnnotatedSpan(0, 1, "x", 0.6), AnnotatedSpan(2, 3, "x", 0.9), AnnotatedSpan(4, 5, "x", 0.7)]
    sentences = [
        replace(sentence(0, "quoted", spans=(spans[0],)), stance=[stance("Orlov"), stance("Orlov", "favor")]),
        replace(sentence(2, "author", spans=(spans[1],)), stance=[stance("Lind")]),
        replace(sentence(4, "author", spans=(spans[2],)), stance=[stance("Orlov")]),
        replace(sentence(6, "author", "neutral"), stance=[stance("Orlov")]),
    ]
    found = summarise(Annotation(sentences, [], targets=[AnnotatedTarget("Orlov", [], 4)]))
    orlov, lind = found.targets
    assert orlov.loaded == {"all": Tally(3, 2, 0), "author": Tally(2, 1, 0), "quoted": Tally(1, 1, 0), "mixed": Tally(0, 0, 0)}
    assert [found.words[rank][0].start for rank in orlov.words] == [4, 0], "by weight; the sentence that tells two stances counts once"
    assert (lind.target, lind.words) == (AnnotatedTarget("Lind", [], 1), [0]), "a target that nobody listed is not left out"


@given(st.lists(st.tuples(st.sampled_from(["author", "quoted", "mixed", None]), st.lists(st.sampled_from("abc"), max_size=4)), max_size=12))
def test_no_stance_is_lost_or_counted_twice(told: list[tuple[str | None, list[str]]]) -> None:
    sentences = [replace(sentence(i, voice), stance=[stance(name) for name in names]) for i, (voice, names) in enumerate(told)]
    found = summarise(Annotation(sentences, [], targets=[AnnotatedTarget("a", [], 1)]))
    counted = {about.target.name: sum(about.stance["all"].values()) for about in found.targets}
    assert counted == {"a": 0} | Counter(name for _, names in told for name in names)
    for about in found.targets:
        assert sum(sum(counts.values()) for counts in about.told.values()) == sum(about.stance["all"].values())


def test_work_grows_with_the_stances_not_with_sentences_times_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = Counter[str]()
    monkeypatch.setattr("slant.serve.summary.answer", lambda s: looked.update(["answer"]) or s.label)
    monkeypatch.setattr("slant.serve.summary.verdict", lambda s: looked.update(["verdict"]) or "loaded")
    names = [f"t{i}" for i in range(500)]
    sentences = [replace(sentence(i, "author"), stance=[stance(names[i % 500])]) for i in range(2000)]
    found = summarise(Annotation(sentences, [], targets=[AnnotatedTarget(name, [], 4) for name in names]))
    assert all(about.stance["author"]["against"] == 4 for about in found.targets)
    assert looked["answer"] <= 2 * 2000 and looked["verdict"] <= 4 * 2000
