"""A news article's sentences, with offsets into the article as given."""

from __future__ import annotations

import re
from itertools import pairwise

from slant.records import Sentence
from slant.text.boundaries import find_boundaries

__all__ = ["is_wrapped", "list_items", "paragraph_lines", "split_sentences"]

_BOM = "\ufeff"

# Hard-wrapped prose is set between these widths; below them lie lists, above them one paragraph a line.
_MIN_WRAP, _MAX_WRAP = 40, 100
# A wrapped line may fall this much short of the longest with the next line's first word: people wrap by hand, too.
_SLACK = 10

_ENDS_SENTENCE = re.compile(r"[.!?…‽:;][\"'’”»)\]]*$")
_LIST_ITEM = re.compile(r"(?:[-*•‣◦▪·]|\(?(?:\d{1,3}|[A-Za-z])[.)])\s")

_Line = tuple[int, int]


def split_sentences(text: str) -> list[Sentence]:
    """The sentences of `text` in reading order; `[]` where there is nothing but white space.

    Offsets are half-open code points of `text` itself. No sentence has white space at either end, none overlap, and every
    character that is neither white space nor a byte order mark at the very start lies in exactly one. `paragraph` counts from 0.

    - Blank lines and U+2029 end a paragraph, and no sentence crosses them.
    - Any other line end (as `str.splitlines` has them) ends a sentence too, unless the paragraph, or the list item, is
      hard-wrapped: its longest line has 40 to 100 characters, every line but the last is full (its length, a space and the next
      line's first word come within ten characters of the longest line or pass it), and at least one line ends without one of
      . ! ? … : ; before a line that begins in lower case. Then its line ends are spaces.
    - Within a line, nupunkt with our repairs decides (`slant.text.boundaries`). A mark with no white space after it ends nothing.
    - A quotation or parenthesis of several sentences is cut where they end; marks that close it stay with the last.

    Linear in the length of `text`.
    """
    sentences: list[Sentence] = []
    for number, paragraph in enumerate(paragraph_lines(text)):
        for lines in list_items(text, paragraph):
            runs = [(lines[0][0], lines[-1][1])] if is_wrapped(text, lines) else lines
            for start, end in runs:
                sentences.extend(_split_run(text, start, end, number))
    return sentences


def _split_run(text: str, start: int, end: int, paragraph: int) -> list[Sentence]:
    """The sentences of `text[start:end]`, which has no white space at either end."""
    cuts = [start, *(start + offset for offset in find_boundaries(text[start:end])), end]
    sentences = []
    for first, after in pairwise(cuts):
        sentences.append(Sentence(first, first + len(text[first:after].rstrip()), paragraph))
    return sentences


def paragraph_lines(text: str) -> list[list[_Line]]:
    """The lines of each paragraph, as spans without the white space around them; blank lines left out."""
    paragraphs: list[list[_Line]] = []
    begins = True
    offset = 0
    for line in text.splitlines(keepends=True):
        start = offset + (len(line) - len(line.lstrip()))
        if offset == 0 and line.startswith(_BOM):
            start = 1 + (len(line) - 1 - len(line[1:].lstrip()))
        content = text[start : offset + len(line)].rstrip()
        if content and begins:
            paragraphs.append([])
        if content:
            paragraphs[-1].append((start, start + len(content)))
        begins = not content or line.endswith("\u2029")
        offset += len(line)
    return paragraphs


def list_items(text: str, lines: list[_Line]) -> list[list[_Line]]:
    """A paragraph's lines, parted before every line that begins a list item."""
    items: list[list[_Line]] = [[]]
    for start, end in lines:
        if items[-1] and _LIST_ITEM.match(text, start, end):
            items.append([])
        items[-1].append((start, end))
    return items


def is_wrapped(text: str, lines: list[_Line]) -> bool:
    """Whether lines were broken to fit a width, as `split_sentences` says."""
    longest = max(end - start for start, end in lines)
    if len(lines) < 2 or not _MIN_WRAP <= longest <= _MAX_WRAP:
        return False
    runs_on = False
    for (start, end), (next_start, next_end) in pairwise(lines):
        line, next_line = text[start:end], text[next_start:next_end]
        if end - start + 1 + len(next_line.split(None, 1)[0]) < longest - _SLACK:
            return False
        runs_on = runs_on or (next_line[0].islower() and not _ENDS_SENTENCE.search(line))
    return runs_on
