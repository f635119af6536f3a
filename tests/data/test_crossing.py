"""Two corpora as one: nothing of the first stands in the second, and nothing falls together by chance."""

from __future__ import annotations

from typing import Any

import pytest

from slant.data import Corpus, Quarantined, cross_corpora, find_duplicates, make_dataset, official, prepare
from slant.errors import ConfigError, DataError
from slant.records import EXAMPLE_COLUMNS

QUAY = "The harbour board approved the lease of the old fish quay on Tuesday evening."
FERRY = "The regional court will hear the appeal of the ferry company in November."
TRAM = "A vile plan to close the tram line was rushed through the council at night."
WHEAT = "Farmers in the valley sold their wheat at a lower price than last year."
ORCHARD = "Volunteers planted forty apple trees in the orchard behind the old museum."


def corpus(name: str, *rows: dict[str, Any], task: str = "loaded", **facts: Any) -> Corpus:
    whole = [{"id": str(n), "task": task, "label": "neutral", "group": "story", "source": f"{name}@1"} | row for n, row in enumerate(rows)]
    facts = {"version": "1", "path": f"/{name}.csv", "licence": f"licence of {name}"} | facts
    return Corpus(make_dataset(whole, name), name, **facts)


def first() -> Corpus:
    return corpus("babel", {"text": QUAY, "part": "test"}, {"text": QUAY.upper(), "group": "copy"}, {"text": FERRY, "part": "dev"})


def second() -> Corpus:
    return corpus(
        "herald",
        {"text": TRAM, "part": "train", "label": "loaded", "spans": [{"start": 2, "end": 6, "label": "loaded"}], "outlet": "Herald"},
        {"text": FERRY.replace(" the appeal ", " an appeal "), "group": "ferry"},
        {"text": WHEAT},
        {"text": f"“{QUAY}”"},
        {"text": WHEAT.replace("last year", "the year before")},
    )


def test_duplicates_of_the_first_are_taken_from_the_second_and_counted() -> None:
    crossed = cross_corpora(first(), second())
    assert list(crossed.dataset["id"]) == ["babel:0", "babel:1", "babel:2", "herald:0", "herald:2", "herald:4"]
    assert crossed.quarantined == tuple(Quarantined("/herald.csv", row, "duplicate of a row of babel") for row in ("1", "3"))
    assert crossed.quarantine_counts() == {"duplicate of a row of babel": 2}
    texts = list(crossed.dataset["text"])
    found = find_duplicates(texts)
    assert all((a < 3) == (b < 3) for a, b in [*found.exact.tolist(), *found.near.tolist()])
    assert len(found.near) == 1  # what is alike within the second stays


def test_a_row_that_is_alike_by_way_of_another_goes_too() -> None:
    """The last row is no near duplicate of the first corpus's, but of one that is; left in, their groups would be joined."""
    words = QUAY.split()
    between, far = " ".join([*words, "Then it went home."]), " ".join([*words[3:], "Then it went home, late and tired."])
    train, test = corpus("a", {"text": QUAY}), corpus("b", {"text": ORCHARD}, {"text": between}, {"text": far})
    near = {(a, b) for a, b in find_duplicates([QUAY, between, far]).near.tolist()}
    assert near == {(0, 1), (1, 2)}
    assert [q.what for q in cross_corpora(train, test).quarantined] == ["1", "2"]


def test_ids_and_groups_are_preceded_by_their_corpus_and_parts_are_its_place() -> None:
    dataset = cross_corpora(first(), second()).dataset
    assert list(dataset["group"]) == ["babel:story", "babel:copy", "babel:story", "herald:story", "herald:story", "herald:story"]
    assert list(dataset["part"]) == ["train"] * 3 + ["test"] * 3


def test_all_else_stays() -> None:
    crossed, home = cross_corpora(first(), second()), second()
    changed = {"id", "group", "part"}
    assert tuple(crossed.dataset.column_names) == EXAMPLE_COLUMNS
    assert {k: v for k, v in crossed.dataset[3].items() if k not in changed} == {k: v for k, v in home.dataset[0].items() if k not in changed}
    assert (crossed.name, crossed.version) == ("babel-to-herald", "1-to-1")
    assert (crossed.path, crossed.licence) == ("/babel.csv and /herald.csv", "licence of babel")
    assert len(home.dataset) == 5  # the corpora themselves are as they were
    assert list(home.dataset["id"]) == list("01234")


def test_what_was_set_aside_before_is_still_counted() -> None:
    odd = {"first": Quarantined("a.csv, row 1", "x", "no such span"), "second": Quarantined("b.csv, row 9", "y", "no such span")}
    crossed = cross_corpora(
        corpus("a", {"text": QUAY}, quarantined=(odd["first"],)), corpus("b", {"text": QUAY}, {"text": TRAM}, quarantined=(odd["second"],))
    )
    assert crossed.quarantined == (odd["first"], odd["second"], Quarantined("/b.csv", "0", "duplicate of a row of a"))


def test_the_official_split_of_it_leaks_nothing() -> None:
    dataset = prepare(cross_corpora(first(), second()).dataset).dataset
    (split,) = official(dataset, train=["train"], dev=[], test=["test"], leaks="stop", dev_fraction=0.0, seed=1)
    assert (split.train.tolist(), split.dev.tolist(), split.test.tolist()) == ([0, 1, 2], [], [3, 4, 5])
    groups = list(dataset["group"])
    assert not {groups[i] for i in split.train} & {groups[i] for i in split.test}


def test_the_other_way_round_is_another_corpus() -> None:
    # All of the first corpus stands in the second, exactly or nearly.
    with pytest.raises(DataError, match="every row of babel stands in herald too. Nothing is left to test on"):
        cross_corpora(second(), first())


def test_corpora_of_one_name_are_refused() -> None:
    one = corpus("babel", {"text": "The ferry sails at noon and returns before dark."})
    with pytest.raises(ConfigError, match="data: both corpora are called babel. Give a table another name"):
        cross_corpora(first(), one)


# --- refusals


def test_one_corpus_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="data: both corpora are the same babel. Name another one for data.test"):
        cross_corpora(first(), first())


def test_corpora_of_two_tasks_are_refused() -> None:
    stance = corpus("views", {"text": TRAM, "label": "against", "target": "tram"}, task="stance")
    with pytest.raises(ConfigError, match="data: babel and views are of different tasks: loaded, stance. Cross corpora of one task"):
        cross_corpora(first(), stance)
