"""The corpus's own split, leave-one-out over names that mean one thing, and what holds of every split."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

import slant.data
from slant.data import Split, grouped_folds, grouped_holdout, leave_one_out, official, split_fingerprint
from slant.data.splits import MAX_FOLDS
from slant.errors import ConfigError, DataError

GOLDEN = json.loads((Path(__file__).parents[1] / "cases" / "split_fingerprints.json").read_text(encoding="utf-8"))
COLUMNS = ("id", "group", "label", "part", "topic")
TOPICS = ("gun control", "gun-control", "Gun Control", "wheat", "harbour board", "hb", None)

Row = tuple[str, str, str, str | None, str | None]
Make = Callable[[Dataset], list[Split]]

SEED = st.integers(0, 2**31)
FRACTION = st.sampled_from([0.0, 0.1, 0.4])


@st.composite
def corpora(draw: st.DrawFn) -> list[Row]:
    """8 to 80 rows in up to 20 groups, which lie across parts and topics; some have neither."""
    groups = draw(st.integers(4, 20))
    cell = st.tuples(
        st.integers(0, groups - 1), st.booleans(), st.sampled_from(["train", "train", "dev", "test", "other", None]), st.sampled_from(TOPICS)
    )
    cells = draw(st.lists(cell, min_size=4, max_size=76))
    rows = [(f"r{n}", f"g{g}", "loaded" if loaded else "neutral", part, topic) for n, (g, loaded, part, topic) in enumerate(cells)]
    # Enough for every split: three parts, two topics, four groups.
    fixed = [("train", "wheat"), ("train", "hb"), ("dev", None), ("test", "gun control")]
    return rows + [(f"f{n}", f"own{n}", "neutral", part, topic) for n, (part, topic) in enumerate(fixed)]


def table(rows: Sequence[Row]) -> Dataset:
    return Dataset.from_dict({name: [row[place] for row in rows] for place, name in enumerate(COLUMNS)})


def id_sets(dataset: Dataset, splits: Sequence[Split]) -> list[tuple[str, int, *tuple[frozenset[str], ...]]]:
    ids = np.asarray(list(dataset["id"]), object)
    return [(s.name, s.fold, *(frozenset(ids[part]) for part in (s.train, s.dev, s.test))) for s in splits]


def check(rows: Sequence[Row], split: Split) -> None:
    """Rising, disjoint, no group in two parts."""
    parts = [split.train, split.dev, split.test]
    assert all(part.dtype == np.int64 and (np.diff(part) > 0).all() for part in parts)
    groups = [{rows[i][1] for i in part} for part in parts]
    assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])


def own(rows: Sequence[Row], *, leaks: str = "stop", dev: Sequence[str] = ("dev",), dev_fraction: float = 0.0, seed: int = 1) -> Split:
    (split,) = official(table(rows), train=["train"], dev=dev, test=["test"], leaks=leaks, dev_fraction=dev_fraction, seed=seed)
    assert (split.name, split.fold) == ("official", 0)
    return split


def of_part(rows: Sequence[Row], part: str) -> list[int]:
    return [i for i, row in enumerate(rows) if row[3] == part]


# --- what holds of every split


def every_split(fraction: float, seed: int) -> list[Make]:
    names = {"train": ["train"], "test": ["test"], "seed": seed, "dev_fraction": fraction}
    return [
        lambda d: grouped_folds(d, k=3, dev_fraction=fraction, seed=seed),
        lambda d: grouped_holdout(d, test_fraction=0.3, dev_fraction=fraction, seed=seed),
        lambda d: leave_one_out(d, by="topic", dev_fraction=fraction, seed=seed),
        lambda d: leave_one_out(d, by="topic", dev_fraction=fraction, seed=seed, merge=True, aliases={"bread": ["wheat"]}),
        lambda d: official(d, **names, dev=["dev"], leaks="drop"),
        lambda d: official(d, **names, dev=["dev"], leaks="stop"),
        lambda d: official(d, **names, dev=[], leaks="drop"),
    ]


@settings(max_examples=15)
@given(corpora(), FRACTION, st.randoms(use_true_random=False), SEED)
def test_row_order_plays_no_part(rows: list[Row], fraction: float, chance: Any, seed: int) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    one, two = table(rows), table(shuffled)
    for make in every_split(fraction, seed):
        first, second = make(one), make(two)
        assert id_sets(one, first) == id_sets(two, second)
        assert split_fingerprint(one["id"], first) == split_fingerprint(two["id"], second)


@settings(max_examples=15)
@given(corpora(), FRACTION, SEED)
def test_no_group_is_cut(rows: list[Row], fraction: float, seed: int) -> None:
    for number, make in enumerate(every_split(fraction, seed)):
        for split in make(table(rows)):
            if number != 5:  # leaks=stop keeps the corpus's own split, faults and all
                check(rows, split)


@settings(max_examples=40)
@given(corpora(), st.integers(2, 5), SEED)
def test_folds_have_the_corpus_share_of_each_label(rows: list[Row], k: int, seed: int) -> None:
    """A fold's share of loaded rows is the corpus's to within the largest group's part of the fold.

    For a fold of L loaded and N neutral rows, each within g (the largest group) of its k-th, the share is off by
    |(1-p)(L - L/k) - p(N - N/k)| / (L + N) <= g / (L + N).
    """
    k = min(k, len({row[1] for row in rows}))
    groups = [row[1] for row in rows]
    largest = max(map(groups.count, groups))
    loaded = np.array([row[2] == "loaded" for row in rows])
    for split in grouped_folds(table(rows), k=k, dev_fraction=0.0, seed=seed):
        assert abs(loaded[split.test].mean() - loaded.mean()) <= largest / len(split.test) + 1e-9


@pytest.mark.parametrize("case", GOLDEN["splits"], ids=lambda case: case["name"])
def test_golden_fingerprints(case: dict[str, Any]) -> None:
    """Worked out once: the same on every machine, or no two people's scores can be compared."""
    dataset = table([tuple(row) for row in GOLDEN["rows"]])
    splits = getattr(slant.data, case["split"])(dataset, **case["arguments"])
    assert [len(split.test) for split in splits] == case["tested"]
    assert split_fingerprint(dataset["id"], splits) == case["fingerprint"]


