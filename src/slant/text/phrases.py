"""Noun phrases: where they begin and end, and what of them names somebody."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from slant.text import speech
from slant.text.speech import listed
from slant.text.tokens import REACH, Token, breaks, clause_start, is_adverb, is_capital, is_name_word

__all__ = ["TIME", "Phrase", "first_phrase", "is_attached", "is_time", "named_before", "read_phrase", "trailing_phrase"]

TIME = re.compile(r"(?:second|minute|hour|day|morning|afternoon|evening|night|week|weekend|month|year|time|decade|spring|summer|autumn|winter)s?$")


_ATTACHING = listed("of for at in from on to with near by behind outside inside among about against across around within")


_LEADING = listed("and but or nor yet so")


_PEOPLE = (
    "er",
    "ers",
    "or",
    "ors",
    "man",
    "men",
    "woman",
    "women",
    "police",
    "ist",
    "ists",
    "ian",
    "ians",
    "cials",
    "staff",
    "group",
    "union",
    "party",
    "firm",
    "board",
)


_PASTS = listed(
    """
    paid made gave took came went left sent met held kept won lost fell rose ran set cut got found saw became began brought built bought
    sold spent stood sat drew grew knew led fled shook wept threw broke chose drove flew hid laid wore hit stole tore
    """
)


@dataclass(frozen=True)
class Phrase:
    """A noun phrase: the tokens from `first` up to `after`; what it names lies at `text[start:end]`."""

    start: int
    end: int
    kind: str  # "name", "noun", "pronoun" or "nobody" ("I", "others")
    first: int
    after: int


def read_phrase(tokens: Sequence[Token], at: int, limit: int) -> Phrase | None:
    """The noun phrase that begins at token `at` and ends before `limit`; in "the mayor, Felix Grau," the name counts."""
    limit = min(limit, at + REACH, len(tokens))
    while at < limit and tokens[at].lower in ("both", "even", "only", "just", "all"):
        at += 1
    if at >= limit or not tokens[at].is_word or (tokens[at].word[0].isdigit() and (at + 1 == limit or breaks(tokens[at + 1]))):
        return None
    head = tokens[at]
    if head.lower in ("one", "another", "some", "many", "two", "three") and at + 1 < limit and tokens[at + 1].lower == "of":
        nobody = Phrase(head.start, head.end, "nobody", at, at + 1)
        return _apposition(tokens, nobody, limit) or nobody
    if head.lower in speech.PRONOUNS:
        return Phrase(head.start, head.end, "pronoun", at, at + 1)
    if head.lower in speech.INDEFINITE and (at + 1 >= limit or breaks(tokens[at + 1]) or head.lower in ("i", "we", "you", "us", "me")):
        return Phrase(head.start, head.end, "nobody", at, at + 1)
    begin = at
    while begin < limit and tokens[begin].lower in speech.DETERMINERS:
        begin += 1
    after = begin
    while after < limit and not breaks(tokens[after]) and not (tokens[after].lower in speech.DETERMINERS and after > begin):
        if after > begin and (_is_participle(tokens, after, limit) or tokens[after].word.isdigit()):
            break
        after = _past_nickname(tokens, after + 1, limit)
    if after == begin:
        return None
    named = _last_name(tokens, begin, after, at)
    is_name = named is not None and (begin == at or named > begin or tokens[at].lower not in speech.DETERMINERS)
    if named == begin == at == after - 1 and head.lower in speech.OCCUPATIONS and (at == 0 or not tokens[at - 1].is_word):
        is_name = False
    if named is not None and is_name:
        return Phrase(tokens[named].start, _bare_end(tokens[after - 1]), "name", at, after)
    shown = begin if tokens[at].lower in speech.ARTICLES or begin == at else at
    if named == begin and shown == begin:  # "the Central Bank of Halvern"
        while after + 1 < limit and tokens[after].lower == "of" and is_name_word(tokens[after + 1]):
            after += 1
            while after < limit and is_name_word(tokens[after]):
                after += 1
    phrase = Phrase(tokens[shown].start, _bare_end(tokens[after - 1]), "noun", at, after)
    return _apposition(tokens, phrase, limit) or _author(tokens, phrase, limit) or _with_complement(tokens, phrase, limit)


def _author(tokens: Sequence[Token], phrase: Phrase, limit: int) -> Phrase | None:
    """Whose "a statement by the ministry" is."""
    at = phrase.after
    if at + 1 < limit and tokens[at - 1].lower in speech.SPEECH_NOUNS and tokens[at].lower in ("by", "from"):
        author = read_phrase(tokens, at + 1, limit)
        if author is not None and author.kind in ("name", "noun"):
            return replace(author, first=phrase.first)
    return None


def _with_complement(tokens: Sequence[Token], phrase: Phrase, limit: int) -> Phrase:
    """ "spokesman for the ministry", "head of the union", "source close to the talks"."""
    at = phrase.after
    if at + 1 >= limit or not (tokens[at].lower in ("of", "for") or (tokens[at].lower == "to" and tokens[at - 1].lower == "close")):
        return phrase
    first = after = at + 1
    while after < limit and (tokens[after].lower in speech.DETERMINERS if after == first else not breaks(tokens[after])):
        after += 1
    while after < limit and not breaks(tokens[after]) and tokens[after].lower not in speech.DETERMINERS:
        after += 1
    if tokens[after - 1].lower in speech.DETERMINERS or after == first or not tokens[after - 1].is_word:
        return phrase
    return replace(phrase, end=_bare_end(tokens[after - 1]), after=after)


def _is_participle(tokens: Sequence[Token], at: int, limit: int) -> bool:
    """ "a leaflet handed out at the gates", "a log kept by the council"."""
    if not tokens[at].lower.endswith(("ed", "kept", "sent", "made", "written", "held")) or is_capital(tokens[at]):
        return False
    return at + 1 < limit and tokens[at + 1].lower in speech.PREPOSITIONS


def _bare_end(token: Token) -> int:
    return token.end - 2 if token.word.endswith(("'s", "’s")) else token.end


def _past_nickname(tokens: Sequence[Token], after: int, limit: int) -> int:
    """Steps over the marks in 'Bella “Bulldozer” Kranz'."""
    if after + 1 < limit and tokens[after].quotation >= 0 and is_name_word(tokens[after - 1]) and is_name_word(tokens[after + 1]):
        return after + 1
    return after


def _last_name(tokens: Sequence[Token], begin: int, after: int, at: int) -> int | None:
    """Where the name begins with which the words from `begin` up to `after` end; None if they end otherwise."""
    first = after
    while first > begin:
        token = tokens[first - 1]
        if (
            (is_name_word(token, first - 1 == at) and not (token.is_possessive and first < after and not _is_in_name(tokens, first - 1)))
            or token.quotation >= 0
            or (token.lower in speech.PARTICLES and token.word.islower() and first < after)
        ):
            first -= 1
        else:
            break
    while first < after and (tokens[first].quotation >= 0 or tokens[first].word.islower()):
        first += 1
    if first == after or tokens[first].word[0].isdigit():
        return None
    if first > 0 and after - first > 1 and tokens[first].lower in speech.MONTHS and tokens[first - 1].lower in speech.PREPOSITIONS:
        first += 1  # "in May Orlov", but "Theresa May"
    is_opening = first == 0 or not tokens[first - 1].is_word
    if is_opening and after - first > 2 and tokens[first].lower in speech.OCCUPATIONS:
        first += 1
    return first


def _is_in_name(tokens: Sequence[Token], index: int) -> bool:
    """Whether a possessive is part of a name: "Harbour Workers' Union", "the Boatmen's League"; not in "Orlov's Union"."""
    if tokens[index].word.endswith(("s'", "s’")):
        return True
    last = index
    while last + 1 < len(tokens) and is_name_word(tokens[last + 1]):
        last += 1
    if last - index > 1 and tokens[last].lower not in speech.BODIES:  # "the BBC's Tom Ash"
        return False
    while index > 0 and is_name_word(tokens[index]):
        index -= 1
    return tokens[index].lower == "the"


def _apposition(tokens: Sequence[Token], phrase: Phrase, limit: int) -> Phrase | None:
    """The name that follows a description: "the director of the institute in Vesterhal, Brita Skaar, on Monday"."""
    at = phrase.after
    for _ in range(4):
        if at + 1 < limit and tokens[at].lower in ("of", "for", "at", "in", "from", "on", "to", "with"):
            inner = at + 1
            while inner < limit and (tokens[inner].lower in speech.DETERMINERS or tokens[inner].lower in ("them", "us") or not breaks(tokens[inner])):
                inner += 1
            if inner == at + 1:
                return None
            at = inner
        else:
            break
    if at + 1 >= limit or tokens[at].word != "," or not is_name_word(tokens[at + 1]):
        return None
    first = after = at + 1
    while after < limit and (is_name_word(tokens[after]) or (tokens[after].lower in speech.PARTICLES and tokens[after].word.islower())):
        after = _past_nickname(tokens, after + 1, limit)
        if tokens[after - 1].is_possessive:
            return None
    if after < limit and tokens[after].is_word and tokens[after].lower not in speech.PREPOSITIONS | speech.RELATIVES:
        return None
    return Phrase(tokens[first].start, tokens[after - 1].end, "name", phrase.first, after)


def named_before(tokens: Sequence[Token], phrase: Phrase) -> Phrase:
    """The name that a description stands beside: "Felix Grau, the mayor"."""
    if phrase.kind != "noun" or phrase.first < 2 or tokens[phrase.first - 1].word != ",":
        return phrase
    comma = phrase.first - 1
    name = trailing_phrase(tokens, clause_start(tokens, comma - 1), comma)
    return replace(name, after=phrase.after) if name is not None and name.kind == "name" else phrase


def is_attached(tokens: Sequence[Token], at: int, limit: int) -> bool:
    """Whether the tokens from `at` up to `limit` are "of the anglers' league" and the like."""
    if tokens[at].lower not in _ATTACHING:
        return False
    return not any(token.lower in speech.FINITE or token.lower in speech.RELATIVES for token in tokens[at:limit])


def is_time(tokens: Sequence[Token], first: int, after: int) -> bool:
    """ "Last week Orlov", "Two days later the minister"."""
    if tokens[first].lower in speech.DAYS and is_capital(tokens[first]):
        return True
    return any(TIME.search(token.lower) for token in tokens[first : min(first + 3, after - 1)]) and not tokens[first].is_possessive


def trailing_phrase(tokens: Sequence[Token], first: int, after: int) -> Phrase | None:
    """The noun phrase with which the tokens from `first` up to `after` end."""
    if first >= after:
        return None
    if tokens[after - 1].lower in speech.PRONOUNS or tokens[after - 1].lower in speech.INDEFINITE:
        return read_phrase(tokens, after - 1, after)
    at = after
    while at > first and (not breaks(tokens[at - 1]) or (tokens[at - 1].lower in speech.PARTICLES and tokens[at - 1].word.islower())):
        at -= 1
        if tokens[at].lower in speech.DETERMINERS:
            break
    named = _last_name(tokens, at, after, first)
    if named is not None and tokens[max(named - 1, at)].lower not in speech.DETERMINERS:
        return Phrase(tokens[named].start, _bare_end(tokens[after - 1]), "name", named, after)
    while at < after - 1 and TIME.search(tokens[at].lower):
        at += 1
    return read_phrase(tokens, at, after)


def first_phrase(tokens: Sequence[Token], limit: int) -> Phrase | None:
    """What a sentence is about, as far as that can be told: its first noun phrase that no preposition governs."""
    at = 0
    limit = min(limit, REACH, len(tokens))
    while at < limit and (not tokens[at].is_word or tokens[at].word[0].isdigit() or tokens[at].lower in _LEADING or is_adverb(tokens[at])):
        at += 1
    if at < limit and (_subordinates(tokens[at]) or is_time(tokens, at, limit)):
        comma = next((place for place in range(at, limit) if tokens[place].word == ","), None)
        if comma is None:
            return None
        at = comma + 1
    phrase = read_phrase(tokens, at, limit) if at < limit else None
    if phrase is None or tokens[phrase.after - 1].word.endswith(("'s", "’s")):
        return None
    return _without_verb(tokens, phrase)


def _subordinates(token: Token) -> bool:
    lower = token.lower
    return lower in speech.PREPOSITIONS or lower in speech.CONJUNCTIONS or lower in ("asked", "said", "what") or lower.endswith("ing")


def _without_verb(tokens: Sequence[Token], phrase: Phrase) -> Phrase:
    """A phrase that was read without knowing where its verb stands, cut before what is likely that verb."""
    if phrase.kind != "noun":
        return phrase
    first = phrase.first
    while tokens[first].lower in speech.DETERMINERS:
        first += 1
    for at in range(first + 1, phrase.after):
        lower = tokens[at].lower
        after_name = is_name_word(tokens[at - 1]) and not tokens[at - 1].is_possessive and first == phrase.first and not lower.endswith(_PEOPLE)
        if tokens[at].word.islower() and (after_name or lower.endswith("ed") or lower in _PASTS or lower in speech.SAY):
            kind = "name" if first == phrase.first and all(is_name_word(token) for token in tokens[first:at]) else "noun"
            return Phrase(phrase.start, _bare_end(tokens[at - 1]), kind, phrase.first, at)
    return phrase
