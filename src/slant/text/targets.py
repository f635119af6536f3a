"""Targets of a stance: whom or what a text is about, and where it mentions them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass

from slant.errors import ConfigError
from slant.text.bearers import match
from slant.text.forms import core_of, same_person, spells
from slant.text.names import Name, Reading, is_body, read_names
from slant.text.namewords import CONNECTORS, HONORIFICS, PLACE_BEFORE, is_national
from slant.text.spellings import LONGEST, pieces_of

__all__ = ["Mention", "Target", "find_mentions", "find_targets", "parse_target"]


@dataclass(frozen=True)
class Target:
    """Somebody or something to look for: by `name`, in the shorter forms of it that news uses, and by `aliases` as they are spelled."""

    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mention:
    """A target's name, `text[start:end]`; `target` is `Target.name`."""

    target: str
    start: int
    end: int


def parse_target(option: str) -> Target:
    """The target that "NAME" or "NAME=ALIAS,ALIAS" describes, white space around each left out.

    Raises ConfigError where the name or an alias is empty, or too long to be looked for.
    """
    name, equals, rest = option.partition("=")
    aliases = rest.split(",") if equals else []
    parts = [" ".join(part.split()) for part in (name, *aliases)]
    where = f"target {_shown(option)}"
    for kind, part in zip(("name", *["alias"] * len(aliases)), parts, strict=True):
        if not part:
            raise ConfigError(f"an empty {kind}", where=where, remedy='Write NAME or NAME=ALIAS,ALIAS, as in "Orlov=the president,he"')
        if len(pieces_of(part)) > LONGEST:
            raise ConfigError(f"a {kind} of more than {LONGEST} words and marks", where=where, remedy="Give the name alone")
    return Target(parts[0], tuple(dict.fromkeys(parts[1:])))


def _shown(option: str) -> str:
    return repr(option if len(option) <= 60 else option[:57] + "...")


def find_mentions(text: str, targets: Sequence[Target]) -> list[Mention]:
    """Where `text` mentions `targets`, in reading order; no two mentions overlap.

    - Names and aliases are found at word boundaries, case and all; those written in lower case ("the president", "he") in any
      case. White space, straight or curly apostrophes make no difference. A possessive 's is left out; "pro-Orlov" mentions Orlov.
    - A full name is also found by its surname ("Mr Orlov", "Orlov"), with initials ("I. Orlov"), by its first word where the text
      has the full name too and that word is nobody else's and no place ("Ilya"; "Northgate" for "Northgate Energy"); an
      organisation by what stands before "of", by its last word with a capital after "the" ("the League"), and by an acronym that
      the text introduces in brackets. The mention covers the name without the title: "Orlov" in "President Orlov".
    - A surname that another name shares (of `targets`, or in the text) is theirs who were named in full last before it; a title
      that only one of them bears decides first. Where neither says anything it is nobody's.
    - Of overlapping mentions the longest stays, of equally long ones that of the target given first. Of equal targets the
      first counts.

    No pronoun is resolved. Nothing is raised; a blank name is not found. Linear in the length of `text`, however many targets.
    """
    names = [target.name for target in targets]
    return [Mention(names[number], start, end) for start, end, number in match(text, read_names(text), names, [target.aliases for target in targets])]


def find_targets(text: str, *, most: int = 10, least: int = 2) -> list[Target]:
    """The at most `most` names that `text` mentions oftenest, at least `least` times each; the first to be named leads among equals.

    People, organisations, laws, firms and places. A name's forms are one target, its fullest common form: "President Ilya
    Orlov", "Mr Orlov" and "Orlov" are "Ilya Orlov". `aliases` hold other spellings that stand in the text ("PHO", "Ilya P. Orlov");
    surnames and titles are not among them, for `find_mentions` finds those by itself. A mention of a one-word name right after
    "in", "at", "near" and the like does not count: it is where things happen, not who acts. Nothing is raised.
    """
    reading = read_names(text)
    targets = _candidates(text, reading)
    found = match(text, reading, [target.name for target in targets], [target.aliases for target in targets])
    places = {name.words[0].start for name in reading.names if _is_where(reading, name)}
    counts: Counter[int] = Counter(number for start, _, number in found if start not in places or len(targets[number].name.split()) > 1)
    first = {number: start for start, _, number in reversed(found)}
    ranked = sorted((number for number in counts if counts[number] >= least), key=lambda number: (-counts[number], first[number]))
    return [targets[number] for number in ranked[: max(0, most)]]


