"""Names in running text: runs of capitalised words, without the titles before them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from slant.text import speech
from slant.text.abbreviations import STARTERS
from slant.text.namewords import BODY_HEADS, CONNECTORS, FUNCTION, GENERIC, HONORIFICS, SUFFIXES, SURNAMES_TOO, UNSAID, is_national
from slant.text.sentences import split_sentences
from slant.text.words import find_words

__all__ = ["Name", "Reading", "Word", "is_body", "read_names", "words_of"]

_STRAIGHT = str.maketrans("’ʼ＇‐‑", "'''--")
_OPENS = frozenset("\"'“‘«„‚‹([{*_")
_PARTS = frozenset(":.!?…–—•|―;")
_POSSESSIVE = ("'s", "'S")
_OF_PEOPLE = re.compile(r".*(?:men|people|children|folk)$", re.IGNORECASE)
#: Names of more words than these are read as several.
_LONGEST = 12
_HYPHENED = re.compile(r"(?:al|el|ul|as|ad|ar|at|ash|bin|ibn|de|d|l|ben|abu)-", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Word:
    """A word at `text[start:end]`, its possessive ending left out; `text` has straight apostrophes and plain hyphens."""

    text: str
    lower: str
    start: int
    end: int
    sentence: int
    opens: bool  # its capital, if it has one, may be due to its place: after a full stop, a colon, an opening mark
    owns: bool  # a possessive
    gap: str  # what stands before the next word of the sentence, without white space; "\n" where none follows

    @property
    def is_capital(self) -> bool:
        return self.text[0].isupper() or self.text[0].istitle() or _is_particled(self.text)


@dataclass(frozen=True, slots=True)
class Name:
    """The words of a name in reading order, and what was left out of it.

    Attributes:
        words: without titles before it.
        titles: the titles before it, in lower case.
        first: the place of its first word in `Reading.words`.
        article: whether "the" stands before it.
        sure: False where only its place at a sentence's start may have given it its capital.
    """

    words: tuple[Word, ...]
    titles: tuple[str, ...]
    first: int
    article: bool
    sure: bool

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(word.text for word in self.words)


@dataclass
class Reading:
    """A text's words and the names among them; `headings` are the sentences in Title Case or capitals, where no name is read."""

    words: list[Word] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)
    headings: set[int] = field(default_factory=set)
    bounds: list[tuple[int, int]] = field(default_factory=list)


def _is_particled(word: str) -> bool:
    match = _HYPHENED.match(word)
    return match is not None and word[match.end() : match.end() + 1].isupper()


def is_body(word: str) -> bool:
    """Whether a name that ends in `word` (lower case) is an organisation's, a firm's or a law's."""
    return word in BODY_HEADS


def words_of(text: str, start: int, end: int, sentence: int) -> list[Word]:
    """The words of one sentence. "pro-Orlov" and "Orlov-led" give "Orlov"; "Oyelaran-Reed" and "al-Sadr" stay whole."""
    words: list[Word] = []
    spans = [(start + first, start + after) for first, after in find_words(text[start:end])]
    opens = True
    for number, (first, after) in enumerate(spans):
        word = text[first:after].translate(_STRAIGHT)
        owns = word.endswith(_POSSESSIVE) and len(word) > 2
        if owns:
            word, after = word[:-2], after - 2
        begin = first
        if "-" in word and not _is_particled(word):
            skipped, word = _named_part(word)
            begin, opens = first + skipped, opens and not skipped
        last = number + 1 == len(spans)
        gap = "\n" if last else "".join(text[spans[number][1] : spans[number + 1][0]].split())
        if not last and gap in ("'", "’") and word.endswith("s"):
            owns, gap = True, "'"
        if begin + len(word) < after:
            gap = "-"  # the rest of a compound follows
        words.append(Word(word, word.lower(), begin, begin + len(word), sentence, opens, owns, gap))
        if not last:
            stop = gap == "." and (len(word) == 1 or word.lower() in HONORIFICS)
            before_next = text[spans[number + 1][0] - 1]
            opens = not stop and (before_next in _OPENS or any(mark in _PARTS for mark in gap))
    return words


