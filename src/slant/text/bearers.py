"""Whose a surname, a first name or a short form is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from slant.text import speech
from slant.text.forms import core_of, same_person, spells
from slant.text.names import Name, Reading, Word, is_body, words_of
from slant.text.namewords import CONNECTORS, FIRM_HEADS, GENERIC, PLACE_BEFORE, SURNAMES_TOO
from slant.text.speech import listed
from slant.text.spellings import Spellings

__all__ = ["match"]

#: Somebody: one of the given names by its number, or another name of the text by its words.
_Bearer = int | tuple[str, ...]
_Span = tuple[int, int, int]
#: Among how many who share a surname a name with initials is sought, so that the cost does not grow with them.
_RIVALS = 16


@dataclass
class _Given:
    """What is known of one name looked for."""

    core: tuple[str, ...]
    head: tuple[str, ...]  # before "of": "Constitutional Court" in "Constitutional Court of Halvern"
    body: bool  # an organisation: its last word stands for it only after "the"
    particles: tuple[str, ...] = ()  # before its last word, in lower case: "van der" in "Rosa van der Berg"
    present: bool = False  # stands in the text in full
    is_place: bool = False  # its first word is a place's name there


@dataclass
class _Cast:
    """Who bears which word; `last` is who was named last with it."""

    given: list[_Given]
    alone: frozenset[str]  # the words of the text
    by_last: dict[str, list[int]] = field(default_factory=dict)
    by_first: dict[str, list[int]] = field(default_factory=dict)
    by_ends: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # last word, and first letter or last word but one
    exact: dict[tuple[str, ...], int] = field(default_factory=dict)
    by_head: dict[tuple[str, ...], int] = field(default_factory=dict)
    bearers: dict[str, set[_Bearer]] = field(default_factory=dict)
    last: dict[str, _Bearer] = field(default_factory=dict)
    titled: dict[tuple[str, str], set[_Bearer]] = field(default_factory=dict)
    resolved: dict[tuple[str, ...], _Bearer] = field(default_factory=dict)

    def keys_of(self, bearer: _Bearer) -> tuple[str, ...]:
        core = self.given[bearer].core if isinstance(bearer, int) else bearer
        return (core[0], core[-1]) if core else ()

    def resolve(self, core: tuple[str, ...]) -> _Bearer:
        """Whose a name of several words is."""
        if core not in self.resolved:
            same = self.exact.get(core)
            if same is None:
                rivals = self.by_ends.get((core[-1], core[0][0]), [])[:_RIVALS] + self.by_ends.get((core[-1], core[-2]), [])[:_RIVALS]
                same = next((number for number in rivals if same_person(self.given[number].core, core)), None)
            self.resolved[core] = core if same is None else same
        return self.resolved[core]

    def bear(self, bearer: _Bearer, titles: Sequence[str] = ()) -> None:
        for key in self.keys_of(bearer):
            self.bearers.setdefault(key, set()).add(bearer)
            for title in titles:
                self.titled.setdefault((key, title), set()).add(bearer)

    def name(self, bearer: _Bearer) -> None:
        for key in self.keys_of(bearer):
            self.last[key] = bearer

    def choose(self, key: str, titles: Sequence[str]) -> _Bearer | None:
        """Whom a word by itself names: its only bearer, else the only one with that title, else the one named last."""
        rivals = self.bearers.get(key, set())
        if len(rivals) < 2:
            return next(iter(rivals), None)
        for title in titles:
            titled = self.titled.get((key, title), set())
            if len(titled) == 1 and title not in ("mr", "mrs", "ms", "miss", "dr"):
                return next(iter(titled))
        return self.last.get(key)


def match(text: str, reading: Reading, names: Sequence[str], aliases: Sequence[Sequence[str]]) -> list[_Span]:
    """(start, end, number of the name) of every mention, in reading order and apart; `reading` is `read_names(text)`."""
    spellings, full = Spellings(), Spellings()
    for number, (name, others) in enumerate(zip(names, aliases, strict=True)):
        full.add(name, number)
        for spelling in (name, *others):
            spellings.add(spelling, number)
    alone = frozenset(word.text for word in reading.words)
    found = spellings.find(text, reading.bounds, alone)
    named = full.find(text, reading.bounds, alone)
    cast = _cast(reading, names, named, alone)
    found += _derived(reading, cast, named)
    return _longest_first(found, len(text))


def _longest_first(found: Sequence[_Span], length: int) -> list[_Span]:
    """Of spans that overlap the longest stays; of equally long ones the first given."""
    taken = bytearray(length)
    kept: list[_Span] = []
    for start, end, owner in sorted(found, key=lambda span: (span[0] - span[1], span[2], span[0])):
        if taken.find(1, start, end) < 0:
            taken[start:end] = b"\1" * (end - start)
            kept.append((start, end, owner))
    return sorted(kept)


def _cast(reading: Reading, names: Sequence[str], named: Sequence[_Span], alone: frozenset[str]) -> _Cast:
    cast = _Cast([_given(name) for name in names], alone)
    articles: Counter[int] = Counter()
    for number, given in enumerate(cast.given):
        if given.core:
            cast.by_last.setdefault(given.core[-1], []).append(number)
            cast.by_first.setdefault(given.core[0], []).append(number)
            cast.exact.setdefault(given.core, number)
            cast.by_ends.setdefault((given.core[-1], given.core[0][0]), []).append(number)
            if len(given.core) > 1:
                cast.by_ends.setdefault((given.core[-1], given.core[-2]), []).append(number)
            cast.bear(number)
        if given.head:
            cast.by_head.setdefault(given.head, number)
    for _, _, number in named:
        cast.given[number].present = True
    for name in reading.names:
        core = core_of(name.words)
        if len(core) < 2 or _has_connector(core) or (core[-1] not in cast.by_last and core[0] not in cast.by_first):
            continue
        bearer = cast.resolve(core)
        if isinstance(bearer, int):
            cast.given[bearer].present = True
            articles[bearer] += 1 if name.article else -1
        elif any(core[at:] in cast.exact for at in range(1, len(core) - 1)):
            continue  # "In Kessmoor Ilya Orlov said"
        cast.bear(bearer, name.titles)
    for number, surplus in articles.items():
        given = cast.given[number]
        given.body = surplus > 0 or (given.body and given.core[-1].lower() not in SURNAMES_TOO)
    places = set(_places(reading, cast))
    for given in cast.given:
        given.is_place = bool(given.core) and given.core[0] in places
    return cast


def _has_connector(core: Sequence[str]) -> bool:
    return any(word in CONNECTORS for word in core)


def _given(name: str) -> _Given:
    """What the words of a name say; nothing but its spelling counts where it is one word or does not end in a name."""
    words = words_of(name, 0, len(name), 0)
    if not words or name == name.lower() or not words[-1].is_capital:
        return _Given((), (), True)
    of = next((at for at, word in enumerate(words) if word.lower in CONNECTORS and at), None)
    if of is not None:
        head = tuple(word.text for word in words[:of])
        return _Given((), head, True)
    core = core_of(words)
    if len(core) == 1 and len(words) == 1:
        return _Given((), (), True)
    last = max(at for at, word in enumerate(words) if word.text == core[-1])
    begins = last
    while begins > 0 and words[begins - 1].lower in speech.PARTICLES:
        begins -= 1
    return _Given(core, (), is_body(core[-1].lower()), tuple(word.lower for word in words[begins:last]))


def _places(reading: Reading, cast: _Cast) -> Iterator[str]:
    """The first words of names that the text takes for places: "in Kessmoor", "mayor of Kessmoor", "Kessmoor council"."""
    for name in reading.names:
        if len(name.words) > 1 or name.words[0].text not in cast.by_first:
            continue
        before = [word.lower for word in reading.words[max(0, name.first - 2) : name.first] if word.sentence == name.words[0].sentence]
        after = reading.words[name.first + 1].lower if name.first + 1 < len(reading.words) and name.words[0].gap == "" else ""
        inside = bool(before) and not name.words[0].owns and before[-1] in PLACE_BEFORE - {"at", "into"} and before[0] not in _HELD
        if inside or (len(before) == 2 and before[1] == "of" and before[0] in _OF_PLACES) or after in _IN_PLACES:
            yield name.words[0].text


_HELD = listed("shares share stake stakes stock invest invested investment investments interest confidence faith trust jobs role majority")
_OF_PLACES = listed("mayor city town village port people bishop archbishop capital state island province county suburb streets district mayors")
_IN_PLACES = listed("council residents councillors councillor mayor police suburb")


def _derived(reading: Reading, cast: _Cast, named: Sequence[_Span]) -> Iterator[_Span]:
    """Mentions by surname, first name, short form and acronym."""
    events: list[tuple[int, int, Name | Word | None]] = [(start, number, None) for start, _, number in named]
    events += [(name.words[0].start, -1, name) for name in reading.names]
    for at, word in enumerate(reading.words):
        if word.sentence in reading.headings and word.text in cast.by_last:
            events.append((word.start, at, word))
    events.sort(key=lambda event: event[:2])
    acronyms = dict(_acronyms(reading, cast, named))
    for _, number, what in events:
        if what is None:
            cast.name(number)
        elif isinstance(what, Word):
            yield from _in_heading(reading, cast, what, number)
        else:
            yield from _by_name(reading, cast, what)
    for word in reading.words:
        if word.text in acronyms:
            yield word.start, word.end, acronyms[word.text]


def _by_name(reading: Reading, cast: _Cast, name: Name) -> Iterator[_Span]:
    core = core_of(name.words)
    head = cast.by_head.get(name.key)
    if head is not None and (len(name.key) > 1 or (cast.given[head].present and _after_determiner(reading, name))):
        yield name.words[0].start, name.words[-1].end, head
    elif len(core) > 1:
        if _has_connector(core):
            return
        if core[-1] in cast.by_last or core[0] in cast.by_first:
            bearer = cast.resolve(core)
            cast.name(bearer)
            if isinstance(bearer, int):
                yield name.words[0].start, name.words[-1].end, bearer
    elif "-" in core[0] and core[0] not in cast.bearers and cast.alone.issuperset(core[0].split("-")):  # "the Brunn-Sacks pact"
        offset = next(word.start for word in name.words if word.text == core[0])
        for part in core[0].split("-"):
            owner = cast.choose(part, ())
            if isinstance(owner, int) and cast.given[owner].core[-1] == part and not cast.given[owner].body:
                yield offset, offset + len(part), owner
            offset += len(part) + 1
    else:
        alone = _alone(reading, cast, name, core[0])
        if alone is not None:
            end = next(word.end for word in name.words if word.text == core[0])
            yield _with_particles(reading, name, core[0], cast.given[alone].particles), end, alone


def _alone(reading: Reading, cast: _Cast, name: Name, key: str) -> int | None:
    """Whom one word names: a surname, a first name, the head or the first word of an organisation's name."""
    bearer = cast.choose(key, name.titles)
    if not isinstance(bearer, int):
        return None
    given = cast.given[bearer]
    if given.core[-1] == key:
        return bearer if not given.body or (given.present and _after_determiner(reading, name)) else None
    firm = len(given.core) == 2 and given.core[-1].lower() in FIRM_HEADS
    if given.is_place or not (firm or (given.present and not given.body)):
        return None
    return bearer if name.titles or key.lower() not in GENERIC else None


