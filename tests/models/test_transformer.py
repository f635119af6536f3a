"""The fine-tuned transformer on a tiny real encoder: it learns, points, reads the target it is given, and goes on after a kill."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import DAYS, LOADED_WORDS, NOUNS, VERBS
from datasets import Dataset
from fixtures_pipeline import adjective
from sklearn.metrics import f1_score

import slant.models.transformer.training as training
from slant.data import make_dataset
from slant.errors import ConfigError, DataError, StorageError
from slant.models import Classifier, PointsAtWords, Transformer
from slant.models.base import label_indices
from slant.models.encoder import Recipe, TextEncoder, resolve_encoder
from slant.models.transformer.checkpoints import Checkpoint, drop_old, read_checkpoint, write_checkpoint
from slant.models.transformer.inputs import NAME_PIECES, collate, length_buckets, pair_rows, text_rows
from slant.publish import Origin, export_bundle
from slant.serve import Annotator

#: A random encoder of width 32 wants larger steps than a pretrained one.
FAST: dict[str, Any] = {
    "epochs": 6, "patience": 6, "batch_size": 4, "learning_rate": 3e-3, "head_learning_rate": 1e-2, "freeze_embeddings": False, "checkpoints": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> TextEncoder:
    return TextEncoder(resolve_encoder(path=tiny_encoder), Recipe((6,), (6,), 64))


def halves(dataset: Dataset) -> tuple[Dataset, Dataset]:
    cut = len(dataset) * 2 // 3
    return dataset.select(range(cut)), dataset.select(range(cut, len(dataset)))


def stances(n: int, seed: int) -> Dataset:
    """Sentences with two nouns of opposite stance: the adjective before each tells its own, so that the text alone tells nothing."""
    chance, rows = random.Random(seed), []
    for number in range(n):
        labels, nouns = chance.sample(("against", "favor"), 2), chance.sample(NOUNS, 2)
        words = [adjective(chance, label) for label in labels]
        text = f"The {words[0]} {nouns[0]} {chance.choice(VERBS)} the {words[1]} {nouns[1]} on {chance.choice(DAYS)}."
        for label, noun in zip(labels, nouns, strict=True):
            start = text.index(noun)
            row = {"id": f"{seed}-{number}-{noun}", "text": text, "task": "stance", "label": label, "group": f"{seed}-{number}"}
            rows.append(row | {"target": noun, "target_start": start, "target_end": start + len(noun)})
    return make_dataset(rows, "a test")


def macro_f1(model: Transformer, dataset: Dataset) -> float:
    return float(f1_score(label_indices(dataset, model.labels), model.predict_proba(dataset).argmax(axis=1), average="macro"))


@pytest.fixture(scope="module")
def loaded_model(encoder: TextEncoder, tiny_dataset: Dataset) -> Transformer:
    train, dev = halves(tiny_dataset)
    return Transformer(encoder, **FAST).fit(train, dev, seed=1)


@pytest.fixture(scope="module")
def stance_model(encoder: TextEncoder) -> Transformer:
    return Transformer(encoder, task="stance", **FAST | {"epochs": 8, "patience": 8}).fit(stances(150, 1), stances(40, 2), seed=1)


# --- loaded language


def test_it_learns_sentences_and_words_together(loaded_model: Transformer, tiny_dataset: Dataset) -> None:
    _, dev = halves(tiny_dataset)
    assert isinstance(loaded_model, Classifier) and isinstance(loaded_model, PointsAtWords) and loaded_model.points
    assert macro_f1(loaded_model, dev) > 0.9
    texts = dev["text"]
    marked = {
        texts[i][a:b].lower()
        for i, words in enumerate(loaded_model.predict_words(dev))
        for a, b, score in zip(words.starts, words.ends, words.scores, strict=True)
        if score >= loaded_model.decision.word_threshold
    }
    assert marked and marked <= set(LOADED_WORDS)


def test_what_is_kept_comes_back(loaded_model: Transformer, encoder: TextEncoder, tiny_dataset: Dataset, tmp_path: Path) -> None:
    loaded_model.save(tmp_path)
    again = Transformer.load(tmp_path, encoder)
    assert again.decision == loaded_model.decision and again.points
    np.testing.assert_array_equal(again.predict_proba(tiny_dataset), loaded_model.predict_proba(tiny_dataset))
    assert again.predict_words(tiny_dataset) == loaded_model.predict_words(tiny_dataset)
    assert not list(tmp_path.glob("*.pt")) and {path.suffix for path in tmp_path.iterdir()} == {".safetensors", ".json"}


def test_a_bundle_answers_as_it_does(loaded_model: Transformer, tiny_dataset: Dataset, tmp_path: Path) -> None:
    """The fine-tuned encoder is exported, not the one it began with; `export_bundle` refuses a graph that answers otherwise."""
    origin = Origin("tiny", "Transformer", "tiny@1", "CC0-1.0", "0" * 64, "0" * 64, "CC0-1.0", None, None, "all rows")
    scores = {"rows": 0, "task_version": 1, "metrics": {"accuracy": {"groups": 0}}}
    bundle = export_bundle(loaded_model, tmp_path / "bundle", origin, scores, tiny_dataset, int8=False)
    assert bundle.manifest.encoder_digest != loaded_model.encoder.files.digest
    annotator = Annotator.open(tmp_path / "bundle")
    found = [sentence.loaded.probability for sentence in annotator.score(tiny_dataset["text"][:20])]
    np.testing.assert_allclose(found, loaded_model.predict_proba(tiny_dataset.select(range(20)))[:, 1], atol=1e-4)


def test_a_text_is_answered_alike_in_any_company(loaded_model: Transformer, tiny_dataset: Dataset) -> None:
    together = loaded_model.predict_proba(tiny_dataset)
    alone = np.concatenate([loaded_model.predict_proba(tiny_dataset.select([i])) for i in range(20)])
    np.testing.assert_allclose(alone, together[:20], atol=1e-5)


def test_without_spans_it_points_at_nothing(encoder: TextEncoder, tiny_dataset: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    bare = tiny_dataset.map(lambda row: row | {"spans": None}, features=tiny_dataset.features)
    model = Transformer(encoder, **FAST | {"epochs": 1}).fit(*halves(bare), seed=1)
    assert not model.points and "no word head" in caplog.text.replace("without its word head", "no word head")


def test_unannotated_rows_do_not_count_as_plain(encoder: TextEncoder, tiny_dataset: Dataset) -> None:
    """A third of the rows lose their spans; were their words taken for plain, the loaded ones among them would teach the opposite."""
    train, dev = halves(tiny_dataset)
    some = train.map(lambda row, i: row | ({"spans": None} if i % 3 == 0 else {}), with_indices=True, features=train.features)
    model = Transformer(encoder, **FAST).fit(some, dev, seed=1)
    loaded = [s for w in model.predict_words(dev) for a, s in zip(w.starts, w.scores, strict=True) if s > 0.5]
    assert model.points and loaded


def test_an_empty_table_has_no_answers(loaded_model: Transformer, tiny_dataset: Dataset) -> None:
    assert loaded_model.predict_proba(tiny_dataset.select([])).shape == (0, 2)


def test_a_long_text_says_that_it_was_cut(loaded_model: Transformer) -> None:
    long = make_dataset([{"id": "a", "text": "The minister spoke. " * 200, "task": "loaded", "label": "neutral", "group": "g"}], "a test")
    [words] = loaded_model.predict_words(long)
    assert words.truncated and len(words.starts) < 64


# --- stance


def test_it_reads_the_target_it_is_asked_about(stance_model: Transformer) -> None:
    test = stances(60, 3)
    assert macro_f1(stance_model, test) > 0.6  # two labels of three occur
    first, second = stance_model.predict_proba(test.select([0])), stance_model.predict_proba(test.select([1]))
    assert np.abs(first - second).max() > 0.5


def test_its_blind_twin_sees_no_target(encoder: TextEncoder) -> None:
    model = Transformer(encoder, task="stance", blind=True, **FAST).fit(stances(60, 1), stances(20, 2), seed=1)
    found = model.predict_proba(stances(30, 3))
    np.testing.assert_allclose(found[0::2], found[1::2], atol=1e-6)


def test_a_stance_model_comes_back(stance_model: Transformer, encoder: TextEncoder, tmp_path: Path) -> None:
    stance_model.save(tmp_path)
    test = stances(20, 4)
    assert stance_model.export_parts() is None
    np.testing.assert_array_equal(Transformer.load(tmp_path, encoder).predict_proba(test), stance_model.predict_proba(test))


def test_rows_without_a_target_are_refused(encoder: TextEncoder, tiny_dataset: Dataset) -> None:
    rows = [
        {"id": str(i), "text": "The plan failed.", "task": "stance", "label": label, "group": str(i)} for i, label in enumerate(["against", "favor"])
    ]
    with pytest.raises(DataError, match="no training row has a target"):
        Transformer(encoder, task="stance", **FAST).fit(make_dataset(rows, "a test"), None, seed=1)


# --- inputs


def test_a_mention_is_marked_and_its_name_follows(encoder: TextEncoder) -> None:
    text = "The vile minister rejected the plan."
    [row] = pair_rows(encoder.wordpieces, [text], ["minister"], [9], [17])
    number = encoder.wordpieces.number_of
    left, right = number("[unused1]"), number("[unused2]")
    assert left in row.ids and row.ids.tolist().index(right) == row.ids.tolist().index(left) + 2
    assert row.ids[row.segments == 1].tolist() == [number("minister"), number("[SEP]")]
    assert row.ids[row.target].tolist() == [left, number("minister"), right]


def test_without_a_mention_the_name_is_the_target(encoder: TextEncoder) -> None:
    [row, none] = pair_rows(encoder.wordpieces, ["The plan failed."] * 2, ["minister", None], [None, None], [None, None])
    assert row.ids[row.target].tolist() == [encoder.wordpieces.number_of("minister")] and not none.target.any() and not none.segments.any()


@pytest.mark.parametrize("words", [1, 30, 90, 400])
def test_text_and_name_never_exceed_the_limit(encoder: TextEncoder, words: int) -> None:
    text = " ".join(["minister"] * words)
    [row] = pair_rows(encoder.wordpieces, [text], ["plan " * words], [0], [8])
    assert len(row.ids) <= 64 and (row.segments == 1).sum() <= NAME_PIECES and row.target.any()
    [end] = pair_rows(encoder.wordpieces, [text], ["plan"], [len(text) - 8], [len(text)])
    assert len(end.ids) <= 64 and end.target.any()


def test_collating_changes_no_row(encoder: TextEncoder) -> None:
    rows = text_rows(encoder.wordpieces, ["The plan failed.", "No", "The second minister approved the annual budget on Monday."])
    batch = collate(rows)
    for i, row in enumerate(rows):
        n = len(row.ids)
        assert batch["input_ids"][i, :n].tolist() == row.ids.tolist() and batch["attention_mask"][i].sum() == n
        assert batch["word_of"][i, n:].eq(-1).all()


def test_buckets_hold_every_row_once_and_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(3, 60, 500).tolist()
    for seed in (1, 2, None):
        batches = list(length_buckets(lengths, 16, seed))
        assert sorted(i for batch in batches for i in batch) == list(range(500))
        assert sum(len(b) * max(lengths[i] for i in b) for b in batches) < 1.15 * sum(lengths)
    assert list(length_buckets(lengths, 16, 1)) != list(length_buckets(lengths, 16, 2))


# --- training


def test_one_seed_one_model(encoder: TextEncoder, tiny_dataset: Dataset) -> None:
    train, dev = halves(tiny_dataset)
    short = FAST | {"epochs": 1}
    torch.manual_seed(5)
    first = Transformer(encoder, **short).fit(train, dev, seed=3).predict_proba(dev)
    torch.manual_seed(6)
    assert np.array_equal(first, Transformer(encoder, **short).fit(train, dev, seed=3).predict_proba(dev))
    assert not np.array_equal(first, Transformer(encoder, **short).fit(train, dev, seed=4).predict_proba(dev))


def test_fitting_leaves_the_encoder_as_it_was(encoder: TextEncoder, loaded_model: Transformer, tiny_encoder: Path) -> None:
    fresh = TextEncoder(resolve_encoder(path=tiny_encoder), Recipe((6,), (6,), 64)).module.state_dict()
    assert all(torch.equal(tensor, fresh[name]) for name, tensor in encoder.module.state_dict().items())


def test_frozen_embeddings_stay(encoder: TextEncoder, tiny_dataset: Dataset) -> None:
    model = Transformer(encoder, **FAST | {"epochs": 1, "freeze_embeddings": True}).fit(*halves(tiny_dataset), seed=1)
    trained, before = model.network.encoder.state_dict(), encoder.module.state_dict()
    changed = {name for name in before if not torch.equal(trained[name], before[name])}
    assert changed and not any(name.startswith("embeddings.") for name in changed)


def test_the_best_epoch_is_kept_and_patience_ends_it(encoder: TextEncoder, tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    train, dev = halves(tiny_dataset)
    told = iter([0.5, 0.3, 0.4, 0.6, 0.1])
    monkeypatch.setattr("slant.models.transformer.model._log_loss", lambda *_: next(told))
    model = Transformer(encoder, **FAST | {"epochs": 5, "patience": 2}).fit(train, dev, seed=1)
    monkeypatch.undo()
    two = Transformer(encoder, **FAST | {"epochs": 5, "patience": 2})
    told = iter([0.5, 0.3, 0.4, 0.6, 0.1])
    assert next(told)  # the fifth loss, the least of all, was never asked for: two epochs brought nothing
    monkeypatch.setattr("slant.models.transformer.model._log_loss", lambda *_: next(falling))
    falling = iter([0.5, 0.3, 0.9, 0.9])
    two.fit(train, dev, seed=1)
    np.testing.assert_array_equal(model.predict_proba(dev), two.predict_proba(dev))


def test_without_dev_it_sets_some_groups_aside(encoder: TextEncoder, tiny_dataset: Dataset) -> None:
    model = Transformer(encoder, **FAST).fit(tiny_dataset, None, seed=1)
    assert macro_f1(model, tiny_dataset) > 0.9 and model.decision.temperature != 1.0


def test_a_killed_fit_goes_on_to_the_same_model(tiny_encoder: Path, tiny_rows: tuple[dict[str, Any], ...], tmp_path: Path) -> None:
    """A real process, killed while it trains its third epoch."""
    program = textwrap.dedent(
        """
        import json, os, signal, sys
        import numpy as np
        import slant.models.transformer.training as training
        from slant.data import make_dataset
        from slant.models import Transformer
        from slant.models.encoder import Recipe, TextEncoder, resolve_encoder
        rows, encoder, checkpoints, out, kill = json.loads(sys.argv[1])
        done, real = [], training._train_epoch
        def epoch(*arguments):
            if kill and len(done) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            done.append(1)
            real(*arguments)
        training._train_epoch = epoch
        table = make_dataset(rows, "a test")
        model = Transformer(TextEncoder(resolve_encoder(path=encoder), Recipe((6,), (6,), 64)), checkpoints=checkpoints, epochs=4,
                            learning_rate=3e-3, freeze_embeddings=False)
        model.fit(table.select(range(80)), table.select(range(80, 120)), seed=1)
        np.save(out, model.predict_proba(table))
        print(len(done))
        """
    )

    def run(checkpoints: str, out: str, kill: bool) -> subprocess.CompletedProcess[str]:
        import json

        argument = json.dumps([list(tiny_rows), str(tiny_encoder), checkpoints, str(tmp_path / out), kill])
        return subprocess.run([sys.executable, "-c", program, argument], capture_output=True, text=True, env=os.environ, check=False)

    kept = str(tmp_path / "checkpoints")
    assert run(kept, "none.npy", True).returncode == -signal.SIGKILL and not (tmp_path / "none.npy").exists()
    again = run(kept, "again.npy", False)
    assert again.stdout.strip() == "2", again.stderr
    unbroken = run("", "whole.npy", False)
    assert unbroken.stdout.strip() == "4", unbroken.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "again.npy"), np.load(tmp_path / "whole.npy"))
    assert run(kept, "third.npy", False).stdout.strip() == "0"  # finished: taken as it is
    np.testing.assert_array_equal(np.load(tmp_path / "third.npy"), np.load(tmp_path / "whole.npy"))


def test_another_setting_or_row_is_another_fit(encoder: TextEncoder, tiny_dataset: Dataset) -> None:
    train, dev = halves(tiny_dataset)

    def folder(seed: int = 1, rows: Dataset = train, **options: Any) -> Path | None:
        return Transformer(encoder, **FAST | {"checkpoints": "somewhere"} | options)._checkpoint_folder(rows, dev, seed)

    others = [folder(seed=2), folder(rows=train.select(range(50))), folder(dropout=0.2), folder(epochs=3), folder(word_weight=2.0)]
    assert folder() == folder() and len({folder(), *others}) == 6
    assert Transformer(encoder, **FAST)._checkpoint_folder(train, dev, 1) is None


# --- checkpoints


def test_a_checkpoint_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    first = Checkpoint(1, [0.5], False, {"w": torch.ones(2)}, {"w": torch.zeros(2)}, {"w|step": torch.tensor(3.0)}, 2.5)
    write_checkpoint(tmp_path / "fit", first)
    found = read_checkpoint(tmp_path / "fit")
    assert found is not None and found.losses == [0.5] and found.seconds == 2.5 and torch.equal(found.optimizer["w|step"], torch.tensor(3.0))
    write_checkpoint(tmp_path / "fit", Checkpoint(2, [0.5, 0.4], True, {"w": torch.ones(2)}))
    assert [path.name for path in (tmp_path / "fit").iterdir()] == ["epoch-2-done"]


def test_a_broken_checkpoint_is_told(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path / "none") is None
    write_checkpoint(tmp_path / "fit", Checkpoint(1, [0.5], True, {"w": torch.ones(2)}))
    (tmp_path / "fit" / "epoch-1-done" / "best.safetensors").write_bytes(b"no tensors")
    with pytest.raises(StorageError, match="the checkpoint cannot be read"):
        read_checkpoint(tmp_path / "fit")


def test_old_fits_make_room(tmp_path: Path) -> None:
    for number in range(5):
        write_checkpoint(tmp_path / str(number), Checkpoint(1, [0.5], True, {"w": torch.ones(1)}))
        os.utime(tmp_path / str(number), (number, number))
    drop_old(tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "4"]


# --- bad arguments


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"precision": "int4"}, "model.precision is 'int4'"),
        ({"epochs": 0}, "model.epochs is 0"),
        ({"learning_rate": -1.0}, "model.learning_rate is -1.0"),
        ({"warmup": 1.5}, "model.warmup is 1.5"),
    ],
)
def test_impossible_settings_are_refused(encoder: TextEncoder, tiny_dataset: Dataset, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Transformer(encoder, **FAST | options).fit(*halves(tiny_dataset), seed=1)


def test_bfloat16_is_the_devices_choice_and_trains(encoder: TextEncoder, tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_has_bfloat16", lambda: True)
    with training.autocast(training.Schedule()):
        assert torch.is_autocast_enabled("cpu")
    monkeypatch.setattr(training, "_has_bfloat16", lambda: False)
    with training.autocast(training.Schedule()):
        assert not torch.is_autocast_enabled("cpu")
    model = Transformer(encoder, **FAST | {"precision": "bfloat16"}).fit(*halves(tiny_dataset), seed=1)
    assert macro_f1(model, halves(tiny_dataset)[1]) > 0.8
