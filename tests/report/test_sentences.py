"""Sentences cut at their marks: nothing lost, nothing that acts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slant.report.sentences import LONGEST, pieces


def test_marks_of_both_sides_and_of_one() -> None:
    found = pieces("the vile puppet regime fell", [(4, 15)], [(9, 22)])
    assert [(piece.text, piece.kind) for piece in found] == [
        ("the ", ""), ("vile ", "said"), ("puppet", "said gold"), (" regime", "gold"), (" fell", ""),
    ]  # fmt: skip
    assert [piece.why for piece in found] == ["", "marked by the model", "marked by the model and by annotators", "marked by annotators", ""]


spans = st.lists(st.tuples(st.integers(-5, 60), st.integers(-5, 60)), max_size=6)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cf")), max_size=50), spans, st.none() | spans)
def test_the_text_is_whole_whatever_is_marked(text: str, said: list[tuple[int, int]], gold: list[tuple[int, int]] | None) -> None:
    found = pieces(text, said, gold)
    assert "".join(piece.text for piece in found) == text
    at = 0
    for piece in found:
        for place in range(at, at + len(piece.text)):
            for name, marks in (("said", said), ("gold", gold or [])):
                covered = any(0 <= start <= place < end <= len(text) for start, end in marks)
                assert covered == (name in piece.kind.split())
        at += len(piece.text)


def test_a_long_text_is_cut_around_its_first_mark_and_says_so() -> None:
    text = "a" * 5000 + "vile" + "b" * 5000
    before, left, mark, right, after = pieces(text, [(5000, 5004)])
    assert mark.text == "vile" and len(left.text + mark.text + right.text) == LONGEST
    assert before.text == "… (4,700 characters before) " and after.text == f" … ({10004 - 4700 - LONGEST:,} characters more)"
    assert sum(len(piece.text) for piece in pieces("c" * LONGEST, None)) == LONGEST


def test_control_characters_are_shown() -> None:
    assert "".join(piece.text for piece in pieces("a\x1b[2Jb\u202ec\r\nd", [(0, 1)])) == "a␛[2Jb�c d"
