"""What a run writes down can be read again."""

from __future__ import annotations

import enum
import json
import math
from pathlib import Path
from typing import Any

import pytest

from slant.errors import ConfigError, StorageError
from slant.tracking.logger import cut, flatten
from slant.tracking.store import connect

from .conftest import Open


class Task(enum.Enum):
    LOADED = "loaded!"


def spy_on_log_batch(patch: pytest.MonkeyPatch, kind: str) -> list[int]:
    """The list to which the size of each batch of this kind will be added."""
    from mlflow import MlflowClient

    sizes: list[int] = []
    real = MlflowClient.log_batch

    def spy(self: Any, run_id: str, **batch: Any) -> None:
        sizes.append(len(batch[kind]))
        real(self, run_id, **batch)

    patch.setattr(MlflowClient, "log_batch", spy)
    return sizes


def test_a_nested_configuration_becomes_dotted_keys() -> None:
    model = {"name": "tagger", "heads": {"word": {"dim": 8}, "x": {}}, "layers": [1, Task.LOADED]}
    assert flatten({"model": model, "task": Task.LOADED, "dev": None, "lr": 1e-5}) == {
        "model.name": "tagger",
        "model.heads.word.dim": "8",
        "model.heads.x": "{}",
        "model.layers": '[1, "LOADED"]',
        "task": "LOADED",
        "dev": "None",
        "lr": "1e-05",
    }


def test_params_are_logged_in_batches_and_cut_with_a_note(opened: Open, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    params = {"group": {f"key {i}": i for i in range(250)}, "long": "x" * 7000, "odd+key": 1}
    with opened("params") as run:
        with monkeypatch.context() as patch:
            sizes = spy_on_log_batch(patch, "params")
            run.log_params(params)
        assert sizes == [100, 100, 52]
        run.log_params({"long": "x" * 7000})
        with pytest.raises(ConfigError, match="two keys"):
            run.log_params({"a+b": 1, "a*b": 2})
        with pytest.raises(ConfigError, match="MLflow refuses"):
            run.log_params({"odd+key": 2})
    logged = connect(uri).get_run(run.run_id).data.params
    assert len(logged) == 252
    assert logged["group.key 249"] == "249"
    assert logged["odd_key"] == "1"
    assert len(logged["long"]) == 6000
    assert logged["long"].endswith("x… [cut from 7,000 characters]")


def test_metrics_of_a_step_go_in_one_call(opened: Open, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = spy_on_log_batch(monkeypatch, "metrics")
    with opened("metrics") as run:
        run.log_metrics({f"m{i}": i / 7 for i in range(1000)}, step=3)
        assert sizes == [1000]
        run.log_metrics({f"m{i}": i / 7 for i in range(1001)}, step=4)
        assert sizes == [1000, 1000, 1]
        run.log_metrics({"dev/f1@0.5": math.nan, "p:loaded": 0.25})
    logged = connect(uri).get_run(run.run_id).data.metrics
    assert logged["m1000"] == 1000 / 7
    assert math.isnan(logged["dev/f1_0.5"])
    assert logged["p:loaded"] == 0.25
    assert [point.step for point in connect(uri).get_metric_history(run.run_id, "m1")] == [3, 4]


def test_datasets_are_inputs_with_their_whole_fingerprint(opened: Open, uri: str, tmp_path: Path) -> None:
    digests = {split: split[0] * 64 for split in ("train", "dev")}
    with opened("data") as run:
        for split, digest in digests.items():
            run.log_dataset("babe@1", str(tmp_path), digest, split, columns={"text": "string"}, profile={"rows": 12})
        run.log_dataset("babe@1", str(tmp_path), digests["dev"], "dev")
        with pytest.raises(ConfigError, match="an input already, as 'dev', not 'test'"):
            run.log_dataset("babe@1", str(tmp_path), digests["dev"], "test")
        run.log_dataset("web", "https://example.org/x.csv", "d", "test")
    inputs = connect(uri).get_run(run.run_id).inputs
    assert inputs is not None
    read = {}
    for item in inputs.dataset_inputs:
        tags = {tag.key: tag.value for tag in item.tags}
        read[tags["mlflow.data.context"]] = (item.dataset, tags["slant.digest"])
    assert {split: digest for split, (_, digest) in read.items()} == {**digests, "test": "d"}
    train = read["train"][0]
    assert (train.name, train.digest, train.source_type) == ("babe@1", "t" * 36, "local")
    assert json.loads(train.source) == {"uri": str(tmp_path)}
    assert json.loads(train.schema or "") == {"mlflow_colspec": [{"name": "text", "type": "string"}]}
    assert json.loads(train.profile or "") == {"rows": 12}
    assert (read["test"][0].source_type, json.loads(read["test"][0].source)) == ("http", {"url": "https://example.org/x.csv"})


def test_mlflow_can_open_the_source_of_a_dataset(opened: Open, uri: str, tmp_path: Path) -> None:
    from mlflow.data import get_source

    (tmp_path / "rows.jsonl").write_text("{}\n")
    with opened("data") as run:
        run.log_dataset("babe@1", str(tmp_path / "rows.jsonl"), "d", "train")
    inputs = connect(uri).get_run(run.run_id).inputs
    assert inputs is not None
    assert Path(get_source(inputs.dataset_inputs[0].dataset).load()).read_text() == "{}\n"


def test_files_and_folders_are_artifacts(opened: Open, uri: str, tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "a.svg").write_text("<svg/>")
    with opened("files") as run:
        run.log_artifact(tmp_path / "plots", "report")
        run.log_artifact(tmp_path / "plots" / "a.svg")
        with pytest.raises(StorageError, match="no such file"):
            run.log_artifact(tmp_path / "missing")
    client = connect(uri)
    assert [item.path for item in client.list_artifacts(run.run_id)] == ["a.svg", "report"]
    assert [item.path for item in client.list_artifacts(run.run_id, "report/plots")] == ["report/plots/a.svg"]


def test_artifacts_that_cannot_be_written_are_a_storage_error(opened: Open, tmp_path: Path) -> None:
    with opened("files") as run:
        (tmp_path / "artifacts").write_text("a file where the folder should be")
        (tmp_path / "a.svg").write_text("<svg/>")
        with pytest.raises(StorageError, match="cannot be written"):
            run.log_artifact(tmp_path / "a.svg")


def test_a_store_that_breaks_under_a_run_is_a_storage_error(opened: Open, uri: str) -> None:
    with pytest.raises(StorageError, match="tracking store failed"), opened("broken") as run:
        Path(uri.removeprefix("sqlite:///")).write_bytes(b"no database any more" * 1000)
        run.log_metrics({"f1": 1.0})


def test_tags_are_text_and_cut(opened: Open, uri: str) -> None:
    with opened("tags") as run:
        run.set_tags({"seed": 3, "long": "y" * 9000})
    tags = connect(uri).get_run(run.run_id).data.tags
    assert tags["seed"] == "3"
    assert len(tags["long"]) == 5000
    assert tags["long"].startswith("yyy")


def test_cut_keeps_what_fits() -> None:
    assert cut("a" * 50, 50) == "a" * 50
    assert cut("a" * 51, 50) == "a" * 24 + "… [cut from 51 characters]"
