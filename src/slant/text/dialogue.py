"""A text read from its first quotation to its last: sentences around quotations, and who is speaking in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from slant.records import Span
from slant.text import speech
from slant.text.attribution import find_attributions
from slant.text.phrases import Phrase, first_phrase, read_phrase
from slant.text.quotemarks import Pair, pair_marks
from slant.text.sentences import is_wrapped, list_items, paragraph_lines
from slant.text.speakers import judge_quotation
from slant.text.tags import find_reporter
from slant.text.tokens import Token, tokenize

__all__ = ["LONGEST", "MEMORY", "Spoken", "quotation_token", "read_dialogue", "resolve_phrase"]

#: How many paragraphs a quotation may run on without a mark, before the one that closes it.
_UNMARKED_PARAGRAPHS = 4


#: A pronoun means a speaker at most this many sentences back.
MEMORY = 3


#: A sentence of more words and marks is cut, so that the cost of reading one is bounded.
LONGEST = 150


_TERMINATORS = ".!?…"


@dataclass
class Spoken:
    """A quotation: its marks, the number of its paragraph, and what was found of it ("direct" or "scare", and who speaks)."""

    pair: Pair
    paragraph: int
    kind: str = "scare"
    speaker: Span | None = None


def read_dialogue(text: str) -> list[Spoken]:
    """The quotations of `text` in order, each with its kind and speaker."""
    blocks = _find_blocks(text)
    spoken = _find_quotations(text, blocks)
    if spoken:
        _Speakers(text, _find_frames(text, blocks, spoken), spoken).resolve()
    return spoken


def _find_blocks(text: str) -> list[tuple[int, int]]:
    """The stretches that no quotation crosses without a mark: paragraphs, and lines that are paragraphs of their own."""
    blocks = []
    for paragraph in paragraph_lines(text):
        for lines in list_items(text, paragraph):
            blocks += [(lines[0][0], lines[-1][1])] if is_wrapped(text, lines) else lines
    return blocks


def _find_quotations(text: str, blocks: Sequence[tuple[int, int]]) -> list[Spoken]:
    spoken: list[Spoken] = []
    for number, (start, end) in enumerate(blocks):
        follower = text[blocks[number + 1][0]] if number + 1 < len(blocks) else ""
        pairs = pair_marks(text, start, end, goes_on=follower in ("'", "‘"))
        before = spoken[-1] if spoken else None
        runs_on = before is not None and not before.pair.closed and pairs and pairs[0].closed and pairs[0].start == pairs[0].first
        if before is not None and runs_on and number - before.paragraph <= _UNMARKED_PARAGRAPHS:
            # Begun in a paragraph above, closed in this one, with no mark between.
            for between in range(before.paragraph + 1, number):
                first, last = blocks[between]
                spoken.append(Spoken(Pair(first, first, last, last, False), between))
            pairs[0] = replace(pairs[0], start=start, first=start)
        spoken += [Spoken(pair, number) for pair in pairs]
    return spoken


def _find_frames(text: str, blocks: Sequence[tuple[int, int]], spoken: Sequence[Spoken]) -> list[list[Token]]:
    """The writer's sentences, in each of which a quotation counts as one word."""
    frames: list[list[Token]] = []
    place = 0
    for number, (start, end) in enumerate(blocks):
        tokens: list[Token] = []
        position = start
        while place < len(spoken) and spoken[place].paragraph == number:
            pair = spoken[place].pair
            tokens += tokenize(text, position, pair.start)
            tokens.append(quotation_token(pair.first, pair.last, place))
            position = pair.end
            place += 1
        tokens += tokenize(text, position, end)
        first = 0
        for at in range(len(tokens)):
            if at + 1 == len(tokens) or at - first >= LONGEST or _ends_frame(text, tokens, at, first):
                frames.append(tokens[first : at + 1])
                first = at + 1
    return frames


def _ends_frame(text: str, tokens: Sequence[Token], at: int, first: int) -> bool:
    token, follower = tokens[at], tokens[at + 1]
    begins = follower.quotation >= 0 or follower.word[0].isupper() or follower.word[0].isdigit()
    if not begins:
        return False
    if token.quotation < 0:
        return token.word in _TERMINATORS or (token.word in ")]" and at > first and tokens[at - 1].word in _TERMINATORS)
    last = text[token.end - 1]
    if last not in _TERMINATORS and last not in "’'”\")":
        return False
    if last not in _TERMINATORS and (token.end < 2 or text[token.end - 2] not in _TERMINATORS):
        return False
    return follower.quotation >= 0 or not _is_tag(tokens, at + 1, text[token.end - 1])


def _is_tag(tokens: Sequence[Token], at: int, last: str) -> bool:
    """Whether after a quotation that ends a sentence come its speaker and a verb: “Will he go?” Orlov asked."""
    after = next((place for place in range(at + 1, min(at + 24, len(tokens))) if tokens[place].lower in speech.SAY), None)
    phrase = read_phrase(tokens, at, after) if after is not None else None
    if after is None or phrase is None or phrase.kind in ("pronoun", "nobody"):
        return False
    between = [token for token in tokens[phrase.after : after] if token.lower not in speech.ADVERBS | speech.HAVE]
    if between and not (between[0].word == "," == between[-1].word or between[0].lower in ("of", "for", "from", "in", "at")):
        return False
    if any(token.word in _TERMINATORS or token.quotation >= 0 for token in between):
        return False
    follower = tokens[after + 1] if after + 1 < len(tokens) else None
    if follower is not None and follower.word == ":":
        return False
    return last != "." or follower is None or follower.word == "."


