"""Names that mean the same: `gun control` and `gun-control`, `vaccine` and `vaccines`, `blm` and `black lives matter`."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from slant.data.duplicates import normalise
from slant.errors import ConfigError

__all__ = ["find_aliases", "merge_aliases"]

_TITLES = frozenset((
    "mr", "mrs", "ms", "miss", "dr", "sir", "dame", "lord", "lady", "president", "prime", "minister", "chancellor", "senator", "sen",
    "representative", "rep", "congressman", "congresswoman", "governor", "gov", "mayor", "judge", "justice", "general", "gen", "colonel",
    "king", "queen", "prince", "princess", "pope", "archbishop", "bishop", "sister", "secretary", "former", "vice", "attorney", "professor",
    "prof", "coach", "captain",
))  # fmt: skip

#: The space between single letters: `u s` (U.S.) is `us`.
_INITIALS = re.compile(r"(?<=\b[^\W\d]) (?=[^\W\d]\b)")


def find_aliases(names: Iterable[str], *, people: bool = False) -> list[tuple[str, ...]]:
    """Sets of names that seem to mean one thing, the most frequent name of each first (of equals the first in the alphabet).

    Two names are joined when they differ only in case, punctuation, a plural or possessive s or a leading "the"; or when one is
    the initials of the other. With `people`, titles do not count either, and a surname alone joins the one full name that ends in it.

    Args:
        names: a name a row, as often as it occurs.
        people: whether the names may be persons'.
    """
    counts = Counter(names)
    parent = {name: name for name in counts}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    def join(first: str, second: str) -> None:
        a, b = sorted((root(first), root(second)), key=lambda name: (-counts[name], name))
        parent[b] = a

    by_key: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in sorted(counts):
        by_key[_key(name, people)].append(name)
    for same in by_key.values():
        for other in same[1:]:
            join(same[0], other)
    initials: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    surnames: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for key in by_key:
        if len(key) > 1:
            initials["".join(word[0] for word in key)].append(key)
            surnames[key[-1]].append(key)
    for key, same in by_key.items():
        if len(key) != 1:
            continue
        # What is the short form of several long ones is the short form of none.
        long = (initials[key[0]] if len(key[0]) > 1 else []) or (surnames[key[0]] if people else [])
        if len(long) == 1:
            join(same[0], by_key[long[0]][0])
    sets: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        sets[root(name)].append(name)
    found = [tuple(sorted(same, key=lambda name: (-counts[name], name))) for same in sets.values() if len(same) > 1]
    return sorted(found)


def merge_aliases(
    names: Iterable[str | None], *, more: Mapping[str, Sequence[str]] | None = None, rules: bool = True, people: bool = False
) -> list[str | None]:
    """Each name as the first of its aliases; None stays None.

    Args:
        more: aliases that no rule can know, by the name to keep. A name listed there is joined as told and with nothing else.
        rules: whether `find_aliases` joins the others.

    Raises ConfigError when `more` gives one alias to two names, or a text where a list of aliases should be.
    """
    told: dict[str, str] = {}
    for kept, others in (more or {}).items():
        if isinstance(others, str):
            raise ConfigError(f"the aliases of {kept!r} are a text and no list", where="aliases", remedy=f"Write {{{kept}: [{others}]}}")
        for other in [kept, *others]:
            if told.setdefault(other, kept) != kept:
                raise ConfigError(f"{other!r} is an alias of {told[other]!r} and of {kept!r}", where="aliases", remedy="Name it once")
    listed = list(names)
    sets = find_aliases((n for n in listed if n is not None and n not in told), people=people) if rules else []
    canonical = {name: same[0] for same in sets for name in same}
    return [None if name is None else told.get(name, canonical.get(name, name)) for name in listed]


def _key(name: str, people: bool) -> tuple[str, ...]:
    words = _INITIALS.sub("", normalise(name.replace("’s", "").replace("'s", ""))).split()
    kept = [_singular(word) for word in words if word != "the" and not (people and word in _TITLES)]
    return tuple(kept or words)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
