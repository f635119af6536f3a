"""The marks in a probe's text: slots, alternatives and targets, and the ways of spelling that should change no answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from slant.errors import DataError

__all__ = ["PERTURBATIONS", "Marked", "alternatives", "fill", "longest", "read_marks", "slots"]

_SLOT = re.compile(r"<([a-z_]+)(\d?)>")
_CHOICE = re.compile(r"\{([^{}]*)\}")
_MARK = re.compile(r"\[([+-]?)([^\[\]]+)\]")


@dataclass(frozen=True)
class Marked:
    """A text without its marks, and what they marked.

    Attributes:
        places: half-open code-point offsets of each marked stretch, by its sign: "", "+" or "-".
    """

    text: str
    places: Mapping[str, tuple[int, int]]


def slots(text: str) -> list[str]:
    """The lexicons that a text's slots name, each once, in reading order."""
    return list(dict.fromkeys(name for name, _ in _SLOT.findall(text)))


def longest(text: str, lexicons: Mapping[str, Sequence[str]]) -> int:
    """How many fillings show every entry of every lexicon that the text uses; 1 for a text without slots."""
    return max((len(lexicons[name]) for name in slots(text)), default=1)


def fill(text: str, lexicons: Mapping[str, Sequence[str]], number: int, *, only: str | None = None) -> str:
    """The text with its slots filled: each with its lexicon's entry `number`, beginning anew where the lexicon ends.

    `<person2>` takes the entry after that of `<person>`, `<person3>` the next, so that one sentence can name several. With `only`, the
    other slots keep their first filling. Raises KeyError for a lexicon that is not there.
    """

    def entry(match: re.Match[str]) -> str:
        name, place = match.group(1), int(match.group(2) or 1) - 1
        words = lexicons[name]
        return words[((number if only in (None, name) else 0) + place) % len(words)]

    return _SLOT.sub(entry, text)


def alternatives(text: str, where: str) -> list[str]:
    """One text for each alternative in `{plain|loaded}`; a text without braces is its own only one.

    Every pair of braces in a text must offer equally many. Two spaces that an empty alternative leaves become one.
    Raises DataError for braces that do not close, or that differ in number.
    """
    offered = [choice.split("|") for choice in _CHOICE.findall(text)]
    rest = _CHOICE.sub("", text)
    if "{" in rest or "}" in rest or "|" in rest:
        raise DataError("a brace does not close, or stands in another", where=where, remedy="Write alternatives as {one|other}")
    counts = {len(options) for options in offered}
    if len(counts) > 1 or 1 in counts:
        problem = f"its braces offer {', '.join(str(len(options)) for options in offered)} alternatives"
        raise DataError(problem, where=where, remedy="Offer the same number, at least two, in each")
    made = []
    for number in range(counts.pop() if counts else 1):
        chosen = _CHOICE.sub(lambda match, number=number: match.group(1).split("|")[number], text)  # type: ignore[misc]
        made.append(re.sub(r" {2,}", " ", chosen).replace(" ,", ",").replace(" .", ".").strip())
    return made


def read_marks(text: str, where: str) -> Marked:
    """Take `[target]`, `[+favoured]` and `[-opposed]` out of a text. Raises DataError for a bracket that does not close or a sign used twice."""
    plain, places, end = "", {}, 0
    for match in _MARK.finditer(text):
        plain += text[end : match.start()]
        sign, mention = match.groups()
        if sign in places:
            raise DataError(f"marks [{sign}{mention}] and another target alike", where=where, remedy="Mark one mention of each target")
        places[sign] = (len(plain), len(plain) + len(mention))
        plain, end = plain + mention, match.end()
    plain += text[end:]
    stray = re.search(r"[\[\]<>{}|]", plain)
    if stray:
        remedy = "Write slots as <name>, alternatives as {one|other}, targets as [name]; the signs have no other use"
        raise DataError(f"a stray {stray.group()!r}", where=where, remedy=remedy)
    return Marked(plain, places)


def _curly_quotes(text: str) -> str:
    opened = False
    made = []
    for sign in text:
        if sign == '"':
            opened = not opened
            sign = "“" if opened else "”"
        made.append("’" if sign == "'" else sign)
    return "".join(made)


#: Ways of writing the same: each keeps every character in its place, so that offsets hold.
PERTURBATIONS: dict[str, Callable[[str], str]] = {
    "upper_case": str.upper,
    "lower_case": str.lower,
    "curly_quotes": _curly_quotes,
    "single_quotes": lambda text: text.replace('"', "'"),
}
