"""Reported speech, and what of a sentence is a bare "she said"."""

from __future__ import annotations

from collections.abc import Sequence

from slant.text import speech
from slant.text.attribution import Attribution, find_attributions
from slant.text.phrases import Phrase, first_phrase
from slant.text.speakers import read_heading, tag_after
from slant.text.speech import listed
from slant.text.tokens import Token, has_finite

__all__ = ["find_reporter", "is_bare_tag"]

_THOUGHT = listed(
    """
    think thinks thought believe believes believed feel feels felt hold holds held go goes went put puts begin begins began read reads speak
    speaks spoke accept accepts accepted object objects objected point points pointed regret regrets regretted find finds found hear hears
    heard remember remembers remembered request requests requested hint urge
    """
)


_COMMANDS = listed(
    """
    told tells tell asked asks urged urges warned warns promised promises vowed vows pledged pledges threatened threatens advised advises
    begged begs volunteered volunteers offered offers
    """
)


#: Verbs after which a clause without "that" is reported speech.
_CORE = listed(
    """
    say says said claim claims claimed argue argues argued insist insists insisted warn warns warned add adds added admit admits admitted
    tell tells told allege alleges alleged suggest suggests suggested predict predicts predicted deny denies denied confirm confirms
    confirmed conclude concludes concluded concede concedes conceded complain complains complained boast boasts boasted acknowledge
    acknowledges acknowledged announce announces announced assert asserts asserted maintain maintains maintained reply replies replied write
    writes wrote contend contends contended declare declares declared explain explains explained swear swears swore vow vows vowed promise
    promises promised stress stresses stressed joke jokes joked fear fears feared estimate estimates estimated repeat repeats repeated
    """
)


_SILENCE = listed("nothing little goodbye farewell so yes no hello sorry grace prayers mass")


def find_reporter(tokens: Sequence[Token]) -> Phrase | None:
    """Whose words a sentence reports without marks: "Orlov said the bill was dead", "according to the union"."""
    for attribution in find_attributions(tokens):
        phrase, lower = attribution.speaker, tokens[attribution.verb].lower
        if phrase is None or phrase.kind == "nobody" or not attribution.is_speech or not attribution.bound or lower in _THOUGHT:
            continue
        if lower == "according" or lower not in speech.SAY or _reports(tokens, attribution):
            return phrase
    return None


def _reports(tokens: Sequence[Token], attribution: Attribution) -> bool:
    """Whether a clause goes with a verb of speech."""
    after = attribution.after
    rest = tokens[after : after + 30]
    if rest and rest[0].lower in _SILENCE and not (len(rest) > 1 and rest[0].lower in ("no", "little") and has_finite(tokens, after + 1)):
        return False
    before = tokens[attribution.first - 1] if attribution.first else None
    if before is not None and before.word == "," and (not rest or not rest[0].is_word or rest[0].lower in speech.PREPOSITIONS | speech.DAYS):
        return True
    if before is not None and before.word == "," and tokens[attribution.verb].lower in ("told", "tells"):
        return True
    for place, token in enumerate(rest):
        if token.word in (";", ":") or (token.word == "," and place > 12):
            return False
        if token.lower in ("that", "whether", "how", "why", "if") and place < 12:
            return True
        if place and tokens[attribution.verb].lower in _CORE and (token.lower in speech.FINITE or token.lower.endswith(("n't", "n’t"))):
            return True
        if token.lower == "to" and place < 8 and tokens[attribution.verb].lower in _COMMANDS:
            return True
    return False


