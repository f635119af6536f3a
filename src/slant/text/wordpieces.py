"""From texts to an encoder's input: word pieces, and which word each piece belongs to. One rule for training and serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from slant.errors import EncoderError
from slant.text.words import find_words

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Pieces", "Wordpieces", "pad_pieces"]

# No encoder here reads beyond 512 pieces; text past this many characters cannot reach it and need not be tokenised.
_CHARACTERS_A_PIECE = 40


@dataclass(frozen=True)
class Pieces:
    """One text as the encoder reads it.

    Attributes:
        ids: vocabulary numbers `(t,)`, special pieces included.
        word_of: for each piece the index into `words`, -1 for special pieces and pieces outside every word; `(t,)`.
        words: half-open code-point offsets of the words that have at least one piece, in reading order.
        truncated: True when the text went on after the last piece.
    """

    ids: npt.NDArray[np.int64]
    word_of: npt.NDArray[np.int64]
    words: list[tuple[int, int]]
    truncated: bool


class Wordpieces:
    """A tokenizer with its limit. Thread-safe: it holds no state that a call changes."""

    def __init__(self, tokenizer: Tokenizer, max_pieces: int) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_pieces)
        self._tokenizer = tokenizer
        self.max_pieces = max_pieces

    @classmethod
    def from_file(cls, path: str | Path, max_pieces: int) -> Wordpieces:
        """Read a `tokenizer.json`. Raises EncoderError when it is none."""
        from tokenizers import Tokenizer

        try:
            return cls(Tokenizer.from_file(str(path)), max_pieces)
        except Exception as error:  # the Rust side raises bare Exception
            raise EncoderError(f"not a readable tokenizer.json ({error})", where=str(path)) from error

    def number_of(self, piece: str) -> int | None:
        """The vocabulary number of a piece, None where there is no such piece."""
        found: int | None = self._tokenizer.token_to_id(piece)
        return found

    def encode(self, texts: Sequence[str]) -> list[Pieces]:
        """The pieces of each text."""
        limit = self.max_pieces * _CHARACTERS_A_PIECE
        cut = [text[:limit] for text in texts]
        encodings = self._tokenizer.encode_batch(cut)
        more = [bool(text[limit:].strip()) for text in texts]
        return [_align(*row) for row in zip(cut, more, encodings, strict=True)]


def _align(text: str, was_cut: bool, encoding: Any) -> Pieces:
    ids = np.asarray(encoding.ids, np.int64)
    starts, ends = np.asarray(encoding.offsets, np.int64).T if len(ids) else (np.zeros(0, np.int64),) * 2
    words = find_words(text)
    owner = np.full(len(ids), -1, np.int64)
    if words:
        word_starts, word_ends = np.asarray(words, np.int64).T
        # The last word that begins before the piece ends is the only one that can hold it.
        candidate = np.searchsorted(word_starts, ends, side="left") - 1
        inside = (candidate >= 0) & (ends > starts) & (word_ends[candidate] > starts)
        owner[inside] = candidate[inside]
    # Owners never fall from piece to piece, so that a word begins wherever they change.
    owned = owner >= 0
    held = owner[owned]
    first = np.ones(len(held), bool)
    first[1:] = held[1:] != held[:-1]
    owner[owned] = np.cumsum(first) - 1
    truncated = bool(was_cut or encoding.overflowing)
    return Pieces(ids, owner, [words[i] for i in held[first].tolist()], truncated)


def pad_pieces(batch: Sequence[Pieces]) -> dict[str, npt.NDArray[np.int64]]:
    """The graph's three inputs, each `(n, t)` for the longest t: `input_ids`, `attention_mask`, `word_of` (padded with -1)."""
    longest = max(len(pieces.ids) for pieces in batch)
    ids = np.zeros((len(batch), longest), np.int64)
    mask = np.zeros_like(ids)
    word_of = np.full_like(ids, -1)
    for row, pieces in enumerate(batch):
        length = len(pieces.ids)
        ids[row, :length] = pieces.ids
        mask[row, :length] = 1
        word_of[row, :length] = pieces.word_of
    return {"input_ids": ids, "attention_mask": mask, "word_of": word_of}
