"""The floors and the TF-IDF baseline: what they predict, and what comes back from disk."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from datasets import Dataset
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from slant.data import make_dataset
from slant.decode import Decision
from slant.models import Classifier, Linear, PointsAtWords, Prior

STANCE = ("against", "neutral", "favor")


def rows(*labels: str | None, task: str = "loaded", **columns: list[Any]) -> Dataset:
    made = [{"id": str(i), "text": f"text {i}", "group": str(i), "task": task, "label": label} for i, label in enumerate(labels)]
    for name, values in columns.items():
        for row, value in zip(made, values, strict=True):
            row[name] = value
    return make_dataset(made, "rows")


def classifiers() -> list[Any]:
    return [Prior(), Prior(by="outlet"), Linear()]


@pytest.mark.parametrize("model", classifiers(), ids=["majority", "outlet", "linear"])
def test_they_keep_the_contract(model: Any, tiny_dataset: Dataset) -> None:
    assert isinstance(model, Classifier)
    assert not isinstance(model, PointsAtWords)
    assert model.fit(tiny_dataset, None, seed=1) is model
    p = model.predict_proba(tiny_dataset)
    assert (p.shape, p.dtype) == ((120, 2), np.float64)
    assert ((p >= 0) & (p <= 1)).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    assert (model.labels, model.decision) == (("neutral", "loaded"), Decision())


@pytest.mark.parametrize("model", classifiers(), ids=["majority", "outlet", "linear"])
def test_what_is_saved_comes_back_the_same(model: Any, tiny_dataset: Dataset, tmp_path: Path) -> None:
    model.fit(tiny_dataset.select(range(80)), None, seed=1).save(tmp_path)
    again = type(model).load(tmp_path)
    rest = tiny_dataset.select(range(80, 120))
    np.testing.assert_array_equal(again.predict_proba(rest), model.predict_proba(rest))
    assert (again.labels, again.decision) == (model.labels, model.decision)


@pytest.mark.parametrize("make", [Prior, Linear])
def test_another_task_comes_back_as_itself(make: Any, tmp_path: Path) -> None:
    """A model of one task read back as another would answer with that one's labels."""
    data = rows(*STANCE * 4, task="stance")
    model = make(task="stance").fit(data, None, seed=1)
    model.save(tmp_path)
    again = make.load(tmp_path)
    assert again.labels == STANCE
    np.testing.assert_array_equal(again.predict_proba(data), model.predict_proba(data))


@pytest.mark.parametrize("model", classifiers(), ids=["majority", "outlet", "linear"])
def test_rows_without_a_label_are_refused(model: Any, tiny_rows: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(ValueError, match="without a gold label"):
        model.fit(make_dataset([tiny_rows[0] | {"label": None}, *tiny_rows[1:]], "tiny"), None, seed=1)


# --- prior


def test_the_majority_floor_is_the_frequencies_with_one_added() -> None:
    p = Prior().fit(rows("loaded", "loaded", "loaded", "neutral"), None, seed=1).predict_proba(rows("loaded", None))
    np.testing.assert_allclose(p, [[2 / 6, 4 / 6]] * 2)


def test_an_outlet_has_its_own_frequencies_and_a_new_one_the_overall() -> None:
    train = rows("loaded", "loaded", "neutral", "neutral", "neutral", outlet=["X", "X", "X", "Y", None])
    model = Prior(by="outlet").fit(train, None, seed=1)
    p = model.predict_proba(rows(None, None, None, None, outlet=["X", "Y", "Z", None]))
    np.testing.assert_allclose(p[:, 1], [3 / 5, 1 / 3, 3 / 7, 3 / 7])


def test_a_label_that_was_not_seen_is_not_impossible() -> None:
    p = Prior(task="stance").fit(rows("favor", "favor", task="stance"), None, seed=1).predict_proba(rows("against", task="stance"))
    np.testing.assert_allclose(p, [[1 / 5, 1 / 5, 3 / 5]])


def test_a_second_fit_forgets_the_first() -> None:
    model = Prior(by="outlet").fit(rows("loaded", outlet=["X"]), None, seed=1)
    model.fit(rows("neutral", outlet=["Y"]), None, seed=1)
    np.testing.assert_allclose(model.predict_proba(rows(None, outlet=["X"])), [[2 / 3, 1 / 3]])


def test_no_rows_give_an_empty_table() -> None:
    model = Prior(by="outlet").fit(rows("loaded", outlet=["X"]), None, seed=1)
    assert model.predict_proba(rows("loaded").select([])).shape == (0, 2)


# --- linear


def test_it_learns_and_text_alone_counts(tiny_dataset: Dataset, tiny_rows: tuple[dict[str, Any], ...]) -> None:
    model = Linear().fit(tiny_dataset.select(range(80)), None, seed=1)
    rest = tiny_dataset.select(range(80, 120))
    p = model.predict_proba(rest)
    assert ((p[:, 1] > 0.5) == (np.array(list(rest["label"])) == "loaded")).mean() > 0.9
    blind = make_dataset([row | {"label": None, "spans": None, "outlet": None} for row in tiny_rows[80:]], "blind")
    np.testing.assert_array_equal(model.predict_proba(blind), p)


def test_the_label_order_is_the_tasks_even_where_a_label_is_missing() -> None:
    data = rows(*["favor", "against"] * 6, task="stance")
    p = Linear(task="stance").fit(data, None, seed=1).predict_proba(data)
    assert (p[:, 1] == 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    ordered = rows(*STANCE * 5, task="stance")
    texts = {"against": "bad bad", "neutral": "so so", "favor": "good good"}
    ordered = make_dataset([row | {"text": texts[row["label"]]} for row in ordered.to_list()], "ordered")
    p = Linear(task="stance").fit(ordered, None, seed=1).predict_proba(ordered)
    assert [STANCE[i] for i in p.argmax(axis=1)] == list(ordered["label"])


def test_the_same_seed_gives_the_same_model(tiny_dataset: Dataset) -> None:
    one, two = (Linear().fit(tiny_dataset, None, seed=3).predict_proba(tiny_dataset) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_a_file_that_asks_for_more_than_scikit_learn_is_refused(tiny_dataset: Dataset, tmp_path: Path) -> None:
    model = Linear().fit(tiny_dataset, None, seed=1)
    model.save(tmp_path)
    model.pipeline = Pipeline([("open", FunctionTransformer(math.sqrt)), *model.pipeline.steps])
    skops.io.dump(model.pipeline, tmp_path / "linear.skops")
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException, match=r"math\.sqrt"):
        Linear.load(tmp_path)


def test_nothing_is_pickled(tiny_dataset: Dataset, tmp_path: Path) -> None:
    import zipfile

    Linear().fit(tiny_dataset, None, seed=1).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["linear.json", "linear.skops"]
    with zipfile.ZipFile(tmp_path / "linear.skops") as archive:
        assert {Path(name).suffix for name in archive.namelist()} <= {".json", ".npy", ".npz"}