def _named_part(word: str) -> tuple[int, str]:
    """The part of a compound that may be a name, and how many characters precede it: the capitalised parts that follow one another."""
    parts = word.split("-")
    first = next((number for number, part in enumerate(parts) if part[:1].isupper()), None)
    if first is None:
        return 0, word
    after = next((number for number in range(first, len(parts)) if not parts[number][:1].isupper()), len(parts))
    return len("-".join(parts[:first])) + (first > 0), "-".join(parts[first:after])


def read_names(text: str) -> Reading:
    """The words of `text`, and its names in reading order. Linear in the length of `text`."""
    reading = Reading()
    runs: list[tuple[int, int]] = []
    for number, sentence in enumerate(split_sentences(text)):
        words = words_of(text, sentence.start, sentence.end, number)
        offset = len(reading.words)
        reading.words += words
        reading.bounds.append((sentence.start, sentence.end))
        if text[sentence.end - 1] != "." and _is_heading(words):
            reading.headings.add(number)
        else:
            runs += [(offset + first, offset + after) for first, after in _runs(words)]
    evidence = _gather(reading.words, runs)
    for first, after in runs:
        reading.names += _names_of(reading.words, first, after, evidence)
    return reading


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a text says of its words away from where sentences start."""

    lower: frozenset[str]  # words that stand there in lower case, too
    solo: frozenset[str]  # words that are a name by themselves, or a person's last
    starts: frozenset[str]  # words with which names begin
    pairs: frozenset[tuple[str, str]]  # with which names of several words begin


def _gather(words: Sequence[Word], runs: Sequence[tuple[int, int]]) -> _Evidence:
    solo, starts, pairs = set(), set(), set()
    for first, after in runs:
        if words[first].opens:
            continue
        starts.add(words[first].text)
        if after - first == 1 or words[after - 1].lower in SURNAMES_TOO or not is_body(words[after - 1].lower):
            solo.add(words[after - 1].text)
        if after - first > 1:
            pairs.add((words[first].text, words[first + 1].text))
    lower = frozenset(word.lower for word in words if word.text.islower())
    return _Evidence(lower, frozenset(solo), frozenset(starts), frozenset(pairs))


def _is_heading(words: Sequence[Word]) -> bool:
    """Title Case, as headlines have it: at least four words with a capital, and none without but small ones; no stop at the end."""
    if not words or len(words) > 30:
        return False
    capitals = sum(word.is_capital for word in words)
    shouted = sum(len(word.text) > 1 and word.text.isupper() for word in words)
    if len(words) > 2 and shouted == capitals and shouted * 10 >= len(words) * 8:
        return True
    return capitals >= 4 and all(word.is_capital or not word.text[0].isalpha() or word.lower in _SMALL for word in words)


_SMALL = speech.PREPOSITIONS | speech.ARTICLES | speech.listed("and but or nor as if is to his her its vs v per via than not be")


def _runs(words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Where capitalised words stand together, with particles, "of" and "for" between them."""
    at = 0
    while at < len(words):
        if not _may_name(words, at):
            at += 1
            continue
        after = at + 1
        while after < len(words) and after - at < _LONGEST:
            step = _next(words, at, after)
            if step == 0:
                break
            after += step
        yield at, after
        at = after


def _may_name(words: Sequence[Word], at: int) -> bool:
    word = words[at]
    if not word.is_capital or word.lower in UNSAID or (word.lower in FUNCTION and not _is_initial(word)):
        return False
    if word.lower in speech.MONTHS:
        follows = at + 1 < len(words) and word.gap == "" and words[at + 1].is_capital and words[at + 1].lower not in FUNCTION
        before = words[at - 1].lower if at else ""
        return follows and before not in speech.PREPOSITIONS and not before.isdigit()
    return True


def _is_initial(word: Word) -> bool:
    return len(word.text) == 1 and word.gap == "."


