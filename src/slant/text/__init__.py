"""Text as a reader sees it: sentences, words and quotations, with offsets into the text as given."""

from slant.text.quotes import Quotation, SentenceVoice, find_quotations, sentence_voices, span_voice
from slant.text.sentences import split_sentences
from slant.text.words import find_words

__all__ = ["Quotation", "SentenceVoice", "find_quotations", "find_words", "sentence_voices", "span_voice", "split_sentences"]
