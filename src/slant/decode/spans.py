"""The one rule that cuts spans from word scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slant.records import Span, WordScores

__all__ = ["best_word_threshold", "cut_spans"]


def cut_spans(text: str, words: WordScores, threshold: float, label: str = "loaded") -> list[tuple[Span, float]]:
    """Spans with their probability (the mean of their words' scores), in reading order.

    A word at or above `threshold` is loaded; neighbouring loaded words make one span when nothing but white space stands
    between them, so that a comma or a quotation mark ends a span.
    """
    spans: list[tuple[int, int, list[float]]] = []
    for start, end, score in zip(words.starts, words.ends, words.scores, strict=True):
        if score < threshold:
            continue
        # A plain word between two loaded ones holds letters, so the text between tells it too.
        if spans and not text[spans[-1][1] : start].strip():
            first, _, scores = spans[-1]
            spans[-1] = (first, end, [*scores, score])
        else:
            spans.append((start, end, [score]))
    return [(Span(start, end, label), float(np.mean(scores))) for start, end, scores in spans]


def best_word_threshold(scores: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """The threshold of greatest binary F1 over words: `scores` `(n,)` in [0, 1], `gold` `(n,)` true or false.

    Give it scores that were not fitted on these words. 0.5 when no word is gold.
    """
    s, g = np.asarray(scores, np.float64), np.asarray(gold, bool)
    if not g.any():
        return 0.5
    order = np.argsort(-s, kind="stable")
    hits = np.cumsum(g[order])
    f1 = 2.0 * hits / (np.arange(1, len(s) + 1) + g.sum())
    # Only where the score falls can a threshold separate two words.
    sorted_scores = s[order]
    f1[:-1][sorted_scores[:-1] == sorted_scores[1:]] = -1.0
    best = int(f1.argmax())
    below = sorted_scores[best + 1] if best + 1 < len(s) else 0.0
    middle = (sorted_scores[best] + below) / 2.0
    # Between neighbouring floats there is no middle; it rounds to one of them, and `below` itself would be loaded too.
    return float(middle if middle > below else sorted_scores[best])
