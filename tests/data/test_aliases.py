"""Aliases: names that mean one thing, whatever their order, and nothing that does not."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.data.aliases import find_aliases, merge_aliases
from slant.errors import ConfigError

NAMES = st.sampled_from([
    "gun control", "gun-control", "Gun Control", "the gun controls", "gc", "GC", "harbour tax", "harbor tax", "ht", "h.t.", "Orlov",
    "Ann Orlov", "President Orlov", "Bela Orlov", "Mayor Lindqvist", "Mara Lindqvist", "ml", "", "…", "the",
])  # fmt: skip
LISTS = st.lists(NAMES | st.lists(st.characters() | st.sampled_from(["a", " ", ".", "s", "\ud83d"]), max_size=6).map("".join), max_size=20)


@pytest.mark.parametrize(
    "names",
    [
        ["gun control", "gun-control"],
        ["gun control", "Gun Control", "GUN_CONTROL"],
        ["vaccine", "vaccines"],
        ["Harbour Board", "the Harbour Board"],
        ["the mayor", "the mayor's", "the mayor’s"],
        ["black-coat march", "bcm"],
        ["NFU", "National Farmers Union", "National Farmers' Union", "the N.F.U."],
        ["U.S.", "US", "us"],
        ["U.S. ports", "US ports"],
        ["straße", "STRASSE"],
    ],
)
def test_names_that_mean_one_thing(names: list[str]) -> None:
    (found,) = find_aliases(names)
    assert found == tuple(sorted(names))


@pytest.mark.parametrize(
    "names",
    [
        ["gun control", "gun rights"],
        ["harbour", "harbours tax"],
        ["bus", "bu"],
        ["virus", "viru"],
        ["crisis", "crisi"],
        ["class", "clas"],
        ["gas", "ga"],
        ["a", "anything"],  # no initials of one word, or of one letter
        ["o", "Orlov Port"],
        ["act", "action committee today", "all clear tonight"],  # the short form of two is the short form of none
        ["plan b 2", "plan b2"],
        ["", "…", "?!"],
        ["the", "a"],
        ["Orlov", "Ann Orlov"],  # not known to be persons
        ["President Orlov", "Orlov"],
    ],
)
def test_names_that_do_not(names: list[str]) -> None:
    assert find_aliases(names) == []


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["Orlov", "President Orlov", "Ann Orlov", "Ann Orlov"], [("Ann Orlov", "Orlov", "President Orlov")]),
        (["Dr. Mara Lindqvist", "Mara Lindqvist", "Lindqvist's"], [("Dr. Mara Lindqvist", "Lindqvist's", "Mara Lindqvist")]),
        (["Orlov", "Ann Orlov", "Bela Orlov"], []),  # whose surname it is nobody knows
        (["Ann Orlov", "Ann Lindqvist"], []),
        (["J. D. Vael", "JD Vael", "J.D. Vael"], [("J. D. Vael", "J.D. Vael", "JD Vael")]),
        (["President", "the president"], [("President", "the president")]),  # nothing but a title
        (["Ann", "Ann Orlov"], []),  # a first name is no surname
    ],
)
def test_persons(names: list[str], found: list[tuple[str, ...]]) -> None:
    assert find_aliases(names, people=True) == found


def test_the_most_frequent_name_stands_first_and_of_equals_the_first_in_the_alphabet() -> None:
    names = ["gun-control"] * 3 + ["gun control"] * 2 + ["Gun Control"] * 2 + ["wheat", "Wheat"]
    assert find_aliases(names) == [("Wheat", "wheat"), ("gun-control", "Gun Control", "gun control")]


@given(LISTS, st.booleans(), st.randoms(use_true_random=False))
def test_sets_are_apart_and_order_plays_no_part(names: list[str], people: bool, chance: Any) -> None:
    found = find_aliases(names, people=people)
    counts = Counter(names)
    members = [name for same in found for name in same]
    assert len(set(members)) == len(members)
    assert set(members) <= set(names)
    for same in found:
        assert len(same) > 1
        assert list(same) == sorted(same, key=lambda name: (-counts[name], name))
    shuffled = list(names)
    chance.shuffle(shuffled)
    assert find_aliases(shuffled, people=people) == found


# --- merging


@given(st.lists(NAMES | st.none(), max_size=20), st.booleans())
def test_merged_names_are_the_first_of_their_set(names: list[str | None], people: bool) -> None:
    merged = merge_aliases(names, people=people)
    sets = find_aliases((name for name in names if name is not None), people=people)
    assert len(merged) == len(names)
    for before, after in zip(names, merged, strict=True):
        (first,) = {same[0] for same in sets if before in same} or {before}
        assert after == first


def test_aliases_that_no_rule_knows() -> None:
    names = ["gun control", "firearms", None, "gun-control", "wheat", "Wheat", "wheat"]
    told = {"gun control": ["firearms", "gun-control"], "bread": ["wheat"]}
    assert merge_aliases(names, more=told) == ["gun control", "gun control", None, "gun control", "bread", "Wheat", "bread"]
    assert merge_aliases(names) == ["gun control", "firearms", None, "gun control", "wheat", "wheat", "wheat"]
    assert merge_aliases(iter(names), more={}) == merge_aliases(names)


def test_a_name_that_is_told_joins_nothing_else() -> None:
    """`gun control` is told to be firearms, and so `gun-control`, of which nobody spoke, stays by itself."""
    assert merge_aliases(["gun control", "gun-control"], more={"firearms": ["gun control"]}) == ["firearms", "gun-control"]


@pytest.mark.parametrize("told", [{"a": ["x"], "b": ["x"]}, {"a": ["b"], "b": ["c"]}, {"a": ["b"], "b": []}])
def test_an_alias_of_two_names_is_refused(told: dict[str, list[str]]) -> None:
    with pytest.raises(ConfigError, match=r"aliases: '[xb]' is an alias of 'a' and of 'b'. Name it once"):
        merge_aliases(["a"], more=told)