def quotation_token(start: int, end: int, number: int) -> Token:
    """The token that stands for quotation `number`, which lies at `start` to `end`."""
    return Token("“”", "“”", start, end, number)


def resolve_phrase(phrase: Phrase | None, before: Span | None) -> Span | None:
    """Where the text names whom `phrase` means; a pronoun means `before`, the speaker before it."""
    if phrase is None or phrase.kind == "nobody":
        return None
    return before if phrase.kind == "pronoun" else Span(phrase.start, phrase.end, "speaker")


class _Speakers:
    """One pass over the sentences of a text, which gives each quotation its kind and its speaker."""

    def __init__(self, text: str, frames: Sequence[list[Token]], spoken: Sequence[Spoken]) -> None:
        self.text, self.frames, self.spoken = text, frames, spoken
        self.speaker: Span | None = None
        self.heard = -MEMORY - 1  # the sentence in which the speaker was last heard
        self.waiting: list[int] = []  # quotations without a speaker that the next attribution may name

    def resolve(self) -> None:
        read = -1
        for number, tokens in enumerate(self.frames):
            if not any(token.quotation >= 0 for token in tokens):
                continue
            for back in range(max(read + 1, number - MEMORY), number):
                self._hear(back, find_reporter(self.frames[back]))
            read = number
            self._read(number, tokens)

    def _recent(self, number: int) -> Span | None:
        return self.speaker if number - self.heard <= MEMORY else None

    def _hear(self, number: int, phrase: Phrase | None) -> Span | None:
        speaker = resolve_phrase(phrase, self._recent(number))
        if speaker is not None:
            self.speaker, self.heard = speaker, number
        return speaker

    def _read(self, number: int, tokens: Sequence[Token]) -> None:
        attributions = find_attributions(tokens)
        stands_alone = not any(token.is_word and token.word[0].isalpha() for token in tokens)
        speaks = False
        for at, token in enumerate(tokens):
            if token.quotation < 0:
                continue
            quotation = self.spoken[token.quotation]
            pair = quotation.pair
            quotation.kind, phrase = judge_quotation(self.text, tokens, at, (pair.first, pair.last), attributions)
            if quotation.kind == "scare":
                continue
            speaks = True
            if phrase is None and not pair.closed:
                phrase = _speaker_inside(self.text, pair)
            if phrase is not None and phrase.kind == "pronoun":
                phrase = _antecedent(tokens, phrase, [attribution.speaker for attribution in attributions if attribution.bound]) or phrase
            quotation.speaker = self._running(number) if stands_alone and phrase is None else self._hear(number, phrase)
            if quotation.speaker is not None:
                self._tell_waiting(token.quotation)
            elif stands_alone:
                self.waiting.append(token.quotation)
        if speaks and not stands_alone and self._recent(number) is None:
            self.waiting = []
        if not speaks:
            self._hear(number, find_reporter(tokens))

    def _running(self, number: int) -> Span | None:
        """The speaker whom a quotation without attribution goes on quoting: that of the sentence right before it."""
        if self.speaker is None or self.heard < number - 1:
            return None
        self.heard = number
        return self.speaker

    def _tell_waiting(self, later: int) -> None:
        """Gives the speaker of a quotation to those right before it that it goes on: “We lost. ¶ “We go home,” said Orlov."""
        if self.waiting and later - self.waiting[-1] == 1:
            before, after = self.spoken[self.waiting[-1]], self.spoken[later]
            apart = after.paragraph - before.paragraph
            if apart == 0 or (apart == 1 and not before.pair.closed):
                for place in self.waiting:
                    self.spoken[place].speaker = after.speaker
        self.waiting = []


def _antecedent(tokens: Sequence[Token], pronoun: Phrase, speakers: Sequence[Phrase | None]) -> Phrase | None:
    """Whom a pronoun means within its sentence: the speaker named before it there, or the name with which the sentence begins."""
    if tokens[pronoun.first].lower == "it":
        return None
    named = [phrase for phrase in speakers if phrase is not None and phrase.kind in ("name", "noun") and phrase.end <= pronoun.start]
    if named:
        return named[-1]
    first = first_phrase(tokens, pronoun.first)
    return first if first is not None and first.kind == "name" and len(tokens[first.first : first.after]) > 1 else None


def _speaker_inside(text: str, pair: Pair) -> Phrase | None:
    """The speaker in “The dam is a death trap, said Maren Tusk., whose closing mark is missing."""
    tokens = list(tokenize(text, pair.first, min(pair.last, pair.first + 600)))
    for at in range(2, len(tokens) - 1):
        if tokens[at].lower in ("said", "says", "asked", "wrote", "added") and tokens[at - 1].word in (",", "?", "!"):
            phrase = read_phrase(tokens, at + 1, len(tokens))
            if phrase is not None and (phrase.after >= len(tokens) or not tokens[phrase.after].is_word):
                return phrase
    return None
