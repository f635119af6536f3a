"""Who speaks: verbs of speech in a sentence, and the noun phrases that are their subjects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from slant.text import speech
from slant.text.phrases import TIME, Phrase, first_phrase, is_attached, is_time, named_before, read_phrase, trailing_phrase
from slant.text.speech import listed
from slant.text.tokens import REACH, Token, breaks, clause_start, is_adverb, is_capital, is_nickname

__all__ = ["Attribution", "find_attributions", "may_attribute"]

_LETTERS = re.compile("[a-z]+")
#: Every word that `find_attributions` begins at.
_TRIGGERS = frozenset({"according"}) | speech.SPEECH_NOUNS | speech.SAY | speech.JUDGE


@dataclass(frozen=True)
class Attribution:
    """Words of speech at the tokens from `first` up to `after`, and whose they are (None where nothing says it)."""

    verb: int
    speaker: Phrase | None
    first: int
    after: int
    is_speech: bool  # a verb of speech, or "according to": it may govern a clause or a whole quotation
    names: bool = False  # "called", "dubbed" and the like directly before a quotation, with no object: it names a thing
    bound: bool = True  # has a finite verb; "to say", "saying" have none
    weak: bool = False  # "would seek", "wanted": gives way to the verb of speech that governs it


def may_attribute(text: str) -> bool:
    """False only where `find_attributions` would find nothing in any part of `text`; it is twenty times as quick as to cut it into tokens."""
    return not _TRIGGERS.isdisjoint(_LETTERS.findall(text.lower()))


def find_attributions(tokens: Sequence[Token]) -> list[Attribution]:
    """Every verb of speech in a sentence, in order, with its subject; and "according to", "in the words of", "X's claim that"."""
    found: list[Attribution] = []
    for index, token in enumerate(tokens):
        if not token.is_word:
            continue
        lower = token.lower
        if lower == "according" and index + 1 < len(tokens) and tokens[index + 1].lower == "to":
            phrase = read_phrase(tokens, index + 2, len(tokens))
            if phrase is not None and tokens[phrase.after - 1].lower not in speech.ABSTRACT:
                found.append(Attribution(index, phrase, index, phrase.after, True))
        elif lower in speech.SPEECH_NOUNS:
            found.extend(_of_noun(tokens, index))
        if (lower in speech.SAY or lower in speech.JUDGE) and not _is_noun(tokens, index):
            attribution = _of_verb(tokens, index, found)
            if attribution is not None:
                found.append(attribution)
    return found


def _of_noun(tokens: Sequence[Token], index: int) -> Iterator[Attribution]:
    """ "in the words of Ludo Maas", "in Runa Tjeld's words", "Orlov's claim that"."""
    lower = tokens[index].lower
    follower = tokens[index + 1] if index + 1 < len(tokens) else None
    if lower in ("words", "phrase", "view", "opinion", "account", "wording") and follower is not None and follower.lower == "of":
        begins = next((back for back in (index - 1, index - 2) if back >= 0 and tokens[back].lower == "in"), None)
        phrase = read_phrase(tokens, index + 2, len(tokens))
        if begins is not None and phrase is not None:
            yield Attribution(index, phrase, begins, phrase.after, True)
        return
    if index > 1 and tokens[index - 1].lower in ("his", "her", "their") and tokens[index - 2].lower == "in":
        pronoun = tokens[index - 1]
        yield Attribution(index, Phrase(pronoun.start, pronoun.end, "pronoun", index - 1, index), index - 2, index + 1, True)
        return
    owner = index - 1
    while owner > index - 4 and owner >= 0 and tokens[owner].is_word and not tokens[owner].is_possessive and not breaks(tokens[owner]):
        owner -= 1
    if owner < 0 or owner == index or not tokens[owner].is_word or not tokens[owner].is_possessive:
        return
    begins = clause_start(tokens, owner)
    while begins < owner and tokens[begins].lower in speech.PREPOSITIONS:
        begins += 1
    if any(token.lower in speech.SAY or token.lower in speech.JUDGE for token in tokens[begins:owner]):
        return
    phrase = trailing_phrase(tokens, begins, owner + 1)
    in_words = lower in ("words", "phrase", "view", "account") and begins > 0 and tokens[begins - 1].lower == "in"
    leads = follower is not None and (follower.quotation >= 0 or follower.lower in ("that", "of") or follower.word == ":")
    if phrase is not None and (in_words or leads):
        first = begins - 1 if in_words else begins
        yield Attribution(index, phrase, first, index + 1, True, bound=in_words)


def _is_noun(tokens: Sequence[Token], index: int) -> bool:
    """Whether a word that may be a verb of speech is a noun or an adjective here."""
    if index == 0:
        return False
    before, lower = tokens[index - 1], tokens[index].lower
    if is_capital(tokens[index]) and not before.is_word and before.quotation < 0:
        return True  # "KESSMOOR – Reports of bullying fell"
    if before.quotation >= 0:
        return index > 1 and (tokens[index - 2].lower in speech.DETERMINERS or tokens[index - 2].is_possessive)
    if not before.is_word:
        return False
    if before.lower in speech.DETERMINERS and before.lower not in ("that", "this", "these", "those", "one", "another", "each", "some", "both"):
        return True
    if before.is_possessive and before.lower not in ("what's", "it's", "that's") and not lower.endswith(("ing", "ed")):
        return not (is_capital(before) and before.word.endswith("s'"))
    return before.lower in speech.PREPOSITIONS and not lower.endswith("ing") and before.lower not in ("to", "as", "once", "before", "after", "since")


def _of_verb(tokens: Sequence[Token], index: int, found: Sequence[Attribution]) -> Attribution | None:
    attribution = _of_any_verb(tokens, index, found)
    if attribution is None:
        return None
    lower, speaker = tokens[index].lower, attribution.speaker
    before = tokens[index - 1] if index else None
    modal = before is not None and before.is_word and ((before.lower in speech.MODALS and before.word.islower()) or before.lower == "to")
    if speaker is not None and not modal and not lower.endswith(("s", "ed", "ing")) and lower in speech.BASES:
        subject = tokens[index - 1].lower
        if speaker.kind in ("noun", "nobody") and subject not in speech.SUBJECTS and not subject.endswith("s") and subject not in _COLLECTIVES:
            return None  # "his enormous credit", "one answer"
        if speaker.kind == "name" and before is not None and not before.is_word:
            return attribution
    return replace(attribution, weak=True) if lower in speech.WEAK or (modal and attribution.bound) else attribution


#: Participles that say what a thing is called: "a plan called “Fresh Start”" quotes nobody.
_NAMED = listed("called named dubbed termed labelled labeled branded styled described billed cast tagged")


_COLLECTIVES = listed("people police men women children media clergy staff team crew public crowd family government majority press")


def _of_any_verb(tokens: Sequence[Token], index: int, found: Sequence[Attribution]) -> Attribution | None:
    lower = tokens[index].lower
    is_speech = lower in speech.SAY
    follower = tokens[index + 1] if index + 1 < len(tokens) else None
    back = index - 1
    aux: set[str] = set()
    while back >= 0 and tokens[back].is_word and index - back < 8:
        word = tokens[back].lower
        if word in speech.BE:
            aux.add("be")
        elif word in speech.HAVE:
            aux.add("have")
        elif word == "to":
            aux.add("to")
        elif not is_adverb(tokens[back]):
            break
        back -= 1
    names = lower in _NAMED and follower is not None and (follower.quotation >= 0 or (follower.lower == "as" and _quotes(tokens, index + 2)))
    if "be" in aux and not lower.endswith("ing"):
        return _by_agent(tokens, index, is_speech, names)
    if follower is not None and follower.lower in ("by",) and not aux & {"have"}:
        return _by_agent(tokens, index, is_speech, names)
    participle = lower.endswith("ing") and "be" not in aux
    if participle or "to" in aux:
        subject = _subject_of_sentence(tokens, index, found)
        return Attribution(index, subject, index, index + 1, is_speech, bound=False)
    if back >= 0 and tokens[back].is_word and tokens[back].lower in speech.PREPOSITIONS and tokens[back].lower not in ("as", "than"):
        return Attribution(index, _subject_of_sentence(tokens, index, found), index, index + 1, is_speech, bound=False)
    return _with_subject(tokens, index, back, found, is_speech, names)


def _quotes(tokens: Sequence[Token], index: int) -> bool:
    while index < len(tokens) and (tokens[index].lower in speech.ARTICLES or tokens[index].lower == "being"):
        index += 1
    return index < len(tokens) and tokens[index].quotation >= 0


def _by_agent(tokens: Sequence[Token], index: int, is_speech: bool, names: bool) -> Attribution | None:
    """A passive: its agent is the speaker."""
    for at in range(index + 1, min(index + 10, len(tokens))):
        if tokens[at].word in (",", ";", ":") or (tokens[at].quotation >= 0 and at + 1 < len(tokens) and tokens[at + 1].lower != "by"):
            break
        if tokens[at].lower == "by":
            phrase = read_phrase(tokens, at + 1, len(tokens))
            return Attribution(index, phrase, index, phrase.after, is_speech) if phrase is not None else None
    return Attribution(index, None, index, index + 1, False, names=True) if names else None


def _inverted(tokens: Sequence[Token], index: int, is_speech: bool) -> Attribution | None:
    if not is_speech or tokens[index].lower in ("told", "tells", "tell", "telling"):
        return None
    phrase = read_phrase(tokens, index + 1, len(tokens))
    return Attribution(index, phrase, index, phrase.after, True) if phrase is not None else None


def _with_subject(tokens: Sequence[Token], index: int, back: int, found: Sequence[Attribution], is_speech: bool, names: bool) -> Attribution | None:
    before = tokens[back] if back >= 0 else None
    if before is None or before.quotation >= 0 or not before.is_word:
        if before is not None and before.word == ",":
            # "…", said X; "the loan, said X, is"; "Felix Grau, the mayor, said".
            inverted = _inverted(tokens, index, is_speech) if _closes_phrase(tokens, index) or _is_quotation(tokens, back - 1) else None
            subject = None if inverted else _before_parenthesis(tokens, back)
            if subject is not None:
                return Attribution(index, subject, subject.first, index + 1, is_speech)
            if inverted is not None:
                return inverted
            return Attribution(index, _subject_of_sentence(tokens, index, found), index, index + 1, is_speech, names)
        inverted = _inverted(tokens, index, is_speech)
        if inverted is not None or before is None or before.word in ".!?:;…":
            return inverted
        return Attribution(index, _subject_of_sentence(tokens, index, found), index, index + 1, is_speech, names)
    if before.lower in ("and", "but", "or", "nor", "then", "yet"):
        return Attribution(index, _subject_of_sentence(tokens, back, found), index, index + 1, is_speech, names=False)
    if before.lower in ("who", "that", "which", "whom", "what"):
        return Attribution(index, _before_relative(tokens, back), index, index + 1, is_speech)
    first = clause_start(tokens, back)
    subject = _subject_phrase(tokens, first, back + 1)
    opener = tokens[first - 1].lower if first > 0 else ""
    if opener == "who" and (subject is None or subject.first > first or subject.after <= back):
        subject = _before_relative(tokens, first - 1)  # "the surgeon who amputated his foot described"
    is_bare = names and subject is not None and subject.kind == "noun" and opener not in speech.RELATIVES and opener != "as"
    if subject is None:
        return Attribution(index, None, index, index + 1, is_speech, names)
    start = first - 1 if opener == "as" else subject.first
    return Attribution(index, subject, start, index + 1, is_speech, names=is_bare)


def _before_relative(tokens: Sequence[Token], index: int) -> Phrase | None:
    """What the relative pronoun at token `index` stands for."""
    end = index - 1 if index > 0 and tokens[index - 1].word == "," else index
    phrase = trailing_phrase(tokens, clause_start(tokens, end - 1), end) if end > 0 else None
    return phrase if phrase is None else named_before(tokens, phrase)


def _is_quotation(tokens: Sequence[Token], index: int) -> bool:
    return index >= 0 and tokens[index].quotation >= 0


def _closes_phrase(tokens: Sequence[Token], index: int) -> bool:
    """Whether after the verb comes no more than a subject: "said analyst Greta Ollen, is"."""
    phrase = read_phrase(tokens, index + 1, len(tokens))
    return phrase is not None and (phrase.after >= len(tokens) or not (tokens[phrase.after].is_word or tokens[phrase.after].quotation >= 0))


def _before_parenthesis(tokens: Sequence[Token], comma: int) -> Phrase | None:
    """The subject before words set off by commas, the last of which is token `comma`."""
    tries = 0
    for at in range(comma - 1, max(0, comma - REACH), -1):
        if tokens[at].quotation >= 0 and not is_nickname(tokens, at):
            return None
        if tokens[at].word in ";:":
            return None
        if tokens[at].word == ",":
            tries += 1
            first = clause_start(tokens, at - 1)
            phrase = read_phrase(tokens, first, comma + 1) if at > first else None
            if (
                phrase is not None
                and (phrase.after >= at or is_attached(tokens, phrase.after, at))
                and not TIME.search(tokens[phrase.after - 1].lower)
            ):
                return named_before(tokens, phrase)
            if tries == 5:
                return None
    return None


def _subject_phrase(tokens: Sequence[Token], first: int, after: int) -> Phrase | None:
    """The subject among the tokens of a clause from `first` up to its verb."""
    while first < after and (is_adverb(tokens[first]) or tokens[first].word[0].isdigit()) and first + 1 < after:
        first += 1
    if first >= after:
        return None
    if tokens[first].lower in speech.PREPOSITIONS or is_time(tokens, first, after):
        return trailing_phrase(tokens, first, after)
    phrase = read_phrase(tokens, first, after)
    if phrase is None or not (phrase.after >= after or is_attached(tokens, phrase.after, after)):
        return trailing_phrase(tokens, first, after) or phrase
    return phrase


def _subject_of_sentence(tokens: Sequence[Token], index: int, found: Sequence[Attribution]) -> Phrase | None:
    """For a verb without a subject of its own: that of the verb of speech before it, else the sentence's first phrase."""
    for attribution in reversed(found[-3:]):
        if attribution.speaker is not None and attribution.bound and index - attribution.verb < REACH:
            return attribution.speaker
    if index == 0:  # "Denouncing the paper as “a sewer”, Vos walked out."
        return first_phrase(tokens, len(tokens))
    return first_phrase(tokens, index)
