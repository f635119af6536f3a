"""A run and its children: the folds of a cross-validation, the jobs of a sweep."""

from __future__ import annotations

import atexit
import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slant.tracking.logger import RunLogger
from slant.tracking.process import catch_sigterm
from slant.tracking.runs import PARENT_TAG, end_run, find_runs, reap_dead_runs, start_run
from slant.tracking.store import connect, tracking_errors

__all__ = ["ChildSummary", "finish_parent", "start_parent", "summarise_children"]

logger = logging.getLogger(__name__)

#: What to undo when a parent that this process started is finished.
_open_parents: dict[str, Callable[[], None]] = {}


@dataclass(frozen=True)
class ChildSummary:
    """What became of a run's children.

    Attributes:
        finished, failed, running: how many there are of each; killed ones count as failed.
        metrics: what was logged to the parent.
    """

    finished: int
    failed: int
    running: int
    metrics: Mapping[str, float] = field(default_factory=dict)


def summarise_children(uri: str, parent_run_id: str) -> ChildSummary:
    """Log to the parent what its children found, and return it.

    For each metric of FINISHED children: `<metric>_mean`; `<metric>_sd`, the sample standard deviation (n - 1), when at least
    two hold it; `<metric>_n` when not all of them hold it. Also `n_children` (FINISHED), `n_children_failed` (FAILED or KILLED)
    and `n_children_running`. A child's NaN makes the mean NaN. Grandchildren are not counted.
    """
    client = connect(uri)
    with tracking_errors(uri):
        parent = client.get_run(parent_run_id)
    experiment_id = parent.info.experiment_id
    children = find_runs(client, uri, f"tags.`{PARENT_TAG}` = '{parent_run_id}'", [experiment_id])
    finished = [child for child in children if child.info.status == "FINISHED"]
    failed = sum(child.info.status in ("FAILED", "KILLED") for child in children)
    running = len(children) - len(finished) - failed

    metrics = {"n_children": float(len(finished)), "n_children_failed": float(failed), "n_children_running": float(running)}
    for name in sorted({name for child in finished for name in child.data.metrics}):
        values = [child.data.metrics[name] for child in finished if name in child.data.metrics]
        mean = sum(values) / len(values)
        metrics[f"{name}_mean"] = mean
        if len(values) > 1:
            metrics[f"{name}_sd"] = math.sqrt(sum((value - mean) * (value - mean) for value in values) / (len(values) - 1))
        if len(values) < len(finished):
            metrics[f"{name}_n"] = float(len(values))
    RunLogger(client, uri, experiment_id, parent_run_id).log_metrics(metrics)
    return ChildSummary(len(finished), failed, running, metrics)


def start_parent(uri: str, experiment: str, run_name: str, *, artifact_root: Path, tags: Mapping[str, str] | None = None) -> RunLogger:
    """Create a run to nest others in, when no `with` block can span them (Hydra's `on_multirun_start`).

    End it with `finish_parent`. Should this process end before (Hydra calls no `on_multirun_end` after a failed job), by an
    exception, Ctrl-C or SIGTERM, the run is ended FAILED on the way out; after a SIGKILL the experiment's next run does it.
    """
    restore = catch_sigterm()
    try:
        run = start_run(uri, experiment, run_name, artifact_root=artifact_root, tags=tags)
    except BaseException:
        restore()
        raise
    owner = os.getpid()

    def abandon() -> None:
        if os.getpid() != owner:
            return  # a forked worker leaves; the sweep goes on
        try:
            finish_parent(run.uri, run.run_id, error="the process ended before the sweep was closed")
        except Exception:
            logger.exception("the parent run %s could not be closed", run.run_id)

    def forget() -> None:
        atexit.unregister(abandon)
        restore()

    atexit.register(abandon)
    _open_parents[run.run_id] = forget
    return run


def finish_parent(uri: str, parent_run_id: str, *, error: BaseException | str | None = None) -> ChildSummary:
    """Summarise the children on their parent (see `summarise_children`) and end it, whatever became of them.

    FINISHED when every child is; FAILED, with the tag `slant.error`, when an error is given or a child failed or still runs;
    KILLED when the error is Ctrl-C or SystemExit. May be called from another process than `start_parent`, and twice.
    """
    client = connect(uri)
    with tracking_errors(uri):
        experiment_id = client.get_run(parent_run_id).info.experiment_id
    parent = RunLogger(client, uri, experiment_id, parent_run_id)
    try:
        reap_dead_runs(uri, experiment_id)
        summary = summarise_children(uri, parent_run_id)
    except BaseException as failure:
        end_run(parent, error or failure)
        raise
    finally:
        _open_parents.pop(parent_run_id, lambda: None)()
    total = summary.finished + summary.failed + summary.running
    if error is None and summary.failed:
        error = f"{summary.failed} of {total} children failed"
    elif error is None and summary.running:
        error = f"{summary.running} of {total} children were still running when the sweep was closed"
    end_run(parent, error)
    return summary
