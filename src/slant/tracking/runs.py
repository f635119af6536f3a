"""Runs that always come to an end: finished, failed, killed, or buried by the next one."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from slant import __version__
from slant.errors import ConfigError
from slant.tracking.git import git_state
from slant.tracking.logger import TAG_CHARS, RunLogger, cut
from slant.tracking.process import catch_sigterm, process_alive, process_start
from slant.tracking.store import connect, ensure_experiment, prepare_store, tracking_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = ["PARENT_TAG", "active_run", "end_run", "find_runs", "open_run", "reap_dead_runs", "reopen_run", "start_run"]

PARENT_TAG = "mlflow.parentRunId"
_SILENT_DEATH = "process ended without a word"

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def open_run(
    uri: str,
    experiment: str,
    run_name: str,
    *,
    artifact_root: Path,
    tags: Mapping[str, str] | None = None,
    parent_run_id: str | None = None,
) -> Iterator[RunLogger]:
    """Yields the logger of a new run, which is ended on leaving whatever happens.

    Leaving normally ends it FINISHED; an exception FAILED, with the tags `slant.error_type` and `slant.error`; Ctrl-C,
    SIGTERM and SystemExit KILLED with the same tags. The exception goes on. Runs may be nested and may run beside each other.

    Args:
        uri: the store, as `prepare_store` takes it; created when it is missing.
        experiment: its name; created when it is missing. Runs in it whose process died are marked FAILED first.
        run_name: what the run is called on MLflow's page.
        artifact_root: the folder below which a new experiment keeps its artifacts.
        tags: tags beside those every run carries: slant.host, .pid, .pid_started, .package_version, .git_commit, .git_dirty.
        parent_run_id: the run that this one is nested in; it must belong to the same experiment.

    Raises ConfigError and StorageError when the run cannot be opened.
    """
    start = partial(start_run, uri, experiment, run_name, artifact_root=artifact_root, tags=tags, parent_run_id=parent_run_id)
    with _ended(start) as run:
        yield run


@contextlib.contextmanager
def reopen_run(uri: str, run_id: str) -> Iterator[RunLogger]:
    """Yields the logger of a run that began before and is to go on in this process; it is RUNNING again, and ends as `open_run`'s does.

    Raises ConfigError when the store has no such run, or it was deleted.
    """
    with _ended(partial(_restart, uri, run_id)) as run:
        yield run


@contextlib.contextmanager
def _ended(start: Callable[[], RunLogger]) -> Iterator[RunLogger]:
    """Yields the run that `start` opens, and ends it as `open_run` says."""
    # Before the run exists, so that no SIGTERM finds it open and unguarded.
    restore = catch_sigterm()
    try:
        run = start()
        try:
            yield run
        except BaseException as error:
            # What went wrong in the run matters more than a store that cannot write it down.
            try:
                end_run(run, error)
            except Exception:
                logger.exception("run %s could not be marked as failed", run.run_id)
            raise
        end_run(run)
    finally:
        restore()


def _restart(uri: str, run_id: str) -> RunLogger:
    address = prepare_store(uri)
    client = connect(address)
    found = active_run(client, run_id, address)
    run = RunLogger(client, address, found.info.experiment_id, run_id)
    # Whose it is now comes first: a run that is RUNNING under a dead process would be buried by the next one.
    run.set_tags(_process_tags())
    with tracking_errors(address):
        for tag in {"slant.error_type", "slant.error"} & set(found.data.tags):
            client.delete_tag(run_id, tag)
        client.update_run(run_id, status="RUNNING")
    return run


def start_run(
    uri: str,
    experiment: str,
    run_name: str,
    *,
    artifact_root: Path,
    tags: Mapping[str, str] | None = None,
    parent_run_id: str | None = None,
) -> RunLogger:
    """Create a run that the caller must end (`end_run`); arguments and errors as `open_run`."""
    address = prepare_store(uri)
    experiment_id = ensure_experiment(address, experiment, artifact_root)
    client = connect(address)
    reap_dead_runs(address, experiment_id)
    own_tags = {key: cut(value, TAG_CHARS) for key, value in (tags or {}).items()} | _process_tags()
    if parent_run_id is not None:
        _check_parent(client, parent_run_id, experiment_id, f"experiment {experiment!r} in {address}")
        own_tags[PARENT_TAG] = parent_run_id
    with tracking_errors(address):
        run = client.create_run(experiment_id, tags=own_tags, run_name=run_name)
    return RunLogger(client, address, experiment_id, run.info.run_id)


def end_run(run: RunLogger, error: BaseException | str | None = None) -> None:
    """End a run: FINISHED without an error, KILLED for Ctrl-C and SystemExit, else FAILED; the error goes into its tags."""
    if error is None:
        status = "FINISHED"
    else:
        status = "KILLED" if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit) else "FAILED"
        kind = type(error).__name__ if isinstance(error, BaseException) else "Error"
        line = " ".join(str(error).split()) or kind
        run.set_tags({"slant.error_type": kind, "slant.error": line})
    with tracking_errors(run.where):
        run.client.set_terminated(run.run_id, status)


def reap_dead_runs(uri: str, experiment_id: str | None = None) -> list[str]:
    """Mark FAILED the RUNNING runs whose process on this host is dead, and return their ids.

    A process is dead when its pid is free or belongs to a process with another start time. Runs of other hosts and runs
    not opened by Slant are left alone. Looks at all experiments unless one is named.
    """
    client = connect(uri)
    reaped = []
    running = "attributes.status = 'RUNNING'"
    for candidate in find_runs(client, uri, running, None if experiment_id is None else [experiment_id]):
        tags = candidate.data.tags
        pid = tags.get("slant.pid", "")
        if tags.get("slant.host") != socket.gethostname() or not pid.isdigit():
            continue
        if process_alive(int(pid), tags.get("slant.pid_started", "")):
            continue
        run_id = candidate.info.run_id
        with tracking_errors(uri):
            # The run may have ended well, and its process left, since the search: look again now that it is surely gone.
            if client.get_run(run_id).info.status != "RUNNING":
                continue
        end_run(RunLogger(client, uri, candidate.info.experiment_id, run_id), _SILENT_DEATH)
        reaped.append(run_id)
    return reaped


def find_runs(client: MlflowClient, uri: str, where: str, experiment_ids: list[str] | None) -> list[Run]:
    """All runs that match an MLflow filter, of every page, in the named experiments or in all."""
    found: list[Run] = []
    with tracking_errors(uri):
        if experiment_ids is None:
            experiment_ids = []
            token = None
            while True:
                experiments = client.search_experiments(page_token=token)
                experiment_ids += [experiment.experiment_id for experiment in experiments]
                token = experiments.token
                if not token:
                    break
        token = None
        while True:
            page = client.search_runs(experiment_ids, where, page_token=token)
            found += page
            token = page.token
            if not token:
                return found


def _process_tags() -> dict[str, str]:
    git = git_state()
    tags = {
        "slant.host": socket.gethostname(),
        "slant.pid": str(os.getpid()),
        "slant.pid_started": process_start(os.getpid()),
        "slant.package_version": __version__,
    }
    if git.commit is not None:
        # The second name is the one that MLflow's own page shows.
        tags |= {"slant.git_commit": git.commit, "mlflow.source.git.commit": git.commit}
        tags["slant.git_dirty"] = "true" if git.dirty else "false"
    return tags


def active_run(client: MlflowClient, run_id: str, where: str) -> Run:
    """The run of this id. Raises ConfigError when there is none, or it was deleted."""
    from mlflow.exceptions import MlflowException

    try:
        found = client.get_run(run_id)
    except MlflowException as error:
        raise ConfigError(f"there is no run {run_id!r}", where=where, remedy="Give the id of a run that is in this store") from error
    if found.info.lifecycle_stage != "active":
        raise ConfigError(f"the run {run_id!r} was deleted", where=where, remedy="Restore it with `mlflow runs restore`")
    return found


def _check_parent(client: MlflowClient, parent_run_id: str, experiment_id: str, where: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        parent = client.get_run(parent_run_id)
    except MlflowException as error:
        remedy = "Pass the id of a run that is in this store"
        raise ConfigError(f"there is no parent run {parent_run_id!r}", where=where, remedy=remedy) from error
    if parent.info.experiment_id != experiment_id:
        problem = f"the parent run {parent_run_id} belongs to another experiment"
        raise ConfigError(problem, where=where, remedy="Open parent and child in the same experiment: MLflow nests no other")
