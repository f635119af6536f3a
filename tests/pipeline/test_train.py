"""One run from corpus to bundle, on the tiny corpus with the tiny encoder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from slant.errors import DataError, SlantError, StorageError
from slant.evaluation import predictions_hash, read_predictions
from slant.serve import Annotator, verify_bundle

Train = Callable[..., Any]


def test_a_run_writes_all_it_should(train: Train) -> None:
    result = train()
    for name in ("config.yaml", "predictions.parquet", "floors/majority.parquet", "floors/outlet_prior.parquet", "scores.json", "bundle/bundle.json"):
        assert (result.folder / name).is_file(), name
    assert not list(result.folder.rglob("*.part"))
    config = yaml.safe_load((result.folder / "config.yaml").read_text())
    assert config["seed"] == 1 and config["split"]["test_fraction"] == 0.2
    scores = json.loads((result.folder / "scores.json").read_text())
    assert {"macro_f1", "weighted_f1", "f1_loaded", "accuracy", "mcc", "auroc", "brier", "ece", "word_f1", "word_ap"} <= set(scores["metrics"])
    assert scores["metrics"]["macro_f1"]["lo"] <= scores["metrics"]["macro_f1"]["value"] <= scores["metrics"]["macro_f1"]["hi"]
    assert set(scores["floors"]) == {"majority", "outlet_prior"}
    assert scores["cost"]["seconds"] > 0


def test_the_tiny_corpus_is_learnt_and_the_bundle_points_at_its_words(train: Train) -> None:
    result = train()
    assert result.scores["metrics"]["macro_f1"]["value"] > result.scores["floors"]["majority"]["metrics"]["macro_f1"]["value"] + 0.2
    assert all(check.passed for check in verify_bundle(result.bundle))
    found = Annotator.open(result.bundle).annotate("The vile minister presented the annual report on Monday.")
    assert found.sentences[0].loaded.label == "loaded"
    assert "vile" in [span.text for span in found.sentences[0].spans]


def test_the_bundle_answers_as_the_predictions_table_on_every_test_row(train: Train) -> None:
    result = train()
    rows = read_predictions(result.folder / "predictions.parquet").table.to_pylist()
    rows = [row for row in rows if row["split"] == "test"]
    answers = Annotator.open(result.bundle).score([row["text"] for row in rows])
    for row, answer in zip(rows, answers, strict=True):
        assert answer.loaded.probability == pytest.approx(row["p_loaded"], abs=1e-4)
        assert answer.loaded.label == row["pred"]
        assert [(s.start, s.end) for s in answer.spans] == [(s["start"], s["end"]) for s in row["spans_pred"]]


def test_the_same_command_gives_the_same_predictions_and_encodes_nothing_again(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train("publish.enabled=false")
    from slant.models import TextEncoder

    def refuse(self: TextEncoder, pieces: object) -> None:
        raise AssertionError("a text was encoded again")

    monkeypatch.setattr(TextEncoder, "_encode", refuse)
    second = train("publish.enabled=false")
    assert first.predictions_hash == second.predictions_hash
    assert first.folder != second.folder


def test_another_seed_gives_another_split_and_hash(train: Train) -> None:
    one, two = train("publish.enabled=false"), train("publish.enabled=false", "seed=2")
    assert one.scores["fingerprints"]["split"] != two.scores["fingerprints"]["split"]
    assert one.scores["fingerprints"]["corpus"] == two.scores["fingerprints"]["corpus"]
    assert one.predictions_hash != two.predictions_hash


def test_cross_validation_predicts_every_row_once_and_refits_for_the_bundle(train: Train, tiny_rows: list[Any]) -> None:
    result = train("split=grouped_folds", "split.k=3")
    predictions = read_predictions(result.folder / "predictions.parquet")
    assert sorted(predictions.column("id")) == sorted(row["id"] for row in tiny_rows)
    assert set(predictions.column("fold")) == {0, 1, 2}
    assert "3-fold cross-validation" in (result.bundle / "MODEL_CARD.md").read_text()
    by_group: dict[str, set[int]] = {}
    for group, fold in zip(predictions.column("group"), predictions.column("fold"), strict=True):
        by_group.setdefault(group, set()).add(int(fold))
    assert all(len(folds) == 1 for folds in by_group.values()), "an article was cut"


@pytest.mark.parametrize("model", ["linear", "majority"])
def test_the_baselines_run_and_their_bundles_verify(train: Train, model: str) -> None:
    result = train(model=model)
    assert all(check.passed for check in verify_bundle(result.bundle))
    if model == "majority":
        floor = read_predictions(result.folder / "floors" / "majority.parquet")
        mine = read_predictions(result.folder / "predictions.parquet")
        assert mine.select(mine.column("split") == "test").probabilities().tolist() == floor.probabilities().tolist()


def test_predictions_hash_in_scores_is_the_tables(train: Train) -> None:
    result = train("publish.enabled=false")
    assert predictions_hash(result.folder / "predictions.parquet") == result.predictions_hash


def test_a_corpus_with_one_label_is_refused(train: Train, tmp_path: Path, tiny_newsroom: Path) -> None:
    rows = [json.loads(line) for line in (tiny_newsroom / "rows.jsonl").read_text().splitlines()]
    only = tmp_path / "only"
    only.mkdir()
    (only / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows if row["label"] == "neutral"))
    with pytest.raises(DataError, match="1 label"):
        train(f"data.root={only}")


@pytest.mark.parametrize("model", ["encoder_heads"])
def test_a_full_disk_leaves_no_half_written_file(train: Train, home: Path, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    import errno
    import os

    real = os.replace

    def full(source: Any, target: Any, **options: Any) -> None:
        if str(target).endswith("scores.json"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target, **options)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match="the disk is full"):
        train("publish.enabled=false", model=model)
    assert not list(home.rglob("scores.json")) and not list(home.rglob("*.part"))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seeed=1", "Did you mean 'seed'"),
        ("model.folds_=1", "Did you mean 'model.folds'"),
        ("+model.fold=3", "Did you mean 'folds'"),
        ("experiment=loaded/dem", "Did you mean"),
        ("evaluation.resamples=many", "evaluation.resamples"),
        ("model.sentence_l2=strong", "not a number"),
        ("model._target_=os.system", "not allowed"),
        ("model._target_=slant.models._HOMES", "private"),
        ("model.encoder._target_=subprocess.run", "not allowed"),
        ("evaluation.floors.majority._target_=builtins.eval", "not allowed"),
        ("model.encoder.path=/nowhere/at/all", "no such folder"),
        ("model.encoder.word_layers=[99]", "layer 99"),
        ("model.folds=1", "at least 2"),
        ("split=grouped_folds split.k=900", "articles cannot fill"),
        ("data=babe", "data.root"),
    ],
)
def test_what_cannot_run_is_told_in_one_line(train: Train, override: str, said: str) -> None:
    with pytest.raises(SlantError, match=said) as caught:
        train(*(o for o in override.split() if not o.startswith("data=")), *(["data=babe", "data.root=???"] if "data=" in override else []))
    assert "\n" not in str(caught.value)


def test_an_encoder_that_cannot_be_found_names_three_ways(train: Train) -> None:
    from slant.errors import EncoderError

    with pytest.raises(EncoderError, match=r"pip install.*encoder.path=.*allow_network=true"):
        train("model.encoder.path=null", "model.encoder.name=nobody/nothing")
