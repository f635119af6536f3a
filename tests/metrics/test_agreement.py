"""Krippendorff's alpha against published values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.errors import DataError
from slant.metrics import krippendorff_alpha

# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C: four observers, twelve units, values missing.
FOUR = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
# The same, section A: two observers, ten articles, two values.
TWO = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]


def named(ratings: list[list[int | None]]) -> list[list[str | None]]:
    return [[None if value is None else f"v{value}" for value in one] for one in ratings]


def test_published_values() -> None:
    assert krippendorff_alpha(named(FOUR)) == pytest.approx(0.743, abs=0.0005)
    assert krippendorff_alpha(named(TWO)) == pytest.approx(0.095, abs=0.0005)


@given(st.lists(st.sampled_from("ab"), min_size=2, max_size=30).filter(lambda one: len(set(one)) == 2))
def test_full_agreement_is_one_and_order_does_not_matter(one: list[str]) -> None:
    assert krippendorff_alpha([one, one]) == pytest.approx(1.0)
    other = one[1:] + one[:1]
    assert krippendorff_alpha([one, other]) == pytest.approx(krippendorff_alpha([other, one]))


def test_one_label_alone_says_nothing() -> None:
    assert math.isnan(krippendorff_alpha([["a", "a"], ["a", "a"]]))


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(DataError, match="different numbers"):
        krippendorff_alpha([["a"], ["a", "b"]])
    with pytest.raises(DataError, match="rated twice"):
        krippendorff_alpha([["a", None], [None, "b"]])
