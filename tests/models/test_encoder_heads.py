"""The flagship's heads on a tiny real encoder: what they learn, what they may not see, and what comes back from disk."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

import slant.models.encoder_heads as module
from slant.data import make_dataset
from slant.decode import cut_spans, decide
from slant.errors import ConfigError, EncoderError
from slant.metrics import word_gold
from slant.models import Classifier, EncoderHeads, PointsAtWords
from slant.models.encoder import Recipe, StateCache, TextEncoder, resolve_encoder

Rows = list[dict[str, Any]]
FOLDS = 5
RECIPE = Recipe((4, 6), (3, 5), 256)


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> TextEncoder:
    """One encoder for all tests of the module; it holds the states of texts it has read."""
    return TextEncoder(resolve_encoder(path=tiny_encoder), RECIPE)


@pytest.fixture(scope="module")
def rows(tiny_rows: tuple[dict[str, Any], ...]) -> Rows:
    return list(tiny_rows)


@pytest.fixture(scope="module")
def train(rows: Rows) -> Dataset:
    return make_dataset(rows[:80], "tiny")


@pytest.fixture(scope="module")
def test(rows: Rows) -> Dataset:
    return make_dataset(rows[80:], "tiny")


@pytest.fixture(scope="module")
def fitted(encoder: TextEncoder, train: Dataset) -> EncoderHeads:
    return EncoderHeads(encoder).fit(train, None, seed=1)


def flat(model: EncoderHeads) -> dict[str, Any]:
    assert model.heads is not None
    return {name: tensor.numpy() for name, tensor in model.heads.state_dict().items()}


def assert_equal(one: EncoderHeads, two: EncoderHeads) -> None:
    assert one.decision == two.decision
    for name, array in flat(one).items():
        np.testing.assert_array_equal(array, flat(two)[name], err_msg=name)


# --- learning


def test_it_keeps_the_contract(fitted: EncoderHeads, test: Dataset) -> None:
    assert isinstance(fitted, Classifier)
    assert isinstance(fitted, PointsAtWords)
    assert fitted.labels == ("neutral", "loaded")
    p = fitted.predict_proba(test)
    assert (p.shape, p.dtype) == ((40, 2), np.float64)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)


def test_sentences_are_told_apart(fitted: EncoderHeads, test: Dataset) -> None:
    chosen, _ = decide(fitted.predict_proba(test), fitted.decision)
    assert [fitted.labels[i] for i in chosen] == list(test["label"])


def test_word_scores_point_at_the_loaded_words(fitted: EncoderHeads, test: Dataset) -> None:
    assert fitted.points
    right = total = 0
    for text, spans, words in zip(test["text"], test["spans"], fitted.predict_words(test), strict=True):
        assert [text[s:e] for s, e in zip(words.starts, words.ends, strict=True)] == text.rstrip(".").split()
        assert all(0 <= score <= 1 for score in words.scores)
        assert not words.truncated
        gold = word_gold(words.starts, words.ends, [(span["start"], span["end"]) for span in spans])
        right += sum((np.asarray(words.scores) >= fitted.decision.word_threshold) == gold)
        total += len(gold)
    assert right / total > 0.97
    first = fitted.predict_words(test.select([1]))[0]
    cut = [(span.start, span.end) for span, _ in cut_spans(test["text"][1], first, fitted.decision.word_threshold)]
    assert cut == [(span["start"], span["end"]) for span in test["spans"][1]]


def test_texts_without_words_and_beyond_the_limit_have_answers(fitted: EncoderHeads, rows: Rows, tiny_encoder: Path) -> None:
    texts = ["…!", "\U0001f389\U0001f389", "The vile mayor. " * 400, "vile"]
    strange = make_dataset([rows[0] | {"id": str(i), "text": text, "spans": None} for i, text in enumerate(texts)], "strange")
    p, words = fitted.predict_proba(strange), fitted.predict_words(strange)
    assert np.isfinite(p).all()
    assert [len(found.scores) for found in words[:2]] == [0, 0]
    assert [found.truncated for found in words] == [False, False, True, False]
    assert len(words[2].scores) > 50
    # What a text is told does not depend on the texts beside it.
    for i in range(len(texts)):
        np.testing.assert_allclose(fitted.predict_proba(strange.select([i])), p[[i]], atol=1e-6)


def test_shuffled_labels_teach_nothing(encoder: TextEncoder, rows: Rows) -> None:
    """A model that scored its own training words would find even random marks certain, and then sharpen."""
    rng = np.random.default_rng(3)
    noise = []
    for row in rows:
        words = [(i, i + len(w)) for w in row["text"].rstrip(".").split() for i in [row["text"].index(w)]]
        marked = [words[i] for i in rng.choice(len(words), 2, replace=False)]
        spans = [{"start": s, "end": e, "label": "loaded"} for s, e in sorted(set(marked))]
        loaded = rng.random() < 0.5
        noise.append(row | {"label": "loaded" if loaded else "neutral", "spans": spans if loaded else []})
    model = EncoderHeads(encoder).fit(make_dataset(noise, "noise"), None, seed=1)
    assert model.decision.temperature > 1.2


def test_word_features_are_what_they_are_called_and_padding_does_not_count() -> None:
    import torch

    from slant.decode import FEATURES
    from slant.decode import heads as served
    from slant.models.heads import word_features

    texts = [[2.0, -1.0, 0.5, -30.0], [0.0, 3.0], [], [-50.0]]
    for width in (4, 5, 60):
        logits = torch.full((4, width), 7.0)
        present = torch.zeros((4, width), dtype=torch.bool)
        for row, text in enumerate(texts):
            logits[row, : len(text)] = torch.tensor(text)
            present[row, : len(text)] = True
        found = word_features(logits, present).numpy()
        assert found.shape == (4, len(FEATURES))
        for text, features in zip(texts, found, strict=True):
            z = np.maximum(np.array(text), -10)
            p = 1 / (1 + np.exp(-z))
            top = np.sort(np.append(z, [-10, -10, -10]))[::-1][:3]
            total = np.log(np.exp(np.append(z, -10)).sum())
            wanted = [*top, total, p.sum(), p.sum() / max(len(text), 1), np.log1p(len(text))]
            np.testing.assert_allclose(features, wanted, atol=1e-6)
        # Who serves the heads reads the same features.
        np.testing.assert_allclose(served.word_features(logits.numpy(), present.numpy()), found, atol=1e-6)


def test_states_are_means_over_pieces_of_the_layers_named(encoder: TextEncoder, tiny_encoder: Path) -> None:
    import torch
    from transformers import AutoModel

    texts = ["The glorious mayor, don't!", "vile", "…"]
    states = encoder.states(texts)
    whole = AutoModel.from_pretrained(tiny_encoder, local_files_only=True).eval()
    assert states.offsets.tolist() == [0, 4, 5, 5]
    for i, pieces in enumerate(encoder.wordpieces.encode(texts)):
        with torch.inference_mode():
            layers = [layer[0].numpy() for layer in whole(torch.from_numpy(pieces.ids)[None], output_hidden_states=True).hidden_states]
        np.testing.assert_allclose(states.sentence[i], np.concatenate([layers[4].mean(axis=0), layers[6].mean(axis=0)]), atol=1e-5)
        for word in range(len(pieces.words)):
            mine = np.flatnonzero(pieces.word_of == word)
            wanted = np.concatenate([layers[3][mine].mean(axis=0), layers[5][mine].mean(axis=0)])
            np.testing.assert_allclose(states.words[states.offsets[i] + word], wanted, atol=1e-5)


def test_the_graph_and_the_heads_that_are_exported_give_the_same_logits(fitted: EncoderHeads, test: Dataset) -> None:
    import torch

    from slant.decode.heads import sentence_logits, word_logits
    from slant.models.heads import EncoderStates
    from slant.text.wordpieces import pad_pieces

    parts = fitted.export_parts()
    tensors = parts.tensors["loaded"]
    pieces = fitted.encoder.wordpieces.encode([*test["text"], "…"])
    with torch.inference_mode():
        inputs = {name: torch.from_numpy(table) for name, table in pad_pieces(pieces).items()}
        states, word_states = (found.numpy() for found in EncoderStates(parts.module, parts.recipe)(**inputs))
    words = word_logits(word_states, tensors)
    present = np.arange(words.shape[1]) < np.array([[len(found.words)] for found in pieces])
    sentences = sentence_logits(states, words, present, tensors)
    p = 1 / (1 + np.exp(-sentences[:40] / fitted.decision.temperature))
    np.testing.assert_allclose(p, fitted.predict_proba(test)[:, 1], atol=1e-4)
    for row, found in enumerate(fitted.predict_words(test)):
        np.testing.assert_allclose(1 / (1 + np.exp(-words[row, : len(found.scores)])), found.scores, atol=1e-4)


# --- what may not be seen


@pytest.fixture
def spied(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What `fit` hands to its parts: `weights` of each fit, and the out-of-fold logits that features, threshold and temperature read."""
    import slant.models.heads as heads

    seen: dict[str, list[Any]] = {"folds": [], "weights": [], "words": [], "threshold": [], "temperature": []}

    def spy(home: Any, name: str, key: str, pick: Callable[..., Any]) -> None:
        real = getattr(home, name)

        def call(*arguments: Any, **options: Any) -> Any:
            found = real(*arguments, **options)
            seen[key].append(pick(found, *arguments))
            return found

        monkeypatch.setattr(home, name, call)

    spy(module, "assign_groups", "folds", lambda found, *_: found.copy())
    spy(module, "fit_logistic", "weights", lambda _, features, gold, weights: np.asarray(weights).copy())
    spy(heads, "word_features", "words", lambda _, logits, present: (logits.numpy().copy(), present.numpy().copy()))
    spy(module, "best_word_threshold", "threshold", lambda _, scores, gold: (np.asarray(scores).copy(), np.asarray(gold).copy()))
    spy(module, "fit_temperature", "temperature", lambda _, logits, gold: np.asarray(logits).copy())
    return seen


