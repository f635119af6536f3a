"""MLflow's model registry: one publisher at a time, a version with its alias or no version at all."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import re
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from slant.errors import ConfigError
from slant.files import storage_errors
from slant.tracking.logger import TAG_CHARS, cut
from slant.tracking.process import catch_sigterm
from slant.tracking.registered_model import write_model
from slant.tracking.runs import active_run
from slant.tracking.store import connect, existing_store, tracking_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Registered", "Registry", "check_names", "open_registry"]

logger = logging.getLogger(__name__)

#: Tags of a version that Slant made: the alias it was made for, and that it has held it. One without the second that does not hold the alias
#: was left by a process that died.
_MEANT, _HELD = "slant.alias", "slant.alias_held"


@dataclass(frozen=True)
class Registered:
    """A version of a registered model; `tags` are those it was registered with and later ones."""

    name: str
    version: str
    run_id: str | None
    tags: Mapping[str, str]


def check_names(name: str, alias: str) -> None:
    """Raise ConfigError for a name or alias that MLflow would refuse, or read as something else."""
    if not re.fullmatch(r"\w[\w .-]{0,199}", name):
        raise ConfigError(f"{name!r} cannot name a registered model", where="--name", remedy="Use letters, digits, blanks, '_', '.' and '-'")
    if not re.fullmatch(r"\w[\w-]{0,199}", alias) or re.fullmatch(r"(?i)latest|v\d+", alias):
        remedy = "Use letters, digits, '_' and '-'; latest and v1 mean something else to MLflow"
        raise ConfigError(f"{alias!r} cannot be an alias", where="--alias", remedy=remedy)


@contextlib.contextmanager
def open_registry(uri: str, lock: Path) -> Iterator[Registry]:
    """Yields the registry of a store that is there; nobody else who holds the same lock file publishes meanwhile.

    Another publisher waits here until the first one has left, or died. A server's registry is guarded only among those who share the lock
    file's disk. Raises ConfigError for a store that is not there, StorageError where the lock cannot be made.
    """
    address = existing_store(uri)
    with storage_errors(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("ab")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.warning("another publisher is at work (%s); waiting for it", lock)
            fcntl.flock(file, fcntl.LOCK_EX)
        restore = catch_sigterm()
        try:
            yield Registry(connect(address), address)
        finally:
            restore()


@dataclass(frozen=True)
class Registry:
    """Registered models, for the one who holds the lock (see `open_registry`). It uses none of MLflow's global state.

    Every method raises StorageError when the store fails and ConfigError when MLflow refuses a name.
    """

    client: MlflowClient
    uri: str

    def holder(self, name: str, alias: str) -> Registered | None:
        """The version that holds the alias, or None. What a publisher that was killed left under this name is removed first."""
        with tracking_errors(self._where(name)):
            if self._missing(name):
                return None
            self._sweep(name)
            aliases = self.client.get_registered_model(name).aliases
            if alias not in aliases:
                return None
            found = self.client.get_model_version(name, str(aliases[alias]))
        return Registered(name, str(found.version), found.run_id or None, dict(found.tags))

    def register(
        self, name: str, alias: str, bundle: Path, run_id: str, *, tags: Mapping[str, str], requirements: Sequence[str] | None = None
    ) -> Registered:
        """Register a bundle as a new version of `name`, and at the end move the alias to it.

        The model's files stand among the artefacts of the run. Before anything is registered the model is loaded and asked. Should
        anything fail on the way, or the process be told to end, version and files are removed again, and `name` too where it is new; what
        a SIGKILL leaves is removed by the next `holder`.

        Args:
            run_id: of a run that was not deleted; MLflow shows it as the version's source.
            tags: of the version.
            requirements: as `write_model` takes them.

        Raises BundleError as `write_model`, ConfigError for a name, alias or run that is none.
        """
        check_names(name, alias)
        run = active_run(self.client, run_id, self.uri)
        place = f"registered/{uuid.uuid4().hex[:16]}"
        source = f"{run.info.artifact_uri.rstrip('/')}/{place}"
        told = {key: cut(str(value), TAG_CHARS) for key, value in (dict(tags) | {_MEANT: alias}).items()}
        with contextlib.ExitStack() as undo, tempfile.TemporaryDirectory(prefix="slant-model-") as scratch:
            model = Path(scratch) / "model"
            write_model(bundle, model, requirements)
            with tracking_errors(self._where(name)):
                undo.callback(_attempt, lambda: _remove_files(source, self.uri), f"{source} could not be removed")
                self.client.log_artifacts(run_id, str(model), place)
                if self._missing(name):
                    # Undone last: a model that has versions would not go.
                    undo.callback(_attempt, lambda: self._forget(name), f"the registered model {name} could not be removed")
                    self.client.create_registered_model(name)
                # Before it is made: a process told to end between the two would else leave it.
                undo.callback(_attempt, lambda: self._sweep(name), f"the version of {name} could not be removed")
                before = self.client.get_registered_model(name).aliases.get(alias)
                undo.callback(_attempt, lambda: self._put_back(name, alias, before), f"{name}@{alias} could not be put back")
                version = str(self.client.create_model_version(name, source, run_id, tags=told).version)
                self.client.set_registered_model_alias(name, alias, version)
            undo.pop_all()
        # Should this fail, the next `holder` does it.
        _attempt(lambda: self.client.set_model_version_tag(name, version, _HELD, "true"), f"{name} version {version} could not be tagged")
        return Registered(name, version, run_id, told)

    def _missing(self, name: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            self.client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return True
            raise
        return False

    def _forget(self, name: str) -> None:
        if not self._missing(name):
            self.client.delete_registered_model(name)

    def _put_back(self, name: str, alias: str, before: object) -> None:
        """Give the alias back to who held it, where its move was done and only the answer was lost."""
        now = self.client.get_registered_model(name).aliases.get(alias)
        if now != before and before is not None:
            self.client.set_registered_model_alias(name, alias, str(before))
        elif now != before:
            self.client.delete_registered_model_alias(name, alias)

    def _sweep(self, name: str) -> None:
        """Remove versions that were made for an alias and never held it, with their files."""
        aliases = self.client.get_registered_model(name).aliases
        token = None
        while True:
            page = self.client.search_model_versions(f"name = '{name}'", page_token=token)
            for version in page:
                meant = version.tags.get(_MEANT)
                if meant is None or _HELD in version.tags:
                    continue
                if str(aliases.get(meant)) == str(version.version):
                    self.client.set_model_version_tag(name, version.version, _HELD, "true")
                    continue
                logger.warning("%s version %s was left half registered; it is removed", name, version.version)
                self.client.delete_model_version(name, version.version)
                _attempt(partial(_remove_files, version.source, self.uri), f"{version.source} could not be removed")
            token = page.token
            if not token:
                return

    def _where(self, name: str) -> str:
        return f"registered model {name!r} in {self.uri}"


def _remove_files(source: str, uri: str) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    get_artifact_repository(source, tracking_uri=uri).delete_artifacts()


def _attempt(step: Callable[[], object], otherwise: str) -> None:
    """Do what can be done without; what prevents it is logged, since what led here matters more."""
    try:
        step()
    except Exception:
        logger.exception("%s", otherwise)
