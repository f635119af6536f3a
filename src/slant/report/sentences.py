"""A sentence cut where words are marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slant.serve.article import visible

__all__ = ["LONGEST", "Piece", "pieces"]

Spans = Sequence[tuple[int, int]] | None

#: Of a longer text only so many code points are shown, around its first mark.
LONGEST = 1200


@dataclass(frozen=True)
class Piece:
    """A stretch of a sentence: who marked it, as class names ("said", "gold") and in words; "" for plain text."""

    text: str
    kind: str = ""
    why: str = ""


_WHY = {"said": "marked by the model", "gold": "marked by annotators", "said gold": "marked by the model and by annotators"}


def pieces(text: str, said: Spans, gold: Spans = None) -> list[Piece]:
    """The text in order, cut at the ends of the model's spans and of the annotators'; both half-open in code points.

    Control characters are shown as signs; what a cut of an overlong text leaves out is counted.
    """
    marks = {"said": _within(said, len(text)), "gold": _within(gold, len(text))}
    first = min((start for spans in marks.values() for start, _ in spans), default=0)
    begin = 0 if len(text) <= LONGEST else max(0, min(first - LONGEST // 4, len(text) - LONGEST))
    end = min(len(text), begin + LONGEST)
    cuts = sorted({begin, end, *(at for spans in marks.values() for span in spans for at in span if begin < at < end)})
    found = [Piece(f"… ({begin:,} characters before) ")] if begin else []
    for left, right in zip(cuts, cuts[1:], strict=False):
        kind = " ".join(name for name, spans in marks.items() if any(start <= left and right <= stop for start, stop in spans))
        found.append(Piece(visible(text[left:right], one_line=True), kind, _WHY.get(kind, "")))
    return [*found, *([Piece(f" … ({len(text) - end:,} characters more)")] if end < len(text) else [])]


def _within(spans: Spans, length: int) -> list[tuple[int, int]]:
    return [(start, end) for start, end in spans or () if 0 <= start < end <= length]
