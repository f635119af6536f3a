"""The vote: how its weights are chosen, what it answers, and what it refuses to load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from datasets import Dataset

from slant.data import make_dataset
from slant.decode import Decision
from slant.errors import ConfigError
from slant.models import Classifier, Linear, Prior, SoftVote, TargetLinear
from slant.models.soft_vote import _simplex
from slant.records import WordScores

LABELS = ("against", "neutral", "favor")
N = 60


@pytest.fixture(scope="module")
def rows() -> Dataset:
    labels = np.random.default_rng(1).choice(LABELS, N).tolist()
    texts = {"against": "a vile day", "neutral": "a second day", "favor": "a heroic day"}
    made = [
        {"id": str(i), "text": f"{texts[label]} in the {i % 7} row", "group": str(i), "task": "stance", "label": label, "target": f"t{i % 2}"}
        for i, label in enumerate(labels)
    ]
    return make_dataset(made, "rows")


class Fixed:
    """Gives the same probabilities whatever it is asked, and keeps what it was fitted on."""

    labels = LABELS

    def __init__(self, table: Any) -> None:
        self.table = np.asarray(table, float)
        self.decision = Decision()
        self.fitted: list[Any] = []

    def fit(self, train: Dataset, dev: Dataset | None, *, seed: int) -> Fixed:
        self.fitted = [train, dev, seed]
        return self

    def predict_proba(self, dataset: Dataset) -> np.ndarray[Any, Any]:
        return self.table[[int(i) for i in dataset["id"]]]


def noise(seed: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).dirichlet((1, 1, 1), N)


def leaning(rows: Dataset, share: float, seed: int) -> np.ndarray[Any, Any]:
    """Noise with this share of the truth in it."""
    gold = np.eye(3)[[LABELS.index(label) for label in rows["label"]]]
    return share * gold + (1 - share) * noise(seed)


def partly(rows: Dataset, number: int, of: int) -> np.ndarray[Any, Any]:
    """The truth, all but certain, in one row of so many, and in the others noise."""
    mine = np.arange(N) % of == number
    return np.where(mine[:, None], leaning(rows, 0.9, number), noise(number))


def vote(*members: Any) -> SoftVote:
    return SoftVote(members={f"m{i}": member for i, member in enumerate(members)})


# --- weights


@pytest.mark.parametrize("first", [True, False])
def test_a_perfect_member_has_all_the_weight_beside_a_random_one(rows: Dataset, first: bool) -> None:
    members = [Fixed(leaning(rows, 1.0, 0)), Fixed(noise(1))]
    model = vote(*(members if first else members[::-1])).fit(rows, rows, seed=1)
    assert model.weights == ([1.0, 0.0] if first else [0.0, 1.0])


@pytest.mark.parametrize("members", [2, 3, 4])
def test_the_weights_are_those_of_least_log_loss_on_dev_among_all_in_tenths(rows: Dataset, members: int) -> None:
    tables = [partly(rows, number, members) for number in range(members)]
    train, dev = rows.select(range(20)), rows.select(range(20, N))
    model = vote(*map(Fixed, tables)).fit(train, dev, seed=1)
    gold = [LABELS.index(label) for label in dev["label"]]
    every = [w for w in np.ndindex(*[11] * members) if sum(w) == 10]
    losses = [-np.log(sum(w / 10 * t[range(20, N), gold] for w, t in zip(weights, tables, strict=True))).mean() for weights in every]
    assert model.weights == [w / 10 for w in every[int(np.argmin(losses))]]
    assert sum(w > 0 for w in model.weights) > 1
    assert sorted(_simplex(members, 10)) == every


def test_without_dev_the_weights_are_equal(rows: Dataset) -> None:
    model = vote(Fixed(leaning(rows, 1.0, 0)), Fixed(noise(1)), Fixed(noise(2))).fit(rows, None, seed=1)
    assert model.weights == [1 / 3] * 3
    np.testing.assert_allclose(model.predict_proba(rows), (leaning(rows, 1.0, 0) + noise(1) + noise(2)) / 3)


def test_a_member_that_rules_out_the_truth_is_no_error(rows: Dataset) -> None:
    never = np.roll(leaning(rows, 1.0, 0), 1, axis=1)
    model = vote(Fixed(never), Fixed(never)).fit(rows, rows, seed=1)
    assert sum(model.weights) == pytest.approx(1)
    assert vote(Fixed(never), Fixed(noise(1))).fit(rows, rows, seed=1).weights == [0.0, 1.0]


def test_it_answers_with_the_weighted_mean(rows: Dataset) -> None:
    tables = [partly(rows, 0, 2), partly(rows, 1, 2)]
    model = vote(*map(Fixed, tables)).fit(rows, rows, seed=1)
    assert 0 < model.weights[0] < 1
    p = model.predict_proba(rows)
    assert (p.shape, p.dtype) == ((N, 3), np.float64)
    np.testing.assert_allclose(p, model.weights[0] * tables[0] + model.weights[1] * tables[1])
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(model.predict_proba(rows.select([5, 2])), p[[5, 2]])


def test_members_are_fitted_on_train_and_handed_dev(rows: Dataset) -> None:
    members = [Fixed(noise(1)), Fixed(noise(2))]
    train, dev = rows.select(range(20)), rows.select(range(20, N))
    vote(*members).fit(train, dev, seed=7)
    assert [member.fitted for member in members] == [[train, dev, 7]] * 2


# --- contract and files


def real() -> SoftVote:
    return SoftVote(members={"words": Linear(task="stance"), "target": TargetLinear(reads="fixed"), "prior": Prior(task="stance")})


def test_what_is_saved_comes_back_the_same(rows: Dataset, tmp_path: Path) -> None:
    model = real().fit(rows.select(range(40)), rows.select(range(40, N)), seed=1)
    assert isinstance(model, Classifier)
    assert (model.labels, model.decision) == (LABELS, Decision())
    assert model.weights != [1 / 3] * 3
    model.save(tmp_path)
    assert json.loads((tmp_path / "soft_vote.json").read_text())["members"] == {"words": "Linear", "target": "TargetLinear", "prior": "Prior"}
    again = SoftVote.load(tmp_path)
    assert (again.weights, again.labels, list(again.members)) == (model.weights, LABELS, ["words", "target", "prior"])
    np.testing.assert_array_equal(again.predict_proba(rows), model.predict_proba(rows))


@pytest.mark.parametrize("kind", ["TextEncoder", "open_encoder", "import_module", "_HOMES", "os.system", "__class__", ""])
def test_a_file_that_names_anything_but_a_classifier_is_refused(rows: Dataset, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real().fit(rows, None, seed=1).save(tmp_path)
    state = json.loads((tmp_path / "soft_vote.json").read_text())
    state["members"]["prior"] = kind
    (tmp_path / "soft_vote.json").write_text(json.dumps(state))

    def untouched(*arguments: Any, **options: Any) -> None:
        raise AssertionError("a member was read before the names of all were known")

    monkeypatch.setattr(skops.io, "load", untouched)
    with pytest.raises(ConfigError, match="no classifier is called") as caught:
        SoftVote.load(tmp_path)
    assert repr(kind) in str(caught.value)


@pytest.mark.parametrize("members", [0, 1, 5])
def test_one_member_is_no_vote_and_five_are_too_many(members: int) -> None:
    with pytest.raises(ConfigError, match=rf"a vote of {members}\b") as caught:
        vote(*(Prior(task="stance") for _ in range(members)))
    assert "two to four" in caught.value.remedy


def test_members_of_different_tasks_are_refused() -> None:
    with pytest.raises(ConfigError, match="different tasks"):
        vote(Prior(task="stance"), Prior(task="loaded"))


def test_rows_without_a_label_are_refused(rows: Dataset) -> None:
    broken = make_dataset([rows[0] | {"label": None}, *rows.select(range(1, 9)).to_list()], "rows")
    with pytest.raises(ValueError, match="without a gold label"):
        vote(Fixed(noise(1)), Fixed(noise(2))).fit(rows, broken, seed=1)


# --- words


class Pointing(Fixed):
    """A member that also gives fixed word scores, threshold and all."""

    points = True

    def __init__(self, table: Any, scores: list[float], threshold: float, starts: tuple[int, ...] = (0, 2)) -> None:
        super().__init__(table)
        self.scores, self.starts, self.decision = scores, starts, Decision(word_threshold=threshold)

    def predict_words(self, dataset: Dataset) -> list[WordScores]:
        return [WordScores(self.starts, [start + 1 for start in self.starts], self.scores) for _ in range(len(dataset))]


def test_words_are_averaged_over_the_members_that_point(rows: Dataset) -> None:
    members = {"mute": Fixed(noise(1)), "a": Pointing(noise(2), [0.2, 0.8], 0.3), "b": Pointing(noise(3), [0.6, 0.0], 0.5)}
    vote = SoftVote(members=members).fit(rows, None, seed=1)
    assert vote.points and vote.decision.word_threshold == pytest.approx(0.4)
    assert vote.predict_words(rows)[0].scores == pytest.approx([0.4, 0.4])
    vote.weights = [0.2, 0.6, 0.2]
    assert vote.predict_words(rows)[0].scores == pytest.approx([0.3, 0.6])
    vote.weights = [1.0, 0.0, 0.0]
    assert not vote.points


def test_a_vote_without_a_pointing_member_points_at_nothing(rows: Dataset) -> None:
    assert not SoftVote(members={"a": Fixed(noise(1)), "b": Fixed(noise(2))}).fit(rows, None, seed=1).points


def test_members_that_see_other_words_cannot_vote_on_them(rows: Dataset) -> None:
    members = {"a": Pointing(noise(1), [0.2, 0.8], 0.3), "b": Pointing(noise(2), [0.6, 0.0], 0.5, starts=(0, 3))}
    with pytest.raises(ConfigError, match="do not see the same words"):
        SoftVote(members=members).predict_words(rows)
