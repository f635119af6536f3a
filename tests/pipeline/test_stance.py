"""Runs of the task stance: the floors beside them, what is said when the target taught nothing, and what is not written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slant.bundle import read_bundle
from slant.cli import main
from slant.errors import DataError
from slant.evaluation import read_predictions
from slant.pipeline import compose_config
from slant.pipeline.train import _floors
from slant.serve import verify_bundle

Train = Callable[..., Any]
FLOORS = {"majority", "target_majority", "target_blind"}
STANCE = ("task=stance", "evaluation=stance", "evaluation.resamples=100")
MENTIONS = ("data=newsmtsc", "split=official", "split.dev=[rw_dev]", "split.test=[rw_test]", "model.window=1", "model.C=10")


def probabilities(folder: Path, name: str) -> dict[str, tuple[str, tuple[float, ...]]]:
    """For each test row its text and what it was told, to the digit."""
    rows = read_predictions(folder / name).table.to_pylist()
    return {row["id"]: (row["text"], tuple(row[f"p_{label}"] for label in ("against", "neutral", "favor"))) for row in rows if row["split"] == "test"}


def of_a_text(found: dict[str, tuple[str, tuple[float, ...]]]) -> list[set[tuple[float, ...]]]:
    """The different answers to each text."""
    by_text: dict[str, set[tuple[float, ...]]] = {}
    for text, p in found.values():
        by_text.setdefault(text, set()).add(p)
    return list(by_text.values())


@pytest.fixture
def indifferent(tmp_path: Path, tiny_newsroom: Path) -> Path:
    """The tiny corpus with the same stance towards both targets of a sentence: loaded ones are against, others neutral."""
    folder = tmp_path / "indifferent"
    folder.mkdir()
    lines = []
    for line in (tiny_newsroom / "rows.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        label = "against" if row["label"] == "loaded" else "neutral"
        lines.append(json.dumps(row | {"stances": [stance | {"label": label} for stance in row["stances"]]}))
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_a_run_writes_its_floors_and_a_twin_that_does_not_know_the_target(train: Train, tiny_encoder: Path) -> None:
    result = train(*STANCE, f"model.encoder.path={tiny_encoder}", "split.dev_fraction=0.2", model="target_heads")
    assert {path.name for path in (result.folder / "floors").iterdir()} == {f"{name}.parquet" for name in FLOORS}
    scores = json.loads((result.folder / "scores.json").read_text(encoding="utf-8"))
    assert set(scores["floors"]) == FLOORS
    assert scores["task"] == "stance"
    assert {"f_avg_pooled", "f_avg_mean_over_targets", "f_avg/minister", "macro_f1/minister", "f1_favor"} <= set(scores["metrics"])
    assert all(set(floor["difference"]["macro_f1"]) == {"value", "lo", "hi"} for floor in scores["floors"].values())
    assert all(read_predictions(result.folder / "floors" / f"{name}.parquet").meta.model == name for name in FLOORS)
    mine = probabilities(result.folder, "predictions.parquet")
    twin = probabilities(result.folder, "floors/target_blind.parquet")
    assert mine.keys() == twin.keys()
    assert all(len(answers) == 1 for answers in of_a_text(twin))
    assert all(len(answers) == 2 for answers in of_a_text(mine))
    assert len({p for _, p in twin.values()}) > 10


def test_a_model_without_export_leaves_no_bundle_and_says_so(train: Train) -> None:
    result = train(*STANCE, "publish.enabled=true", model="target_linear")
    assert "no bundle: TargetLinear has no export" in (result.folder / "train.log").read_text(encoding="utf-8")
    assert result.bundle is None
    assert not (result.folder / "bundle").exists()
    assert (result.folder / "scores.json").is_file()


def test_target_heads_leave_a_bundle_of_their_stance_head(train: Train, tiny_encoder: Path) -> None:
    result = train(*STANCE, f"model.encoder.path={tiny_encoder}", "publish.enabled=true", "split.dev_fraction=0.2", model="target_heads")
    manifest = read_bundle(result.bundle).manifest
    assert (list(manifest.heads), manifest.heads["stance"].reads, manifest.heads["stance"].window) == (["stance"], "mention", 6)
    assert all(check.passed for check in verify_bundle(result.bundle))
    assert "Trained on" in (result.bundle / "MODEL_CARD.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("model", "more"), [("majority", []), ("target_linear", ["model.blind=true"])])
def test_a_model_that_reads_no_target_has_no_twin(train: Train, model: str, more: list[str]) -> None:
    result = train(*STANCE, *more, model=model)
    assert set(result.scores["floors"]) == {"majority", "target_majority"}


def test_the_twin_of_a_vote_is_a_vote_of_twins(train: Train, tiny_encoder: Path) -> None:
    from slant.pipeline import compose_config

    members = compose_config(["task=stance", "model=target_vote"]).model.members
    places = [f"model.members.{name}.encoder.path={tiny_encoder}" for name, node in members.items() if "encoder" in node]
    # One that knows the target already does not keep the others from having a twin.
    result = train(*STANCE, *places, "model.members.linear.blind=true", "split.dev_fraction=0.2", model="target_vote")
    assert set(result.scores["floors"]) == FLOORS
    assert all(len(answers) == 1 for answers in of_a_text(probabilities(result.folder, "floors/target_blind.parquet")))
    assert any(len(answers) == 2 for answers in of_a_text(probabilities(result.folder, "predictions.parquet")))


# --- what a person is told


def told(capsys: pytest.CaptureFixture[str], *overrides: str) -> str:
    assert main(["train", *STANCE, "tracking=none", *overrides]) in (None, 0)
    return capsys.readouterr().out


def test_a_model_that_the_target_helped_is_not_said_to_be_no_better(home: Path, tiny_newsmtsc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, *MENTIONS, "model=target_linear", f"data.root={tiny_newsmtsc}")
    assert "target blind" in out  # its column in the table
    assert "f_avg_mean_over_targets" in out
    assert "not shown to beat" not in out


def test_a_model_that_never_read_the_target_is_said_to_be_no_better(home: Path, tiny_newsmtsc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, *MENTIONS, "model=target_linear", "model.reads=text", f"data.root={tiny_newsmtsc}")
    for metric in ("macro_f1", "f_avg_pooled"):
        assert f"{metric} is not shown to beat the floor target blind (difference +0.000, +0.000 to +0.000)" in out


def test_where_the_target_does_not_matter_reading_it_is_said_to_be_no_better(
    home: Path, indifferent: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = told(capsys, "data=newsroom", f"data.root={indifferent}", "model=target_heads", f"model.encoder.path={tiny_encoder}")
    assert "macro_f1 is not shown to beat the floor target blind (difference " in out
    assert "beat the floor majority" not in out


# --- what cannot run


def test_rows_read_for_another_task_are_one_clear_line(train: Train) -> None:
    with pytest.raises(DataError, match="newsroom was read for the task loaded, the run is of stance") as caught:
        train(*STANCE, "data.task=loaded", model="target_linear")
    assert "\n" not in str(caught.value)
    assert "task=loaded" in caught.value.remedy


def test_the_command_line_says_it_in_one_line(home: Path, tiny_newsroom: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *STANCE, "tracking=none", "model=target_linear", f"data.root={tiny_newsroom}", "data.task=loaded"]) == 1
    [line] = capsys.readouterr().err.strip().splitlines()
    assert "was read for the task loaded" in line


def test_a_corpus_of_stances_under_loaded_language_names_the_task(train: Train, tiny_newsmtsc: Path) -> None:
    with pytest.raises(DataError, match="newsmtsc was read for the task stance, the run is of loaded") as caught:
        train("data=newsmtsc", f"data.root={tiny_newsmtsc}", model="linear")
    assert "task=stance" in caught.value.remedy


def test_only_a_task_with_targets_has_a_blind_twin() -> None:
    """The same model serves both tasks; of loaded language its twin would be the same fit a second time."""
    assert "target_blind" not in _floors(compose_config(["model=transformer"]))
    twin = _floors(compose_config(["experiment=stance/newsroom", "model=transformer"]))["target_blind"]
    assert twin.blind and twin._target_ == "slant.models.Transformer"
