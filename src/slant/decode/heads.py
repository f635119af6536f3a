"""The light heads: what they read of an encoder's states, and their logits. Training and serving read features by the same functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slant.decode.answers import Decision, sigmoid

__all__ = ["FEATURES", "KINDS", "READS", "LightHead", "head_shapes", "mention_features", "name_features", "sentence_logits", "target_logits",
           "word_features", "word_logits", "words_inside"]  # fmt: skip

Floats = npt.NDArray[np.floating]

#: What the sentence head reads of its words' scores.
FEATURES = ("top1", "top2", "top3", "logsumexp", "expected_count", "mean", "log_length")
#: "words" is a word head and a sentence head that reads it; "target" a stance head; "graph" a graph that holds its head itself.
KINDS = ("words", "target", "graph")
#: How a stance head learns of the target: from its mention in the sentence, from its name as a text, or as one of a fixed list with a head each.
READS = ("mention", "text", "fixed")

# A logit no word falls below, and the score of a word that is not there.
_FLOOR = -10.0


@dataclass(frozen=True)
class LightHead:
    """A head apart from its weights.

    Attributes:
        task: also the head's name in a bundle.
        labels: in column order.
        points: whether it says which words carry its answer.
        decision: thresholds and temperature.
        kind: one of `KINDS`.
        reads: one of `READS` of a "target" head, else null.
        window: words on either side of a mention that a head with `reads="mention"` sees, else 0.
        targets: of a "target" head, whose weights stand at each place of its tensors: "" is every target that has none of its own.
    """

    task: str
    labels: tuple[str, ...]
    points: bool
    decision: Decision
    kind: str
    reads: str | None = None
    window: int = 0
    targets: tuple[str, ...] = ()


def head_shapes(head: LightHead, sentence_width: int, word_width: int) -> dict[str, tuple[int, ...]]:
    """The tensors of a head by name, with their shapes, over states of these widths.

    A "words" head has `sentence.weight`, `sentence.bias` and, where it points, `word.weight` and `word.bias`, for the logit of the second label;
    a "target" head `weight` `(h, k, d)` and `bias` `(h, k)` for h targets and k labels.
    """
    if head.kind == "words":
        shapes: dict[str, tuple[int, ...]] = {"sentence.weight": (sentence_width + len(FEATURES) * head.points,), "sentence.bias": (1,)}
        return shapes | ({"word.weight": (word_width,), "word.bias": (1,)} if head.points else {})
    if head.kind == "target":
        width = {"mention": 2 * word_width + sentence_width, "text": 4 * sentence_width, "fixed": sentence_width}[head.reads or ""]
        h, k = len(head.targets), len(head.labels)
        return {"weight": (h, k, width), "bias": (h, k)}
    return {}


# --- loaded language


def word_logits(words: Floats, tensors: Mapping[str, Floats]) -> Floats:
    """Logits `(..., )` of word states `(..., word_width)`."""
    # einsum stays in this thread: BLAS would wake others for a product this thin.
    return np.asarray(np.einsum("...d,d->...", words, tensors["word.weight"]) + tensors["word.bias"][0])


def word_features(logits: Floats, present: npt.NDArray[np.bool_]) -> Floats:
    """`(n, len(FEATURES))` from word logits `(n, w)`; words where `present` `(n, w)` is false do not count, however many there are."""
    floored = np.where(present, np.maximum(logits, _FLOOR), _FLOOR).astype(np.float64)
    padded = np.concatenate([floored, np.full((len(logits), 3), _FLOOR)], axis=1)
    top = -np.sort(np.partition(-padded, 2, axis=1)[:, :3], axis=1)
    greatest = top[:, :1]
    total = greatest[:, 0] + np.log((np.exp(floored - greatest) * present).sum(axis=1) + np.exp(_FLOOR - greatest[:, 0]))
    expected = (sigmoid(floored) * present).sum(axis=1)
    count = present.sum(axis=1)
    return np.column_stack([top, total, expected, expected / np.maximum(count, 1), np.log1p(count)])


def sentence_logits(sentence: Floats, logits: Floats | None, present: npt.NDArray[np.bool_], tensors: Mapping[str, Floats]) -> Floats:
    """Logits `(n,)` of the second label from sentence states `(n, sentence_width)` and padded word logits `(n, w)`, None without a word head."""
    joined = sentence if logits is None else np.concatenate([sentence, word_features(logits, present)], axis=1)
    return np.asarray(np.einsum("nd,d->n", joined, tensors["sentence.weight"]) + tensors["sentence.bias"][0])


# --- stance


def words_inside(places: Sequence[tuple[int, int]], start: int | None, end: int | None) -> tuple[int, int] | None:
    """The first word, and the one after the last, that `start:end` reaches into, of words at `places`; None where it reaches into none."""
    if start is None or end is None:
        return None
    inside = [k for k, (a, b) in enumerate(places) if a < end and start < b]
    return (inside[0], inside[-1] + 1) if inside else None


def mention_features(words: Floats, sentence: Floats, inside: tuple[int, int] | None, window: int) -> npt.NDArray[np.float64]:
    """What `reads="mention"` sees: the mean state of the mention's words, of those within `window` words of it, and the sentence's.

    Where no word of the mention was read, the first two are the mean of all words; without words, zeros.

    Args:
        words: word states `(w, word_width)` of one text; `sentence` its sentence state.
        inside: the words of the mention, as `words_inside` gives them.
    """
    if not len(words):
        around = np.zeros(2 * words.shape[1])
    elif inside is None:
        mean = words.mean(axis=0)
        around = np.concatenate([mean, mean])
    else:
        first, last = inside
        near = np.concatenate([words[max(first - window, 0) : first], words[last : last + window]])
        target = words[first:last].mean(axis=0)
        around = np.concatenate([target, near.mean(axis=0) if len(near) else target])
    return np.concatenate([around, sentence], dtype=np.float64)


def name_features(sentence: npt.NDArray[np.float64], name: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What `reads="text"` sees of sentence states and of states of targets' names, each `(n, sentence_width)`: both, their product and distance."""
    return np.concatenate([sentence, name, sentence * name, np.abs(sentence - name)], axis=1)


def target_logits(features: Floats, numbers: npt.NDArray[np.int64], weight: Floats, bias: Floats) -> Floats:
    """Logits `(n, k)` of features `(n, d)` by the heads `numbers` `(n,)` of `weight` `(h, k, d)` and `bias` `(h, k)`."""
    logits = np.empty((len(features), weight.shape[1]))
    for number in np.unique(numbers):
        rows = numbers == number
        logits[rows] = np.einsum("nd,kd->nk", features[rows], weight[number]) + bias[number]
    return logits
