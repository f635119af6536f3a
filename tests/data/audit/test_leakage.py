"""Rows that train and test share: found by kind, told by id, and never there in a grouped split of joined groups."""

from __future__ import annotations

import random

import numpy as np
import pytest
from fixtures_audit import Row, clean_rows, copied, read, unchecked
from hypothesis import given, settings
from hypothesis import strategies as st

from slant.data import Split, column, find_duplicates, grouped_folds, grouped_holdout, official, prepare
from slant.data.audit import find_leaks, read_rows, refuse_leaks
from slant.data.audit.leakage import part_leaks
from slant.errors import DataError

#: 0–59 train, 60–79 dev, 80–119 test; 40 stories of three rows, none of which is cut.
PARTS = ("train",) * 60 + ("dev",) * 20 + ("test",) * 40


def _rows() -> list[Row]:
    """Whole stories in each part: a row a story, so that any border is one between stories."""
    return [row | {"group": f"story-{i}", "part": PARTS[i]} for i, row in enumerate(copied(clean_rows()[:120]))]


def _split(name: str = "official", fold: int = 0) -> Split:
    parts = np.array(PARTS)
    return Split(name, fold, *(np.flatnonzero(parts == part) for part in ("train", "dev", "test")))


def _reworded(text: str) -> str:
    return text.replace(" the ", " that ", 1)


def test_a_clean_split_has_no_leak() -> None:
    assert find_leaks(read(_rows(), duplicates=True), [_split()]) is None
    refuse_leaks(None, "nowhere")


@pytest.mark.parametrize(("source", "side"), [(5, "train"), (65, "dev")])
@pytest.mark.parametrize("kind", ["duplicate", "near duplicate", "same article"])
def test_each_kind_of_leak_is_told_with_its_rows(source: int, side: str, kind: str) -> None:
    rows = _rows()
    if kind == "same article":
        rows[100]["group"] = rows[source]["group"]
    else:
        rows[100]["text"] = rows[source]["text"].upper() if kind == "duplicate" else _reworded(rows[source]["text"])
    finding = find_leaks(read(rows, duplicates=True), [_split()])
    assert finding is not None and finding.severity == "stop" and (finding.count, finding.total) == (1, 40)
    (item,) = finding.items
    assert (item["ids"], item["leak"], item["side"]) == ([rows[source]["id"], rows[100]["id"]], kind, side)
    with pytest.raises(DataError) as caught:
        refuse_leaks(finding, "corpus.csv")
    said = str(caught.value)
    for part in ("corpus.csv", rows[source]["id"], rows[100]["id"], kind, f"in {side}", "official", "split.leaks=drop"):
        assert part in said
    assert "\n" not in said


def test_a_row_is_told_of_once_by_what_is_worst() -> None:
    rows = _rows()
    rows[100] |= {"text": rows[5]["text"], "group": rows[5]["group"]}
    rows[101] |= {"text": _reworded(rows[6]["text"]), "group": rows[5]["group"]}
    finding = find_leaks(read(rows, duplicates=True), [_split()])
    assert finding is not None and [(item["ids"][1], item["leak"]) for item in finding.items] == [
        (rows[100]["id"], "duplicate"),
        (rows[101]["id"], "near duplicate"),
    ]


def test_duplicates_within_a_part_or_between_train_and_dev_are_no_leak_into_test() -> None:
    rows = _rows()
    for here, there in ((1, 2), (3, 61), (62, 63), (90, 91)):
        rows[there] |= {"text": rows[here]["text"], "group": rows[here]["group"]}
    assert find_leaks(read(rows, duplicates=True), [_split()]) is None


