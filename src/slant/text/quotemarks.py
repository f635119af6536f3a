"""Which quotation marks of a text belong together: apostrophes, inches and marks glued wrong told from the true pairs."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Pair", "pair_marks"]


@dataclass(frozen=True)
class Pair:
    """A quotation's marks: `start` is the offset of the opening mark's first character, `end` comes after the closing mark.

    `first` and `last` bound what is quoted, white space at its ends left out. Without a closing mark `end` is `last`; without an
    opening one (the sentence was cut from its article) `start` is `first`.
    """

    start: int
    first: int
    last: int
    end: int
    closed: bool


@dataclass(frozen=True)
class _Mark:
    start: int
    end: int
    glyph: str
    opens: bool  # what stands on either side allows it to open, and to close
    closes: bool


_MARKS = re.compile(r"``|''|‘‘|’’|[\"＂“”„‟«»‹›'‘’‚‛`]")
_GLYPHS = "\"＂“”„‟«»‹›'‘’‚‛`"
_LIKENESS = {"＂": '"', "''": '"', "``": "“", "‘‘": "“", "‟": "“", "’’": "”", "‛": "‘", "`": "‘"}
_BEFORE_OPENING = "([{<—–-‐‑/:|…*_=" + _GLYPHS
_AFTER_CLOSING = ".,;:!?)]}>—–-‐‑/|…*_=" + _GLYPHS
_MIRROR = {"«": "»", "»": "«", "‹": "›", "›": "‹"}

_TAG_FOLLOWS = re.compile(r"(?:he|she|they|it|I|we)\s|(?:said|says|asked|asks|told|tells|wrote|writes|replied|added|according)\b")
# Words that lost their first letters; with a capital they are words of a quotation as often as not.
_ELISION = re.compile(
    r"(?:em|til|till|tis|twas|twere|twill|cause|cos|coz|cuz|bout|round|neath|ere|ave|im|er|nuff|fraid|gainst|kay|n|s|d|ll|re|ve|t|m)\b"
    r"|(?:Tis|Twas|Twere|Em)\b|\d0s\b"
)
_YEAR = re.compile(r"\d\d\b(?![.,]\d)")
# Words that lost their last letter, before an apostrophe: "o' the", "goin' home", "rock 'n' roll".
_CLIPPED = re.compile(r"(?:\b(?:o|ol|th|an|wi|d|lil|mo|po|fo|jus|tha|gov)|[’'‘]n|\d)$", re.IGNORECASE)
_DROPPED_G = re.compile(r"\w[iI][nN]$")
_INCHES = re.compile(r"\d\s?['’′]\s?\d{1,2}(?:½|\.\d)?$")
_SENTENCE_END = re.compile(r"[.!?…][\"”’'»)\]]*\s")


def pair_marks(text: str, start: int, end: int, goes_on: bool = False) -> list[Pair]:
    """The outermost quotations of the paragraph `text[start:end]`, in order and apart. Linear in its length.

    A quotation that is never closed runs to the paragraph's end, or to the mark that opens a new sentence of speech. `goes_on` says
    that the next paragraph begins with a mark, and so may reopen a quotation of this one.
    """
    marks = _read_marks(text, start, end)
    pairs = _pair_doubles(text, start, end, [mark for mark in marks if mark.glyph in '"“”„'])
    pairs += _pair_angles(text, end, [mark for mark in marks if mark.glyph in _MIRROR])
    pairs.sort(key=lambda pair: pair.start)
    outer = _outermost(pairs)
    pairs = sorted(outer + _pair_singles(text, start, end, [mark for mark in marks if mark.glyph in "'‘’‚"], outer, goes_on), key=lambda p: p.start)
    return [pair for pair in _outermost(pairs) if any(char.isalnum() for char in text[pair.first : pair.last])]


def _outermost(pairs: Sequence[Pair]) -> list[Pair]:
    kept: list[Pair] = []
    for pair in pairs:
        if not kept or pair.start >= kept[-1].end:
            kept.append(pair)
    return kept


def _read_marks(text: str, start: int, end: int) -> list[_Mark]:
    marks = []
    doubled = text.count("''", start, end) > 1 or text.find("``", start, end) >= 0
    for match in _MARKS.finditer(text, start, end):
        first, last = match.span()
        if match[0] == "''" and not doubled:  # two single marks that happen to meet
            marks += [_mark(text, start, end, first, first + 1), _mark(text, start, end, first + 1, last)]
        else:
            marks.append(_mark(text, start, end, first, last))
    return marks


def _mark(text: str, start: int, end: int, first: int, last: int) -> _Mark:
    before = text[first - 1] if first > start else ""
    after = text[last] if last < end else ""
    opens = (not before or before.isspace() or before in _BEFORE_OPENING) and bool(after) and not after.isspace() and after not in ".,;:!?)]}"
    closes = bool(before) and not before.isspace() and (not after or after.isspace() or after in _AFTER_CLOSING)
    return _Mark(first, last, _LIKENESS.get(text[first:last], text[first:last]), opens, closes)


def _pair(text: str, opening: tuple[int, int], closing: tuple[int, int], closed: bool) -> Pair:
    first, last = opening[1], closing[0]
    while first < last and text[first].isspace():
        first += 1
    while last > first and text[last - 1].isspace():
        last -= 1
    return Pair(opening[0], first, last, closing[1] if closed else max(last, opening[1]), closed)


def _ends_sentence_before(text: str, start: int, at: int) -> bool:
    """Whether what stands before the offset `at`, marks and white space apart, ends a sentence."""
    back = at - 1
    while back >= start and at - back < 8 and (text[back].isspace() or text[back] in _GLYPHS):
        back -= 1
    return back >= start and text[back] in ".!?…"


def _pair_doubles(text: str, start: int, end: int, marks: list[_Mark]) -> list[Pair]:
    """Double marks by one pass with a stack; those left open at a new quotation's start, or at the end, are cut there."""
    pairs: list[Pair] = []
    stack: list[_Mark] = []

    def cut(at: int) -> None:
        if stack:
            pairs.append(_pair(text, (stack[0].start, stack[0].end), (at, at), False))
        stack.clear()

    for index, mark in enumerate(marks):
        follower = marks[index + 1] if index + 1 < len(marks) else None
        if mark.glyph == '"' and _is_inch(text, start, mark, follower, bool(stack)):
            continue
        if not stack:
            if _can_begin(mark, follower, text):
                stack.append(mark)
            elif not pairs and mark.closes and text[mark.start - 1] in ",.!?…" and mark.glyph in '"”':
                # Its opening mark stands in a paragraph, or a sentence, that we were not given.
                first = max([start, *(found.end() for found in _SENTENCE_END.finditer(text, start, mark.start))]) if index else start
                pairs.append(_pair(text, (first, first), (mark.start, mark.end), True))
            continue
        role = _role_inside(text, start, marks, index, stack)
        if role == "close":
            opening = stack.pop()
            if not stack:
                pairs.append(_pair(text, (opening.start, opening.end), (mark.start, mark.end), True))
        elif role == "nest":
            stack.append(mark)
        else:
            cut(mark.start)
            stack.append(mark)
    if len(stack) > 1:  # an inner mark was never closed: what closed within it closed the outer one
        pairs += _unnested(text, end, marks, stack)
    else:
        cut(end)
    return pairs


