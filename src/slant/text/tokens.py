"""Words and marks of a stretch of text, and what kind of word each may be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slant.text import speech
from slant.text.abbreviations import ABBREVIATIONS
from slant.text.speech import listed

__all__ = ["DASHES", "REACH", "Token", "breaks", "clause_start", "has_finite", "is_adverb", "is_capital", "is_name_word", "is_nickname", "tokenize"]

#: How many tokens around a verb are looked at, so that the cost does not grow with the sentence.
REACH = 50


_TOKEN = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # initials
    r"|[^\W_]\w*(?:(?:['’ʼ&\-‐‑](?=[^\W_])|[.,](?=[a-z\d]))\w+)*(?:(?<=[sSxXzZ])['’](?!\w))?"
    r"|[^\w\s\"＂“”„‟«»‹›'‘’‚‛`*]"
)


DASHES = "–—‒―-"


#: With a capital they are as good as always part of a name.
_NAMES_TOO = listed("will may down")
_NO_NAMES = listed("i but and yet so in on at what who it's it’s")
_LY_NOUNS = listed("family assembly ally bully elderly monopoly jelly daily weekly quarterly friendly lonely early")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a mark, or a whole quotation (`quotation` is its number, -1 for none) at `text[start:end]`."""

    word: str
    lower: str
    start: int
    end: int
    quotation: int = -1

    @property
    def is_word(self) -> bool:
        return self.quotation < 0 and (self.word[0].isalnum())

    @property
    def is_possessive(self) -> bool:
        return self.word.endswith(("'s", "’s", "s'", "s’"))


def tokenize(text: str, start: int, end: int) -> Iterator[Token]:
    """The words and marks of `text[start:end]`; an abbreviation keeps its stop."""
    position = start
    while match := _TOKEN.search(text, position, end):
        first, position = match.span()
        word = match[0]
        lower = word.lower()
        if text[position : position + 1] == "." and position < end and lower in ABBREVIATIONS:
            position += 1
        elif len(word) == 1 and word.isupper() and text[position : position + 2] == ". " and position < end and word != "I":
            position += 1  # an initial
        yield Token(text[first:position], lower, first, position)


def is_capital(token: Token) -> bool:
    return token.is_word and token.word[0].isupper()


def is_name_word(token: Token, at_start: bool = False) -> bool:
    if not is_capital(token) or token.lower in speech.DAYS or token.lower in speech.PRONOUNS or token.lower in speech.DETERMINERS:
        return False
    if token.lower in _NAMES_TOO:
        return True
    return not (at_start and token.lower in speech.STOPS) and token.lower not in _NO_NAMES


def is_adverb(token: Token) -> bool:
    lower = token.lower
    if lower in _NAMES_TOO and is_capital(token):
        return False
    return lower in speech.ADVERBS or (lower.endswith("ly") and len(lower) > 4 and not is_capital(token) and lower not in _LY_NOUNS)


def breaks(token: Token) -> bool:
    """Whether a noun phrase ends before `token`."""
    if not token.is_word:
        return True
    lower = token.lower
    if lower in speech.PRONOUNS or lower in ("i", "we", "you"):
        return True
    if lower in speech.STOPS or (lower in speech.DAYS and is_capital(token)):
        return not (is_capital(token) and lower in _NAMES_TOO)
    return is_adverb(token)


def clause_start(tokens: Sequence[Token], last: int) -> int:
    """The first token of the clause whose token `last` is."""
    first = last
    while first > 0 and last - first < REACH:
        token = tokens[first - 1]
        if token.quotation >= 0 and not is_nickname(tokens, first - 1):
            break
        if token.word in ",;:.!?…()[]" or token.word[0] in DASHES:
            break
        if token.lower in speech.RELATIVES or token.lower in speech.CONJUNCTIONS or token.lower in ("as", "than"):
            if token.lower == "and" and _joins_names(tokens, first - 1):
                first -= 1
                continue
            break
        first -= 1
    return first


def _joins_names(tokens: Sequence[Token], index: int) -> bool:
    """Whether an "and" stands within a name or between two: "Fisheries and Ports Ministry"."""
    return 0 < index < len(tokens) - 1 and is_name_word(tokens[index - 1]) and is_name_word(tokens[index + 1])


def is_nickname(tokens: Sequence[Token], index: int) -> bool:
    return 0 < index < len(tokens) - 1 and is_name_word(tokens[index - 1]) and is_name_word(tokens[index + 1])


def has_finite(tokens: Sequence[Token], first: int) -> bool:
    return any(token.lower in speech.FINITE for token in tokens[first : first + 20])
