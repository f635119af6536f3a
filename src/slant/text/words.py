"""The words that a tagger scores: one rule, in training and in serving."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["find_words"]


def find_words(text: str) -> list[tuple[int, int]]:
    """The words of `text` in reading order, as half-open offsets in code points.

    A word is a run of letters and digits of any script with their combining marks ("café", "5m", "ядро", "汉字"); it takes in

    - single apostrophes, hyphens and invisible joiners between such runs: "don't", "O’Brien", "left-wing", "COVID-19";
    - a full stop or comma between digits, and a percent sign after one: "1,234.5", "50%";
    - the stops of initials, the last one too: "U.S.", "a.m.", "U.S.-backed".

    All else is no word: currency signs, quotation marks, closing apostrophes, underscores, emoji. So "$5m" gives "5m" and
    "velde.com" gives two words. Nothing is raised; the time taken is linear in the length of `text`.
    """
    return [match.span() for match in _word_pattern().finditer(text)]


@lru_cache(maxsize=1)
def _word_pattern() -> re.Pattern[str]:
    marks = _combining_marks()
    # No possessive quantifier and no atomic group: Python 3.11.0 to 3.11.4, Debian 12's own among them, match these wrongly where what is repeated
    # can backtrack (CPython issue 106052). Nothing behind a repetition here can fail, so that none is ever gone back into.
    letter = rf"[^\W\d_][{marks}]*"
    initials = rf"{letter}(?:\.{letter})+(?![^\W_{marks}])\.?"
    run = rf"[^\W_](?:[^\W_]|[{marks}])*"
    plain = rf"{run}(?:(?<=\d)[.,](?=\d){run})*(?:(?<=\d)[%‰])?"
    # Apostrophes straight and curly; hyphens plain, true and non-breaking; soft hyphen and zero-width (non-)joiner.
    joiner = r"['’ʼ＇\-\u2010\u2011\u00ad\u200c\u200d]"
    return re.compile(rf"(?:{initials}|{plain})(?:{joiner}(?:{initials}|{plain}))*")


def _combining_marks() -> str:
    """The body of a character class: the code points of Unicode's categories Mn and Mc, which `\\w` leaves out."""
    # Nearly all marks lie below U+1FFFF. Variation selectors (U+FE00 to U+FE0F, and plane 14) dress emoji, not words.
    points = [p for p in (*range(0x300, 0xFE00), *range(0xFE10, 0x20000)) if unicodedata.category(chr(p)) in ("Mn", "Mc")]
    ranges: list[list[int]] = []
    for point in points:
        if ranges and point == ranges[-1][1] + 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