def _after_determiner(reading: Reading, name: Name) -> bool:
    before = reading.words[name.first - 1] if name.first else None
    return before is not None and before.lower in speech.DETERMINERS and before.gap == "" and before.sentence == name.words[0].sentence


def _with_particles(reading: Reading, name: Name, key: str, particles: Sequence[str]) -> int:
    """Where a surname begins: with its particles, where they stand before it ("De Vries", "van der Berg")."""
    place = name.first + next(at for at, word in enumerate(name.words) if word.text == key)
    before = reading.words[max(0, place - len(particles)) : place]
    if particles and tuple(word.lower for word in before) == tuple(particles) and before[0].sentence == name.words[0].sentence:
        return before[0].start
    return reading.words[place].start


def _in_heading(reading: Reading, cast: _Cast, word: Word, at: int) -> Iterator[_Span]:
    before = reading.words[at - 1] if at else None
    if before is not None and before.gap == "" and before.sentence == word.sentence and (before.text, word.text) in cast.bearers.get(word.text, ()):
        cast.name((before.text, word.text))
        return
    bearer = cast.choose(word.text, ())
    if isinstance(bearer, int) and cast.given[bearer].core[-1] == word.text and not cast.given[bearer].body:
        yield word.start, word.end, bearer


def _acronyms(reading: Reading, cast: _Cast, named: Sequence[_Span]) -> Iterator[tuple[str, int]]:
    """Acronyms that brackets introduce: "Public Health Office (PHO)", "PHO (Public Health Office)"."""
    ends = {end: number for _, end, number in named}
    starts = {start: number for start, _, number in named}
    words = reading.words
    for at in range(1, len(words)):
        before, word = words[at - 1], words[at]
        if before.sentence != word.sentence or before.gap != "(":
            continue
        number, acronym = ends.get(before.end), word.text
        if number is None:
            number, acronym = starts.get(word.start), before.text
        if number is not None and 1 < len(acronym) < 9 and acronym.isupper():
            core = cast.given[number].core or cast.given[number].head
            if core and spells(acronym, core):
                yield acronym, number