# --- the corpus's own split


@settings(max_examples=40)
@given(corpora())
def test_parts_stand_as_the_corpus_has_them(rows: list[Row]) -> None:
    split = own(rows)
    assert split.train.tolist() == of_part(rows, "train")
    assert split.dev.tolist() == of_part(rows, "dev")
    assert split.test.tolist() == of_part(rows, "test")


@settings(max_examples=40)
@given(corpora())
def test_drop_leaves_out_exactly_the_rows_that_share_a_group(rows: list[Row]) -> None:
    split = own(rows, leaks="drop")
    check(rows, split)
    test, dev = of_part(rows, "test"), of_part(rows, "dev")
    in_test = {rows[i][1] for i in test}
    in_dev = {rows[i][1] for i in dev}
    assert split.test.tolist() == test
    assert split.dev.tolist() == [i for i in dev if rows[i][1] not in in_test]
    assert split.train.tolist() == [i for i in of_part(rows, "train") if rows[i][1] not in in_test | in_dev]


@settings(max_examples=40)
@given(corpora(), st.sampled_from(["stop", "drop"]), FRACTION, SEED)
def test_a_corpus_without_dev_gives_some_of_train(rows: list[Row], leaks: str, fraction: float, seed: int) -> None:
    split = own(rows, leaks=leaks, dev=[], dev_fraction=fraction, seed=seed)
    in_test = {rows[i][1] for i in of_part(rows, "test")} if leaks == "drop" else set()
    rest = [i for i in of_part(rows, "train") if rows[i][1] not in in_test]
    assert split.test.tolist() == of_part(rows, "test")
    assert sorted([*split.train.tolist(), *split.dev.tolist()]) == rest
    assert not {rows[i][1] for i in split.train} & {rows[i][1] for i in split.dev}
    assert (len(split.dev) > 0) == (fraction > 0)
    assert len(split.train) > 0


