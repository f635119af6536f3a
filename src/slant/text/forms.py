"""What of a name tells whose it is: its core, and whether two forms may be one person's or one organisation's."""

from __future__ import annotations

from collections.abc import Sequence

from slant.text import speech
from slant.text.names import Word, is_body
from slant.text.namewords import HONORIFICS, SUFFIXES

__all__ = ["core_of", "same_person", "spells"]


def core_of(words: Sequence[Word]) -> tuple[str, ...]:
    """A name's words without titles, particles and what follows the last one ("Jr", "IV")."""
    first, after = 0, len(words)
    while first < after - 1 and words[first].lower in HONORIFICS:
        first += 1
    while after - 1 > first and words[after - 1].lower in SUFFIXES:
        after -= 1
    return tuple(word.text for word in words[first:after] if word.lower not in speech.PARTICLES or word.gap == "." or first == after - 1)


def same_person(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two names of several words may be one person's: "Ilya Orlov", "Ilya P. Orlov", "I. Orlov"."""
    if one[-1] != other[-1] or len(one) < 2 or len(other) < 2:
        return False
    if is_body(one[-1].lower()):
        return tuple(one) == tuple(other)
    first, second = one[0], other[0]
    if first == second:
        middles, others = ([word for word in name[1:-1] if len(word.strip(".")) > 1] for name in (one, other))
        return not middles or not others or middles == others
    if _is_initial(first) or _is_initial(second):
        return first[0] == second[0]
    short, long = sorted((tuple(one[:-1]), tuple(other[:-1])), key=len)
    return len(short) < len(long) and short == long[len(long) - len(short) :]


def _is_initial(word: str) -> bool:
    return len(word) == 1 or (word.endswith(".") and len(word) < 7)


def spells(acronym: str, name: Sequence[str]) -> bool:
    """Whether the letters of "PHO" begin words of "Public Health Office", in order and the first and last among them."""
    initials = [word[0].upper() for word in name]
    letters = iter(initials)
    return acronym[:1] == initials[0] and all(letter in letters for letter in acronym)
