"""Splits: no article is cut, nothing is lost, and neither row order nor the machine plays a part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from slant.data import Split, assign_groups, grouped_folds, grouped_holdout, leave_one_out, make_dataset, split_fingerprint
from slant.errors import ConfigError, DataError

Rows = list[tuple[str, str]]  # group and label of each row

#: Groups of one to nine rows, of one label or of both, and one that may outweigh all others.
GROUP = st.lists(st.sampled_from(["neutral", "loaded"]), min_size=1, max_size=9) | st.integers(1, 40).map(lambda n: ["loaded"] * n)
GROUPS = st.lists(GROUP, min_size=5, max_size=25)
SEED = st.integers(0, 2**31)


def rows_of(groups: Sequence[Sequence[str]]) -> Rows:
    return [(f"g{number}", label) for number, labels in enumerate(groups) for label in labels]


def table(rows: Rows, **columns: Sequence[Any]) -> Dataset:
    """Only the columns that splits read; ids say what a row is, whatever its place."""
    copies: Counter[tuple[str, str]] = Counter()
    ids = []
    for row in rows:
        copies[row] += 1
        ids.append(f"{row[0]}/{row[1]}/{copies[row]}")
    return Dataset.from_dict({"id": ids, "group": [g for g, _ in rows], "label": [label for _, label in rows], **columns})


def check_parts(dataset: Dataset, split: Split, *, whole: bool = True) -> None:
    """Rising, disjoint, complete when `whole`; and no group in two parts."""
    parts = [split.train, split.dev, split.test]
    assert all((np.diff(part) > 0).all() for part in parts)
    together = np.concatenate(parts)
    assert len(set(together.tolist())) == len(together)
    if whole:
        assert len(together) == len(dataset)
    group = list(dataset["group"])
    groups = [{group[i] for i in part} for part in parts]
    assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])


def id_sets(dataset: Dataset, splits: Sequence[Split]) -> list[tuple[str, *tuple[frozenset[str], ...]]]:
    ids = np.asarray(list(dataset["id"]), object)
    return [(s.name, *(frozenset(ids[part]) for part in (s.train, s.dev, s.test))) for s in splits]


@given(GROUPS, st.integers(2, 5), st.sampled_from([0.0, 0.1, 0.3]), SEED)
def test_folds_test_every_row_once_and_cut_no_group(groups: list[list[str]], k: int, dev: float, seed: int) -> None:
    dataset = table(rows_of(groups))
    splits = grouped_folds(dataset, k=k, dev_fraction=dev, seed=seed)
    assert [(s.name, s.fold) for s in splits] == [(f"fold-{f}", f) for f in range(k)]
    for split in splits:
        check_parts(dataset, split)
        assert len(split.test) > 0
        assert len(split.train) > 0
        assert dev > 0 or len(split.dev) == 0
    assert sorted(np.concatenate([s.test for s in splits]).tolist()) == list(range(len(dataset)))


@given(GROUPS, st.integers(2, 5), SEED)
def test_folds_are_balanced_to_within_the_largest_group(groups: list[list[str]], k: int, seed: int) -> None:
    """Of each label a fold holds its k-th to within the rows of the largest group."""
    rows = rows_of(groups)
    largest = max(map(len, groups))
    part = assign_groups([g for g, _ in rows], [label for _, label in rows], [1 / k] * k, seed)
    for label in ("neutral", "loaded"):
        here = np.array([row_label == label for _, row_label in rows])
        counts = np.bincount(part[here], minlength=k)
        assert np.abs(counts - here.sum() / k).max() <= largest


@settings(max_examples=40)
@given(GROUPS, st.randoms(use_true_random=False), SEED)
def test_row_order_plays_no_part(groups: list[list[str]], chance: Any, seed: int) -> None:
    rows = rows_of(groups)
    shuffled = list(rows)
    chance.shuffle(shuffled)
    one, two = table(rows), table(shuffled)
    for make in (
        lambda d: grouped_folds(d, k=3, dev_fraction=0.2, seed=seed),
        lambda d: grouped_holdout(d, test_fraction=0.2, dev_fraction=0.2, seed=seed),
    ):
        first, second = make(one), make(two)
        # Which of several rows alike (same group, same label) bears which id is a matter of this test, not of the split.
        assert id_sets(one, first) == id_sets(two, second)
        assert split_fingerprint(one["id"], first) == split_fingerprint(two["id"], second)


@given(GROUPS, st.sampled_from([0.1, 0.2, 0.5]), st.sampled_from([0.0, 0.2]), SEED)
def test_a_holdout_is_one_split(groups: list[list[str]], test: float, dev: float, seed: int) -> None:
    rows = rows_of(groups)
    dataset = table(rows)
    (split,) = grouped_holdout(dataset, test_fraction=test, dev_fraction=dev, seed=seed)
    check_parts(dataset, split)
    assert min(len(split.train), len(split.test)) > 0
    rest = {rows[i][0] for i in (*split.train, *split.dev)}
    assert (len(split.dev) > 0) == (dev > 0 and len(rest) > 1)
    largest = max(map(len, groups))
    assert abs(len(split.test) - test * len(dataset)) <= 2 * largest


def test_a_large_corpus_of_small_articles_is_split_evenly() -> None:
    chance = np.random.default_rng(0)
    rows = rows_of([["loaded" if chance.random() < 0.4 else "neutral" for _ in range(chance.integers(1, 12))] for _ in range(400)])
    dataset = table(rows)
    labels = np.asarray(list(dataset["label"]))
    share = (labels == "loaded").mean()
    for split in grouped_folds(dataset, k=5, dev_fraction=0.1, seed=1):
        for part, wanted in ((split.test, 0.2), (split.dev, 0.08), (split.train, 0.72)):
            assert len(part) / len(rows) == pytest.approx(wanted, abs=0.005)
            assert (labels[part] == "loaded").mean() == pytest.approx(share, abs=0.01)


def test_seeds_differ_and_repeat(tiny_dataset: Dataset) -> None:
    def fingerprint(seed: int) -> str:
        return split_fingerprint(tiny_dataset["id"], grouped_folds(tiny_dataset, k=5, dev_fraction=0.1, seed=seed))

    assert fingerprint(1) == fingerprint(1)
    assert len({fingerprint(seed) for seed in range(6)}) == 6


def test_golden_fingerprints() -> None:
    """Worked out once: the same on every machine, or no two people's scores can be compared."""
    rows = [(f"story-{n // 4:02d}", "loaded" if n % 3 else "neutral") for n in range(120)]
    dataset = table(rows, outlet=[("Gazette", "Courier", "Wire")[n // 4 % 3] for n in range(120)])
    ids = dataset["id"]
    assert (
        split_fingerprint(ids, grouped_folds(dataset, k=5, dev_fraction=0.1, seed=1))
        == "2434ba168c47b4815032aac8f10cb905d456d33af987726cceb4ab1e8c0b6217"
    )
    assert (
        split_fingerprint(ids, grouped_holdout(dataset, test_fraction=0.2, dev_fraction=0.1, seed=1))
        == "f5d24c52662a82bbeaa1112f507a99f60a379e4fe8046dd61265e1ccb8e78b8b"
    )
    assert (
        split_fingerprint(ids, leave_one_out(dataset, by="outlet", dev_fraction=0.1, seed=1))
        == "67af35794d71597bb3738496e7d74c0197c6452bbad34919d463857fd7a64039"
    )


def test_the_fingerprint_sees_parts_and_not_their_order() -> None:
    def split(name: str, fold: int, *parts: list[int]) -> Split:
        return Split(name, fold, *(np.array(part, np.int64) for part in parts))

    ids = ["a", "b", "c", "d"]
    one, two = split("fold-0", 0, [0, 1], [2], [3]), split("fold-1", 1, [2, 3], [0], [1])
    before = split_fingerprint(ids, [one, two])
    assert split_fingerprint(ids, [two, one]) == before
    others = [
        [one],
        [split("fold-0", 0, [0], [1, 2], [3]), two],
        [split("fold-0", 0, [0, 2], [1], [3]), two],
        [split("another", 0, [0, 1], [2], [3]), two],
    ]
    assert before not in {split_fingerprint(ids, other) for other in others}


# --- leaving one out


def test_leaving_an_outlet_out(tiny_dataset: Dataset) -> None:
    splits = leave_one_out(tiny_dataset, by="outlet", dev_fraction=0.1, seed=1)
    assert [(s.name, s.fold) for s in splits] == [("outlet=Courier", 0), ("outlet=Gazette", 1), ("outlet=Wire", 2)]
    for split in splits:
        check_parts(tiny_dataset, split)
        assert {tiny_dataset["outlet"][i] for i in split.test} == {split.name.removeprefix("outlet=")}
        assert len(split.test) == 40
        assert 0 < len(split.dev) < 20


def test_groups_that_reach_into_the_test_part_are_left_out_and_nulls_are_trained_on() -> None:
    rows = [(group, "loaded") for group in ("a", "a", "b", "b", "c", "d")]
    dataset = table(rows, outlet=["X", "X", "X", "Y", "Y", None])
    x, y = leave_one_out(dataset, by="outlet", dev_fraction=0.0, seed=1)
    assert (x.test.tolist(), x.train.tolist()) == ([0, 1, 2], [4, 5])  # row 3 is of group b, which X tests on
    assert (y.test.tolist(), y.train.tolist()) == ([3, 4], [0, 1, 5])
    check_parts(dataset, x, whole=False)
    check_parts(dataset, y, whole=False)


@settings(max_examples=50)
@given(GROUPS, st.data(), SEED)
def test_leaving_one_out_never_cuts_a_group(groups: list[list[str]], data: st.DataObject, seed: int) -> None:
    rows = rows_of(groups)
    topics = data.draw(st.lists(st.sampled_from(["x", "y", "z", None]), min_size=len(rows), max_size=len(rows)))
    topics += ["x", "y"]
    dataset = table([*rows, ("p", "loaded"), ("q", "neutral")], topic=topics)
    splits = leave_one_out(dataset, by="topic", dev_fraction=0.2, seed=seed)
    for split in splits:
        check_parts(dataset, split, whole=False)
        kept = {topics[i] for i in (*split.train, *split.dev)}
        assert split.name.removeprefix("topic=") not in kept
    tested = sorted(np.concatenate([split.test for split in splits]).tolist())
    assert tested == [i for i, topic in enumerate(topics) if topic is not None]


# --- refusals


@pytest.mark.parametrize("k", [1, 0, -3])
def test_too_few_folds(tiny_dataset: Dataset, k: int) -> None:
    with pytest.raises(ConfigError, match=f"split.k is {k}. Take at least 2 folds"):
        grouped_folds(tiny_dataset, k=k, dev_fraction=0.1, seed=1)


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 1.5, float("nan")])
def test_an_impossible_dev_fraction(tiny_dataset: Dataset, fraction: float) -> None:
    for make in (
        lambda: grouped_folds(tiny_dataset, k=3, dev_fraction=fraction, seed=1),
        lambda: grouped_holdout(tiny_dataset, test_fraction=0.2, dev_fraction=fraction, seed=1),
        lambda: leave_one_out(tiny_dataset, by="outlet", dev_fraction=fraction, seed=1),
    ):
        with pytest.raises(ConfigError, match="split.dev_fraction is"):
            make()


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0, float("nan")])
def test_an_impossible_test_fraction(tiny_dataset: Dataset, fraction: float) -> None:
    with pytest.raises(ConfigError, match="split.test_fraction is"):
        grouped_holdout(tiny_dataset, test_fraction=fraction, dev_fraction=0.1, seed=1)


def test_too_few_articles() -> None:
    few = table(rows_of([["loaded"] * 30, ["neutral"] * 30]))
    with pytest.raises(DataError, match=r"2 articles cannot fill 3 parts \(split.k\)"):
        grouped_folds(few, k=3, dev_fraction=0.1, seed=1)
    with pytest.raises(DataError, match="2 articles cannot fill 3 parts"):
        grouped_holdout(few, test_fraction=0.2, dev_fraction=0.1, seed=1)


def test_columns_that_cannot_be_left_out(tiny_rows: tuple[dict[str, Any], ...]) -> None:
    dataset = make_dataset([row | {"speaker": "Ann" if n else None} for n, row in enumerate(tiny_rows)], "tiny")
    with pytest.raises(ConfigError, match="split.by names no column: 'outlets'. Columns: id, text"):
        leave_one_out(dataset, by="outlets", dev_fraction=0.1, seed=1)
    with pytest.raises(DataError, match=r"leave-one-speaker-out needs at least two values, found \['Ann'\]"):
        leave_one_out(dataset, by="speaker", dev_fraction=0.1, seed=1)
    with pytest.raises(DataError, match=r"found \[\]"):
        leave_one_out(dataset, by="target", dev_fraction=0.1, seed=1)
