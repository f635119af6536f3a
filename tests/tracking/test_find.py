"""Finding runs by id, name, experiment, sweep and folder, in real SQLite stores; what is not there is one clear line."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from slant.errors import ConfigError, DataError
from slant.tracking import RunLogger
from slant.tracking.find import find_runs_named, log_to_run
from slant.tracking.store import connect

Open = Callable[..., AbstractContextManager[RunLogger]]


@pytest.fixture
def trained(opened: Open, tmp_path: Path) -> Callable[..., str]:
    """`trained(name, …)`: the id of a run that ended well, with a table (its name is all that is in it)."""

    def make(name: str, *, kind: str = "run", table: bool = True, **options: Any) -> str:
        with opened(name, **options) as run:
            run.set_tags({"slant.kind": kind})
            if table:
                (tmp_path / "predictions.parquet").write_text(name)
                (tmp_path / "floors").mkdir(exist_ok=True)
                (tmp_path / "floors" / "majority.parquet").write_text("floor")
                for file in ("predictions.parquet", "floors"):
                    run.log_artifact(tmp_path / file)
            return str(run.run_id)

    return make


def contents(found: Any) -> list[str]:
    return [(run.folder / "predictions.parquet").read_text() for run in found]


def test_a_run_is_found_by_id_and_by_name(trained: Any, uri: str, tmp_path: Path) -> None:
    first, _ = trained("first"), trained("second")
    (by_id,) = find_runs_named(first, uri, tmp_path / "a")
    (by_name,) = find_runs_named("first", uri, tmp_path / "b")
    assert (by_id.run_id, by_id.name, by_id.status) == (by_name.run_id, by_name.name, by_name.status) == (first, "first", "FINISHED")
    assert contents([by_id, by_name]) == ["first", "first"]
    assert (by_id.folder / "floors" / "majority.parquet").read_text() == "floor"
    assert by_id.tags["slant.kind"] == "run"


def test_a_folder_needs_no_store(tmp_path: Path) -> None:
    (tmp_path / "predictions.parquet").write_text("table")
    (found,) = find_runs_named(str(tmp_path), f"sqlite:///{tmp_path}/none.db", tmp_path)
    assert (found.folder, found.run_id, found.name) == (tmp_path, "", tmp_path.name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no predictions.parquet"):
        find_runs_named(str(tmp_path / "empty"), "", tmp_path)


def test_a_group_is_its_finished_runs_in_their_order(trained: Any, opened: Open, uri: str, tmp_path: Path) -> None:
    sweep = trained("sweep seed=1,2", kind="sweep", table=False)
    jobs = [trained(f"job-{seed}", parent_run_id=sweep) for seed in (2, 1)]
    fold = trained("fold-0", kind="fold", parent_run_id=jobs[0])
    with pytest.raises(ZeroDivisionError), opened("broken", parent_run_id=sweep) as run:
        run.set_tags({"slant.kind": "run"})
        raise ZeroDivisionError
    other = trained("other")
    for name in (f"sweep:{sweep}", "sweep:sweep seed=1,2"):
        assert [run.run_id for run in find_runs_named(name, uri, tmp_path / "s")] == jobs
    assert [run.run_id for run in find_runs_named("experiment:loaded", uri, tmp_path / "e")] == [*jobs, other]
    for name, said in ((sweep, f"sweep:{sweep}"), (fold, jobs[0])):
        with pytest.raises(ConfigError, match=said):
            find_runs_named(name, uri, tmp_path)
    with pytest.raises(ConfigError, match="is no sweep"):
        find_runs_named(f"sweep:{other}", uri, tmp_path)


def test_an_ambiguous_name_lists_the_ids(trained: Any, uri: str, tmp_path: Path) -> None:
    ids = [trained("loaded/demo"), trained("loaded/demo")]
    with pytest.raises(ConfigError, match="2 runs are called 'loaded/demo'") as caught:
        find_runs_named("loaded/demo", uri, tmp_path)
    assert all(run_id in str(caught.value) for run_id in ids)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "no run of this name"),
        ("0" * 32, "there is no run"),
        ("experiment:nowhere", "no experiment 'nowhere'.*loaded"),
        ("sweep:nowhere", "no run of this name"),
        ("it's", "no run of this name"),
        ("'\"", "both kinds of quotes"),
        ("x' OR attributes.status = 'FINISHED", "no run of this name"),
    ],
)
def test_what_is_not_there_is_said(trained: Any, uri: str, tmp_path: Path, name: str, said: str) -> None:
    trained("first")
    with pytest.raises(ConfigError, match=said):
        find_runs_named(name, uri, tmp_path)


def test_a_deleted_run_is_said_to_be_deleted(trained: Any, uri: str, tmp_path: Path) -> None:
    run_id = trained("gone")
    connect(uri).delete_run(run_id)
    for name in (run_id, "gone"):
        with pytest.raises(ConfigError, match="deleted"):
            find_runs_named(name, uri, tmp_path)


def test_a_run_without_predictions_is_refused(trained: Any, uri: str, tmp_path: Path) -> None:
    trained("empty", table=False)
    with pytest.raises(DataError, match="the run empty has no predictions.parquet \\(it is FINISHED\\)"):
        find_runs_named("empty", uri, tmp_path)


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    for name in ("first", "experiment:loaded"):
        with pytest.raises(ConfigError, match="no such tracking store"):
            find_runs_named(name, f"sqlite:///{tmp_path}/none.db", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_can_be_logged_to_a_run_that_ended(trained: Any, uri: str, tmp_path: Path) -> None:
    run_id = trained("first")
    (tmp_path / "page.html").write_text("page")
    log_to_run(uri, run_id, tmp_path / "page.html", "comparisons")
    client = connect(uri)
    assert [item.path for item in client.list_artifacts(run_id, "comparisons")] == ["comparisons/page.html"]
    assert client.get_run(run_id).info.status == "FINISHED"
