"""Text as a reader sees it: sentences and words, with offsets into the text as given."""

from slant.text.sentences import split_sentences
from slant.text.words import find_words

__all__ = ["find_words", "split_sentences"]