def _is_where(reading: Reading, name: Name) -> bool:
    if len(name.words) > 1 or name.titles or not name.first:
        return False
    before = reading.words[name.first - 1]
    return before.lower in _WHERE and before.gap == "" and before.sentence == name.words[0].sentence


_WHERE = PLACE_BEFORE | {"from", "to", "of"}


def _candidates(text: str, reading: Reading) -> list[Target]:
    """Every name of the text, with the spellings of it that only the text can tell."""
    spelled: dict[tuple[str, ...], str] = {}
    counts: Counter[tuple[str, ...]] = Counter()
    for name in reading.names:
        if not _is_numbered(reading, name):
            spelled.setdefault(name.key, " ".join(text[name.words[0].start : name.words[-1].end].split()))
            counts[name.key] += 1
    cores = {name.key: core_of(name.words) for name in reading.names}
    groups: dict[str, list[list[tuple[str, ...]]]] = {}
    for key in sorted((key for key in spelled if len(cores[key]) > 1), key=lambda key: -counts[key]):
        rivals = groups.setdefault(cores[key][-1], [])
        same = next((group for group in rivals[:8] if same_person(cores[group[0]], cores[key])), None)
        if same is None:
            rivals.append([key])
        else:
            same.append(key)
    people = _join_bodies([group for rivals in groups.values() for group in rivals], counts)
    acronyms = _acronyms(reading, people)
    targets = [Target(spelled[group[0]], tuple(spelled[key] for key in group[1:]) + acronyms.get(group[0], ())) for group in people]
    # One-word names come last: where they are somebody's surname or short form, that somebody goes before.
    taken = {word for found in acronyms.values() for word in found}
    taken |= {cores[group[0]][-1] for group in people if not is_body(group[0][-1].lower())}
    single: dict[str, str] = {}
    for key in spelled:
        word = cores[key][0]
        if len(cores[key]) == 1 and word not in taken and not _is_no_name(word, spelled):
            single[word] = max(single.get(word, ""), spelled[key], key=len)  # "Osric IV" rather than "Osric"
    return targets + [Target(name) for name in single.values()]


def _is_numbered(reading: Reading, name: Name) -> bool:
    """ "Article 41", "Highway 9"."""
    after = name.first + len(name.words)
    return len(name.words) == 1 and name.words[0].gap == "" and after < len(reading.words) and reading.words[after].text[0].isdigit()


def _is_no_name(word: str, spelled: Container[tuple[str, ...]]) -> bool:
    return is_national(word.lower()) or word.lower() in HONORIFICS or (word.isupper() and (word.capitalize(),) in spelled) or len(word) < 2


def _join_bodies(groups: list[list[tuple[str, ...]]], counts: Counter[tuple[str, ...]]) -> list[list[tuple[str, ...]]]:
    """ "Constitutional Court" and "Constitutional Court of Halvern" are one, named as it is most often, by the longer name in doubt."""
    leading = {group[0]: group for group in groups}
    for key in list(leading):
        of = next((at for at, word in enumerate(key) if word in CONNECTORS), 0)
        if of > 1 and key[:of] in leading and key in leading:
            short, long = leading.pop(key[:of]), leading.pop(key)
            joined = short + long if counts[key[:of]] > counts[key] else long + short
            leading[joined[0]] = joined
    return list(leading.values())


def _acronyms(reading: Reading, groups: Sequence[Sequence[tuple[str, ...]]]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Of each group the acronyms that stand in brackets after one of its names, or before one in brackets."""
    leads = {key: group[0] for group in groups for key in group}
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for name in reading.names:
        lead = leads.get(name.key)
        if lead is None:
            continue
        after = name.first + len(name.words)
        for at, gap in ((after, after - 1), (name.first - 1, name.first - 1)):
            if not 0 <= at < len(reading.words) or gap < 0 or reading.words[gap].gap != "(":
                continue
            word = reading.words[at].text
            if 1 < len(word) < 9 and word.isupper() and spells(word, name.key) and word not in found.get(lead, ()):
                found[lead] = (*found.get(lead, ()), word)
    return found
