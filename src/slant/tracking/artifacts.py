"""Files of a finished run, brought back from where its store keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slant.tracking.runs import active_run
from slant.tracking.store import connect, existing_store, tracking_errors

__all__ = ["StoredRun", "fetch_run"]


@dataclass(frozen=True)
class StoredRun:
    """What the store knows of a run.

    Attributes:
        status: MLflow's: FINISHED, FAILED, KILLED, RUNNING.
        files: where each file that was asked for and is there lies now, by its name among the artefacts.
    """

    run_id: str
    name: str
    status: str
    tags: Mapping[str, str]
    files: Mapping[str, Path]


def fetch_run(uri: str, run_id: str, names: Sequence[str], folder: Path) -> StoredRun:
    """A run and those of the named top-level artefacts that it has, copied into `folder` where its store is not on this machine.

    Raises ConfigError for a store or run that is not there and a run that was deleted, StorageError for a store that fails.
    """
    client = connect(existing_store(uri))
    run = active_run(client, run_id, uri)
    with tracking_errors(f"run {run_id} in {uri}"):
        there = {item.path for item in client.list_artifacts(run_id)}
        files = {name: Path(client.download_artifacts(run_id, name, str(folder))) for name in names if name in there}
    return StoredRun(run_id, run.info.run_name or "", run.info.status, dict(run.data.tags), files)
