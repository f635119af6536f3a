"""A run always comes to an end, and says how."""

from __future__ import annotations

import mmap
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slant.errors import ConfigError, StorageError
from slant.tracking import GitState, git_state, open_run, reap_dead_runs
from slant.tracking.process import process_alive, process_start
from slant.tracking.runs import start_run
from slant.tracking.store import connect

from .conftest import Open, first_line

if TYPE_CHECKING:
    from mlflow.entities import Run

IN_A_RUN = """
import sys, time
from pathlib import Path
from slant.tracking import open_run
with open_run(sys.argv[1], "loaded", "victim", artifact_root=Path("artifacts")) as run:
    print(run.run_id, flush=True)
    time.sleep(600)
"""


def read(uri: str, run_id: str) -> Run:
    return connect(uri).get_run(run_id)


def test_a_run_that_ends_well_is_finished_and_says_where_it_ran(opened: Open, uri: str) -> None:
    with opened("well", tags={"study": "01", "slant.pid": "forged"}) as run:
        assert read(uri, run.run_id).info.status == "RUNNING"
    ended = read(uri, run.run_id)
    assert (ended.info.status, ended.info.run_name) == ("FINISHED", "well")
    tags = ended.data.tags
    assert (tags["study"], tags["slant.host"], tags["slant.pid"]) == ("01", socket.gethostname(), str(os.getpid()))
    assert tags["slant.pid_started"] == process_start(os.getpid()) != ""
    assert tags["slant.package_version"]
    assert "slant.error" not in tags


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ValueError("two\n  lines"), "FAILED", "two lines"),
        (ConfigError("bad", where="x"), "FAILED", "x: bad"),
        (AssertionError(), "FAILED", "AssertionError"),
        (KeyboardInterrupt(), "KILLED", "KeyboardInterrupt"),
        (SystemExit(3), "KILLED", "3"),
    ],
)
def test_an_exception_ends_the_run_and_goes_on(opened: Open, uri: str, error: BaseException, status: str, line: str) -> None:
    with pytest.raises(type(error)) as caught, opened("ill") as run:
        raise error
    assert caught.value is error
    ended = read(uri, run.run_id)
    assert ended.info.status == status
    assert (ended.data.tags["slant.error_type"], ended.data.tags["slant.error"]) == (type(error).__name__, line)


def test_a_long_error_is_cut(opened: Open, uri: str) -> None:
    with pytest.raises(RuntimeError), opened("ill") as run:
        raise RuntimeError("z" * 20_000)
    line = read(uri, run.run_id).data.tags["slant.error"]
    assert len(line) == 5000
    assert line.endswith("z… [cut from 20,000 characters]")


def test_a_store_that_breaks_does_not_hide_what_went_wrong(opened: Open, uri: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ZeroDivisionError), opened("ill") as run:
        Path(uri.removeprefix("sqlite:///")).write_bytes(b"no database any more" * 1000)
        raise ZeroDivisionError
    assert f"run {run.run_id} could not be marked as failed" in caplog.text


def test_sigterm_ends_all_open_runs_and_the_old_handler_returns(opened: Open, uri: str) -> None:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with pytest.raises(SystemExit) as caught, opened("outer") as outer, opened("inner", parent_run_id=outer.run_id) as inner:
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.code == 143
    for run in (outer, inner):
        ended = read(uri, run.run_id)
        assert (ended.info.status, ended.data.tags["slant.error"]) == ("KILLED", "the process was told to end (SIGTERM)")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_that_somebody_else_set_is_respected(opened: Open) -> None:
    heard: list[int] = []

    def theirs(number: int, _frame: object) -> None:
        heard.append(number)

    before = signal.signal(signal.SIGTERM, theirs)
    try:
        with opened("polite"):
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is theirs
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_runs_in_threads_beside_each_other_do_not_mix(opened: Open, uri: str) -> None:
    barrier, ids = threading.Barrier(3), dict[int, str]()

    def work(number: int) -> None:
        with opened(f"thread-{number}") as run:
            barrier.wait()
            run.log_metrics({"number": float(number)})
            ids[number] = run.run_id
            barrier.wait()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: read(uri, ids[number]).data.metrics for number in sorted(ids)} == {n: {"number": float(n)} for n in range(3)}


def test_no_global_state_of_mlflow_is_touched(opened: Open) -> None:
    import mlflow

    before = mlflow.get_tracking_uri()
    with opened("quiet"):
        assert mlflow.active_run() is None
        assert mlflow.get_tracking_uri() == before


def test_a_killed_process_is_buried_by_the_next_run(opened: Open, uri: str, start_script: Callable[..., subprocess.Popen[str]]) -> None:
    victim = start_script(IN_A_RUN, uri)
    run_id = first_line(victim.stdout)
    assert reap_dead_runs(uri) == []
    assert read(uri, run_id).info.status == "RUNNING"
    victim.kill()
    os.waitid(os.P_PID, victim.pid, os.WEXITED | os.WNOWAIT)  # dead, but still a zombie with its pid
    with opened("next") as run:
        ended = read(uri, run_id)
        assert (ended.info.status, ended.data.tags["slant.error"]) == ("FAILED", "process ended without a word")
        assert read(uri, run.run_id).info.status == "RUNNING"
    victim.communicate()