def by_story(groups: Any, labels: Any, shares: Any, seed: int) -> Any:
    """Inner folds that do not move when labels do."""
    return np.array([int(group.removeprefix("story-")) % FOLDS for group in groups])


def changed(rows: Rows, change: Callable[[dict[str, Any]], dict[str, Any]], fold: int) -> Dataset:
    mine = by_story([row["group"] for row in rows], None, None, 0) == fold
    return make_dataset([row | change(row) if here else row for row, here in zip(rows, mine, strict=True)], "changed")


def other_spans(row: dict[str, Any]) -> dict[str, Any]:
    return {"spans": [{"start": 0, "end": 3, "label": "loaded"}]}


def other_label(row: dict[str, Any]) -> dict[str, Any]:
    return {"label": "loaded" if row["label"] == "neutral" else "neutral"}


def test_each_fit_leaves_out_its_articles_whole(encoder: TextEncoder, train: Dataset, spied: dict[str, list[Any]]) -> None:
    EncoderHeads(encoder, folds=FOLDS).fit(train, None, seed=1)
    (folds,) = spied["folds"]
    fold_of_group: dict[str, set[int]] = {}
    for group, fold in zip(train["group"], folds.tolist(), strict=True):
        fold_of_group.setdefault(group, set()).add(fold)
    assert all(len(found) == 1 for found in fold_of_group.values())
    assert set(folds.tolist()) == set(range(FOLDS))
    words, sentences = spied["weights"]
    counts = [len(text.rstrip(".").split()) for text in train["text"]]
    for weights, fold_of_row in ((words, np.repeat(folds, counts)), (sentences, folds)):
        assert weights.shape == (len(fold_of_row), FOLDS + 1)
        np.testing.assert_array_equal(weights[:, :FOLDS] == 0, fold_of_row[:, None] == np.arange(FOLDS))
        assert (weights[:, FOLDS] == 1).all()


