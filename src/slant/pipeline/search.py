"""A search over a model's settings: Optuna asks, Hydra composes, dev rows answer. Killed at any moment, it goes on where it was."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig

from slant.data import Split
from slant.errors import ConfigError, DataError
from slant.evaluation import PredictionsMeta, make_predictions, metric_families
from slant.files import write_atomic
from slant.labels import get_task
from slant.pipeline.experiment_file import check_place, kept_overrides, write_experiment
from slant.pipeline.parts import check_components, fit_and_predict, log_config, read_splits, tracked
from slant.pipeline.search_config import Search, compose_search
from slant.pipeline.space import as_override
from slant.pipeline.study import Store, open_store
from slant.progress import track
from slant.seeding import seed_everything
from slant.tracking import RunLogger, reopen_run, summarise_children

if TYPE_CHECKING:
    from datasets import Dataset
    from optuna import Trial

__all__ = ["SearchResult", "run_search"]

logger = logging.getLogger(__name__)

#: When so many trials have failed and nothing else was tried, the space or the data is at fault.
_HOPELESS = 3


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        folder: study.db, trials.json, experiment/best.yaml, and what the data's audit says.
        metric: what was judged on dev.
        value: the best trial's mean over the splits' dev parts.
        number: which trial it is, counted from 1.
        best: the chosen values by key.
        counts: how many trials were completed, pruned and failed.
        experiment: the experiment file.
        command: what runs it.
        run_id: MLflow's of the whole search, or "untracked".
    """

    folder: Path
    metric: str
    value: float
    number: int
    best: dict[str, Any]
    counts: dict[str, int]
    experiment: Path
    command: str
    run_id: str


@dataclass(frozen=True)
class _Rows:
    """What every trial reads, and none changes."""

    dataset: Dataset
    splits: list[Split]
    meta: PredictionsMeta


