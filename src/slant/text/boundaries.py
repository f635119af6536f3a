"""Where one sentence ends and the next begins within running text: nupunkt's answer, repaired for English news."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from slant.text.abbreviations import ABBREVIATIONS, BEFORE_A_NUMBER, CONNECTIVES, SPEECH_VERBS, STARTERS, TITLES

if TYPE_CHECKING:
    from nupunkt import PunktSentenceTokenizer

__all__ = ["find_boundaries"]

#: How many characters a repair looks at on either side of a boundary, so that its cost does not grow with the text.
_REACH = 80

# nupunkt reads a whole run of non-space characters again at every mark in it: a run of marks costs the square of its length.
# No run this long is prose; its marks are hidden, so no sentence ends inside it.
_LONG_RUN = re.compile(r"\S{200,}")
_MARK = re.compile(r"[.!?…]")

# One character for one, so that offsets hold: marks that nupunkt does not know, and white space other than the plain space,
# after which it judges otherwise. No white space lies above U+3000.
_MARKS = {"‽": "?", "⁇": "?", "⁈": "?", "⁉": "!", "‼": "!"}
_LIKENESS = str.maketrans(_MARKS | {chr(point): " " for point in range(0x3001) if chr(point).isspace()})


def _any_of(words: Iterable[str]) -> str:
    """A regex for any of the words, the longest first so that none hides another."""
    return "(?:" + "|".join(map(re.escape, sorted(words, key=lambda word: (-len(word), word)))) + ")"


_WORD_START = r"(?<![\w.@&])"
_TITLES = _any_of({form for title in TITLES for form in (title.capitalize(), title.upper())})
_NEVER_FINAL = re.compile(rf"{_WORD_START}(?:{_TITLES}|{_any_of(CONNECTIVES)}|et al)\.\s+$")
_NUMBERED = re.compile(rf"{_WORD_START}{_any_of(BEFORE_A_NUMBER)}\.\s+$", re.IGNORECASE)
_INITIALS = re.compile(r"(?<![\w.&])[A-Z](?:\.-?[A-Z])+\.\s+$")
_QUOTED_MARK = re.compile(r"[?!][\"'’”»]+\s+$")
_STARTER = rf"{_any_of(word.capitalize() for word in STARTERS)}(?![\w.])"
_NAME_SPEAKS = re.compile(rf"(?!{_STARTER})(?:[A-Z][\w.’'-]*\s+){{1,4}}{_any_of(SPEECH_VERBS)}\b")
_CAPITALISED_NAME = re.compile(rf"(?!{_STARTER})[^\W\d_]")
# "plan B. The court", but not the list item "B. The court" at the start.
_LETTER_ENDS = re.compile(rf"(?<=\s)[A-Z]\.[\"'’”»)\]]*\s+(?=[\"“‘(]?{_STARTER})")
# 'the U.S. "We will stay"', 'why... "I know"'; numbers are left out, for they may count the items of a list.
_QUOTATION_BEGINS = re.compile(rf"(?<=[^\W\d_]{{2}}\.|\.[^\W\d_]\.|\.\.\.)\s+(?=[\"“‘(]{_STARTER})")


def find_boundaries(text: str) -> list[int]:
    """The offsets in `text`, in order, at which a sentence begins, its first sentence excepted.

    `text` is taken for one run of prose: its line ends count as spaces. Every boundary comes right after white space, so
    "the end.Next" is one sentence, as are "Velde.com" and "U.S.-backed". The time taken is linear in the length of `text`.
    """
    likeness = _LONG_RUN.sub(lambda run: _MARK.sub("_", run[0]), text.translate(_LIKENESS))
    # A span of nupunkt's ends before the white space; the next one's start is where the next sentence begins.
    found = {start for start, _ in _nupunkt().span_tokenize(likeness) if start > 0 and likeness[start - 1].isspace()}
    for missed in (_LETTER_ENDS, _QUOTATION_BEGINS):
        found.update(match.end() for match in missed.finditer(likeness))
    return sorted(offset for offset in found if not _is_inside_sentence(likeness, offset))


def _is_inside_sentence(text: str, offset: int) -> bool:
    """Whether what stands on either side of `offset` belongs to one sentence, whatever nupunkt says."""
    before, after = text[max(0, offset - _REACH) : offset], text[offset : offset + _REACH]
    if _NEVER_FINAL.search(before) or (_NUMBERED.search(before) and after[:1].isdigit()):
        return True
    if _INITIALS.search(before):
        return _CAPITALISED_NAME.match(after) is not None
    return _QUOTED_MARK.search(before) is not None and _NAME_SPEAKS.match(after) is not None


@lru_cache(maxsize=1)
def _nupunkt() -> PunktSentenceTokenizer:
    """nupunkt with the lists of this package, imported on first use; its own model, unread, would add no list that helps."""
    from nupunkt import PunktParameters, PunktSentenceTokenizer

    parameters = PunktParameters(abbrev_types=set(ABBREVIATIONS), sent_starters=set(STARTERS))
    tokenizer = PunktSentenceTokenizer(parameters, include_common_abbrevs=False)
    tokenizer.EXCL_QUEST_LOWERCASE_CONTINUES = True
    return tokenizer
