"""TF-IDF for stance: what a mask tells, a model a target, what the blind twin reads, and what comes back from disk."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from fixtures_pipeline import STANCES, mention_sentence, tweet

from slant.data import make_dataset
from slant.decode import Decision
from slant.errors import ConfigError
from slant.models import Classifier, Linear, PointsAtWords, TargetLinear

LABELS = ("against", "neutral", "favor")
Rows = list[dict[str, Any]]


def data(rows: Sequence[dict[str, Any]]) -> Dataset:
    return make_dataset(rows, "tiny")


def mentions(sentences: int, seed: int) -> Rows:
    """Two rows a sentence, of opposite stances."""
    chance, rows = random.Random(seed), []
    while len(rows) < 2 * sentences:
        text, placed = mention_sentence(chance)
        if {label for _, _, label in placed} == {"against", "favor"}:
            for start, end, label in placed:
                row = {"id": f"{seed}-{len(rows)}", "text": text, "task": "stance", "label": label, "group": f"{seed}-{len(rows) // 2}"}
                rows.append(row | {"target": text[start:end], "target_start": start, "target_end": end})
    return rows


def named(tweets: int, seed: int) -> Rows:
    """Tweets on two targets: praise is for the one and against the other."""
    chance, rows = random.Random(seed), []
    other = {"against": "favor", "favor": "against", "neutral": "neutral"}
    for number in range(tweets):
        target, label = ("bridge", "plan")[number % 2], chance.choice(LABELS)
        text = tweet(chance, label if target == "bridge" else other[label])
        rows.append({"id": f"{seed}-{number}", "text": text, "task": "stance", "label": label, "group": f"{seed}-{number}", "target": target})
    return rows


def right(model: Any, rows: Rows) -> float:
    return float(np.mean([LABELS[i] == row["label"] for i, row in zip(model.predict_proba(data(rows)).argmax(axis=1), rows, strict=True)]))


def test_it_keeps_the_contract() -> None:
    model = TargetLinear()
    assert isinstance(model, Classifier)
    assert not isinstance(model, PointsAtWords)
    assert model.fit(data(mentions(20, 1)), None, seed=1) is model
    p = model.predict_proba(data(mentions(5, 2)))
    assert (p.shape, p.dtype) == ((10, 3), np.float64)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    assert (model.labels, model.decision) == (LABELS, Decision())


def test_a_masked_mention_tells_two_targets_apart_and_the_twin_cannot() -> None:
    train, test = mentions(120, 1), mentions(40, 2)
    assert right(TargetLinear(window=1, C=10).fit(data(train), None, seed=1), test) > 0.9
    for twin in (TargetLinear(window=1, C=10, blind=True), TargetLinear(reads="text", C=10)):
        p = twin.fit(data(train), None, seed=1).predict_proba(data(test))
        np.testing.assert_array_equal(p[0::2], p[1::2])
        assert right(twin, test) == 0.5


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (0, "The vile targetmention met him today. "),
        (1, "The vile targetmention met him today. nearvile nearmet"),
        (2, "The vile targetmention met him today. nearThe nearvile nearmet nearhim"),
        (9, "The vile targetmention met him today. nearThe nearvile nearmet nearhim neartoday"),
    ],
)
def test_the_window_is_repeated_and_no_more(window: int, text: str) -> None:
    row = {"id": "1", "text": "The vile Mayor Quill met him today.", "task": "stance", "label": "favor", "group": "1"}
    row |= {"target": "Mayor Quill", "target_start": 9, "target_end": 20}
    assert row["text"][9:20] == "Mayor Quill"
    assert TargetLinear(window=window)._rewritten(data([row]))["text"][:] == [text]
    assert TargetLinear(window=window, blind=True)._rewritten(data([row]))["text"][:] == [row["text"]]


def test_who_is_mentioned_is_not_read_but_where() -> None:
    model = TargetLinear().fit(data(mentions(60, 1)), None, seed=1)
    text = "In Ashford the vile {} met a heroic crowd under oath."
    renamed = []
    for number, name in enumerate(("Mayor Ito", "Governor Zander", "Ms. Nobody of Nowhere")):
        row = {"id": str(number), "text": text.format(name), "task": "stance", "group": str(number)}
        renamed.append(row | {"target": name, "target_start": 20, "target_end": 20 + len(name)})
    p = model.predict_proba(data(renamed))
    np.testing.assert_allclose(p, p[[0, 0, 0]], atol=1e-12)
    assert np.abs(model.predict_proba(data([renamed[0] | {"target_start": 37, "target_end": 42, "target": "crowd"}])) - p[0]).max() > 1e-3


def test_without_a_mention_the_sentence_is_read_as_it_stands() -> None:
    rows = [row | {"target_start": None, "target_end": None} for row in mentions(40, 1)]
    model = TargetLinear().fit(data(rows), None, seed=1)
    np.testing.assert_array_equal(model.predict_proba(data(rows)), Linear(task="stance").fit(data(rows), None, seed=1).predict_proba(data(rows)))


def test_a_fixed_target_has_a_model_of_its_own() -> None:
    train, test = named(160, 1), named(60, 2)
    model = TargetLinear(reads="fixed", C=10).fit(data(train), None, seed=1)
    assert list(model.models) == ["", "bridge", "plan"]
    assert right(model, test) > 0.9
    alone = [row for row in train if row["target"] == "plan"]
    asked = [row for row in test if row["target"] == "plan"]
    expected = Linear(task="stance", C=10).fit(data(alone), None, seed=1).predict_proba(data(asked))
    np.testing.assert_allclose(model.predict_proba(data(test))[1::2], expected, atol=1e-12)
    blind = TargetLinear(reads="fixed", C=10, blind=True).fit(data(train), None, seed=1)
    assert list(blind.models) == [""]
    assert right(blind, test) < 0.7


def test_a_target_that_was_not_met_has_the_model_of_all() -> None:
    rows = named(60, 1)
    rows += [row | {"id": f"one-{row['id']}", "target": "vote", "label": "favor"} for row in rows[:5]]
    model = TargetLinear(reads="fixed").fit(data(rows), None, seed=1)
    assert "vote" not in model.models
    overall = TargetLinear(reads="fixed", blind=True).fit(data(rows), None, seed=1)
    for target in ("tariffs", "vote", None):
        asked = data([row | {"target": target} for row in named(10, 2)])
        np.testing.assert_array_equal(model.predict_proba(asked), overall.predict_proba(asked))


def test_a_label_that_training_lacks_has_no_probability() -> None:
    rows = mentions(20, 1)
    assert {row["label"] for row in rows} == {"against", "favor"}
    p = TargetLinear().fit(data(rows), None, seed=1).predict_proba(data(rows))
    assert (p[:, 1] == 0).all()


@pytest.mark.parametrize("reads", ["mention", "fixed"])
def test_neither_seed_nor_order_changes_an_answer(reads: str) -> None:
    train, test = (mentions(40, 1), mentions(15, 2)) if reads == "mention" else (named(80, 1), named(30, 2))
    one, two = (TargetLinear(reads=reads).fit(data(train), None, seed=3) for _ in range(2))
    p = one.predict_proba(data(test))
    np.testing.assert_array_equal(two.predict_proba(data(test)), p)
    order = np.random.default_rng(0).permutation(len(test))
    np.testing.assert_allclose(one.predict_proba(data(test).select(order)), p[order], atol=1e-12)


@pytest.mark.parametrize(("reads", "blind"), [("mention", False), ("mention", True), ("text", False), ("fixed", False)])
def test_what_is_saved_comes_back_the_same(reads: str, blind: bool, tmp_path: Path) -> None:
    rows, test = (mentions(20, 1), mentions(10, 2)) if reads == "mention" else (named(40, 1), named(20, 2))
    model = TargetLinear(reads=reads, window=1, blind=blind, C=3, balanced=True).fit(data(rows), None, seed=1)
    model.save(tmp_path)
    again = TargetLinear.load(tmp_path)
    np.testing.assert_array_equal(again.predict_proba(data(test)), model.predict_proba(data(test)))
    assert (again.reads, again.window, again.blind, again.options, list(again.models)) == (reads, 1, blind, model.options, list(model.models))
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".json", ".skops"}


def test_targets_of_any_name_come_back(tmp_path: Path) -> None:
    names = {"bridge": "Größe/..", "plan": "../plan"}
    rows = data([row | {"target": names[row["target"]]} for row in named(40, 1)])
    model = TargetLinear(reads="fixed").fit(rows, None, seed=1)
    (tmp_path / "a").mkdir()
    model.save(tmp_path / "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]
    np.testing.assert_array_equal(TargetLinear.load(tmp_path / "a").predict_proba(rows), model.predict_proba(rows))


def test_an_unknown_way_of_reading_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.reads is 'mind'") as caught:
        TargetLinear(reads="mind")
    assert "mention, fixed, text" in caught.value.remedy


def test_rows_without_a_label_are_refused() -> None:
    rows = mentions(4, 1)
    with pytest.raises(ValueError, match="without a gold label"):
        TargetLinear().fit(data([rows[0] | {"label": None}, *rows[1:]]), None, seed=1)


def test_the_invented_sentences_say_what_they_should() -> None:
    """An adjective stands before each name, and no other adjective of stance in the sentence is about it."""
    for row in mentions(20, 1):
        before = row["text"][: row["target_start"]].split()[-1]
        assert STANCES[before] == row["label"]


def test_a_target_with_too_few_words_is_left_to_the_model_of_all() -> None:
    rows = [
        {"id": f"r{n}", "task": "stance", "group": f"g{n}", "label": label, "target": target, "text": text}
        for n, (target, label, text) in enumerate(
            [("bridge", ("favor", "against")[n % 2], f"The {('splendid', 'wretched')[n % 2]} bridge opened on day {n}.") for n in range(12)]
            + [("quay", "favor", "Uvw."), ("quay", "against", "Xyz.")]
        )
    ]
    dataset = make_dataset(rows, "t")
    model = TargetLinear(reads="fixed").fit(dataset, None, seed=1)
    assert set(model.models) == {"", "bridge"}
    assert model.predict_proba(dataset).shape == (14, 3)
