"""What the network reads of a row: word pieces, and for stance the marked mention and the target's name as a second segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from slant.text.wordpieces import Pieces, Wordpieces

if TYPE_CHECKING:
    import torch

__all__ = ["Row", "collate", "length_buckets", "pair_rows", "text_rows"]

#: Around a mention stand two pieces that no news text has; an encoder without them gets marks that texts do have (Zhou and Chen 2022, "typed
#: entity marker (punct)").
MARKS = (("[unused1]", "[unused2]"), ("@", "@"))
#: Pieces of a target's name that are read.
NAME_PIECES = 32
#: So many batches are sorted by length together: enough for little padding, few enough to leave the order random.
_POOL = 32

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """One input of the network, t pieces long.

    Attributes:
        ids: vocabulary numbers `(t,)`.
        segments: 0 for the text, 1 for the target's name, `(t,)`.
        word_of: for each piece its word's number in `pieces.words`, else -1, `(t,)`.
        target: true at the pieces of the mention, or of the name where the text has no mention, `(t,)`.
        pieces: the text's own, with the words' offsets and whether it was cut.
    """

    ids: Ints
    segments: Ints
    word_of: Ints
    target: npt.NDArray[np.bool_]
    pieces: Pieces


def text_rows(wordpieces: Wordpieces, texts: Sequence[str]) -> list[Row]:
    """Rows of texts alone."""
    return [_alone(pieces) for pieces in wordpieces.encode(texts)]


def _alone(pieces: Pieces) -> Row:
    return Row(pieces.ids, np.zeros_like(pieces.ids), pieces.word_of, np.zeros(len(pieces.ids), bool), pieces)


def pair_rows(
    wordpieces: Wordpieces, texts: Sequence[str], targets: Sequence[str | None], starts: Sequence[int | None], ends: Sequence[int | None]
) -> list[Row]:
    """Rows of a text with its mention marked, and the target's name behind it.

    A row without a target is its text alone. Offsets are code points of the text; a mention that was cut off is not marked.
    """
    left, right = _marks(wordpieces)
    names = sorted({target for target in targets if target})
    tails = dict(zip(names, ([pieces.ids[1:] for pieces in wordpieces.encode(names)]), strict=True))
    rows = []
    for pieces, target, start, end in zip(wordpieces.encode(texts), targets, starts, ends, strict=True):
        if not target:
            rows.append(_alone(pieces))
            continue
        tail = tails[target] if len(tails[target]) <= NAME_PIECES else np.append(tails[target][: NAME_PIECES - 1], tails[target][-1])
        rows.append(_pair(pieces, tail, _place(pieces, start, end), left, right, wordpieces.max_pieces))
    return rows


def _marks(wordpieces: Wordpieces) -> tuple[int, int]:
    for pair in MARKS:
        left, right = (wordpieces.number_of(mark) for mark in pair)
        if left is not None and right is not None:
            return left, right
    raise ValueError("the tokenizer has no piece to mark a mention with")


def _place(pieces: Pieces, start: int | None, end: int | None) -> tuple[int, int] | None:
    """The pieces `[a, b)` of the mention, None where none was read."""
    if start is None or end is None:
        return None
    inside = [k for k, (a, b) in enumerate(pieces.words) if a < end and start < b]
    found = np.flatnonzero(np.isin(pieces.word_of, inside))
    return (int(found[0]), int(found[-1]) + 1) if len(found) else None


def _pair(pieces: Pieces, tail: Ints, place: tuple[int, int] | None, left: int, right: int, most: int) -> Row:
    # The text gives way to the name: its last pieces before the closing one go.
    room = most - len(tail) - 2
    ids, word_of = pieces.ids, pieces.word_of
    if len(ids) > room:
        ids, word_of = np.append(ids[: room - 1], ids[-1]), np.append(word_of[: room - 1], -1)
        if place is not None and place[1] > room - 1:
            place = None
    target = np.zeros(len(ids), bool)
    if place is not None:
        a, b = place
        ids = np.concatenate([ids[:a], [left], ids[a:b], [right], ids[b:]])
        word_of = np.concatenate([word_of[:a], [-1], word_of[a:b], [-1], word_of[b:]])
        target = np.zeros(len(ids), bool)
        target[a : b + 2] = True
    segments = np.repeat([0, 1], [len(ids), len(tail)])
    named = np.full(len(tail), place is None)
    named[-1] = False  # the closing piece is no part of the name
    row_target = np.concatenate([target, named])
    return Row(np.concatenate([ids, tail]), segments, np.concatenate([word_of, np.full(len(tail), -1)]), row_target, pieces)


def collate(rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    """The rows as padded tables `(n, t)`: `input_ids`, `attention_mask`, `segments`, `word_of` (padded with -1), `target`."""
    import torch

    longest = max(len(row.ids) for row in rows)
    blank = {"input_ids": 0, "attention_mask": 0, "segments": 0, "word_of": -1, "target": 0}
    tables = {name: np.full((len(rows), longest), value, np.int64) for name, value in blank.items()}
    for i, row in enumerate(rows):
        n = len(row.ids)
        tables["input_ids"][i, :n], tables["attention_mask"][i, :n], tables["segments"][i, :n] = row.ids, 1, row.segments
        tables["word_of"][i, :n], tables["target"][i, :n] = row.word_of, row.target
    return {name: torch.from_numpy(table) for name, table in tables.items()}


def length_buckets(lengths: Sequence[int], size: int, seed: int | None) -> Iterator[list[int]]:
    """Batches of row numbers, rows of like length together; with a seed in random order, without one the longest first."""
    if seed is None:
        order = np.argsort(-np.asarray(lengths), kind="stable")
        yield from (order[i : i + size].tolist() for i in range(0, len(order), size))
        return
    random = np.random.default_rng(seed)
    order = random.permutation(len(lengths))
    batches = []
    for first in range(0, len(order), size * _POOL):
        pool = order[first : first + size * _POOL]
        pool = pool[np.argsort(np.asarray(lengths)[pool], kind="stable")]
        batches += [pool[i : i + size].tolist() for i in range(0, len(pool), size)]
    for i in random.permutation(len(batches)):
        yield batches[i]
