"""Runs by what people call them: an id, a name, an experiment, a sweep, a folder; their files brought here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from slant.errors import ConfigError, DataError
from slant.tracking.logger import RunLogger
from slant.tracking.runs import PARENT_TAG, active_run, find_runs
from slant.tracking.store import connect, existing_store, tracking_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = ["FILES", "FoundRun", "find_runs_named", "log_to_run"]

#: What is brought of a run's artefacts, as far as it has it.
FILES = (
    "predictions.parquet",
    "config.yaml",
    "scores.json",
    "audit.json",
    "environment.json",
    "learning_curve.json",
    "floors",
    "bundle",
    "bundle_summary",
)
_NEEDED = "predictions.parquet"
_SHOWN = 5
_INSTEAD = {
    "sweep": "Name its jobs together as sweep:{id}, or one of them by its id",
    "fold": "Name the run that it is a fold of: {parent}",
    "search": "Train its best.yaml, and name that run",
    "trial": "Train the search's best.yaml, and name that run",
}


@dataclass(frozen=True)
class FoundRun:
    """A run that has predictions.

    Attributes:
        name: what it is called: MLflow's run name, or the folder's.
        run_id: MLflow's; "" for a folder.
        folder: where its files lie now, `FILES` under their own names as far as it has them.
        tags: MLflow's tags; none for a folder.
        status: MLflow's: FINISHED, FAILED, KILLED, RUNNING; "" for a folder.
    """

    name: str
    run_id: str
    folder: Path
    tags: Mapping[str, str] = field(default_factory=dict)
    status: str = ""


def find_runs_named(text: str, uri: str, scratch: Path, *, files: Sequence[str] = FILES) -> list[FoundRun]:
    """The run or runs that `text` names, their files below `scratch`; more than one for a group only.

    Args:
        text: a run's folder, an MLflow run's id or name, `experiment:NAME` for all runs of an experiment that were finished, or
            `sweep:ID_OR_NAME` for the finished jobs of a sweep. Groups come in the order in which their runs began.
        uri: the store, as `prepare_store` takes it; it must exist unless `text` is a folder, and is never created.
        scratch: a folder of the caller's.
        files: what to bring, besides the predictions.

    Raises ConfigError for a store, run or group that is not there, a run that was deleted, a name that several runs have (listing them) and a run
    of another kind (a sweep, a fold, a trial); DataError for a run without predictions; StorageError for a store that fails.
    """
    if Path(text).is_dir():
        folder = Path(text)
        if not (folder / _NEEDED).is_file():
            raise DataError(f"the folder has no {_NEEDED}", where=text, remedy="Name the folder of a finished run of slant train")
        return [FoundRun(folder.absolute().name, "", folder)]
    if text.endswith(".parquet") or (not text.startswith(("experiment:", "sweep:")) and Path(text).is_file()):
        raise ConfigError("this is a file", where=text, remedy="Name the run's folder, or its id or name in the tracking store")
    address = existing_store(uri)
    client = connect(address)
    kind, _, name = text.partition(":")
    if kind == "experiment" and name:
        runs = _of_experiment(client, address, name)
    elif kind == "sweep" and name:
        runs = _of_sweep(client, address, name)
    else:
        runs = [_checked(_one(client, address, text), address)]
    return [_brought(client, address, run, scratch, files) for run in runs]


def log_to_run(uri: str, run_id: str, path: Path, folder: str) -> None:
    """Copy a file to a run's artefacts, below `folder`; the run may have ended long ago. Raises ConfigError and StorageError as `active_run`."""
    address = existing_store(uri)
    client = connect(address)
    run = active_run(client, run_id, address)
    RunLogger(client, address, run.info.experiment_id, run_id).log_artifact(path, folder)


def _one(client: MlflowClient, uri: str, text: str) -> Run:
    """The run of this id, or else of this name."""
    if len(text) == 32 and set(text) <= set("0123456789abcdef"):
        return active_run(client, text, uri)
    named = find_runs(client, uri, _named(text), None)
    whole = [run for run in named if run.data.tags.get("slant.kind") != "fold"] or named
    if not whole:
        remedy = "Name a run's folder, or its id or name in this store; --store names another store"
        raise ConfigError(f"there is no run folder {text!r}, and no run of this name or id", where=uri, remedy=_deleted(client, text) or remedy)
    if len(whole) > 1:
        listed = ", ".join(run.info.run_id for run in whole[:_SHOWN]) + (", …" if len(whole) > _SHOWN else "")
        raise ConfigError(f"{len(whole)} runs are called {text!r}", where=uri, remedy=f"Name one by its id: {listed}")
    return whole[0]