def test_only_runs_that_are_surely_dead_are_buried(uri: str, tmp_path: Path) -> None:
    runs = {name: start_run(uri, name, name, artifact_root=tmp_path) for name in ("reused", "elsewhere", "foreign", "ours")}
    client = connect(uri)
    client.set_tag(runs["reused"].run_id, "slant.pid_started", "1")
    client.set_tag(runs["elsewhere"].run_id, "slant.pid_started", "1")
    client.set_tag(runs["elsewhere"].run_id, "slant.host", "another-host")
    client.delete_tag(runs["foreign"].run_id, "slant.pid")
    assert reap_dead_runs(uri, runs["ours"].experiment_id) == []
    assert reap_dead_runs(uri) == [runs["reused"].run_id]
    assert {name: read(uri, run.run_id).info.status for name, run in runs.items()} == {
        "reused": "FAILED", "elsewhere": "RUNNING", "foreign": "RUNNING", "ours": "RUNNING",
    }  # fmt: skip


def test_a_run_that_ended_well_since_the_search_is_left_alone(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start_run(uri, "loaded", "quick", artifact_root=tmp_path)

    def finishes_and_leaves(_pid: int, _started: str) -> bool:
        run.client.set_terminated(run.run_id, "FINISHED")
        return False

    monkeypatch.setattr("slant.tracking.runs.process_alive", finishes_and_leaves)
    assert reap_dead_runs(uri) == []
    assert read(uri, run.run_id).info.status == "FINISHED"


def test_more_runs_than_a_page_are_all_seen(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    dead = [start_run(uri, f"e{number % 2}", str(number), artifact_root=tmp_path) for number in range(5)]
    search_runs, search_experiments = MlflowClient.search_runs, MlflowClient.search_experiments
    monkeypatch.setattr(MlflowClient, "search_runs", lambda *a, **k: search_runs(*a, **{**k, "max_results": 2}))
    monkeypatch.setattr(MlflowClient, "search_experiments", lambda *a, **k: search_experiments(*a, **{**k, "max_results": 1}))
    monkeypatch.setattr("slant.tracking.runs.process_alive", lambda *_: False)
    assert sorted(reap_dead_runs(uri)) == sorted(run.run_id for run in dead)


def test_a_parent_must_be_in_the_same_experiment(opened: Open, uri: str, tmp_path: Path) -> None:
    with opened("parent") as parent:
        with opened("child", parent_run_id=parent.run_id) as child:
            pass
        with pytest.raises(ConfigError, match="belongs to another experiment"):
            start_run(uri, "other", "child", artifact_root=tmp_path, parent_run_id=parent.run_id)
        with pytest.raises(ConfigError, match="no parent run"):
            start_run(uri, "loaded", "child", artifact_root=tmp_path, parent_run_id="0" * 32)
    assert read(uri, child.run_id).data.tags["mlflow.parentRunId"] == parent.run_id


def test_a_run_that_cannot_be_opened_leaves_the_handler_alone(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("no database, but a text of some length" * 100)
    with pytest.raises(StorageError), open_run(f"sqlite:///{tmp_path}/x.db", "e", "r", artifact_root=tmp_path):
        pytest.fail("the run must not be opened")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_process_start_tells_the_living_from_the_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process_start(child.pid)
    assert started
    assert process_alive(child.pid, started)
    assert process_alive(child.pid, "")
    assert not process_alive(child.pid, started + "0")
    child.kill()
    child.communicate()
    assert not process_alive(child.pid, started)


def test_process_start_reads_the_right_field_whatever_the_name(tmp_path: Path) -> None:
    odd = tmp_path / "a) R 1 (b"
    odd.write_text("#!/bin/sh\nread line\n")
    odd.chmod(0o755)
    child = subprocess.Popen([odd], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    started = process_start(child.pid)
    assert started.isdigit()
    assert int(started) >= int(process_start(os.getpid())) > 0
    child.communicate()
    before = process_start(os.getpid())
    with mmap.mmap(-1, 1 << 26):  # the neighbouring field is the size of the process
        assert process_start(os.getpid()) == before


def _git(folder: Path, *args: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *args], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_git_state_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert git_state() == GitState(None, None)
    _git(tmp_path, "init", "-q")
    (tmp_path / "a.txt").write_text("a")
    _git(tmp_path, "add", "a.txt")
    assert git_state() == GitState(None, None)
    _git(tmp_path, "commit", "-qm", "first")
    commit = _git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "mlflow.db").write_text("untracked")
    assert git_state() == GitState(commit, False)
    (tmp_path / "a.txt").write_text("b")
    assert git_state() == GitState(commit, True)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state() == GitState(None, None)


def test_a_run_carries_its_commit(opened: Open, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter([GitState("c" * 40, True), GitState(None, None)])
    monkeypatch.setattr("slant.tracking.runs.git_state", lambda: next(states))
    with opened("in a repository") as inside, opened("outside") as outside:
        pass
    tags = read(uri, inside.run_id).data.tags
    assert (tags["slant.git_commit"], tags["mlflow.source.git.commit"], tags["slant.git_dirty"]) == ("c" * 40, "c" * 40, "true")
    assert not [key for key in read(uri, outside.run_id).data.tags if "git" in key]
