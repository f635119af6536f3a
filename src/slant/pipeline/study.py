"""Where a search's trials are kept: Optuna's study in one SQLite file, made whole, searched by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slant.errors import ConfigError, StorageError
from slant.evaluation import PredictionsMeta
from slant.files import storage_errors, write_atomic
from slant.seeding import derive_seed

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

    from slant.pipeline.search_config import Search

__all__ = ["Store", "open_store"]

logger = logging.getLogger(__name__)

#: Metrics that are better the smaller they are.
_MINIMISED = ("brier", "ece")
_STATES = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}


class Store:
    """The study of a search. A trial counts once it was told; one that a dying process left half done is abandoned and drawn again."""

    def __init__(self, study: Study, found: Search) -> None:
        self.study, self.seed, self.startup = study, int(found.cfg.seed), found.settings.startup

    def finished(self) -> list[FrozenTrial]:
        """The trials that were told, in their order: the first is trial 1."""
        abandoned = set(self.study.user_attrs.get("abandoned", ()))
        return [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.is_finished() and trial.number not in abandoned]

    @contextlib.contextmanager
    def ask(self, number: int) -> Iterator[Trial]:
        """A new trial. Its draws follow from the seed, its number and the finished trials alone; an exception abandons it."""
        import optuna

        # A seed a trial, for a sampler's state would be lost with the process.
        seed = derive_seed(self.seed, "search", number)
        self.study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=self.startup)
        trial = self.study.ask()
        try:
            yield trial
        except BaseException:
            self._abandon([trial.number])
            raise

    def tell(self, trial: Trial, state: str, value: float | None, scores: Sequence[float], outcome: str) -> None:
        """End a trial as `complete` (with its value), `pruned` or `failed`."""
        import optuna

        trial.set_user_attr("scores", list(scores))
        trial.set_user_attr("outcome", outcome)
        self.study.tell(trial, value, state=optuna.trial.TrialState[_STATES[state]])

    def bury(self) -> None:
        """Abandon the trials of a process that died. The caller holds the lock, so that no other process can have any running."""
        running = [trial.number for trial in self.study.get_trials(deepcopy=False) if not trial.state.is_finished()]
        if running:
            logger.info("%d trial(s) of a process that died are drawn again", len(running))
            self._abandon(running)

    def _abandon(self, numbers: Sequence[int]) -> None:
        import optuna

        self.study.set_user_attr("abandoned", sorted({*self.study.user_attrs.get("abandoned", ()), *numbers}))
        for number in numbers:
            self.study.tell(number, state=optuna.trial.TrialState.FAIL, skip_if_finished=True)

    def best(self) -> tuple[int, FrozenTrial]:
        """The best completed trial and its number, counted from 1; of equals the first. Raises ConfigError where there is none."""
        sign = 1 if self.study.direction.name == "MAXIMIZE" else -1
        complete = [(number, trial) for number, trial in enumerate(self.finished(), 1) if trial.state.name == "COMPLETE"]
        if not complete:
            raise ConfigError("no trial was completed", where="search", remedy="Raise search.trials or search.minutes, or mend the space")
        return max(complete, key=lambda pair: sign * (pair[1].value or 0.0))

    def standing(self) -> str:
        """The best so far, to be read behind a trial."""
        with contextlib.suppress(ConfigError):
            number, trial = self.best()
            return f"  (best {trial.value:.4f}, trial {number})"
        return ""

    def counts(self) -> dict[str, int]:
        """How many trials ended in each way."""
        states = [trial.state.name for trial in self.finished()]
        return {state: states.count(name) for state, name in _STATES.items()}

    def table(self, found: Search) -> list[dict[str, Any]]:
        """The finished trials, ready for JSON."""
        names = {name: state for state, name in _STATES.items()}
        return [
            {
                "trial": number,
                "state": names[trial.state.name],
                "value": trial.value if trial.state.name == "COMPLETE" else None,
                "scores": trial.user_attrs.get("scores", []),
                "outcome": trial.user_attrs.get("outcome", ""),
                "values": found.values(trial.params),
                "seconds": round(trial.duration.total_seconds(), 2) if trial.duration else None,
            }
            for number, trial in enumerate(self.finished(), 1)
        ]

    def check_data(self, meta: PredictionsMeta) -> None:
        """Raise ConfigError when the trials before were judged on other rows; the first call notes which."""
        now = {"corpus_fingerprint": meta.corpus_fingerprint, "split_fingerprint": meta.split_fingerprint}
        before = self.study.user_attrs.get("data")
        if before is None:
            self.study.set_user_attr("data", now)
        elif before != now:
            changed = " and ".join(name.replace("_", " ") for name in now if before[name] != now[name])
            raise ConfigError(f"the {changed} changed since the search began", where="search", remedy="Give the search another search.name")

    def parent_run(self) -> str | None:
        """The MLflow run of the search, where it has one."""
        found = self.study.user_attrs.get("parent_run")
        return None if found is None else str(found)

    def set_parent_run(self, run_id: str) -> None:
        self.study.set_user_attr("parent_run", run_id)


@contextlib.contextmanager
def open_store(folder: Path, found: Search) -> Iterator[Store]:
    """The store of this search in `folder`, made if need be; trials that a dead process left half done are abandoned.

    Raises ConfigError without Optuna, or for a search that was begun with another configuration; StorageError for a file that cannot be used,
    and while another process searches here.
    """
    try:
        import optuna
        from sqlalchemy.exc import SQLAlchemyError
    except ModuleNotFoundError as error:
        raise ConfigError(f"slant search needs {error.name}", remedy="Install the search extra: pip install 'slant[search]'") from error
    path = (folder / "study.db").absolute()
    if set("?%") & set(str(path)):
        raise ConfigError("a store's path must hold no ? or %", where=str(path), remedy="Set paths.home to another folder")
    before = optuna.logging.get_verbosity()
    # Its lines repeat ours.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with contextlib.ExitStack() as stack:
        stack.callback(optuna.logging.set_verbosity, before)
        stack.enter_context(_alone(folder))
        settings = found.settings
        pruner: Any = optuna.pruners.NopPruner()
        if settings.prune:
            pruner = optuna.pruners.MedianPruner(n_startup_trials=settings.prune_after)
        try:
            if not path.exists():
                _create(path, found)
            storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
            stack.callback(storage.engine.dispose)
            store = Store(optuna.load_study(study_name="search", storage=storage, pruner=pruner), found)
            began = json.loads(store.study.user_attrs["identity"])
        except (SQLAlchemyError, optuna.exceptions.OptunaError, KeyError, ValueError, RuntimeError) as error:
            problem = f"is no search's store that can be read ({' '.join(str(error).split())[:200]})"
            raise StorageError(problem, where=str(path), remedy="Move it away to begin anew, or give the search another search.name") from error
        _check_same(began, found, folder)
        store.bury()
        try:
            yield store
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            problem = f"the search's store failed ({' '.join(str(error).split())[:200]})"
            raise StorageError(problem, where=str(path), remedy="Check that the disk has room; the same command goes on") from error


def _create(path: Path, found: Search) -> None:
    """Make the store with its study, whole or not at all: a half-made one could not be mended."""
    import optuna

    with write_atomic(path) as part:
        storage = optuna.storages.RDBStorage(f"sqlite:///{part}")
        study = optuna.create_study(study_name="search", storage=storage, direction="minimize" if found.settings.metric in _MINIMISED else "maximize")
        study.set_user_attr("identity", json.dumps(found.identity(), default=str))
        storage.engine.dispose()


def _check_same(began: dict[str, Any], found: Search, folder: Path) -> None:
    now = json.loads(json.dumps(found.identity(), default=str))
    for key in [*began, *(key for key in now if key not in began)]:
        if began.get(key) != now.get(key):
            problem = f"this search was begun with {key} = {began.get(key)!r}, not {now.get(key)!r}"
            raise ConfigError(problem, where=str(folder), remedy="Give the new one another search.name, or move the folder away")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    path = folder / "search.lock"
    with storage_errors(path):
        lock = path.open("ab")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            remedy = "Wait for it, or give this one another search.name"
            raise StorageError("another process is at this search", where=str(folder), remedy=remedy) from error
        yield  # closing the file gives the lock back, and so does the kernel when the process dies
