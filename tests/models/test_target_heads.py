"""Stance heads on a tiny real encoder: what they read of a target, what their blind twin may not, and what comes back from disk."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import DAYS, NOUNS, VERBS
from datasets import Dataset
from fixtures_pipeline import adjective

import slant.models.target_heads as module
from slant.data import make_dataset
from slant.decode import READS
from slant.decode.heads import mention_features, words_inside
from slant.errors import ConfigError, EncoderError
from slant.models import Classifier, PointsAtWords, TargetHeads
from slant.models.base import label_indices
from slant.models.encoder import Recipe, TextEncoder, resolve_encoder

Rows = list[dict[str, Any]]
RECIPE = Recipe((4, 6), (3, 5), 256)
LABELS = ("against", "neutral", "favor")
#: More than the shipped ones: the tiny corpus has fewer rows, and no noise.
C = (0.1,)


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> TextEncoder:
    """One encoder for all tests of the module; it holds the states of texts it has read."""
    return TextEncoder(resolve_encoder(path=tiny_encoder), RECIPE)


def mentions(sentences: int, seed: int) -> Rows:
    """Rows of sentences with two nouns of opposite stance: the adjective before each tells its own."""
    chance, rows = random.Random(seed), []
    for number in range(sentences):
        labels, nouns = chance.sample(("against", "favor"), 2), chance.sample(NOUNS, 2)
        words = [adjective(chance, label) for label in labels]
        text = f"The {words[0]} {nouns[0]} {chance.choice(VERBS)} the {words[1]} {nouns[1]} on {chance.choice(DAYS)}."
        for label, noun in zip(labels, nouns, strict=True):
            start = text.index(noun)
            row = {"id": f"{seed}-{number}-{noun}", "text": text, "task": "stance", "label": label, "group": f"{seed}-{number}"}
            rows.append(row | {"target": noun, "target_start": start, "target_end": start + len(noun)})
    return rows


def named(tweets: int, seed: int) -> Rows:
    """Rows of tweets about one of two targets: who praises the bridge is for the bridge, and who praises anything is against the plan."""
    chance, rows = random.Random(seed), []
    for number in range(tweets):
        target, label = ("bridge", "plan")[number % 2], chance.choice(LABELS)
        said = {"against": "favor", "favor": "against"}.get(label, label) if target == "plan" else label
        text = f"The {adjective(chance, said)} {adjective(chance, said)} day: {chance.choice(NOUNS)} {chance.choice(VERBS)} on {chance.choice(DAYS)}"
        rows.append({"id": f"{seed}-{number}", "text": text, "task": "stance", "label": label, "group": f"{seed}-{number}", "target": target})
    return rows


def data(rows: Sequence[dict[str, Any]]) -> Dataset:
    return make_dataset(rows, "tiny")


@pytest.fixture(scope="module")
def train() -> Dataset:
    return data(mentions(60, 1))


@pytest.fixture(scope="module")
def dev() -> Dataset:
    return data(mentions(20, 2))


@pytest.fixture(scope="module")
def test() -> Dataset:
    return data(mentions(40, 3))


@pytest.fixture(scope="module")
def fitted(encoder: TextEncoder, train: Dataset, dev: Dataset) -> TargetHeads:
    return TargetHeads(encoder, C=C, window=2).fit(train, dev, seed=1)


def right(model: TargetHeads, dataset: Dataset) -> float:
    return float((model.predict_proba(dataset).argmax(axis=1) == label_indices(dataset, model.labels)).mean())


def assert_equal(one: TargetHeads, two: TargetHeads) -> None:
    assert one.decision == two.decision
    assert list(one.heads) == list(two.heads)
    for target, both in one.heads.items():
        for mine, other in zip(both, two.heads[target], strict=True):
            np.testing.assert_array_equal(mine, other, err_msg=target)


def loss(model: TargetHeads, dataset: Dataset) -> float:
    """The log loss before calibration."""
    logits = np.log(model.predict_proba(dataset)) * model.decision.temperature
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return float(-np.log(p[np.arange(len(p)), label_indices(dataset, model.labels)]).mean())


# --- learning


def test_it_keeps_the_contract(fitted: TargetHeads, test: Dataset) -> None:
    assert isinstance(fitted, Classifier)
    assert not isinstance(fitted, PointsAtWords)
    assert fitted.labels == LABELS
    p = fitted.predict_proba(test)
    assert (p.shape, p.dtype) == ((80, 3), np.float64)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)


def test_a_mention_tells_two_targets_of_one_sentence_apart_and_the_twin_cannot(
    encoder: TextEncoder, fitted: TargetHeads, train: Dataset, dev: Dataset, test: Dataset
) -> None:
    assert right(fitted, test) > 0.95
    twin = TargetHeads(encoder, C=C, window=2, blind=True).fit(train, dev, seed=1)
    p = twin.predict_proba(test)
    np.testing.assert_array_equal(p[0::2], p[1::2])
    assert right(twin, test) == 0.5  # of two opposite stances whatever is said is right once
    assert not (fitted.predict_proba(test)[0::2] == fitted.predict_proba(test)[1::2]).any()


@pytest.mark.parametrize("reads", ["text", "fixed"])
def test_a_targets_name_turns_the_same_words_round(encoder: TextEncoder, reads: str) -> None:
    train, dev, test = (data(named(n, seed)) for n, seed in ((160, 1), (40, 2), (80, 3)))
    model = TargetHeads(encoder, reads=reads, C=C).fit(train, dev, seed=1)
    twin = TargetHeads(encoder, reads=reads, C=C, blind=True).fit(train, dev, seed=1)
    assert right(model, test) > 0.75
    assert right(twin, test) < right(model, test) - 0.2
    assert set(model.heads) == ({"", "bridge", "plan"} if reads == "fixed" else {""})
    assert set(twin.heads) == {""}
    other = data([row | {"target": {"bridge": "plan", "plan": "bridge"}[row["target"]]} for row in test.to_list()])
    np.testing.assert_array_equal(twin.predict_proba(other), twin.predict_proba(test))
    assert right(model, other) < 0.5


def test_a_target_that_was_not_met_has_the_head_of_all(encoder: TextEncoder) -> None:
    rows = named(120, 1)
    # One label only: nothing to fit a head on.
    rows += [row | {"id": f"one-{row['id']}", "target": "vote", "label": "favor"} for row in rows[:5]]
    model = TargetHeads(encoder, reads="fixed", C=C).fit(data(rows), None, seed=1)
    assert list(model.heads) == ["", "bridge", "plan"]
    overall = TargetHeads(encoder, reads="fixed", C=C, blind=True).fit(data(rows), None, seed=1)
    test = named(20, 3)
    for target in ("tariffs", "vote", None):
        asked = data([row | {"target": target} for row in test])
        np.testing.assert_allclose(model.predict_proba(asked), overall.predict_proba(asked), atol=1e-12)
    assert np.abs(model.predict_proba(data(test)) - overall.predict_proba(data(test))).max() > 0.1


def test_a_target_that_was_not_met_has_an_answer_from_its_name(encoder: TextEncoder) -> None:
    model = TargetHeads(encoder, reads="text", C=C).fit(data(named(120, 1)), None, seed=1)
    p = [model.predict_proba(data([row | {"target": target} for row in named(20, 3)])) for target in ("harbour tariffs", "mayor", None)]
    assert all(np.isfinite(found).all() for found in p)
    assert np.abs(p[0] - p[1]).max() > 1e-3


# --- choosing on dev


def test_the_strength_of_least_log_loss_on_dev_is_taken(encoder: TextEncoder, train: Dataset, dev: Dataset) -> None:
    wrong = {"against": "favor", "favor": "against"}
    noisy = data([row | {"label": wrong[row["label"]] if i % 5 < 2 else row["label"]} for i, row in enumerate(dev.to_list())])
    strengths = (1.0, 1e-4, 1e-3, 0.1)
    single = [TargetHeads(encoder, C=(strength,)).fit(train, noisy, seed=1) for strength in strengths]
    losses = [loss(model, noisy) for model in single]
    best = int(np.argmin(losses))
    assert best != 0
    assert_equal(TargetHeads(encoder, C=strengths).fit(train, noisy, seed=1), single[best])


def test_without_dev_the_first_strength_is_taken_and_nothing_is_calibrated(encoder: TextEncoder, train: Dataset, fitted: TargetHeads) -> None:
    model = TargetHeads(encoder, C=(0.1, 1e-4), window=2).fit(train, None, seed=1)
    assert model.decision.temperature == 1.0
    assert fitted.decision.temperature != 1.0
    np.testing.assert_array_equal(model.heads[""][0], fitted.heads[""][0])


def test_dev_calibrates(encoder: TextEncoder, train: Dataset, fitted: TargetHeads) -> None:
    wrong = {"against": "favor", "favor": "against"}
    noisy = data([row | {"label": wrong[row["label"]]} if i % 3 == 0 else row for i, row in enumerate(mentions(20, 2))])
    assert TargetHeads(encoder, C=C, window=2).fit(train, noisy, seed=1).decision.temperature > max(1.0, fitted.decision.temperature)


def test_balanced_weighs_a_rare_label_as_the_others(encoder: TextEncoder) -> None:
    rows = mentions(60, 1)
    rare = data([row for i, row in enumerate(rows) if row["label"] == "against" or i % 8 == 0])
    test = data(mentions(20, 3))
    p = [TargetHeads(encoder, C=(0.001,), balanced=balanced).fit(rare, None, seed=1).predict_proba(test)[:, 2].mean() for balanced in (False, True)]
    assert p[1] > p[0] + 0.1


# --- what a head is


@pytest.mark.parametrize("present", [(0, 1, 2), (0, 2), (1, 2)])
def test_weights_on_features_as_they_are_answer_as_scikit_learn_on_standardised_ones(present: tuple[int, ...]) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    gold = np.asarray(present)[rng.integers(0, len(present), 90)]
    features = rng.normal(3, 2, (90, 5)) + gold[:, None]
    weight, bias = module._fit(features, gold, 3, 0.5, 1, False)
    logits = features @ weight.T + bias
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    scaled = StandardScaler().fit_transform(features)
    expected = LogisticRegression(C=0.5, max_iter=300).fit(scaled, gold).predict_proba(scaled)
    np.testing.assert_allclose(p[:, list(present)], expected, atol=2e-3)


def test_a_label_that_training_lacks_is_ruled_out(fitted: TargetHeads, test: Dataset) -> None:
    p = fitted.predict_proba(test)
    assert p[:, 1].max() < 1e-3
    assert p[:, [0, 2]].max() > 0.9


# --- the mention


def test_without_a_mention_the_sentence_is_read(encoder: TextEncoder, fitted: TargetHeads, train: Dataset, test: Dataset) -> None:
    rows = test.to_list()
    nowhere = data([row | {"target_start": None, "target_end": None} for row in rows])
    p = fitted.predict_proba(nowhere)
    assert np.isfinite(p).all()
    np.testing.assert_array_equal(p[0::2], p[1::2])
    some = data([row | {"target_start": None, "target_end": None} if i % 2 else row for i, row in enumerate(rows)])
    mixed = fitted.predict_proba(some)
    np.testing.assert_allclose(mixed[1::2], p[1::2], atol=1e-9)
    np.testing.assert_allclose(mixed[0::2], fitted.predict_proba(test)[0::2], atol=1e-9)
    half = data([row | {"target_start": None, "target_end": None} if i % 4 > 1 else row for i, row in enumerate(train.to_list())])
    assert right(TargetHeads(encoder, C=C, window=2).fit(half, None, seed=1), test) > 0.8


def test_a_mention_that_was_cut_away_is_none(tiny_encoder: Path, train: Dataset, test: Dataset) -> None:
    short = TextEncoder(resolve_encoder(path=tiny_encoder), Recipe((4, 6), (3, 5), 7))
    model = TargetHeads(short, C=C).fit(train, None, seed=1)
    rows = test.to_list()
    p = model.predict_proba(test)
    nowhere = model.predict_proba(data([row | {"target_start": None, "target_end": None} for row in rows]))
    # Seven pieces hold the first noun at most: the second one's rows are read as if nobody had said where it is.
    np.testing.assert_allclose(p[1::2], nowhere[1::2], atol=1e-9)
    seen = np.abs(p - nowhere).max(axis=1)[0::2] > 1e-6
    assert seen.any()


def test_the_window_bounds_what_is_near(encoder: TextEncoder, test: Dataset) -> None:
    """Sentence states know all words; those around a mention are of the words that the window holds."""
    states = encoder.states(list(test["text"])[:1])
    words = states.words[states.offsets[0] : states.offsets[1]].astype(float)
    width = words.shape[1]
    text = test["text"][0]
    place = [text[a:b] for a, b in states.pieces[0].words].index(test["target"][0])
    start, end = test["target_start"][0], test["target_end"][0]
    assert place == 2

    def read(first: int, last: int, window: int) -> Any:
        return mention_features(words, np.zeros(0), words_inside(states.pieces[0].words, first, last), window)

    for window, near in ((0, [2]), (1, [1, 3]), (2, [0, 1, 3, 4]), (99, [i for i in range(len(words)) if i != 2])):
        found = read(start, end, window)
        np.testing.assert_allclose(found[:width], words[2], rtol=1e-5)
        np.testing.assert_allclose(found[width:], words[near].mean(axis=0), rtol=1e-4, atol=1e-5)
    # A part of a word is a mention of the word; several words are averaged.
    np.testing.assert_array_equal(read(start + 1, start + 2, 6), read(start, end, 6))
    both = read(states.pieces[0].words[1][0], end, 1)
    np.testing.assert_allclose(both[:width], words[1:3].mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(both[width:], words[[0, 3]].mean(axis=0), rtol=1e-4, atol=1e-5)


def test_texts_without_words_have_answers(fitted: TargetHeads) -> None:
    rows = [{"id": str(i), "text": text, "task": "stance", "group": str(i), "target_start": 0, "target_end": 1} for i, text in enumerate(["…!", "!"])]
    p = fitted.predict_proba(data(rows))
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)


# --- repetition


def test_the_same_seed_gives_the_same_bits(encoder: TextEncoder, train: Dataset, dev: Dataset, fitted: TargetHeads) -> None:
    np.random.seed(5)
    assert_equal(TargetHeads(encoder, C=C, window=2).fit(train, dev, seed=1), fitted)


@pytest.mark.parametrize("reads", READS)
def test_the_order_of_rows_does_not_matter(encoder: TextEncoder, reads: str) -> None:
    rows = mentions(30, 3) if reads == "mention" else named(60, 3)
    model = TargetHeads(encoder, reads=reads, C=C).fit(data(mentions(30, 1) if reads == "mention" else named(60, 1)), None, seed=1)
    order = np.random.default_rng(0).permutation(60)
    p = model.predict_proba(data(rows))
    np.testing.assert_allclose(model.predict_proba(data(rows).select(order)), p[order], atol=1e-9)
    np.testing.assert_allclose(model.predict_proba(data(rows).select([7])), p[[7]], atol=1e-6)


# --- keeping


@pytest.mark.parametrize(("reads", "blind"), [("mention", False), ("text", False), ("fixed", False), ("fixed", True)])
def test_what_is_saved_comes_back_the_same(encoder: TextEncoder, reads: str, blind: bool, tmp_path: Path) -> None:
    make = mentions if reads == "mention" else named
    train, dev, test = data(make(40, 1)), data(make(20, 2)), data(make(20, 3))
    model = TargetHeads(encoder, reads=reads, C=C, window=2, blind=blind).fit(train, dev, seed=1)
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["target_heads.json", "target_heads.safetensors"]
    again = TargetHeads.load(tmp_path, encoder)
    assert (again.reads, again.window, again.blind, again.labels) == (reads, 2, blind, LABELS)
    assert_equal(again, model)
    np.testing.assert_array_equal(again.predict_proba(test), model.predict_proba(test))


def test_targets_of_any_name_come_back(encoder: TextEncoder, tmp_path: Path) -> None:
    names = {"bridge": "Größe/..", "plan": "weight.0"}
    train = data([row | {"target": names[row["target"]]} for row in named(40, 1)])
    model = TargetHeads(encoder, reads="fixed", C=C).fit(train, None, seed=1)
    model.save(tmp_path)
    assert_equal(TargetHeads.load(tmp_path, encoder), model)


def test_another_encoder_is_refused(fitted: TargetHeads, tiny_encoder: Path, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    other = tmp_path / "other"
    shutil.copytree(tiny_encoder, other)
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    with pytest.raises(ConfigError, match="the encoder is not the one these heads were trained on") as caught:
        TargetHeads.load(tmp_path, TextEncoder(resolve_encoder(path=other), RECIPE))
    assert fitted.encoder.files.digest[:12] in caught.value.remedy


def test_another_recipe_is_refused(fitted: TargetHeads, tiny_encoder: Path, tmp_path: Path) -> None:
    """The widths are the same, so that nothing else would tell."""
    fitted.save(tmp_path)
    for recipe in (Recipe((4, 6), (1, 2), 256), Recipe((4, 6), (3, 5), 8)):
        with pytest.raises(ConfigError, match="other layers or another limit"):
            TargetHeads.load(tmp_path, TextEncoder(resolve_encoder(path=tiny_encoder), recipe))


def test_an_encoder_that_is_not_at_hand_is_named(fitted: TargetHeads, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    with pytest.raises(EncoderError, match="tiny-bert: no local files"):
        TargetHeads.load(tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"reads": "mind"}, "mention, text, fixed"), ({"C": ()}, "above 0"), ({"C": (0.1, 0)}, "above 0"), ({"C": (-1.0,)}, "above 0")],
)
def test_what_cannot_be_is_refused(encoder: TextEncoder, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"model.{next(iter(options))} is") as caught:
        TargetHeads(encoder, **options)
    assert said in caught.value.remedy


def test_rows_without_a_label_are_refused(encoder: TextEncoder) -> None:
    rows = mentions(4, 1)
    with pytest.raises(ValueError, match="without a gold label"):
        TargetHeads(encoder).fit(data([rows[0] | {"label": None}, *rows[1:]]), None, seed=1)
