"""Names and aliases where they stand in a text as they are spelled: all of them in one pass."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from slant.text.namewords import PREFIXES

__all__ = ["LONGEST", "Spellings", "pieces_of", "straighten"]

#: A spelling of more pieces (words and marks) than this is not looked for, so that the cost does not grow with it.
LONGEST = 30

_STRAIGHT = str.maketrans("’ʼ＇‐‑", "'''--")
_PIECE = re.compile(r"[^\W_]+|\S")
_BEFORE = re.compile(r"[^\W_]*$")
_AFTER = re.compile(r"[^\W_]*")
_CONTRACTED = frozenset(["s", "S", "d", "ll", "ve", "re", "m", "t"])
#: How far a compound's other part is read.
_REACH = 40


def straighten(text: str) -> str:
    """`text` with straight apostrophes and plain hyphens, character for character."""
    return text.translate(_STRAIGHT)


def pieces_of(text: str) -> list[str]:
    """The words and marks of a spelling; white space between them does not count."""
    return _PIECE.findall(straighten(text))


@dataclass
class _Node:
    next: dict[str, _Node] = field(default_factory=dict)
    owner: int | None = None


class Spellings:
    """A dictionary of spellings, each somebody's: of equal ones the first that was added counts.

    Those in lower case are found whatever their case is in the text; others only as they are, but for a capital at their start.
    """

    def __init__(self) -> None:
        self._exact, self._folded = _Node(), _Node()
        self._size = 0

    def add(self, spelling: str, owner: int) -> None:
        pieces = pieces_of(spelling)
        if not pieces or len(pieces) > LONGEST:
            return
        if spelling == spelling.lower():
            self._add(self._folded, [piece.casefold() for piece in pieces], owner)
            return
        self._add(self._exact, pieces, owner)
        if pieces[0].islower():  # "The mayor of Varn" at a sentence's start
            self._add(self._exact, [pieces[0].capitalize(), *pieces[1:]], owner)

    @staticmethod
    def _add(node: _Node, pieces: Sequence[str], owner: int) -> None:
        for piece in pieces:
            node = node.next.setdefault(piece, _Node())
        if node.owner is None:
            node.owner = owner

    def find(self, text: str, bounds: Iterable[tuple[int, int]], alone: frozenset[str]) -> list[tuple[int, int, int]]:
        """(start, end, owner) of every spelling within one of `bounds`, overlapping ones too; `alone` are the words that stand by themselves."""
        found: list[tuple[int, int, int]] = []
        text = straighten(text)
        for start, end in bounds:
            spans = [match.span() for match in _PIECE.finditer(text, start, end)]
            words = [text[first:after] for first, after in spans]
            for root, keys in ((self._exact, words), (self._folded, [word.casefold() for word in words])):
                if not root.next:
                    continue
                for place, key in enumerate(keys):
                    if key in root.next:
                        self._walk(text, root, keys, spans, place, alone, found)
        return found

    def _walk(
        self,
        text: str,
        root: _Node,
        keys: Sequence[str],
        spans: Sequence[tuple[int, int]],
        place: int,
        alone: frozenset[str],
        found: list[tuple[int, int, int]],
    ) -> None:
        node: _Node | None = root
        first = spans[place][0]
        for at in range(place, len(keys)):
            node = node.next.get(keys[at]) if node is not None else None
            if node is None:
                return
            after = spans[at][1]
            if node.owner is not None and _stands(text, first, after, alone, root is self._folded):
                found.append((first, after, node.owner))


def _stands(text: str, start: int, end: int, alone: frozenset[str], folded: bool) -> bool:
    """Whether `text[start:end]` has word boundaries on either side; "Orlov" has them in "Orlov's", "pro-Orlov" and "Orlov-led"."""
    if unicodedata.category(text[start]) in ("Mn", "Mc") or (end < len(text) and unicodedata.category(text[end]) in ("Mn", "Mc")):
        return False
    if start > 1 and text[start].isalnum():
        before = _BEFORE.search(text[max(0, start - 1 - _REACH) : start - 1])
        part = before[0] if before else ""
        if unicodedata.category(text[start - 1]) in ("Mn", "Mc") or (text[start - 1] == "'" and part):
            return False
        if text[start - 1] == "-" and part and not _may_join(part, end - start, alone, folded):
            return False
    if end + 1 < len(text) and text[end - 1].isalnum():
        after = _AFTER.match(text, end + 1, end + 1 + _REACH)
        part = after[0] if after else ""
        if text[end] == "'" and part and part not in _CONTRACTED:
            return False
        if text[end] == "-" and part and not _may_join(part, end - start, alone, folded):
            return False
    return True


def _may_join(part: str, length: int, alone: frozenset[str], folded: bool) -> bool:
    """Whether a hyphen that joins `part` leaves a name whole: "pro-", "-led", and names that stand alone elsewhere."""
    if folded:
        return length > 4
    return not part[0].isupper() or part.lower() in PREFIXES or part in alone