def _next(words: Sequence[Word], first: int, at: int) -> int:
    """How many of the words from `at` on continue the name that the words from `first` on begin."""
    before, word = words[at - 1], words[at]
    tied = before.gap == "" or (before.gap == "." and (len(before.text) == 1 or before.lower in HONORIFICS or "." in before.text))
    if before.owns:
        tied = _owner_in_name(words, first, at)
    if not tied or word.opens:
        return 0
    if _may_name(words, at) or (word.is_capital and word.lower in speech.MONTHS and before.lower not in FUNCTION):
        return 1
    if word.text[0].isdigit() and len(word.text) < 3 and before.lower not in GENERIC and before.lower not in BODY_HEADS:
        return 0
    ahead = at
    if word.lower in CONNECTORS and is_body(before.lower):
        ahead += 1
        if ahead < len(words) and words[ahead].lower == "the" and words[ahead].text == "the" and words[at].gap == "":
            ahead += 1
    else:
        while ahead < len(words) and ahead - at < 3 and words[ahead].text in speech.PARTICLES and words[ahead].gap == "":
            ahead += 1
    if ahead > at and ahead < len(words) and all(words[place].gap == "" for place in range(at, ahead)) and _may_name(words, ahead):
        return ahead - at + 1
    return 0


def _owner_in_name(words: Sequence[Word], first: int, at: int) -> bool:
    """Whether the possessive before `at` is part of a name: "the Teachers' League", "the People's Party"; not "Orlov's Union"."""
    before = words[at - 1]
    if before.gap not in ("", "'") or not words[at].is_capital or words[at].lower in HONORIFICS:
        return False
    if not (before.gap == "'" or _OF_PEOPLE.match(before.text)):
        return False
    last = at
    while last + 1 < len(words) and last - at < 4 and words[last].gap == "" and words[last + 1].is_capital:
        last += 1
    return is_body(words[last].lower) or (first > 0 and words[first - 1].lower == "the")


def _names_of(words: Sequence[Word], first: int, after: int, evidence: _Evidence) -> Iterator[Name]:
    """The names of one run: cut at titles, and without an ordinary word at a sentence's start."""
    while first < after and words[first].opens and _is_ordinary(words, first, after, evidence):
        first += 1
    if first == after:
        return
    if after - first > 1 and is_national(words[first].lower) and words[first + 1].text in evidence.starts:
        first += 1
    whole = is_body(words[after - 1].lower)
    title = next((at for at in range(after - 2, first - 1, -1) if words[at].lower in HONORIFICS), None)
    if title is not None and not (whole and title == first and after - first < 4):
        if title - first > 1 and is_body(words[title - 1].lower):
            yield from _plain(words, first, title, ())
        titles = tuple(words[at].lower for at in range(first, title + 1) if words[at].lower in HONORIFICS)
        yield from _plain(words, title + 1, after, titles)
    else:
        yield from _plain(words, first, after, ())


def _plain(words: Sequence[Word], first: int, after: int, titles: tuple[str, ...]) -> Iterator[Name]:
    while after > first and words[after - 1].lower in HONORIFICS and (titles or after - first == 1 or words[first].lower in HONORIFICS):
        after -= 1
    if first == after or all(word.lower in SUFFIXES for word in words[first:after]):
        return
    before = words[first - 1] if first else None
    article = before is not None and before.lower == "the" and before.sentence == words[first].sentence and before.gap == ""
    sure = bool(titles) or after - first > 1 or not words[first].opens
    yield Name(tuple(words[first:after]), titles, first, article, sure)


_ADJECTIVAL = ("ing", "ed", "ly", "less", "ful", "ous", "able", "ible")
_NEVER_FIRST = FUNCTION | STARTERS | speech.OCCUPATIONS | speech.ADVERBS


def _is_ordinary(words: Sequence[Word], first: int, after: int, evidence: _Evidence) -> bool:
    """Whether the word `first` at a sentence's start owes its capital to its place; the words up to `after` have capitals."""
    word = words[first]
    if after - first == 1:
        if word.lower in FUNCTION:
            return True
        return word.text not in evidence.solo and (word.lower in evidence.lower or word.lower in GENERIC)
    if word.lower in HONORIFICS or _is_initial(word) or (word.text, words[first + 1].text) in evidence.pairs:
        return False
    if word.lower in _NEVER_FIRST:
        return True
    common = word.lower in GENERIC or word.lower in evidence.lower or word.lower.endswith(_ADJECTIVAL)
    return common and words[first + 1].text in evidence.starts