def test_dev_fraction_is_not_read_where_there_is_a_dev_part() -> None:
    rows = [(f"r{n}", f"g{n}", "loaded", ("train", "dev", "test")[n % 3], None) for n in range(30)]
    assert own(rows, dev_fraction=0.5).dev.tolist() == of_part(rows, "dev")


def test_a_dev_part_has_about_its_share() -> None:
    rows = [(f"r{n}", f"g{n // 2}", "loaded" if n % 3 else "neutral", "test" if n < 100 else "train", None) for n in range(600)]
    split = own(rows, dev=[], dev_fraction=0.2)
    assert len(split.dev) == pytest.approx(100, abs=2)
    assert np.mean([rows[i][2] == "loaded" for i in split.dev]) == pytest.approx(2 / 3, abs=0.02)


def test_several_parts_may_train_and_several_test() -> None:
    rows = [(f"r{n}", f"g{n}", "loaded", part, None) for n, part in enumerate(["a", "b", "c", "d", None, "e", "a"])]
    (split,) = official(table(rows), train=["b", "a"], dev=["e"], test=["d", "c"], leaks="stop", dev_fraction=0.0, seed=1)
    assert (split.train.tolist(), split.dev.tolist(), split.test.tolist()) == ([0, 1, 6], [5], [2, 3])


def test_a_part_called_none_is_not_the_rows_without_one() -> None:
    rows = [(f"r{n}", f"g{n}", "loaded", part, None) for n, part in enumerate(["None", None, "test"])]
    (split,) = official(table(rows), train=["None"], dev=[], test=["test"], leaks="stop", dev_fraction=0.0, seed=1)
    assert split.train.tolist() == [0]


FOUR: list[Row] = [(f"r{n}", f"g{n}", "loaded", part, None) for n, part in enumerate(["train", "dev", "test", None])]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": ["trian"]}, "split: the corpus has no part 'trian'. Its parts are dev, test, train"),
        ({"dev": ["validation"]}, "the corpus has no part 'validation'"),
        ({"test": ["test", "Test"]}, "the corpus has no part 'Test'"),
        ({"test": ["None"]}, "the corpus has no part 'None'"),
        ({"train": ["train", "test"]}, "split: the part 'test' is named twice. Each part trains, selects or tests"),
        ({"train": ["train", "train"]}, "the part 'train' is named twice"),
        ({"dev": ["train"]}, "the part 'train' is named twice"),
        ({"train": []}, "split: nothing is trained on, or nothing tested"),
        ({"test": []}, "nothing is trained on, or nothing tested"),
        ({"leaks": "dorp"}, "split.leaks is 'dorp'. Take stop or drop"),
        ({"leaks": ""}, "split.leaks is ''"),
        ({"dev": [], "dev_fraction": 1.0}, "split.dev_fraction is 1.0"),
        ({"dev": [], "dev_fraction": -0.1}, "split.dev_fraction is -0.1"),
    ],
)
def test_impossible_parts_are_refused(change: dict[str, Any], message: str) -> None:
    arguments = {"train": ["train"], "dev": ["dev"], "test": ["test"], "leaks": "stop", "dev_fraction": 0.0, "seed": 1}
    with pytest.raises(ConfigError) as caught:
        official(table(FOUR), **(arguments | change))
    assert str(caught.value).startswith(message) or message in str(caught.value)
    assert caught.value.remedy


def test_a_corpus_without_parts_is_refused() -> None:
    with pytest.raises(DataError, match="this corpus has no official split. Choose another split="):
        own([(f"r{n}", f"g{n}", "loaded", None, None) for n in range(5)])


# --- leaving one out of names that mean one thing


def test_aliases_are_one_fold_called_as_most_rows_call_it() -> None:
    topics = ["gun control", "gun-control", "gun-control", "wheat", "Gun Control", "wheats", "wheat", None]
    rows = [(f"r{n}", f"g{n}", "loaded", None, topic) for n, topic in enumerate(topics)]
    guns, wheat = leave_one_out(table(rows), by="topic", dev_fraction=0.0, seed=1, merge=True)
    assert [(s.name, s.fold, s.test.tolist()) for s in (guns, wheat)] == [
        ("topic=gun-control", 0, [0, 1, 2, 4]),
        ("topic=wheat", 1, [3, 5, 6]),
    ]
    assert (guns.train.tolist(), wheat.train.tolist()) == ([3, 5, 6, 7], [0, 1, 2, 4, 7])
    apart = leave_one_out(table(rows), by="topic", dev_fraction=0.0, seed=1)
    assert [s.name for s in apart] == ["topic=Gun Control", "topic=gun control", "topic=gun-control", "topic=wheat", "topic=wheats"]


