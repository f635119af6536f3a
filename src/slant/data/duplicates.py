"""Sentences that say the same: exact duplicates, and near duplicates by the Jaccard similarity of their character 5-grams."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slant.seeding import derive_seed

__all__ = ["NEAR", "Duplicates", "find_duplicates", "normalise", "similarity"]

#: Two texts are near duplicates when the sets of their character 5-grams, after `normalise`, have at least this Jaccard similarity.
NEAR = 0.6

_SHINGLE = 5
_NOT_WORD = re.compile(r"[\W_]+")
#: MinHash (Broder 1997) in 40 bands of 4: a pair just at the threshold is found with probability .996, one at .7 with .99998.
_BANDS, _ROWS = 40, 4
#: The similarity estimated from 160 hashes errs by at most .04 (one standard deviation); pairs far below the threshold are not computed.
_MARGIN = 0.15
#: In a bucket of more texts than this (a template's) each is compared with the first and the next only: enough to join them all.
_MAX_BUCKET = 64
_TEXTS_AT_ONCE = 20_000
_PAIRS_AT_ONCE = 100_000

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Duplicates:
    """What `find_duplicates` found among n texts.

    Attributes:
        exact: row pairs `(m, 2)` of texts that are equal after `normalise`; of equal texts each but the first is paired with the first.
        near: row pairs `(k, 2)` of near duplicates that are not exact ones; each row is the first one of its text.
        similarity: the Jaccard similarity of each near pair `(k,)`.
    """

    exact: Integers
    near: Integers
    similarity: Floats

    def sets(self, n: int) -> Integers:
        """For each of the n rows the first row of the set of duplicates that it belongs to `(n,)`."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        edges = np.concatenate([self.exact, self.near])
        graph = coo_matrix((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(n, n))
        label: Integers = connected_components(graph, directed=False)[1]
        first: Integers = np.full(n, n, np.int64)
        np.minimum.at(first, label, np.arange(n))
        return np.asarray(first[label], np.int64)


def normalise(text: str) -> str:
    """The text's words in lower case with one space between: what counts when two texts are compared.

    Compatibility forms are folded (NFKC), so that ligatures and full-width letters compare as their plain spelling. A text without a
    letter or digit is kept as it is.
    """
    return _NOT_WORD.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip() or text.strip()


def similarity(first: str, second: str) -> float:
    """The Jaccard similarity of two texts' character 5-grams, after `normalise`."""
    a, b = _shingles(normalise(first)), _shingles(normalise(second))
    return len(np.intersect1d(a, b)) / len(np.union1d(a, b))


def find_duplicates(texts: Sequence[str], *, near: float = NEAR) -> Duplicates:
    """All pairs of texts that are equal or alike; the same for the same texts on any machine.

    Candidates come from MinHash; each is then measured exactly, so that no pair below `near` is reported. Near pairs are complete up to
    the probabilities stated above, save among more than 64 texts made from one template, where each is
    compared with a few only: as a rule enough to join them into one set. Time and memory are linear in the texts' length.
    """
    first_of: dict[str, int] = {}
    exact = []
    for row, text in enumerate(texts):
        first = first_of.setdefault(normalise(text), row)
        if first != row:
            exact.append((first, row))
    # In the texts' order and not the rows', for of a template's texts not all pairs are compared.
    unique = sorted(first_of)
    rows = np.array([first_of[text] for text in unique], np.int64)
    del first_of
    # The sets of 5-grams, one behind the other: those of text i are values[starts[i]:starts[i + 1]].
    sets = [_shingles(text) for text in unique]
    starts = np.concatenate([[0], np.cumsum([len(s) for s in sets])]).astype(np.int64)
    values = np.concatenate(sets) if sets else np.zeros(0, np.uint64)
    del sets
    pairs, alike = _near_pairs(values, starts, near)
    pairs = np.sort(rows[pairs], axis=1)
    order = np.lexsort(pairs.T[::-1])
    return Duplicates(np.asarray(exact, np.int64).reshape(-1, 2), pairs[order], alike[order])


def _shingles(text: str) -> npt.NDArray[np.uint64]:
    """The hashes of the character 5-grams of a normalised text, sorted, each once; of a shorter text that of its whole."""
    codes = np.frombuffer(f" {text} ".encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    width = min(_SHINGLE, len(codes))
    count = len(codes) - width + 1
    hashed = np.zeros(count, np.uint64)
    for k in range(width):
        hashed = hashed * np.uint64(0x100000001B3) + codes[k : k + count]
    return np.unique(hashed * np.uint64(0x9E3779B97F4A7C15))


def _near_pairs(values: npt.NDArray[np.uint64], starts: Integers, near: float) -> tuple[Integers, Floats]:
    """Row pairs `(k, 2)` of sets with at least the Jaccard similarity `near`, in order, and their similarity `(k,)`."""
    signatures = _signatures(values, starts)
    n = len(signatures)
    found: list[Integers] = [np.zeros(0, np.int64)]
    for band in range(_BANDS):
        rows = np.ascontiguousarray(signatures[:, band * _ROWS : (band + 1) * _ROWS])
        order, length = _buckets(rows)
        for a, b in _candidates(order, length):
            agree = np.zeros(len(a), np.int16)
            for k in range(_BANDS * _ROWS):
                agree += signatures[a, k] == signatures[b, k]
            alike = agree >= (near - _MARGIN) * _BANDS * _ROWS
            found.append(np.minimum(a, b)[alike] * n + np.maximum(a, b)[alike])
        found = [np.unique(np.concatenate(found))]
    pairs = np.stack([found[0] // max(n, 1), found[0] % max(n, 1)], axis=1)
    jaccard = _jaccard(values, starts, pairs)
    return pairs[jaccard >= near], jaccard[jaccard >= near]


def _signatures(values: npt.NDArray[np.uint64], starts: Integers) -> npt.NDArray[np.uint32]:
    """The MinHash signature of each set `(n, bands * rows)`."""
    generator = np.random.default_rng(derive_seed(0, "minhash"))
    factors = generator.integers(0, 2**63, _BANDS * _ROWS, np.uint64) * np.uint64(2) + np.uint64(1)
    n = len(starts) - 1
    signatures = np.empty((n, _BANDS * _ROWS), np.uint32)
    for begin in range(0, n, _TEXTS_AT_ONCE):
        end = min(begin + _TEXTS_AT_ONCE, n)
        part = values[starts[begin] : starts[end]]
        offsets = starts[begin:end] - starts[begin]
        for k, factor in enumerate(factors):
            hashed = ((part ^ (part >> np.uint64(29))) * factor >> np.uint64(32)).astype(np.uint32)
            signatures[begin:end, k] = np.minimum.reduceat(hashed, offsets)
    return signatures


def _buckets(rows: npt.NDArray[np.uint32]) -> tuple[Integers, Integers]:
    """The rows in an order that puts equal ones side by side, and the length of each such run."""
    order = np.lexsort(rows.T[::-1])
    if not len(order):
        return order, np.zeros(0, np.int64)
    begins = np.flatnonzero(np.concatenate([[True], (rows[order[1:]] != rows[order[:-1]]).any(axis=1)]))
    return order, np.diff(np.concatenate([begins, [len(order)]]))


def _candidates(order: Integers, length: Integers) -> Iterator[tuple[Integers, Integers]]:
    """Pairs of rows that share a bucket, some at a time."""
    within = np.concatenate([np.arange(size) for size in length]) if len(length) else np.zeros(0, np.int64)
    size = np.repeat(length, length)
    # Every pair `step` apart in one pass: what is left of a bucket shrinks with each step.
    place = np.flatnonzero(size > 1)
    for step in range(1, _MAX_BUCKET):
        place = place[(within[place] + step < size[place]) & ((size[place] <= _MAX_BUCKET) | (step == 1))]
        if not len(place):
            break
        for begin in range(0, len(place), _PAIRS_AT_ONCE):
            left = place[begin : begin + _PAIRS_AT_ONCE]
            yield order[left], order[left + step]
    large = np.flatnonzero((size > _MAX_BUCKET) & (within > 1))
    for begin in range(0, len(large), _PAIRS_AT_ONCE):
        right = large[begin : begin + _PAIRS_AT_ONCE]
        yield order[right - within[right]], order[right]


def _jaccard(values: npt.NDArray[np.uint64], starts: Integers, pairs: Integers) -> Floats:
    """The Jaccard similarity of each pair of sets, exactly."""
    jaccard = np.zeros(len(pairs))
    size = np.diff(starts)
    for i, (a, b) in enumerate(pairs):
        common = len(np.intersect1d(values[starts[a] : starts[a + 1]], values[starts[b] : starts[b + 1]], assume_unique=True))
        jaccard[i] = common / (size[a] + size[b] - common)
    return jaccard