def _named(name: str) -> str:
    quote = '"' if "'" in name else "'"
    if quote in name:
        raise ConfigError(f"a run's name cannot hold both kinds of quotes, as {name!r}", remedy="Name the run by its id")
    return f"attributes.run_name = {quote}{name}{quote}"


def _deleted(client: MlflowClient, name: str) -> str:
    """What to do when the name is that of a deleted run, or ""."""
    from mlflow.entities import ViewType

    with tracking_errors("the tracking store"):
        experiments = [experiment.experiment_id for experiment in client.search_experiments(view_type=ViewType.ALL)]
        gone = client.search_runs(experiments, _named(name), run_view_type=ViewType.DELETED_ONLY, max_results=1)
    return f"It was deleted; restore it with `mlflow runs restore --run-id {gone[0].info.run_id}`" if gone else ""


def _of_experiment(client: MlflowClient, uri: str, name: str) -> list[Run]:
    with tracking_errors(uri):
        experiment = client.get_experiment_by_name(name)
        known = [found.name for found in client.search_experiments()]
    if experiment is None or experiment.lifecycle_stage != "active":
        what = "there is no experiment" if experiment is None else "deleted was the experiment"
        raise ConfigError(f"{what} {name!r}", where=uri, remedy=f"The store has {', '.join(sorted(known)) or 'none'}")
    return _finished(find_runs(client, uri, "tags.`slant.kind` = 'run'", [experiment.experiment_id]), f"the experiment {name!r}", uri)


def _of_sweep(client: MlflowClient, uri: str, name: str) -> list[Run]:
    parent = _one(client, uri, name)
    if parent.data.tags.get("slant.kind") != "sweep":
        raise ConfigError(f"the run {name!r} is no sweep", where=uri, remedy="Name it without sweep:, or name the run that slant train -m made")
    children = find_runs(client, uri, f"tags.`{PARENT_TAG}` = '{parent.info.run_id}'", [parent.info.experiment_id])
    return _finished(children, f"the sweep {name!r}", uri)


def _finished(runs: Sequence[Run], what: str, uri: str) -> list[Run]:
    done = [run for run in runs if run.info.status == "FINISHED" and run.data.tags.get("slant.kind") == "run"]
    if not done:
        raise ConfigError(f"{what} has no finished run", where=uri, remedy="Train some, or look at the errors of those that failed")
    return sorted(done, key=lambda run: (run.info.start_time, run.info.run_id))


def _checked(run: Run, uri: str) -> Run:
    """The run, unless it is of a kind that has no predictions of its own."""
    kind = run.data.tags.get("slant.kind", "")
    if kind in _INSTEAD:
        remedy = _INSTEAD[kind].format(id=run.info.run_id, parent=run.data.tags.get(PARENT_TAG, "its parent"))
        raise ConfigError(f"{run.info.run_name or run.info.run_id} is a {kind}, not a run of its own", where=uri, remedy=remedy)
    return run


def _brought(client: MlflowClient, uri: str, run: Run, scratch: Path, files: Sequence[str]) -> FoundRun:
    run_id, name = run.info.run_id, run.info.run_name or run.info.run_id
    folder = scratch / run_id
    folder.mkdir(parents=True, exist_ok=True)
    with tracking_errors(f"run {run_id} in {uri}"):
        there = {item.path for item in client.list_artifacts(run_id)}
        for file in dict.fromkeys((_NEEDED, *files)):
            if file in there:
                client.download_artifacts(run_id, file, str(folder))
    if not (folder / _NEEDED).is_file():
        problem = f"the run {name} has no {_NEEDED} (it is {run.info.status})"
        raise DataError(problem, where=f"run {run_id} in {uri}", remedy="Name a run of slant train that was finished, with tracking on")
    return FoundRun(name, run_id, folder, dict(run.data.tags), run.info.status)
