"""Duplicates: what brute force finds is found, nothing else is, and no text is too strange."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slant.data import Duplicates, find_duplicates
from slant.data.duplicates import NEAR, normalise, similarity

Pairs = dict[tuple[int, int], float]

VOCABULARY = """harbour board approved lease old fish quay regional court appeal ferry company council voted budget schools mayor minister presented
written report bridge union strike drivers night shelter river flood insurers farmers wheat price market inspector letter museum roof opened
delayed tunnel station tram library volunteers orchard vineyard weather storm pension nurses hospital ward clinic treaty border customs
lorries depot quarry dust residents petition judge jury verdict prison warden guards film festival opera choir bakery tax rebate tenants rent
landlord survey census turnout ballot recount coalition speech crowd square statue archive forest rangers wolves sheep fence lighthouse"""
WORDS = VOCABULARY.split()

#: Any character at all, halves of surrogate pairs among them.
ANYTHING = st.lists(st.characters() | st.sampled_from(["a", " ", "\ud83d", "\udc00"]), max_size=30).map("".join)
#: Few letters, so that texts are often alike.
SIMPLE = st.text("ab C.", max_size=14)


def brute_force(texts: Sequence[str]) -> Pairs:
    """The Jaccard similarity of the sets of 5-grams of each pair of first rows of their text, from sets of strings."""
    first: dict[str, int] = {}
    for row, text in enumerate(texts):
        first.setdefault(normalise(text), row)
    grams = {}
    for text, row in first.items():
        padded = f" {text} "
        grams[row] = {padded[i : i + 5] for i in range(max(1, len(padded) - 4))}
    return {(a, b): len(grams[a] & grams[b]) / len(grams[a] | grams[b]) for a, b in combinations(sorted(grams), 2)}


def near(found: Duplicates) -> Pairs:
    return {(a, b): alike for (a, b), alike in zip(found.near.tolist(), found.similarity.tolist(), strict=True)}


def check_exact(texts: Sequence[str], found: Duplicates) -> None:
    """Of equal texts each but the first is paired with the first."""
    first: dict[str, int] = {}
    wanted = [(first[text], row) for row, text in enumerate(map(normalise, texts)) if first.setdefault(text, row) != row]
    assert found.exact.tolist() == [list(pair) for pair in wanted]


def partition(texts: Sequence[str], found: Duplicates) -> set[frozenset[str]]:
    sets: dict[int, set[str]] = {}
    for text, first in zip(texts, found.sets(len(texts)).tolist(), strict=True):
        sets.setdefault(first, set()).add(text)
    return {frozenset(alike) for alike in sets.values()}


def sentence(chance: random.Random, words: int) -> str:
    return " ".join(chance.sample(WORDS, words)).capitalize() + "."


def varied(seed: int) -> list[str]:
    """300 texts: 60 sentences, each with four versions of up to eight edits, so that similarities lie all over 0 to 1."""
    chance = random.Random(seed)
    texts = []
    for _ in range(60):
        base = sentence(chance, chance.randint(3, 22))
        texts.append(base)
        for _ in range(4):
            words = base.split()
            for _ in range(chance.randint(0, 8)):
                place = chance.randrange(len(words))
                words[place : place + chance.randint(0, 1)] = chance.sample(WORDS, chance.randint(0, 1)) or words[place : place + 1]
            texts.append(" ".join(words))
    chance.shuffle(texts)
    return texts


# --- against brute force


@pytest.mark.parametrize("seed", range(4))
def test_what_brute_force_finds_is_found_and_nothing_else(seed: int) -> None:
    texts = varied(seed)
    found, true = find_duplicates(texts), brute_force(texts)
    check_exact(texts, found)
    reported = near(found)
    surely = {pair for pair, alike in true.items() if alike >= 0.65}
    assert len(surely) > 80
    assert surely <= set(reported)
    assert sum(NEAR - 0.15 < alike < NEAR for alike in true.values()) > 10  # pairs that a looser rule would report
    for pair, alike in reported.items():
        assert alike == pytest.approx(true[pair], abs=1e-12)
        assert alike >= NEAR
    assert list(reported) == sorted(reported)


@given(st.lists(SIMPLE, max_size=25))
def test_short_texts_too(texts: list[str]) -> None:
    found, true = find_duplicates(texts), brute_force(texts)
    check_exact(texts, found)
    reported = near(found)
    assert {pair for pair, alike in true.items() if alike >= 0.9} <= set(reported)
    assert all(alike == pytest.approx(true[pair]) and alike >= NEAR for pair, alike in reported.items())


@pytest.mark.parametrize("least", [0.7, 0.9, 1.0])
def test_a_higher_threshold_reports_those_above_it(least: float) -> None:
    texts = [*varied(1), "aaaaaaaaa", "aaaaaaaaaaaa"]  # other texts, the same 5-grams
    all_of_them = near(find_duplicates(texts))
    assert near(find_duplicates(texts, near=least)) == {pair: alike for pair, alike in all_of_them.items() if alike >= least}
    assert all_of_them[(300, 301)] == 1.0


# --- planted near duplicates


def changed(chance: random.Random, text: str, how: str) -> str:
    words = text.split()
    place = chance.randrange(1, len(words) - 1)
    match how:
        case "word changed":
            words[place] = chance.choice(WORDS)
        case "word dropped":
            del words[place]
        case "word added":
            words.insert(place, chance.choice(WORDS))
        case "punctuation":
            words[place] = f"“{words[place]}”,"
        case "case":
            words[place] = words[place].upper()
        case "lead-in":
            words[:0] = [*(word.capitalize() for word in chance.sample(WORDS, 1)), "says:"]
    return " ".join(words)


def test_planted_near_duplicates_are_found() -> None:
    chance = random.Random(7)
    ways = ["word changed", "word dropped", "word added", "punctuation", "case", "lead-in"]
    bases = [sentence(chance, chance.randint(12, 25)) for _ in range(400)]
    texts = bases + [changed(chance, base, ways[n % len(ways)]) for n, base in enumerate(bases)]
    found = find_duplicates(texts)
    pairs = {(a, b) for a, b in [*found.exact.tolist(), *found.near.tolist()]}
    hits: dict[str, list[bool]] = {way: [] for way in ways}
    for n in range(400):
        if similarity(texts[n], texts[400 + n]) >= NEAR:
            hits[ways[n % len(ways)]].append((n, 400 + n) in pairs)
    assert min(map(len, hits.values())) >= 60
    assert {way: np.mean(there) >= 0.95 for way, there in hits.items()} == dict.fromkeys(ways, True)
    # The sentences are drawn from the same words, and no two of them are alike.
    assert all(b == a + 400 for a, b in pairs)


# --- row order, sets


@settings(max_examples=10)
@given(st.integers(0, 9), st.randoms(use_true_random=False))
def test_row_order_changes_row_numbers_only(seed: int, chance: Any) -> None:
    def by_text(texts: Sequence[str]) -> dict[frozenset[str], float]:
        return {frozenset(normalise(texts[row]) for row in pair): alike for pair, alike in near(find_duplicates(texts)).items()}

    texts = varied(seed)[:120]
    shuffled = list(texts)
    chance.shuffle(shuffled)
    assert by_text(shuffled) == by_text(texts)
    assert partition(shuffled, find_duplicates(shuffled)) == partition(texts, find_duplicates(texts))


def templates() -> list[str]:
    """150 sentences each of two templates, whose pairs are all near duplicates, and ten strangers."""
    chance = random.Random(3)
    day = "On {} the council of the harbour town approved the yearly budget for schools and roads by a narrow vote after talks."
    rain = "Forecasters in {} expect heavy rain with strong winds along the northern coast until late in the evening of tomorrow."
    names = ["".join(chance.sample("abcdefghijklmnopqrstuvwxyz", 6)) for _ in range(150)]
    texts = [form.format(name) for form in (day, rain) for name in names] + [sentence(chance, 15) for _ in range(10)]
    chance.shuffle(texts)
    return texts


def test_a_template_of_many_sentences_is_one_set() -> None:
    texts = templates()
    days = {text for text in texts if text.startswith("On ")}
    rains = {text for text in texts if text.startswith("Forecasters")}
    assert min(similarity(a, b) for a, b in combinations(sorted(days)[:20], 2)) > 0.7
    found = find_duplicates(texts)
    assert sorted(map(len, partition(texts, found))) == [1] * 10 + [150, 150]
    assert {frozenset(days), frozenset(rains)} < partition(texts, found)
    assert all(alike >= NEAR for alike in found.similarity)
    backwards = texts[::-1]
    assert partition(backwards, find_duplicates(backwards)) == partition(texts, found)


def test_loosely_alike_texts_of_a_large_template_are_joined_as_brute_force_joins_them() -> None:
    """200 sentences with two of 16 words replaced: some pairs are near and some are not, on either side of the threshold."""
    chance = random.Random(162)
    base = chance.sample(WORDS, 16)
    texts = []
    for _ in range(200):
        words = list(base)
        for place in chance.sample(range(16), 2):
            words[place] = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=6))
        texts.append(" ".join(words))
    pairs = [pair for pair, alike in brute_force(texts).items() if alike >= NEAR]
    true = Duplicates(np.zeros((0, 2), np.int64), np.array(pairs), np.ones(len(pairs)))
    assert 1 < len(partition(texts, true)) < 100
    assert partition(texts, find_duplicates(texts)) == partition(texts, true)


def test_many_versions_of_one_sentence_that_are_alike_only_through_it() -> None:
    """The original stands first in the alphabet, wherever its row."""
    chance = random.Random(406)
    base = chance.sample(WORDS, 40)
    original, versions = " ".join(base), []
    for _ in range(400):
        words = list(base)
        for place in chance.sample(range(40), 6):
            words[place] = "z" + "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=5))
        versions.append(" ".join(words))
    assert min(similarity(original, version) for version in versions) > NEAR
    for place in (0, 200, 400):
        texts = [*versions[:place], original, *versions[place:]]
        assert len(partition(texts, find_duplicates(texts))) == 1


def test_a_template_of_64_sentences_is_complete() -> None:
    texts = [text for text in templates() if text.startswith("On ")][:64]
    assert len(find_duplicates(texts).near) == 64 * 63 // 2


def test_sets_join_what_a_third_text_joins() -> None:
    found = Duplicates(np.array([[1, 4]]), np.array([[4, 5], [2, 3]]), np.array([0.7, 0.8]))
    assert found.sets(7).tolist() == [0, 1, 2, 2, 1, 1, 6]


@pytest.mark.parametrize("texts", [[], ["Only one."], ["One of them.", "And quite another."]])
def test_nothing_to_find(texts: list[str]) -> None:
    found = find_duplicates(texts)
    assert found.exact.shape == found.near.shape == (0, 2)
    assert found.similarity.shape == (0,)
    assert found.sets(len(texts)).tolist() == list(range(len(texts)))


# --- any text


@given(st.lists(ANYTHING, max_size=12))
def test_no_text_is_too_strange(texts: list[str]) -> None:
    found = find_duplicates(texts)
    check_exact(texts, found)
    assert (found.similarity >= NEAR).all()
    assert found.sets(len(texts)).shape == (len(texts),)


@given(ANYTHING, ANYTHING)
def test_similarity_is_symmetric_and_1_for_equals(first: str, second: str) -> None:
    assert 0 <= similarity(first, second) == similarity(second, first) <= 1
    assert similarity(first, first) == 1


def test_similarity_by_hand() -> None:
    """Of " abcd", "abcde", "bcde " and " abcd", "abcdf", "bcdf " one of five is in both."""
    assert similarity("abcde", "abcdf") == 0.2
    assert similarity("Abcde!", "abcde") == 1
    assert similarity("a", "b") == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  The\tMayor’s  “plan”, again!\n", "the mayor s plan again"),
        ("snake_case", "snake case"),
        ("ﬁne ＦＵＬＬ width", "fine full width"),
        ("STRASSE straße", "strasse strasse"),
        ("cafe\u0301", "café"),
        ("№ 5", "no 5"),
        (" ?! ", "?!"),
        ("", ""),
        (" \n", ""),
    ],
)
def test_what_counts_of_a_text(text: str, words: str) -> None:
    assert normalise(text) == words


def test_texts_without_words_are_compared_as_they_are() -> None:
    assert find_duplicates(["?!", "…", " ?!"]).exact.tolist() == [[0, 2]]