def run_search(overrides: Sequence[str], *, output: Path | None = None) -> SearchResult:
    """Search what `overrides` name (`search=NAME`, `search.KEY=VALUE`, and any override of `slant train`), or go on with it.

    Every trial is fitted on the splits' train parts and judged by its predictions of their dev parts; no test row is predicted. The n-th
    trial is drawn from a seed of its own and the finished trials before it, so that a search that was killed and resumed finishes the same
    trials, with the same values, as one that was not. Pruning and the best trial follow from them.

    Args:
        output: where the experiment file goes; None is `experiment/best.yaml` in the search's folder.

    Raises ConfigError for a space or configuration that cannot be run, for a split without dev rows, and when the search was begun with
    another configuration, space or data; DataError and StorageError as training does.
    """
    from threadpoolctl import threadpool_limits

    found = compose_search(overrides)
    cfg, kept = found.cfg, kept_overrides(found.overrides)
    check_components(cfg)
    folder = Path(cfg.paths.runs) / cfg.name / f"search-{found.settings.name}-s{cfg.seed}"
    experiment = output or folder / "experiment" / "best.yaml"
    check_place(experiment)
    folder.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(int(cfg.threads)), open_store(folder, found) as store, _parent(found, store) as run:
        seed_everything(cfg.seed)
        _, dataset, splits, meta = read_splits(cfg, get_task(cfg.task.name), folder, run)
        if run:
            run.set_tags({"slant.kind": "search", "slant.folder": str(folder)})
        _check_dev(cfg, splits)
        store.check_data(meta)
        _run_trials(found, store, _Rows(dataset, splits, meta), run)
        number, trial = store.best()
        value, values = float(trial.value or 0.0), found.values(trial.params)
        about = f"dev {found.settings.metric} {value:.4f}, trial {number} of {len(store.finished())}, search={found.settings.name}"
        command = write_experiment(experiment, kept, [as_override(key, value) for key, value in values.items()], [f"Chosen on dev alone: {about}."])
        result = SearchResult(
            folder, found.settings.metric, value, number, values, store.counts(), experiment, command, run.run_id if run else "untracked"
        )
        with write_atomic(folder / "trials.json") as part:
            part.write_text(json.dumps(store.table(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if run:
            run.log_metrics({f"best/dev_{result.metric}": result.value, "best/trial": float(number)})
            for path in (folder / "trials.json", experiment):
                run.log_artifact(path)
            summarise_children(run.uri, run.run_id)
        return result


def _check_dev(cfg: DictConfig, splits: Sequence[Split]) -> None:
    empty = [split.name for split in splits if not len(split.dev)]
    if not empty:
        return
    problem = f"{empty[0]} has no dev rows, and a search must not look at test rows"
    if "dev_fraction" in cfg.split:
        raise ConfigError(problem, where="split", remedy="Add split.dev_fraction=0.15: that share of what is not tested becomes dev")
    raise ConfigError(problem, where="split", remedy="Choose a split= with a dev part, such as split=grouped_holdout")


@contextlib.contextmanager
def _parent(found: Search, store: Store) -> Iterator[RunLogger | None]:
    """The search's MLflow run, in which those of its trials are nested: the one it had before, where it goes on."""
    if not found.cfg.tracking.enabled:
        yield None
        return
    known = store.parent_run()
    if known:
        with contextlib.ExitStack() as stack:
            run = None
            try:
                run = stack.enter_context(reopen_run(found.cfg.tracking.uri, known))
            except ConfigError as error:
                logger.warning("the search gets a new MLflow run: %s", error)
            if run:
                yield run
                return
    with tracked(found.cfg, f"search {found.settings.name}", None) as run:
        assert run is not None
        store.set_parent_run(run.run_id)
        log_config(run, found.cfg)
        yield run


def _run_trials(found: Search, store: Store, rows: _Rows, run: RunLogger | None) -> None:
    settings, started = found.settings, time.monotonic()
    done = store.finished()
    if done:
        logger.info("going on after %d finished trial(s)", len(done))
    while (number := len(store.finished()) + 1) <= settings.trials:
        if settings.minutes is not None and time.monotonic() - started > 60 * settings.minutes:
            logger.info("search.minutes=%g are over: the same command goes on", settings.minutes)
            return
        with store.ask(number) as trial:
            values = {parameter.key: parameter.suggest(trial) for parameter in found.space}
            outcome = _trial(found, store, trial, number, values, rows, run)
        shown = ", ".join(f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in values.items())
        logger.info("trial %d/%d  %s  %s%s", number, settings.trials, outcome, shown, store.standing())
        if number == _HOPELESS and store.counts()["failed"] == _HOPELESS:
            raise ConfigError(f"the first {_HOPELESS} trials all failed; the last: {outcome}", where="search", remedy="Mend the space or the data")


def _trial(found: Search, store: Store, trial: Trial, number: int, values: dict[str, Any], rows: _Rows, run: RunLogger | None) -> str:
    """Fit and judge one trial, fold by fold, and tell the store how it ended; returns that in words."""
    metric = found.settings.metric
    cfg = found.compose(values)
    seed_everything(cfg.seed)
    scores: list[float] = []
    with tracked(cfg, f"trial-{number}", run.run_id if run else None) as child:
        if child:
            child.set_tags({"slant.kind": "trial", "slant.trial": number})
            child.log_params(values | {"seed": cfg.seed})
        try:
            for step, split in enumerate(track(rows.splits, len(rows.splits), f"trial {number}")):
                _, (columns,) = fit_and_predict(cfg, rows.dataset, split, run_id="search", parts=("dev",))
                scores.append(dev_score(columns, rows.meta, metric))
                mean = float(np.mean(scores))
                trial.report(mean, step)
                if child:
                    child.log_metrics({f"dev/{metric}": mean}, step)
                if step + 1 < len(rows.splits) and trial.should_prune():
                    state, outcome = "pruned", f"pruned after {step + 1} of {len(rows.splits)} folds at {mean:.4f}"
                    break
            else:
                state, outcome = "complete", f"dev {metric} {mean:.4f}"
        except (DataError, ValueError, ArithmeticError) as error:
            # These settings cannot be fitted or judged; others may be. A ConfigError or a fault of the code ends the search.
            state, outcome = "failed", "failed: " + " ".join(str(error).split())
        if child:
            child.set_tags({"slant.state": state, "slant.outcome": outcome})
        # Last of all: what is told is finished, and is never done again.
        store.tell(trial, state, mean if state == "complete" else None, scores, outcome)
    return outcome


def dev_score(columns: dict[str, list[Any]], meta: PredictionsMeta, metric: str) -> float:
    """A metric of the predictions of one dev part. Raises ConfigError for a metric they have not, DataError for one that is undefined."""
    from slant.pipeline.app import near

    predictions = make_predictions(columns, meta)
    families = {name: family for family in metric_families(predictions) for name in family.names}
    if metric not in families:
        remedy = near(metric, list(families), f"These rows have {', '.join(families)}")
        raise ConfigError(f"dev has no metric {metric!r}", where="search.metric", remedy=remedy)
    family = families[metric]
    value = float(family.compute(np.ones((1, len(family.groups)), np.float32), None)[metric][0])
    if math.isnan(value):
        raise DataError(f"{metric} is undefined: {family.undefined[metric]}", where="dev", remedy="Choose another search.metric")
    return value