def test_leaks_of_all_folds_are_told_with_their_fold_and_long_lists_are_cut() -> None:
    rows = _rows()
    for i in range(4):
        rows[100 + i]["text"] = rows[i]["text"]
    back = Split("back", 1, np.arange(80, 120), np.zeros(0, np.int64), np.arange(60))
    finding = find_leaks(read(rows, duplicates=True), [_split("there"), back])
    assert finding is not None and finding.count == 8 and finding.total == 100
    assert [item["split"] for item in finding.items] == ["there"] * 4 + ["back"] * 4
    with pytest.raises(DataError, match="and 5 more"):
        refuse_leaks(finding, "corpus.csv")


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.08])
@pytest.mark.parametrize("kind", ["duplicate", "near duplicate"])
def test_leaks_planted_between_parts_are_all_found(rate: float, kind: str) -> None:
    chance = random.Random(f"{kind} {rate}")
    rows = [row | {"group": row["id"], "part": "test" if i >= 900 else "train"} for i, row in enumerate(copied(clean_rows()))]
    leaked = chance.sample(range(900, 1200), round(rate * len(rows)))
    for i, source in zip(leaked, chance.sample(range(900), len(leaked)), strict=True):
        text = rows[source]["text"]
        rows[i]["text"] = text.lower() if kind == "duplicate" else _reworded(text)
    dataset = unchecked(rows)
    read_in = read_rows(dataset)
    splits = official(dataset, train=["train"], dev=[], test=["test"], leaks="stop", dev_fraction=0.1, seed=1)
    finding = find_leaks(read_in, splits)
    assert finding is not None and {item["ids"][1] for item in finding.items} == {rows[i]["id"] for i in leaked}
    assert {item["leak"] for item in finding.items} == {kind}
    # The audit of the corpus alone says the same of its parts.
    (shared,) = part_leaks(read_in)
    assert {item["ids"][1] for item in shared.items} == {rows[i]["id"] for i in leaked}


def test_dropping_leaves_no_leak_and_every_test_row() -> None:
    rows = _rows()
    rows[100]["text"], rows[101]["text"] = rows[5]["text"], _reworded(rows[65]["text"])
    rows[102]["group"] = rows[7]["group"]
    joined = prepare(unchecked(rows)).dataset
    read_in = read_rows(joined)
    arguments = {"train": ["train"], "dev": ["dev"], "test": ["test"], "dev_fraction": 0.0, "seed": 1}
    stopped = find_leaks(read_in, official(joined, leaks="stop", **arguments))  # type: ignore[arg-type]
    assert stopped is not None and {item["ids"][1] for item in stopped.items} == {rows[i]["id"] for i in (100, 101, 102)}
    (dropped,) = official(joined, leaks="drop", **arguments)  # type: ignore[arg-type]
    assert find_leaks(read_in, [dropped]) is None
    assert dropped.test.tolist() == list(range(80, 120))
    assert set(range(80)) - {*dropped.train.tolist(), *dropped.dev.tolist()} == {5, 65, 7}


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(2, 6))
def test_grouped_splits_of_joined_groups_never_leak(seed: int, k: int) -> None:
    chance = random.Random(seed)
    rows = copied(clean_rows()[:150])
    # Articles that share agencies' sentences, reworded or not.
    for n in range(30):
        row = chance.choice(rows[:150])
        text = chance.choice([row["text"], _reworded(row["text"]), row["text"].upper()])
        rows.append(chance.choice(rows) | {"id": f"again-{n}", "text": text, "group": f"agency-{n % 20}", "spans": []})
    dataset = unchecked(rows)
    found = find_duplicates(column(dataset, "text"))
    prepared = prepare(dataset)
    joined = prepared.dataset
    read_in = read_rows(joined, prepared.duplicates)
    assert find_leaks(read_in, grouped_folds(joined, k=k, dev_fraction=0.1, seed=seed)) is None
    assert find_leaks(read_in, grouped_holdout(joined, test_fraction=0.2, dev_fraction=0.1, seed=seed)) is None
    # Without the joining they would leak, or this test could not fail.
    assert find_leaks(read_rows(dataset, found), grouped_folds(dataset, k=k, dev_fraction=0.0, seed=seed)) is not None
