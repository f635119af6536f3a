"""Sentences: golden cases from tests/cases/sentences.json, and what holds for any text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.text import boundaries, split_sentences

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "cases" / "sentences.json").read_text(encoding="utf-8"))
PTC = Path(__file__).parents[2].parent / "shared" / "benchmarks" / "ptc" / "test_articles"

# Pieces that trouble splitters; plain st.text() hardly ever puts two of them side by side.
PIECES = st.sampled_from(
    [
        *"aZ1.!?…‽\"'’”“‘»()[]-—,:;•*_ \t\n\r\f\v\x1c\x85\u2028\u2029\u00a0\u200b\ufeff\u0301🎉𝒜",
        "\r\n",
        "\n\n",
        "Mr. ",
        "U.S. ",
        "The ",
        "he said",
        "1. ",
    ]
    + ["A quite long line of words that runs on\n", "and on and on until the right margin\n"]
)
TROUBLE = st.lists(PIECES, max_size=40).map("".join)


def texts(document: str) -> list[str]:
    return [document[sentence.start : sentence.end] for sentence in split_sentences(document)]


def assert_sound(text: str) -> None:
    """Sentences come in order, tight and apart, and between them lies white space only."""
    sentences = split_sentences(text)
    position = 1 if text.startswith("\ufeff") else 0
    paragraph = 0
    for sentence in sentences:
        assert position <= sentence.start < sentence.end <= len(text)
        assert not text[position : sentence.start].strip()
        body = text[sentence.start : sentence.end]
        assert body == body.strip()
        assert paragraph <= sentence.paragraph <= paragraph + 1
        position, paragraph = sentence.end, sentence.paragraph
    assert not text[position:].strip()
    assert not sentences or sentences[0].paragraph == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden_case(case: dict[str, Any]) -> None:
    assert texts(case["text"]) == case["sentences"]
    assert_sound(case["text"])


@given(st.text() | TROUBLE)
def test_any_text_is_covered_in_order(text: str) -> None:
    assert_sound(text)


@given(
    st.lists(TROUBLE.map(lambda text: " ".join(text.split()).replace("\ufeff", "")).filter(bool), max_size=4),
    st.sampled_from(["\n\n", "\r\n \r\n", "\u2029", "\r\r"]),
)
def test_paragraphs_do_not_see_one_another(paragraphs: list[str], gap: str) -> None:
    found = split_sentences(gap.join(paragraphs))
    apart = [(number, body) for number, paragraph in enumerate(paragraphs) for body in texts(paragraph)]
    assert [(sentence.paragraph, gap.join(paragraphs)[sentence.start : sentence.end]) for sentence in found] == apart


@given(TROUBLE)
def test_a_byte_order_mark_only_moves_the_offsets(text: str) -> None:
    text = text.lstrip("\ufeff")
    plain = [(sentence.start + 1, sentence.end + 1, sentence.paragraph) for sentence in split_sentences(text)]
    assert [(sentence.start, sentence.end, sentence.paragraph) for sentence in split_sentences("\ufeff" + text)] == plain


def test_paragraphs_count_from_nought() -> None:
    found = split_sentences("\n\nMayor Quits\n\nShe left. He stayed.\nNobody wept.\r\n \t\r\nThe end.\u2029After it.")
    assert [sentence.paragraph for sentence in found] == [0, 1, 1, 1, 2, 3]


def test_one_line_of_100_000_characters_without_marks_is_one_sentence() -> None:
    assert texts("liars and " * 10_000) == [("liars and " * 10_000).strip()]
    assert texts("汉" * 100_000) == ["汉" * 100_000]


def test_nupunkt_sees_no_long_run_of_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each mark of a run makes nupunkt read the rest of the run: unmasked, this text would take minutes.
    seen = []

    class Recorder:
        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            seen.append(text)
            return []

    monkeypatch.setattr(boundaries, "_nupunkt", Recorder)
    assert texts("Liars " + "!)" * 50_000 + " everywhere. Really.") == ["Liars " + "!)" * 50_000 + " everywhere. Really."]
    assert seen == ["Liars " + "_)" * 50_000 + " everywhere. Really."]


def test_nupunkt_is_imported_on_first_use_only() -> None:
    program = (
        "import sys, slant.text; assert 'nupunkt' not in sys.modules;"
        " slant.text.find_words('a'); assert 'nupunkt' not in sys.modules;"
        " slant.text.split_sentences('He lies.'); assert 'nupunkt' in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.skipif(not PTC.is_dir(), reason=f"the PTC benchmark is not at {PTC}")
def test_ptc_articles_are_covered_and_no_sentence_crosses_a_line() -> None:
    articles = sorted(PTC.glob("*.txt"))
    assert len(articles) == 90
    for article in articles:
        # newline="" keeps the file's own line ends, and utf-8 (not utf-8-sig) its byte order mark.
        with article.open(encoding="utf-8", newline="") as file:
            text = file.read()
        assert_sound(text)
        assert not any("\n" in sentence for sentence in texts(text)), article.name
