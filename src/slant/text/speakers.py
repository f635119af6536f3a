"""Which quotations in a sentence are somebody’s speech, and whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slant.text import speech
from slant.text.attribution import Attribution
from slant.text.phrases import Phrase, first_phrase, read_phrase
from slant.text.speech import listed
from slant.text.tokens import DASHES, Token, has_finite

__all__ = ["judge_quotation", "read_heading", "tag_after"]

#: Quotations of so many words are speech although nothing says whose; shorter ones are scare quotes.
_LONG = 4


_END_MARKS = ".!?…"


_READS = listed("read reads reading say says said saying shout shouts shouted chant chants chanted chanting proclaim proclaims proclaimed")


#: Words before a headline's colon that name no speaker.
_LABELS = listed("exclusive breaking revealed live watch video opinion analysis update updated comment editorial q a")
_FIRST_PERSON = listed("i i'm i’m i've i’ve i'll i’ll we we're we’re we've we’ve we'll we’ll")


def judge_quotation(
    text: str, tokens: Sequence[Token], index: int, inner: tuple[int, int], attributions: Sequence[Attribution]
) -> tuple[str, Phrase | None]:
    """The kind of the quotation that is token `index` of a sentence, and the phrase for its speaker if one is there.

    `inner` bounds the quoted words; `attributions` are the sentence's.
    """
    words = text[inner[0] : min(inner[1], inner[0] + 400)].split()
    last = text[inner[1] - 1]
    if _quotes_nobody(tokens, index, words, last):
        return "scare", None
    tag = tag_after(tokens, index, last, attributions)
    if tag is not None:
        return "direct", tag
    left = _governing(tokens, [a for a in attributions if a.verb < index])
    if left is not None and left.names and index - left.verb <= 3:
        return ("direct" if len(words) >= _LONG and not _is_title(words) else "scare"), None
    is_title = _is_title(words) and last not in ",.!?…" and len(words) > 1 and not _is_announced(tokens, index, ":")
    parallel = index + 1 < len(tokens) and tokens[index + 1].quotation >= 0  # called “The Crow” “a mess”
    if is_title and (left is None or index - left.verb > 3 or parallel):
        return "scare", None
    before = tokens[index - 1] if index else None
    if left is not None and not (len(words) < _LONG and _is_apart(tokens, left.after, index)):
        return "direct", left.speaker
    if before is not None and before.word == ":":
        return "direct", first_phrase(tokens, index)
    if tokens[0].is_word and (headed := read_heading(tokens)) is not None and index > headed.after:
        return "direct", headed
    right = next((a for a in attributions if a.verb > index and a.is_speech and a.bound and _follows_comma(tokens, a)), None)
    if right is not None:
        return "direct", right.speaker
    if not any(token.is_word for token in tokens[:index]) and (not any(token.is_word for token in tokens) or (len(words) > 1 and last in ",.!?…")):
        return "direct", None
    if not index and tokens[1].word in ":–—" and len(words) > 1 and not is_title:
        return "direct", None
    determined = before is not None and (before.lower in speech.DETERMINERS or before.is_possessive)
    if (
        len(words) >= (_LONG if determined else _LONG - 1)
        or (len(words) > 1 and words[0].lower() in _FIRST_PERSON)
        or (len(words) > 1 and last in _END_MARKS and (index == 0 or _is_announced(tokens, index)))
    ):
        clause = next((at + 1 for at in range(index - 1, -1, -1) if tokens[at].word == ";"), 0)
        phrase = first_phrase(tokens[clause:index], index - clause)
        return "direct", phrase if phrase is not None and phrase.kind == "name" and " " in text[phrase.start : phrase.end] else None
    return "scare", None


def _governing(tokens: Sequence[Token], before: Sequence[Attribution]) -> Attribution | None:
    """The attribution that a quotation stands under: the last one before it, or the verb of speech whose clause that stands in."""
    if not before:
        return None
    inner = before[-1]
    for outer in reversed(before[:-1][-4:]):
        if inner.speaker is not None and inner.speaker.kind == "name" and not inner.weak:
            return inner
        opener = tokens[inner.first - 1].lower if inner.first else ""
        if opener in ("which", "what", "whom", "who", "where") or (opener == "that" and inner.first - 1 - outer.verb > 3 and not inner.weak):
            return inner
        if outer.is_speech and outer.bound and not outer.weak and outer.speaker is not None and not _is_apart(tokens, outer.after, inner.verb):
            opener = tokens[outer.after].lower if outer.after < len(tokens) else ""
            if opener not in (",", "") and outer.after < inner.verb:
                return outer
    return inner


def _is_title(words: Sequence[str]) -> bool:
    """Whether every word of weight has a capital, as in "The Quiet Ferry"."""
    heavy = [word.strip("‘’'\".,!?") for word in words if len(word) > 3]
    return bool(heavy) and all(word[:1].isupper() or word[:1].isdigit() for word in heavy) and words[0][:1].isupper() and len(words) < 12


def _is_announced(tokens: Sequence[Token], index: int, marks: str = ":,") -> bool:
    """Whether one of `marks` or a verb of speech stands right before the quotation."""
    return index > 0 and (tokens[index - 1].word in marks or tokens[index - 1].lower in _READS)


def _quotes_nobody(tokens: Sequence[Token], index: int, words: Sequence[str], last: str) -> bool:
    before = tokens[index - 1] if index else None
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if before is None or not before.is_word:
        return False
    if before.lower in ("marked", "stamped", "headed", "letters") and len(words) >= _LONG - 1 and words[0].islower():
        return False
    if before.lower in speech.MENTIONS or (before.lower == "called" and index > 1 and tokens[index - 2].lower == "so"):
        return True
    if before.lower == "as" and index > 1 and tokens[index - 2].lower in ("known", "billed", "marketed", "famous", "sold"):
        return True
    is_name = words[0][:1].isupper() or (words[0] == "the" and words[-1][:1].isupper())
    if before.word[0].isupper() and after is not None and after.is_word and after.word[0].isupper() and len(words) <= 3:
        return is_name and before.lower not in speech.STOPS | speech.DETERMINERS
    near = [token.lower for token in tokens[max(0, index - 2) : index] if token.is_word]
    if any(word in speech.WORKS for word in near) and is_name and (_is_title(words) or before.lower in speech.WORKS) and last != ",":
        return before.lower not in _READS
    return False


def tag_after(tokens: Sequence[Token], index: int, last: str, attributions: Sequence[Attribution]) -> Phrase | None:
    """The speaker in what follows a quotation: ," said X / X said / as X put it / according to X / – X."""
    at = index + 1
    while at < len(tokens) and not tokens[at].is_word and tokens[at].quotation < 0 and tokens[at].word != ";" and at - index < 4:
        at += 1
    if at >= len(tokens) or not tokens[at].is_word:
        return None
    parted = at > index + 1 or last in ",.!?…—–-" or not any(token.is_word and token.word[0].isalpha() for token in tokens[:index])
    for attribution in attributions:
        if attribution.first > at:
            break
        if parted and attribution.first == at and attribution.is_speech and not attribution.names and attribution.bound:
            return attribution.speaker
    link = tokens[at - 1].word if at > index + 1 else ""
    if link == ":" or (link and link in DASHES + "-" and not any(token.is_word for token in tokens[:index])):
        phrase = first_phrase(tokens[at : at + 40], 40)
        if phrase is not None:
            phrase = replace(phrase, first=phrase.first + at, after=phrase.after + at)
        if phrase is not None and phrase.kind == "name" and not has_finite(tokens, phrase.after):
            return phrase
        if phrase is not None and link == ":" and phrase.kind == "noun" and not has_finite(tokens, phrase.after):
            return phrase
    return None


def _is_apart(tokens: Sequence[Token], first: int, index: int) -> bool:
    """Whether a new clause begins among the tokens from `first` up to `index`."""
    for at in range(max(first, index - 40), index):
        token = tokens[at]
        if token.word == ";":
            return True
        if token.word == "," and at + 1 < index and tokens[at + 1].lower in speech.CONJUNCTIONS:
            return True
    return False


def read_heading(tokens: Sequence[Token]) -> Phrase | None:
    """ "Union" in the headline "Union: talks 'useful' but pay offer 'a joke'"."""
    phrase = read_phrase(tokens, 0, min(8, len(tokens)))
    if phrase is None or tokens[0].lower in _LABELS:
        return None
    if phrase.kind in ("name", "noun") and phrase.after < len(tokens) and tokens[phrase.after].word == ":":
        return phrase
    return None


def _follows_comma(tokens: Sequence[Token], attribution: Attribution) -> bool:
    before = tokens[attribution.first - 1] if attribution.first else None
    opener = tokens[attribution.first]
    return before is None or not before.is_word or opener.lower in ("as", "according") or tokens[attribution.verb].lower in ("words", "phrase")
