"""Parents say what their children found, and never stay open."""

from __future__ import annotations

import math
import signal
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from slant.tracking import finish_parent, start_parent, summarise_children
from slant.tracking.runs import start_run
from slant.tracking.store import connect

from .conftest import Open, first_line

A_SWEEP = """
import sys, time
from pathlib import Path
from slant.tracking import open_run, start_parent
uri = sys.argv[1]
parent = start_parent(uri, "loaded", "sweep", artifact_root=Path("artifacts"))
with open_run(uri, "loaded", "job-0", artifact_root=Path("artifacts"), parent_run_id=parent.run_id) as child:
    child.log_metrics({"f1": 0.5})
with open_run(uri, "loaded", "job-1", artifact_root=Path("artifacts"), parent_run_id=parent.run_id):
    print(parent.run_id, flush=True)
    time.sleep(600)
"""


def test_the_parent_gets_mean_and_sd_over_finished_children(opened: Open, uri: str) -> None:
    values = [0.61, 0.7, 0.75]
    with opened("cv") as parent:
        for fold, value in enumerate(values):
            with opened(f"fold-{fold}", parent_run_id=parent.run_id) as child:
                child.log_metrics({"f1": 0.0}, step=0)
                child.log_metrics({"f1": value, **({"rare": 1.0} if fold == 0 else {"half": float(fold)})}, step=1)
        with pytest.raises(RuntimeError), opened("fold-3", parent_run_id=parent.run_id) as child:
            child.log_metrics({"f1": 99.0})
            raise RuntimeError
        with opened("fold-4", parent_run_id=parent.run_id) as child:
            child.log_metrics({"f1": 99.0})
            summary = summarise_children(uri, parent.run_id)
    with opened("a stranger") as stranger:
        stranger.log_metrics({"f1": 99.0})
    assert (summary.finished, summary.failed, summary.running) == (3, 1, 1)
    assert summary.metrics == {
        "n_children": 3, "n_children_failed": 1, "n_children_running": 1,
        "f1_mean": pytest.approx(statistics.mean(values)), "f1_sd": pytest.approx(statistics.stdev(values)),
        "rare_mean": 1.0, "rare_n": 1,
        "half_mean": 1.5, "half_sd": pytest.approx(math.sqrt(0.5)), "half_n": 2,
    }  # fmt: skip
    assert connect(uri).get_run(parent.run_id).data.metrics == summary.metrics


def test_undefined_scores_are_not_averaged_away(opened: Open, uri: str) -> None:
    with opened("cv") as parent:
        for fold, (score, loss) in enumerate([(0.5, math.inf), (math.nan, math.inf)]):
            with opened(f"fold-{fold}", parent_run_id=parent.run_id) as child:
                child.log_metrics({"f1": score, "loss": loss})
        metrics = summarise_children(uri, parent.run_id).metrics
    assert math.isnan(metrics["f1_mean"])
    assert math.isnan(metrics["f1_sd"])
    assert metrics["loss_mean"] == math.inf


def test_a_sweep_is_closed_by_its_other_callback(opened: Open, uri: str, tmp_path: Path) -> None:
    parent = start_parent(uri, "loaded", "sweep", artifact_root=tmp_path, tags={"study": "01"})
    with opened("job-0", parent_run_id=parent.run_id) as child:
        child.log_metrics({"f1": 0.5})
    assert connect(uri).get_run(parent.run_id).info.status == "RUNNING"
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL  # the jobs may run elsewhere, no run be open here
    assert finish_parent(uri, parent.run_id).finished == 1
    ended = connect(uri).get_run(parent.run_id)
    assert (ended.info.status, ended.data.metrics["f1_mean"], ended.data.tags["study"]) == ("FINISHED", 0.5, "01")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_sweep_with_a_failed_or_open_job_is_failed_and_says_so(opened: Open, uri: str, tmp_path: Path) -> None:
    for job, error, expected in (
        ("fails", None, ("FAILED", "1 of 2 children failed")),
        ("stays open", None, ("FAILED", "1 of 2 children were still running when the sweep was closed")),
        ("fails", "out of money", ("FAILED", "out of money")),
        ("fails", KeyboardInterrupt(), ("KILLED", "KeyboardInterrupt")),
    ):
        parent = start_parent(uri, "loaded", "sweep", artifact_root=tmp_path)
        with opened("job-0", parent_run_id=parent.run_id):
            pass
        if job == "fails":
            with pytest.raises(ValueError), opened("job-1", parent_run_id=parent.run_id):
                raise ValueError
        else:
            start_run(uri, "loaded", "job-1", artifact_root=tmp_path, parent_run_id=parent.run_id)
        finish_parent(uri, parent.run_id, error=error)
        ended = connect(uri).get_run(parent.run_id)
        assert (ended.info.status, ended.data.tags["slant.error"]) == expected
        assert ended.data.metrics["n_children"] == 1


def test_a_parent_is_closed_even_when_its_summary_fails(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("no summary")

    parent = start_parent(uri, "loaded", "sweep", artifact_root=tmp_path)
    monkeypatch.setattr("slant.tracking.families.summarise_children", fails)
    with pytest.raises(ZeroDivisionError):
        finish_parent(uri, parent.run_id)
    ended = connect(uri).get_run(parent.run_id)
    assert (ended.info.status, ended.data.tags["slant.error"]) == ("FAILED", "no summary")


def test_a_sweep_told_to_end_closes_its_job_and_its_parent(uri: str, start_script: Callable[..., subprocess.Popen[str]]) -> None:
    sweep = start_script(A_SWEEP, uri)
    parent_id = first_line(sweep.stdout)
    sweep.terminate()
    _, err = sweep.communicate()
    assert (sweep.returncode, err) == (143, "")
    client = connect(uri)
    parent = client.get_run(parent_id)
    assert (parent.info.status, parent.data.tags["slant.error"]) == ("FAILED", "the process ended before the sweep was closed")
    assert (parent.data.metrics["f1_mean"], parent.data.metrics["n_children_failed"]) == (0.5, 1.0)
    children = client.search_runs([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent_id}'")
    assert {child.info.run_name: child.info.status for child in children} == {"job-0": "FINISHED", "job-1": "KILLED"}
