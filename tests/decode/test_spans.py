"""The one rule that cuts spans, against a slow oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slant.decode import best_word_threshold, cut_spans
from slant.records import Span, WordScores
from slant.text import find_words


def cut(text: str, scores: list[float], threshold: float = 0.5) -> list[tuple[str, float]]:
    starts, ends = zip(*find_words(text), strict=True)
    return [(text[span.start : span.end], p) for span, p in cut_spans(text, WordScores(starts, ends, scores), threshold)]


def test_neighbours_join_and_the_rest_parts_them() -> None:
    assert cut("the vile  evil man", [0.1, 0.9, 0.7, 0.2]) == [("vile  evil", pytest.approx(0.8))]
    assert cut("vile, evil", [0.9, 0.8]) == [("vile", 0.9), ("evil", 0.8)]
    assert cut("“vile” evil", [0.9, 0.8]) == [("vile", 0.9), ("evil", 0.8)]
    assert cut("vile man evil", [0.9, 0.1, 0.8]) == [("vile", 0.9), ("evil", 0.8)]
    assert cut("vile\n\u00a0evil", [0.9, 0.8]) == [("vile\n\u00a0evil", pytest.approx(0.85))]


def test_the_threshold_itself_is_loaded() -> None:
    assert cut("a b c", [0.5, 0.49999, 0.5]) == [("a", 0.5), ("c", 0.5)]


def test_a_word_that_was_not_scored_parts_its_neighbours() -> None:
    words = WordScores([0, 9], [4, 13], [0.9, 0.9])
    assert [span for span, _ in cut_spans("vile man evil", words, 0.5)] == [Span(0, 4), Span(9, 13)]


def test_no_words_no_spans_and_the_label_is_passed_on() -> None:
    assert cut_spans("…", WordScores([], [], []), 0.5) == []
    assert cut_spans("vile", WordScores([0], [4], [1.0]), 0.5, "slur") == [(Span(0, 4, "slur"), 1.0)]


def test_uneven_word_scores_are_refused() -> None:
    with pytest.raises(ValueError):
        cut_spans("vile", WordScores([0], [4], []), 0.5)


SCORE = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1)
TEXT = st.lists(st.sampled_from(["ab", "c", " ", "  ", "\t", ",", "“", ".", "\u0301", "🎉", "汉"]), max_size=24).map("".join)


@given(TEXT, st.data(), st.floats(0, 1))
def test_spans_are_the_longest_runs(text: str, data: st.DataObject, threshold: float) -> None:
    words = find_words(text)
    scores = data.draw(st.lists(SCORE, min_size=len(words), max_size=len(words)))
    found = cut_spans(text, WordScores([s for s, _ in words], [e for _, e in words], scores), threshold)
    # The oracle marks the characters of loaded words, then the white space that touches marked characters on both sides.
    marked = [False] * len(text)
    for (start, end), score in zip(words, scores, strict=True):
        marked[start:end] = [score >= threshold] * (end - start)
    for start in range(len(text)):
        end = start
        while end < len(text) and text[end].isspace():
            end += 1
        if end > start and start > 0 and end < len(text) and marked[start - 1] and marked[end]:
            marked[start:end] = [True] * (end - start)
    edges = np.flatnonzero(np.diff([0, *map(int, marked), 0])).reshape(-1, 2).tolist()
    assert [[span.start, span.end] for span, _ in found] == edges
    for span, probability in found:
        inside = [score for (start, end), score in zip(words, scores, strict=True) if span.start <= start and end <= span.end]
        assert probability == pytest.approx(sum(inside) / len(inside))
        assert threshold <= probability + 1e-12


def f1(scores: list[float], gold: list[bool], threshold: float) -> float:
    chosen = [score >= threshold for score in scores]
    hits = sum(c and g for c, g in zip(chosen, gold, strict=True))
    return 2 * hits / (sum(chosen) + sum(gold))


@given(st.lists(st.tuples(SCORE, st.booleans()), max_size=30))
@example([(0.5, True), (float(np.nextafter(0.5, 0)), False)])
@example([(float(np.nextafter(0.5, 1)), True), (0.5, False)])
@example([(0.0, True)])
def test_no_other_threshold_has_a_greater_f1(words: list[tuple[float, bool]]) -> None:
    scores, gold = [score for score, _ in words], [g for _, g in words]
    best = best_word_threshold(scores, gold)
    assert 0 <= best <= 1
    if not any(gold):
        assert best == 0.5
        return
    others = [0.0, 1.0, *scores, *(float(np.nextafter(score, 2)) for score in scores)]
    assert f1(scores, gold, best) >= max(f1(scores, gold, other) for other in others) - 1e-12


def test_the_threshold_lies_between_the_scores_it_parts() -> None:
    assert best_word_threshold([0.9, 0.1, 0.7, 0.3], [True, False, True, False]) == pytest.approx(0.5)
    assert best_word_threshold([0.2, 0.4], [True, True]) == pytest.approx(0.1)
    assert best_word_threshold([], []) == 0.5
