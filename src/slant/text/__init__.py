"""Text as a reader sees it: sentences, words and quotations, with offsets into the text as given."""

from slant.text.quotes import Quotation, SentenceVoice, find_quotations, sentence_voices, span_voice
from slant.text.sentences import split_sentences
from slant.text.targets import Mention, Target, find_mentions, find_targets, parse_target
from slant.text.words import find_words

__all__ = [
    "Mention",
    "Quotation",
    "SentenceVoice",
    "Target",
    "find_mentions",
    "find_quotations",
    "find_targets",
    "find_words",
    "parse_target",
    "sentence_voices",
    "span_voice",
    "split_sentences",
]
