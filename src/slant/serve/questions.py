"""Which sentence is asked about which target, and where it mentions it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from slant.errors import DataError
from slant.records import AnnotatedTarget, ScoreItem
from slant.serve.answers import Asked
from slant.text import Target, find_mentions, find_words

__all__ = ["MAX_QUESTIONS", "ask_document", "ask_item", "check_targets"]

#: A document is not asked more than this: each answer is kept in memory.
MAX_QUESTIONS = 1_000_000


def check_targets(targets: Sequence[Target]) -> list[Target]:
    """The targets, of those with one name the first. Raises TypeError for what is no target, DataError for one without a name."""
    if isinstance(targets, str) or not all(isinstance(target, Target) for target in targets):
        raise TypeError("targets must be several slant.text.Target; slant.text.parse_target makes one of a string")
    for number, target in enumerate(targets, 1):
        if not target.name.strip():
            raise DataError("the target has no name", where=f"target {number}", remedy="Give the name that the text uses")
    by_name: dict[str, Target] = {}
    for target in targets:
        by_name.setdefault(target.name, target)
    return list(by_name.values())


def ask_document(
    text: str, places: Sequence[tuple[int, int]], targets: Sequence[Target], *, everywhere: bool
) -> tuple[list[Asked], list[AnnotatedTarget]]:
    """The questions that a document with sentences at `places` is asked, and how often it mentions each target.

    A sentence is asked about each target it mentions, at the first mention: what it says there is what a head was trained on, one mention a row.
    With `everywhere` it is asked about the others too, without a mention. A mention that runs into the next sentence ends with its own.
    """
    if everywhere and len(places) * len(targets) > MAX_QUESTIONS:
        problem = f"{len(places):,} sentences are asked about {len(targets):,} targets each, together more than {MAX_QUESTIONS:,}"
        raise DataError(problem, remedy="Ask about fewer targets, or cut the text into documents")
    counts = dict.fromkeys((target.name for target in targets), 0)
    first: dict[tuple[int, str], Asked] = {}
    starts = [start for start, _ in places]
    for mention in find_mentions(text, targets):
        counts[mention.target] += 1
        row = bisect_right(starts, mention.start) - 1
        if row >= 0 and mention.start < places[row][1]:
            start, end = places[row]
            first.setdefault((row, mention.target), Asked(row, mention.target, mention.start - start, min(mention.end, end) - start))
    asked = list(first.values())
    if everywhere:
        asked += [Asked(row, name) for row in range(len(places)) for name in counts if (row, name) not in first]
    asked.sort(key=lambda question: (question.row, question.start is None, question.start or 0))
    return asked, [AnnotatedTarget(target.name, list(target.aliases), counts[target.name]) for target in targets]


def ask_item(row: int, item: ScoreItem, *, unmentioned: bool) -> Asked | None:
    """The question that an item asks, None where it asks none: it has no target, or one that it does not mention and `unmentioned` is false.

    Without offsets the target is looked for by its name. Raises DataError, naming the item, for a blank target, and for offsets without a target,
    one without the other, outside the text, around no word, or elsewhere than the text's mentions of that name.
    """

    def refuse(problem: str, remedy: str) -> DataError:
        return DataError(problem, where=f"item {row + 1}", remedy=remedy)

    start, end, text = item.target_start, item.target_end, item.text
    if item.target is None:
        if start is not None or end is not None:
            raise refuse("target_start and target_end are given without a target", "Give the target's name too, or neither")
        return None
    if not item.target.strip():
        raise refuse("the target has no name", "Give the name, or no target")
    if (start is None) != (end is None):
        missing = "target_start" if start is None else "target_end"
        raise refuse(f"{missing} is missing", "Give both offsets of the mention, or neither")
    mentions = find_mentions(text, [Target(item.target)])
    if start is None or end is None:
        if mentions:
            return Asked(row, item.target, mentions[0].start, mentions[0].end)
        return Asked(row, item.target) if unmentioned else None
    count = "Offsets count Unicode code points, the end not included"
    if isinstance(start, bool) or isinstance(end, bool) or not 0 <= start < end <= len(text):
        raise refuse(f"the target's offsets {start}:{end} do not lie in its text of {len(text):,} characters", count)
    words = {text[a:b].casefold() for a, b in find_words(text) if a < end and start < b}
    if not words:
        raise refuse(f"the target's offsets {start}:{end} are around no word: {_shown(text[start:end])}", count)
    elsewhere = mentions and not any(mention.start < end and start < mention.end for mention in mentions)
    if elsewhere and not words & {word.casefold() for word in item.target.split()}:
        place = f"{mentions[0].start}:{mentions[0].end}"
        raise refuse(f"the target's offsets {start}:{end} are at {_shown(text[start:end])}, and {_shown(item.target)} stands at {place}", count)
    return Asked(row, item.target, start, end)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
