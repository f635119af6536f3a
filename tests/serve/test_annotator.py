"""Offsets that point into the text as it stands, whatever stands in it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slant.errors import BundleError, DataError
from slant.records import Annotation
from slant.serve import Annotator
from slant.serve import annotator as module
from slant.serve.schema import annotation_from_json, annotation_to_json

LOADED = "The vile minister delayed the heroic vote on Monday."


@pytest.fixture(scope="module")
def annotator(tiny_bundle: Path) -> Annotator:
    return Annotator.open(tiny_bundle)


def assert_sound(text: str, annotation: Annotation) -> None:
    """Every offset points at its own text; sentences follow one another; spans follow one another inside their sentence."""
    after = 0
    for sentence in annotation.sentences:
        assert after <= sentence.start < sentence.end <= len(text)
        assert text[sentence.start : sentence.end] == sentence.text
        after, inside = sentence.end, sentence.start
        assert 0.0 <= sentence.loaded.probability <= 1.0
        for span in sentence.spans:
            assert inside <= span.start < span.end <= sentence.end
            assert text[span.start : span.end] == span.text
            assert span.text == span.text.strip()
            assert 0.0 <= span.probability <= 1.0
            inside = span.end
    assert annotation_to_json(annotation_from_json(annotation_to_json(annotation))) == annotation_to_json(annotation)


def _spans(annotation: Annotation) -> list[str]:
    return [span.text for sentence in annotation.sentences for span in sentence.spans]


@pytest.mark.parametrize(
    "text",
    [
        LOADED,
        "🙂🙂 " + LOADED + " 👩‍👩‍👧‍👦",
        "“" + LOADED + "” – ‘so’ they said…",
        "First line.\r\n\r\n" + LOADED + "\r\nLast.",
        "Old.\r" + LOADED,
        "\ufeff" + LOADED,
        LOADED.rstrip("."),
        "cafe\u0301 o\u0308l. " + LOADED,
        "שלום עולם. " + LOADED + " مرحبا.",
        "\u202e" + LOADED + "\u202c",
        "\0\0" + LOADED + "\0",
        "日本語の文。" + LOADED,
        "\u2028" + LOADED + "\u2029\x85" + LOADED,
        "  \t " + LOADED + "\u3000",
    ],
    ids=["plain", "emoji", "curly", "crlf", "cr", "bom", "no stop", "combining", "rtl", "override", "nul", "cjk", "separators", "spaces"],
)
def test_offsets(annotator: Annotator, text: str) -> None:
    annotation = annotator.annotate(text)
    assert_sound(text, annotation)
    assert {"vile", "heroic"} <= set(_spans(annotation))
    assert any(sentence.loaded.label == "loaded" for sentence in annotation.sentences)


@pytest.mark.parametrize("text", ["", " ", "\n\r\n\t", "\ufeff", "\ufeff \n", "\u2029\u00a0"])
def test_nothing_to_say(annotator: Annotator, text: str) -> None:
    annotation = annotator.annotate(text)
    assert annotation.sentences == []
    assert [facts["id"] for facts in annotation.bundles] == [annotator.bundles[0].manifest.id]


@pytest.mark.parametrize("text", ["\0", "ﬁne Ǆ ß İ vile İİ ŉ", "…", "🙂", "\u0301", "-", "\ud7ff\U0010ffff", "a"])
def test_hardly_anything_to_say(annotator: Annotator, text: str) -> None:
    annotation = annotator.annotate(text)
    assert_sound(text, annotation)
    assert len(annotation.sentences) == 1


def test_a_line_without_end(annotator: Annotator) -> None:
    for text in ("x" * 100_000, "vile word " * 10_000, "é" * 50_000 + " vile", "vile, " * 5_000 + "."):
        annotation = annotator.annotate(text)
        assert_sound(text, annotation)
        (sentence,) = annotation.sentences
        assert sentence.truncated
        assert sentence.end == len(text.rstrip())
        assert all(span.end < 60_000 for span in sentence.spans)


def test_truncated_is_told_of_the_sentence_that_was(annotator: Annotator) -> None:
    text = LOADED + "\n\n" + "The local council opened a bridge and " * 700 + "left.\n\n" + LOADED
    annotation = annotator.annotate(text)
    assert_sound(text, annotation)
    assert [sentence.truncated for sentence in annotation.sentences] == [False, True, False]
    assert _spans(annotation)[:2] == _spans(annotation)[-2:] == ["vile", "heroic"]


def test_a_document_of_many_sentences_is_the_sum_of_its_sentences(annotator: Annotator) -> None:
    lines = [f"The {adjective} {noun} opened the {other} bridge." for adjective in ("vile", "annual", "heroic") for noun in ("mayor", "court")
             for other in ("local", "glorious", "final", "second", "written")] * 3  # fmt: skip
    text = "\n\n".join(lines)
    annotation = annotator.annotate(text)
    assert_sound(text, annotation)
    alone = [annotator.annotate(line).sentences[0] for line in lines]
    assert [s.text for s in annotation.sentences] == lines
    assert [s.loaded.label for s in annotation.sentences] == [s.loaded.label for s in alone]
    assert [s.loaded.probability for s in annotation.sentences] == pytest.approx([s.loaded.probability for s in alone], abs=1e-5)
    assert [[span.text for span in s.spans] for s in annotation.sentences] == [[span.text for span in s.spans] for s in alone]


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(), st.lists(st.sampled_from([*"  \n\r\t.!?,'’“”-\ufeff\u200d\u0301\0é🙂", "vile", "heroic", "U.S.", "3.5%", "Ａ", "ﬁ"])).map("".join)
    )
)
def test_any_text(annotator: Annotator, text: str) -> None:
    assert_sound(text, annotator.annotate(text))
    (whole,) = annotator.score([text])
    assert (whole.start, whole.end, whole.text) == (0, len(text), text)
    assert all(text[span.start : span.end] == span.text for span in whole.spans)


def test_the_same_from_many_threads_at_once(annotator: Annotator) -> None:
    texts = [f"{LOADED} It was {'very ' * (i % 7)}{'shameful' if i % 2 else 'regional'} on Friday {i}." for i in range(40)]
    expected = [annotator.annotate(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(annotator.annotate, texts * 4)) == expected * 4


def test_the_same_every_time(annotator: Annotator, tiny_bundle: Path) -> None:
    text = f"{LOADED} The local court rejected the plan."
    assert annotator.annotate(text) == annotator.annotate(text) == Annotator.open(tiny_bundle).annotate(text)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_precision(tiny_bundle: Path, annotator: Annotator, precision: str) -> None:
    found = Annotator.open(tiny_bundle, precision=precision).annotate(LOADED)
    assert_sound(LOADED, found)
    assert found.sentences[0].loaded.probability == pytest.approx(annotator.annotate(LOADED).sentences[0].loaded.probability, abs=0.05)


def test_unknown_precision(tiny_bundle: Path) -> None:
    with pytest.raises(BundleError, match="there is no fp16 graph. It has: fp32, int8"):
        Annotator.open(tiny_bundle, precision="fp16")


def test_score(annotator: Annotator) -> None:
    texts = [LOADED, "", "The local mayor opened the final bridge on Friday.  ", "🙂 vile"]
    found = annotator.score(iter(texts))
    assert [(s.start, s.end, s.text) for s in found] == [(0, len(text), text) for text in texts]
    assert [s.text for s in found[0].spans] == ["vile", "heroic"]
    assert found[0].loaded.label == "loaded"
    assert found[2].loaded.label == "neutral"
    assert annotator.score([]) == []


def test_facts(annotator: Annotator) -> None:
    (facts,), manifest = annotator.facts(), annotator.bundles[0].manifest
    assert facts["id"] == manifest.id
    assert facts["threshold"] == manifest.heads["loaded"].decision.threshold
    assert facts["word_threshold"] == manifest.heads["loaded"].decision.word_threshold
    assert (facts["task"], facts["task_version"]) == ("loaded", 1)


def test_too_long(annotator: Annotator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHARACTERS", 1000)
    assert len(annotator.annotate("x" * 1000).sentences) == 1
    with pytest.raises(DataError, match="the text has 1,001 characters, more than 1,000. Cut it into documents"):
        annotator.annotate("x" * 1001)
    with pytest.raises(DataError, match="more than 1,000"):
        annotator.score(["x", "x" * 1001])


@pytest.mark.parametrize("text", ["\ud83d", "vile \udc00 end", "\udc00\ud800"])
def test_half_a_character(annotator: Annotator, text: str) -> None:
    """What JSON may spell and UTF-8 may not."""
    with pytest.raises(DataError, match="half of a surrogate pair"):
        annotator.annotate(text)
    with pytest.raises(DataError, match="half of a surrogate pair"):
        annotator.score(["fine", text])


def test_no_string(annotator: Annotator) -> None:
    with pytest.raises(TypeError):
        annotator.annotate(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        annotator.score([b"vile"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="one string"):
        annotator.score("vile")