def _unnested(text: str, end: int, marks: list[_Mark], stack: list[_Mark]) -> list[Pair]:
    """The marks from the first that was left open to the end, paired without nesting."""
    pairs: list[Pair] = []
    opening: _Mark | None = None
    for mark in marks[marks.index(stack[0]) :]:
        opener = mark.glyph in "“„" or (mark.glyph == '"' and mark.opens and not mark.closes)
        if opening is None:
            opening = mark if opener or mark.opens else None
        elif not opener or (mark.closes and not mark.opens):
            pairs.append(_pair(text, (opening.start, opening.end), (mark.start, mark.end), True))
            opening = None
        elif _ends_sentence_before(text, opening.end, mark.start):
            pairs.append(_pair(text, (opening.start, opening.end), (mark.start, mark.start), False))
            opening = mark
    if opening is not None:
        pairs.append(_pair(text, (opening.start, opening.end), (end, end), False))
    return pairs


def _is_inch(text: str, start: int, mark: _Mark, follower: _Mark | None, is_open: bool) -> bool:
    if mark.start == start or not text[mark.start - 1].isdigit():
        return False
    if not is_open:
        return True
    if follower is None or follower.opens:
        return False
    return bool(_INCHES.search(text[max(start, mark.start - 8) : mark.start])) or text[mark.end : mark.end + 1] == " "


def _can_begin(mark: _Mark, follower: _Mark | None, text: str) -> bool:
    if mark.glyph in "“„":
        return True
    if mark.opens:
        return follower is not None or not mark.closes
    if mark.glyph == "”":
        return False
    glued = not mark.closes or text[mark.start - 1] not in ",.!?…"
    return glued and follower is not None and not follower.opens


