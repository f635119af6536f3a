"""Words: the units that a tagger scores."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.text import find_words

CASES = [
    ("The strongman lies.", ["The", "strongman", "lies"]),
    ("don't can’t O’Brien's rock'n'roll", ["don't", "can’t", "O’Brien's", "rock'n'roll"]),
    ("the workers' and 'tis ‘quoted’ \"words\"", ["the", "workers", "and", "tis", "quoted", "words"]),
    ("left-wing so‑called mother-in-law COVID-19", ["left-wing", "so‑called", "mother-in-law", "COVID-19"]),
    ("war--the end- -of it – not—at all", ["war", "the", "end", "of", "it", "not", "at", "all"]),
    (
        "U.S. troops, the U.K.'s, a U.S.-backed coup at 5 p.m.",
        ["U.S.", "troops", "the", "U.K.'s", "a", "U.S.-backed", "coup", "at", "5", "p.m."],
    ),
    ("U.S, U.S.Army J.K. Rowe", ["U.S", "U.S.", "Army", "J.K.", "Rowe"]),
    ("1,234.5 10.45: 3,000, 7. 1990's 2016-17", ["1,234.5", "10.45", "3,000", "7", "1990's", "2016-17"]),
    ("$5m £1.80 €3bn 50% 2.5%, % 5 %", ["5m", "1.80", "3bn", "50%", "2.5%", "5"]),
    ("end.Next velde.com a_b and/or @orlov #Liar", ["end", "Next", "velde", "com", "a", "b", "and", "or", "orlov", "Liar"]),
    ("Cafe\u0301 naïve E\u0301mile", ["Cafe\u0301", "naïve", "E\u0301mile"]),
    ("ядро пусто 汉字 हिन्दी ภาษาไทย می\u200cخواهم", ["ядро", "пусто", "汉字", "हिन्दी", "ภาษาไทย", "می\u200cخواهم"]),
    ("liar🎉 🤷🏽\u200d♂️ 1\ufe0f\u20e3 ❤️ 🇺🇸", ["liar", "1"]),
    ("war\u00admonger", ["war\u00admonger"]),
    ("𝒜𝓃𝑔𝑒𝓇 𐐀𐐁", ["𝒜𝓃𝑔𝑒𝓇", "𐐀𐐁"]),
    ("“…!?” — • ()", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "words"), CASES)
def test_golden_words(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in find_words(text)] == words


ANY = st.text() | st.lists(
    st.sampled_from(["a", "Z", "9", ".", ",", "'", "’", "-", "%", "_", " ", "\u0301", "\u200d", "🎉", "$", "я", "汉"]),
    max_size=30,
).map("".join)


@given(ANY)
def test_words_come_in_order_and_hold_every_letter_and_digit(text: str) -> None:
    position = 0
    for start, end in find_words(text):
        assert position <= start < end <= len(text)
        assert not any(character.isalnum() for character in text[position:start])
        assert text[start].isalnum()
        assert not any(character.isspace() for character in text[start:end])
        position = end
    assert not any(character.isalnum() for character in text[position:])


@given(st.lists(ANY.filter(lambda text: "\u0301" not in text[:1]), max_size=4))
def test_white_space_parts_words(texts: list[str]) -> None:
    apart = [text[start:end] for text in texts for start, end in find_words(text)]
    joined = "\n".join(texts)
    assert [joined[start:end] for start, end in find_words(joined)] == apart


def test_the_pattern_means_the_same_in_every_python_3_11() -> None:
    """Possessive quantifiers and atomic groups over what can backtrack are matched wrongly before 3.11.5 (CPython issue 106052)."""
    from slant.text.words import _word_pattern

    assert not re.search(r"[*+?}]\+|\(\?>", _word_pattern().pattern)


def test_long_runs_are_one_word_or_none() -> None:
    assert find_words("a" * 100_000) == [(0, 100_000)]
    assert find_words("a." * 50_000) == [(0, 100_000)]
    assert find_words("a-" * 50_000) == [(0, 99_999)]
    assert find_words("\u0301" * 100_000) == []