def test_word_scores_of_an_article_never_saw_its_spans(
    encoder: TextEncoder, rows: Rows, spied: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other spans in one inner fold move no word score of that fold that the sentence head or the threshold reads; others do move."""
    monkeypatch.setattr(module, "assign_groups", by_story)
    mine = by_story([row["group"] for row in rows], None, None, 0) == 2
    for data in (make_dataset(rows, "tiny"), changed(rows, other_spans, 2)):
        EncoderHeads(encoder, folds=FOLDS).fit(data, None, seed=1)
    (before, present), (after, _) = spied["words"]
    np.testing.assert_array_equal(before[mine], after[mine])
    assert (np.abs(before - after)[~mine & (present.any(axis=1))].max(axis=1) > 1e-3).all()
    # The threshold reads the same scores as the sentence head, against the spans as they stand.
    for (logits, present), (scores, gold) in zip(spied["words"], spied["threshold"], strict=True):
        np.testing.assert_allclose(scores, 1 / (1 + np.exp(-logits[present].astype(float))), atol=1e-6)
        assert gold.any()
    assert (spied["threshold"][0][1] != spied["threshold"][1][1]).any()


def test_the_temperature_reads_no_logit_of_a_head_that_saw_the_label(
    encoder: TextEncoder, rows: Rows, spied: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "assign_groups", by_story)
    mine = by_story([row["group"] for row in rows], None, None, 0) == 2
    for data in (make_dataset(rows, "tiny"), changed(rows, other_label, 2)):
        EncoderHeads(encoder, folds=FOLDS).fit(data, None, seed=1)
    before, after = spied["temperature"]
    np.testing.assert_array_equal(before[mine], after[mine])
    assert (np.abs(before - after)[~mine] > 1e-3).all()


def test_words_of_rows_without_annotation_are_not_taken_for_neutral(encoder: TextEncoder, rows: Rows, spied: dict[str, list[Any]]) -> None:
    unmarked = [row | {"spans": None} if i % 4 == 3 else row for i, row in enumerate(rows)]
    model = EncoderHeads(encoder).fit(make_dataset(unmarked, "tiny"), None, seed=1)
    words = spied["weights"][0]
    counts = [len(row["text"].rstrip(".").split()) for row in unmarked]
    annotated = np.repeat([row["spans"] is not None for row in unmarked], counts)
    assert (words[~annotated] == 0).all()
    assert (words[annotated].sum(axis=1) == FOLDS).all()
    assert len(spied["threshold"][0][0]) == annotated.sum()
    assert model.points


def test_dev_is_not_read(encoder: TextEncoder, train: Dataset, fitted: EncoderHeads) -> None:
    class Sealed:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(f"dev was asked for {name}")

    assert_equal(EncoderHeads(encoder).fit(train, Sealed(), seed=1), fitted)  # type: ignore[arg-type]


# --- repetition


def test_the_same_seed_gives_the_same_bits_in_any_state_of_the_generators(encoder: TextEncoder, train: Dataset, fitted: EncoderHeads) -> None:
    import torch

    np.random.seed(5)
    torch.manual_seed(99)
    assert_equal(EncoderHeads(encoder).fit(train, None, seed=1), fitted)


def test_another_seed_draws_other_folds(encoder: TextEncoder, train: Dataset, spied: dict[str, list[Any]]) -> None:
    for seed in (1, 2):
        EncoderHeads(encoder).fit(train, None, seed=seed)
    assert (spied["folds"][0] != spied["folds"][1]).any()


def test_a_second_run_encodes_nothing(tiny_encoder: Path, train: Dataset, test: Dataset, tmp_path: Path) -> None:
    files = resolve_encoder(path=tiny_encoder)
    answers, encoded = [], []
    for _ in range(2):
        with StateCache(tmp_path) as cache:
            encoder = TextEncoder(files, RECIPE, cache)
            model = EncoderHeads(encoder).fit(train, None, seed=1)
            answers.append(model.predict_proba(test))
            encoded.append(encoder.encoded)
    assert encoded == [len({*train["text"], *test["text"]}), 0]
    assert "module" not in vars(encoder)  # not even loaded
    np.testing.assert_array_equal(*answers)


def test_another_recipe_is_encoded_anew(tiny_encoder: Path, test: Dataset, tmp_path: Path) -> None:
    files = resolve_encoder(path=tiny_encoder)
    for recipe in (RECIPE, Recipe((4, 6), (3, 4), 256), Recipe((4, 6), (3, 5), 8)):
        with StateCache(tmp_path) as cache:
            encoder = TextEncoder(files, recipe, cache)
            encoder.states(list(test["text"]))
            assert encoder.encoded == len(set(test["text"]))


# --- without spans


@pytest.mark.parametrize("spans", [None, []])
def test_without_spans_it_says_so_and_points_at_nothing(
    encoder: TextEncoder, rows: Rows, spans: list[Any] | None, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    unmarked = make_dataset([row | {"spans": spans} for row in rows], "tiny")
    with caplog.at_level(logging.WARNING, "slant.models.encoder_heads"):
        models = [EncoderHeads(encoder).fit(unmarked.select(range(80)), None, seed=1) for _ in range(2)]
    assert "no training row has spans" in caplog.text
    assert not models[0].points
    assert_equal(*models)  # the word head that no one trained has no random weights either
    p = models[0].predict_proba(unmarked.select(range(80, 120)))
    chosen, _ = decide(p, models[0].decision)
    assert (chosen == np.arange(40) % 2).mean() > 0.7
    models[0].save(tmp_path)
    again = EncoderHeads.load(tmp_path, encoder)
    assert not again.points
    np.testing.assert_array_equal(again.predict_proba(unmarked.select(range(80, 120))), p)


def test_with_spans_there_is_no_warning(encoder: TextEncoder, train: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    EncoderHeads(encoder).fit(train, None, seed=1)
    assert caplog.text == ""


def test_calibration_can_be_left_out(encoder: TextEncoder, train: Dataset, fitted: EncoderHeads) -> None:
    plain = EncoderHeads(encoder, calibrated=False).fit(train, None, seed=1)
    assert plain.decision.temperature == 1.0
    assert fitted.decision.temperature != 1.0
    np.testing.assert_array_equal(flat(plain)["sentence.weight"], flat(fitted)["sentence.weight"])


# --- keeping


def test_what_is_saved_comes_back_the_same(fitted: EncoderHeads, encoder: TextEncoder, test: Dataset, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encoder_heads.json", "heads.safetensors"]
    again = EncoderHeads.load(tmp_path, encoder)
    assert_equal(again, fitted)
    np.testing.assert_array_equal(again.predict_proba(test), fitted.predict_proba(test))
    assert again.predict_words(test) == fitted.predict_words(test)
    assert again.points


def test_saving_twice_writes_the_same_bytes(encoder: TextEncoder, train: Dataset, fitted: EncoderHeads, tmp_path: Path) -> None:
    digests = []
    for name, model in (("one", fitted), ("two", EncoderHeads(encoder).fit(train, None, seed=1))):
        (tmp_path / name).mkdir()
        model.save(tmp_path / name)
        files = sorted((tmp_path / name).iterdir())
        digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    assert digests[0] == digests[1]


def test_another_encoder_is_refused(fitted: EncoderHeads, tiny_encoder: Path, tmp_path: Path) -> None:
    import shutil

    fitted.save(tmp_path)
    other = tmp_path / "other"
    shutil.copytree(tiny_encoder, other)
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    with pytest.raises(ConfigError, match="the encoder is not the one these heads were trained on") as caught:
        EncoderHeads.load(tmp_path, TextEncoder(resolve_encoder(path=other), RECIPE))
    assert fitted.encoder.files.digest[:12] in caught.value.remedy


def test_another_recipe_is_refused(fitted: EncoderHeads, tiny_encoder: Path, tmp_path: Path) -> None:
    """Heads fitted on layers 3 and 5 would read layers 1 and 2 without a sound: the widths are the same."""
    fitted.save(tmp_path)
    with pytest.raises(ConfigError, match="other layers"):
        EncoderHeads.load(tmp_path, TextEncoder(resolve_encoder(path=tiny_encoder), Recipe((4, 6), (1, 2), 256)))


def test_an_encoder_that_is_not_at_hand_is_named(fitted: EncoderHeads, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    with pytest.raises(EncoderError, match="tiny-bert: no local files"):
        EncoderHeads.load(tmp_path)


def test_more_than_two_labels_are_refused(encoder: TextEncoder) -> None:
    with pytest.raises(ConfigError, match="no head for the task 'stance'"):
        EncoderHeads(encoder, task="stance")


def test_a_layer_that_is_not_there_is_refused(tiny_encoder: Path, train: Dataset) -> None:
    deep = TextEncoder(resolve_encoder(path=tiny_encoder), Recipe((4, 7), (3,), 256))
    with pytest.raises(ConfigError, match="layer 7 was asked of an encoder with 6"):
        EncoderHeads(deep).fit(train, None, seed=1)


def test_rows_without_a_label_are_refused(encoder: TextEncoder, rows: Rows) -> None:
    with pytest.raises(ValueError, match="without a gold label"):
        EncoderHeads(encoder).fit(make_dataset([rows[0] | {"label": None}, *rows[1:]], "tiny"), None, seed=1)