def _role_inside(text: str, start: int, marks: list[_Mark], index: int, stack: list[_Mark]) -> str:
    """What a double mark does while a quotation is open: "close" it, "nest" within it, or "cut" it and open the next."""
    mark, top = marks[index], stack[-1]
    if mark.glyph == "”" or (mark.glyph == "“" and top.glyph == "„"):
        return "close"
    if (mark.closes and not mark.opens) or (mark.glyph == '"' and (mark.closes or not mark.opens)):
        return "close"
    rest = [later.closes and not later.opens for later in marks[index + 1 : index + 3]]
    if mark.glyph == '"' and top.glyph == '"':
        if _TAG_FOLLOWS.match(text, mark.end):
            return "close"
        if len(stack) == 1 and rest == [True, True]:
            return "nest"
        if _ends_sentence_before(text, start, mark.start):
            return "cut"
        return "close" if (len(marks) - index) % 2 else "cut"
    return "nest"


def _pair_angles(text: str, end: int, marks: list[_Mark]) -> list[Pair]:
    pairs: list[Pair] = []
    opening: _Mark | None = None
    depth = 0
    for mark in marks:
        if opening is None:
            if mark.glyph in "«‹" or mark.opens:
                opening, depth = mark, 1
        elif mark.glyph == _MIRROR[opening.glyph] or (mark.glyph == opening.glyph and mark.closes and not mark.opens):
            depth -= 1
            if not depth:
                pairs.append(_pair(text, (opening.start, opening.end), (mark.start, mark.end), True))
                opening = None
        elif mark.glyph == opening.glyph:
            depth += 1
    if opening is not None:
        pairs.append(_pair(text, (opening.start, opening.end), (end, end), False))
    return pairs


def _pair_singles(text: str, start: int, end: int, marks: list[_Mark], outer: Sequence[Pair], goes_on: bool) -> list[Pair]:
    """Single marks outside `outer`, the quotations in other marks; an apostrophe opens nothing and closes only in need."""
    starts = [pair.start for pair in outer]

    def is_inside(at: int) -> bool:
        place = bisect_right(starts, at) - 1
        return place >= 0 and at < outer[place].end

    free = [mark for mark in marks if not is_inside(mark.start)]
    pairs: list[Pair] = []
    index = 0
    while index < len(free):
        opening = free[index]
        index += 1
        if not _opens_single(text, start, opening):
            continue
        weak: int | None = None
        strong: int | None = None
        place = index
        while place < len(free) and strong is None and not _opens_single(text, start, free[place]):
            strength = _closing_strength(text, opening, end, free[place])
            if strength > 1:
                strong = place
            elif strength and weak is None:
                weak = place
            place += 1
        chosen = strong if weak is None or strong is None else _first_or_certain(text, opening, free, weak, strong)
        chosen = weak if chosen is None else chosen
        if goes_on and strong is None and place == len(free) and _speech_begins(text, start, opening):
            chosen = None  # "'The nurses' room is worse.", and the next paragraph begins with a mark
        if _YEAR.match(text, opening.end) and strong is None:
            continue
        if chosen is not None:
            pairs.append(_pair(text, (opening.start, opening.end), (free[chosen].start, free[chosen].end), True))
            index = chosen + 1
        elif _speech_begins(text, start, opening):
            pairs.append(_pair(text, (opening.start, opening.end), (end, end), False))
            break
        else:
            index = max(index, place)
    return pairs


def _opens_single(text: str, start: int, mark: _Mark) -> bool:
    if mark.glyph == "’" or not mark.opens or _ELISION.match(text, mark.end):
        return False
    # "5' 10", "rock-'n'-roll"; a hyphen before the mark joins a word.
    return not (mark.start > start and text[mark.start - 1] in "-‐‑*_=")


def _closing_strength(text: str, opening: _Mark, end: int, mark: _Mark) -> int:
    """0 for an apostrophe, 1 for a mark that may be one, 2 for one that surely closes."""
    if not mark.closes or mark.opens or (mark.glyph == "‘" and opening.glyph != "‚"):
        return 0
    before = text[max(opening.end, mark.start - 6) : mark.start]
    if _CLIPPED.search(before):
        return 1 if before[-1:].isdigit() else 0
    if not before[-1:].isalnum():
        return 2
    after = text[mark.end : mark.end + 1] if mark.end < end else ""
    if after and (after.isspace() or after in ".,;:") and (before[-1] in "sSzZxX" or _DROPPED_G.search(before)):
        return 1
    return 2


def _first_or_certain(text: str, opening: _Mark, marks: list[_Mark], weak: int, strong: int) -> int:
    """Between "the ‘heroes’ of the day. It was ‘" and "‘The workers’ demands are fair. We agree,’ he said"."""
    is_word = text[opening.end].islower() and marks[weak].start - opening.end <= 40
    return weak if is_word and _SENTENCE_END.search(text, marks[weak].end, marks[strong].start) else strong


def _speech_begins(text: str, start: int, mark: _Mark) -> bool:
    before = text[max(start, mark.start - 2) : mark.start].rstrip()
    return text[mark.end : mark.end + 1].isupper() and (mark.start == start or before[-1:] in (",", ":", ".", "!", "?"))
