"""The one place that opens MLflow: stores, runs, families of runs. Importing it does not import MLflow."""

from slant.tracking.artifacts import StoredRun, fetch_run
from slant.tracking.environment import PACKAGES, environment
from slant.tracking.families import ChildSummary, finish_parent, start_parent, summarise_children
from slant.tracking.git import GitState, git_state
from slant.tracking.logger import RunLogger
from slant.tracking.runs import open_run, reap_dead_runs, reopen_run
from slant.tracking.store import ensure_experiment, prepare_store

__all__ = [
    "PACKAGES",
    "ChildSummary",
    "GitState",
    "RunLogger",
    "StoredRun",
    "ensure_experiment",
    "environment",
    "fetch_run",
    "finish_parent",
    "git_state",
    "open_run",
    "prepare_store",
    "reap_dead_runs",
    "reopen_run",
    "start_parent",
    "summarise_children",
]