def test_the_users_own_aliases() -> None:
    topics = ["guns", "firearms", "wheat", "bread", "tram"]
    rows = [(f"r{n}", f"g{n}", "loaded", None, topic) for n, topic in enumerate(topics)]
    told = {"weapons": ["guns", "firearms"], "wheat": ["bread"]}
    splits = leave_one_out(table(rows), by="topic", dev_fraction=0.0, seed=1, merge=True, aliases=told)
    assert [(s.name, s.test.tolist()) for s in splits] == [("topic=tram", [4]), ("topic=weapons", [0, 1]), ("topic=wheat", [2, 3])]
    with pytest.raises(ConfigError, match="'guns' is an alias of 'a' and of 'b'"):
        leave_one_out(table(rows), by="topic", dev_fraction=0.0, seed=1, merge=True, aliases={"a": ["guns"], "b": ["guns"]})


def test_titles_and_surnames_join_targets_and_no_other_column() -> None:
    names = ["President Orlov", "Orlov", "Ann Orlov", "Mara Lindqvist"]
    dataset = table([(f"r{n}", f"g{n}", "neutral", None, name) for n, name in enumerate(names)])
    assert len(leave_one_out(dataset, by="topic", dev_fraction=0.0, seed=1, merge=True)) == 4
    targets = leave_one_out(dataset.rename_column("topic", "target"), by="target", dev_fraction=0.0, seed=1, merge=True)
    assert [(s.name, s.test.tolist()) for s in targets] == [("target=Ann Orlov", [0, 1, 2]), ("target=Mara Lindqvist", [3])]


@settings(max_examples=40)
@given(corpora(), st.booleans(), FRACTION, SEED)
def test_each_row_with_a_value_is_tested_once_and_its_group_never_trained_on(rows: list[Row], merge: bool, fraction: float, seed: int) -> None:
    splits = leave_one_out(table(rows), by="topic", dev_fraction=fraction, seed=seed, merge=merge)
    assert sorted(i for split in splits for i in split.test.tolist()) == [i for i, row in enumerate(rows) if row[4] is not None]
    assert [split.fold for split in splits] == list(range(len(splits)))
    assert len(splits) <= 3 if merge else len(splits) <= 6
    for split in splits:
        tested = {rows[i][1] for i in split.test}
        rest = sorted([*split.train.tolist(), *split.dev.tolist()])
        assert rest == [i for i, row in enumerate(rows) if i not in set(split.test.tolist()) and row[1] not in tested]
        topics = {rows[i][4] for i in split.test}
        assert not topics & {rows[i][4] for i in rest}
        assert split.name.removeprefix("topic=") in topics


def test_a_column_of_too_many_values_is_refused() -> None:
    def rows(n: int) -> list[Row]:
        return [(f"r{i}", f"g{i}", "loaded", None, f"topic {'abcdefghij'[i % 10]}{i}") for i in range(n)]

    assert MAX_FOLDS == 200
    assert len(leave_one_out(table(rows(200)), by="topic", dev_fraction=0.0, seed=1)) == 200
    with pytest.raises(DataError, match="leave-one-topic-out would train 201 models. Take a column of at most 200 values"):
        leave_one_out(table(rows(201)), by="topic", dev_fraction=0.0, seed=1)


def test_what_merging_leaves_as_one_value_is_refused() -> None:
    rows = [(f"r{n}", f"g{n}", "loaded", None, topic) for n, topic in enumerate(["gun control", "gun-control"])]
    assert len(leave_one_out(table(rows), by="topic", dev_fraction=0.0, seed=1)) == 2
    with pytest.raises(DataError, match=r"leave-one-topic-out needs at least two values, found \['gun control'\]"):
        leave_one_out(table(rows), by="topic", dev_fraction=0.0, seed=1, merge=True)