def is_bare_tag(tokens: Sequence[Token], direct: Sequence[int]) -> bool:
    """Whether the words of a sentence outside its speech, tokens `direct`, only say whose speech it is.

    "…," said the mayor, Felix Grau; "…," she told reporters on Tuesday, "…"; Orlov said: "…". A second statement of the writer's
    ("and she signed the order") makes it more.
    """
    attributions = find_attributions(tokens)
    first = direct[0]
    if any(token.is_word and token.word[0].isalpha() for token in tokens[:first]):
        return len(direct) == 1 and _is_leading_tag(tokens, first, attributions)
    stop = direct[1] if len(direct) > 1 else len(tokens)
    tag = tag_after(tokens, first, ",", attributions)
    if tag is None or _says_more(tokens, max(tag.after, first + 1), stop):
        return _is_tag_without_speaker(tokens, first, stop, attributions) and not _says_more(tokens, first + 1, len(tokens))
    return len(direct) == 1 or not any(token.is_word for token in tokens[direct[1] :])


def _is_tag_without_speaker(tokens: Sequence[Token], first: int, stop: int, attributions: Sequence[Attribution]) -> bool:
    """ "…," one of them said: a tag whose subject is no name."""
    return any(a.verb > first and a.is_speech and a.bound and a.verb < stop and a.first - first < 4 and a.verb - first < 12 for a in attributions[:2])


def _says_more(tokens: Sequence[Token], first: int, stop: int) -> bool:
    """Whether after a tag comes another statement of the writer's."""
    relative = False
    for at in range(first, stop):
        token = tokens[at]
        if token.lower in speech.RELATIVES or token.lower in ("as", "when", "after", "before", "if", "while", "because"):
            relative = True
        if token.word == ";":
            return True
        if token.lower in ("and", "but", "so", "yet") and at + 1 < stop:
            follower = tokens[at + 1]
            parted = tokens[at - 1].word == ","
            own = speech.SUBJECTS | speech.DETERMINERS | {"within", "then"}
            if parted and (not relative or follower.lower in own) and _has_finite_or_verb(tokens, at, stop):
                return True
            if not parted and not relative and follower.is_word and follower.word.islower() and follower.lower.endswith("ed"):
                return True
            if not parted and not relative and follower.lower in ("left", "went", "sat", "then", "was", "is", "had", "walked", "told", "said"):
                return True
    return False


def _has_finite_or_verb(tokens: Sequence[Token], first: int, stop: int) -> bool:
    return stop - first > 3 or has_finite(tokens[first:stop], 0)


def _is_leading_tag(tokens: Sequence[Token], index: int, attributions: Sequence[Attribution]) -> bool:
    """Whether a sentence is "X said: “…”", "X told reporters, “…”" or the headline "X: ‘…’"."""
    if any(token.is_word for token in tokens[index + 1 :]) or index == 0 or tokens[index - 1].word not in (":", ",", "–", "—", "-"):
        return False
    body = [token for token in tokens[:index] if token.is_word]
    if len(body) > 30 or any(token.word == ";" for token in tokens[:index]):
        return False
    if read_heading(tokens) is not None and len(attributions) == 0:
        return True
    if not attributions:
        return tokens[index - 1].word == ":" and not has_finite(tokens, 0) and _is_bare_place(tokens, index - 1)
    tag = attributions[0]
    if not tag.is_speech or tag.speaker is None or len(attributions) > 1 or tag.names:
        return False
    opening = min(tag.first, tag.speaker.first)
    if tokens[0].lower in speech.PREPOSITIONS and opening < 12 and tokens[opening - 1].word == ",":
        opening = 0  # "In a statement on Friday, the company said: “…”"
    if any(token.is_word and token.lower not in speech.CONJUNCTIONS and token.word[0].isalpha() for token in tokens[:opening]):
        return False
    between = [token.lower for token in tokens[tag.verb + 1 : index]]
    return not any(word in speech.FINITE or word in ("that", "how", "why", "and", "but") for word in between)


def _is_bare_place(tokens: Sequence[Token], colon: int) -> bool:
    """ "Thole at the chapter house:": a phrase and where it spoke."""
    phrase = first_phrase(tokens, colon)
    return phrase is not None and phrase.kind == "name" and colon - phrase.after < 6 and tokens[phrase.after].lower in speech.PREPOSITIONS
