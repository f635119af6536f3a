"""Runs as MLflow sees them: parents and children, failures, kills, sweeps by both launchers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slant.errors import DataError

Train = Callable[..., Any]


def _runs(home: Path) -> list[Any]:
    from slant.tracking.store import connect

    client = connect(f"sqlite:///{home}/mlflow.db")
    experiments = [e.experiment_id for e in client.search_experiments() if e.name != "Default"]
    return list(client.search_runs(experiments))


@pytest.fixture
def home_with_store(home: Path, store: Path) -> Path:
    (home / "mlflow.db").write_bytes(store.read_bytes())
    return home


def test_a_cross_validation_is_a_parent_with_a_child_a_fold(train: Train, home_with_store: Path) -> None:
    result = train("split=grouped_folds", "split.k=2", "name=cv", tracking="mlflow", model="majority")
    runs = {run.info.run_id: run for run in _runs(home_with_store)}
    parent = runs[result.run_id]
    children = [run for run in runs.values() if run.data.tags.get("mlflow.parentRunId") == result.run_id]
    assert parent.info.status == "FINISHED" and len(children) == 2 and all(run.info.status == "FINISHED" for run in children)
    assert parent.data.metrics["test/macro_f1"] == pytest.approx(result.scores["metrics"]["macro_f1"]["value"])
    assert "test/macro_f1_lo" in parent.data.metrics and "floor/outlet_prior/accuracy" in parent.data.metrics
    assert parent.data.tags["slant.corpus_fingerprint"] == result.scores["fingerprints"]["corpus"]
    assert parent.data.tags["slant.split_fingerprint"] == result.scores["fingerprints"]["split"]
    assert parent.data.tags["slant.predictions_hash"] == result.predictions_hash
    assert parent.data.params["split.k"] == "2" and parent.data.params["seed"] == "1"
    assert parent.inputs.dataset_inputs[0].dataset.name.startswith("newsroom@")
    artifacts = Path(parent.info.artifact_uri.removeprefix("file://"))
    assert {p.name for p in artifacts.iterdir()} >= {"config.yaml", "predictions.parquet", "scores.json", "bundle_summary", "floors"}


def test_a_run_that_fails_is_failed_with_its_error(train: Train, home_with_store: Path, tiny_newsroom: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        train(f"data.root={tmp_path / 'nowhere'}", tracking="mlflow", model="majority")
    (run,) = _runs(home_with_store)
    assert run.info.status == "FAILED"
    assert run.data.tags["slant.error_type"] == "DataError" and "there is no such file" in run.data.tags["slant.error"]


def _command(tiny_newsroom: Path, *overrides: str) -> list[str]:
    settings = ["model=majority", "evaluation.resamples=50", "publish.enabled=false", "name=t"]
    return [sys.executable, "-m", "slant", "train", f"data.root={tiny_newsroom}", *settings, *overrides]


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_sweep_nests_its_jobs_in_one_run(home_with_store: Path, tiny_newsroom: Path, launcher: str) -> None:
    more = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"] if launcher == "joblib" else []
    done = subprocess.run(_command(tiny_newsroom, "-m", "seed=1,2,3", *more), capture_output=True, text=True, timeout=6000)
    assert done.returncode == 0, done.stderr
    runs = _runs(home_with_store)
    (parent,) = [run for run in runs if run.data.tags.get("slant.kind") == "sweep"]
    jobs = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted(run.data.params["seed"] for run in jobs) == ["1", "2", "3"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert parent.data.metrics["n_children"] == 3 and "test/macro_f1_sd" in parent.data.metrics


def test_a_sweep_without_a_store_makes_one_and_a_failing_job_fails_it(home: Path, tiny_newsroom: Path) -> None:
    done = subprocess.run(_command(tiny_newsroom, "-m", "split=grouped_folds", "split.k=2,900"), capture_output=True, text=True, timeout=6000)
    assert done.returncode == 1
    assert "articles cannot fill 900 parts" in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
    statuses = {run.data.tags.get("slant.kind", "died"): run.info.status for run in _runs(home)}
    assert statuses["sweep"] == "FAILED" and "RUNNING" not in statuses.values()


def test_a_killed_run_leaves_nothing_whole_and_is_buried_by_the_next(home_with_store: Path, tiny_newsroom: Path, tiny_encoder: Path) -> None:
    slow = (
        "import time, sys; import slant.pipeline.train as t; real = t._judge\n"
        "def judge(*a): print('judging', flush=True); time.sleep(60); return real(*a)\n"
        "t._judge = judge\n"
        "from slant.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    process = subprocess.Popen([sys.executable, "-c", slow, *_command(tiny_newsroom)[3:]], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "judging"
    assert [run.info.status for run in _runs(home_with_store)] == ["RUNNING"]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not list(home_with_store.rglob("scores.json")) and not list(home_with_store.rglob("predictions.parquet"))
    assert subprocess.run(_command(tiny_newsroom), capture_output=True, timeout=600).returncode == 0
    statuses = sorted((run.info.status, run.data.tags.get("slant.error", "")) for run in _runs(home_with_store))
    assert [status for status, _ in statuses] == ["FAILED", "FINISHED"]
    assert "without a word" in statuses[0][1]


def test_a_terminated_run_ends_as_killed(home_with_store: Path, tiny_newsroom: Path) -> None:
    slow = (
        "import time, sys; import slant.pipeline.train as t\n"
        "def judge(*a): print('judging', flush=True); time.sleep(60)\n"
        "t._judge = judge\n"
        "from slant.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    process = subprocess.Popen([sys.executable, "-c", slow, *_command(tiny_newsroom)[3:]], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.2)
    process.terminate()
    assert process.wait(timeout=300) != 0
    (run,) = _runs(home_with_store)
    assert run.info.status == "KILLED"
