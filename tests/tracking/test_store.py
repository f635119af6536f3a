"""Where stores may lie, and that they are created whole however many ask at once."""

from __future__ import annotations

import http.server
import logging
import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from slant.errors import ConfigError, StorageError
from slant.tracking import ensure_experiment, open_run, prepare_store
from slant.tracking.store import connect

FOUR_AT_ONCE = """
import os, sys
import slant.tracking
assert "mlflow" not in sys.modules, "import slant.tracking must stay light"

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "mlflow":
            assert os.environ.get("MLFLOW_DISABLE_TELEMETRY") == "true", "MLflow imported with its telemetry on"
            print("watched", flush=True)

sys.meta_path.insert(0, Watch())
from pathlib import Path
root, number = Path(sys.argv[2]), sys.argv[3]
slant.tracking.ensure_experiment(sys.argv[1], "race", root)
with slant.tracking.open_run(sys.argv[1], "race", f"racer-{number}", artifact_root=root) as run:
    for step in range(20):
        run.log_metrics({"score": float(number), "other": 1.0}, step)
"""


def test_four_processes_may_start_at_once_on_a_missing_store(tmp_path: Path, start_script: Callable[..., subprocess.Popen[str]]) -> None:
    uri = "sqlite:///new/fold er#/mlflow.db"
    racers = [start_script(FOUR_AT_ONCE, uri, str(tmp_path / "artifacts"), str(number)) for number in range(4)]
    for racer in racers:
        out, err = racer.communicate()
        assert (racer.returncode, out, err) == (0, "watched\n", "")

    client = connect(f"sqlite:///{tmp_path}/new/fold er#/mlflow.db")
    assert [experiment.name for experiment in client.search_experiments()].count("race") == 1
    race = ensure_experiment(f"sqlite:///{tmp_path}/new/fold er#/mlflow.db", "race", tmp_path)
    runs = client.search_runs([race])
    assert {run.info.run_name: (run.info.status, run.data.metrics["score"]) for run in runs} == {
        f"racer-{number}": ("FINISHED", float(number)) for number in range(4)
    }
    assert all(len(client.get_metric_history(run.info.run_id, "score")) == 20 for run in runs)


def test_a_relative_path_is_made_absolute(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "a b#ü"
    odd.mkdir()
    monkeypatch.chdir(odd)
    Path("mlflow.db").write_bytes(template.read_bytes())
    expected = f"sqlite:///{odd}/mlflow.db"
    assert prepare_store("") == expected
    assert prepare_store("sqlite:///mlflow.db") == expected
    assert prepare_store("sqlite:///../a b#ü/mlflow.db") == expected
    assert prepare_store(expected) == expected
    ensure_experiment(expected, "here", odd)
    with sqlite3.connect(odd / "mlflow.db") as db:
        assert db.execute("SELECT count(*) FROM experiments WHERE name = 'here'").fetchone() == (1,)


@pytest.mark.parametrize(
    "uri",
    ["file:///tmp/mlruns", "mlruns", "/tmp/mlflow.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "postgresql://h/db",
     "sqlite:///x.db?mode=ro", "sqlite:///a%20b/x.db", "databricks"],
)  # fmt: skip
def test_other_kinds_of_stores_are_refused_with_the_remedy(uri: str) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare_store(uri)
    assert caught.value.where == uri
    assert "sqlite:///mlflow.db" in caught.value.remedy


def test_what_is_no_store_is_left_as_it_is(tmp_path: Path) -> None:
    text, other, folder = tmp_path / "notes.db", tmp_path / "other.db", tmp_path / "folder.db"
    text.write_text("Dear diary, " * 100)
    folder.mkdir()
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE trials (id INTEGER)")
    before = text.read_bytes(), other.read_bytes()
    for path, problem in ((text, "no SQLite database"), (other, "no MLflow store"), (folder, "no SQLite database")):
        with pytest.raises(StorageError, match=problem) as caught:
            prepare_store(f"sqlite:///{path}")
        assert str(path) in caught.value.where
    assert (text.read_bytes(), other.read_bytes()) == before


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", Path("/proc/slant")):
        with pytest.raises(StorageError, match="cannot be written"):
            prepare_store(f"sqlite:///{folder}/mlflow.db")


def test_a_creation_that_fails_leaves_no_half_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import alembic.command

    def killed(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(alembic.command, "upgrade", killed)
    with pytest.raises(StorageError, match="disk is full"):
        prepare_store(f"sqlite:///{tmp_path}/mlflow.db")
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db.lock"}


def test_mlflow_chatters_as_before_afterwards(uri: str) -> None:
    logger = logging.getLogger("mlflow")
    logger.setLevel(logging.INFO)
    prepare_store(uri)
    assert logger.level == logging.INFO


def test_artifacts_of_an_experiment_lie_below_the_root(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = ensure_experiment(uri, "../stance/a b", Path("my art"))
    assert ensure_experiment(uri, "../stance/a b", tmp_path / "elsewhere") == first
    location = connect(uri).get_experiment(first).artifact_location
    assert location == f"file://{tmp_path}/my%20art/_stance_a_b"
    with open_run(uri, "../stance/a b", "r", artifact_root=tmp_path / "elsewhere") as run:
        (tmp_path / "scores.json").write_text("{}")
        run.log_artifact(tmp_path / "scores.json", "evidence")
    assert (tmp_path / f"my art/_stance_a_b/{run.run_id}/artifacts/evidence/scores.json").read_text() == "{}"
    assert not (tmp_path / "mlruns").exists()


def test_an_experiment_made_by_another_meanwhile_is_taken(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    first = ensure_experiment(uri, "race", tmp_path)
    real, answers = MlflowClient.get_experiment_by_name, iter([None])
    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", lambda self, name: next(answers, real(self, name)))
    assert ensure_experiment(uri, "race", tmp_path) == first


def test_a_deleted_or_nameless_experiment_is_refused(uri: str, tmp_path: Path) -> None:
    connect(uri).delete_experiment(ensure_experiment(uri, "old", tmp_path))
    with pytest.raises(ConfigError, match="was deleted"):
        ensure_experiment(uri, "old", tmp_path)
    with pytest.raises(ConfigError, match="MLflow refuses"):
        ensure_experiment(uri, "", tmp_path)


def test_a_server_is_asked_whether_it_is_there() -> None:
    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if len(asked) == 1 else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    asked: list[str] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert prepare_store(f"{address}/") == address
        assert prepare_store(address) == address  # a server that wants a password is there
        server.shutdown()
    assert asked == ["/health", "/health"]
    with pytest.raises(StorageError, match="cannot be reached") as caught:
        prepare_store(address)
    assert "mlflow server" in caught.value.remedy
    with pytest.raises(StorageError, match="cannot be reached"):
        prepare_store("http://user:secret@127.0.0.1:port")


def test_a_read_only_store_is_refused(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Asked of the system and not of the file's mode, because root, whom containers like, may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StorageError, match="Permission denied"):
        prepare_store(uri)
