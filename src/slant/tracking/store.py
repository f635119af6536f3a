"""MLflow stores: where they may lie, created whole and once, opened in one place."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import importlib
import logging
import os
import re
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slant.errors import ConfigError, StorageError
from slant.files import storage_errors, write_atomic

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["connect", "ensure_experiment", "existing_store", "is_remote", "prepare_store", "tracking_errors"]

DEFAULT_URI = "sqlite:///mlflow.db"
_SQLITE = "sqlite:///"
_STORE_MODULE = "mlflow.store.tracking.sqlalchemy_store"
_CHATTY = ("mlflow", "alembic")


def prepare_store(uri: str) -> str:
    """The URI of a tracking store that exists and can be opened, with its path absolute.

    Args:
        uri: "" for `mlflow.db` in the working directory, `sqlite:///relative.db`, `sqlite:////absolute.db`, or the
            `http(s)://` address of an MLflow server. A missing SQLite store is created, safely so when several processes
            ask at once; a server is only asked whether it is there.

    Raises:
        ConfigError: for any other kind of store, or when MLflow is not installed.
        StorageError: for a store that cannot be created, opened or reached, or a file that is no MLflow store.
    """
    if is_remote(uri):
        _check_server(uri)
        return uri.rstrip("/")
    db = _sqlite_path(uri)
    address = f"{_SQLITE}{db}"
    _load_mlflow()
    with storage_errors(db):
        db.parent.mkdir(parents=True, exist_ok=True)
    with _locked(db.with_name(f"{db.name}.lock")), _quiet(), tracking_errors(address):
        if not _holds_store(db):
            _create_store(db)
        # Opening checks the schema and migrates an older MLflow's, which is why it happens under the lock.
        _client(address)
    return address


def existing_store(uri: str) -> str:
    """As `prepare_store`, but a missing SQLite store is not created: raises ConfigError."""
    if not is_remote(uri) and not _sqlite_path(uri).is_file():
        remedy = "Name the store that the run was tracked in (slant train makes mlflow.db in SLANT_HOME, or else in the current folder)"
        raise ConfigError("there is no such tracking store", where=f"{_SQLITE}{_sqlite_path(uri)}", remedy=remedy)
    return prepare_store(uri)


def connect(uri: str) -> MlflowClient:
    """A client of a prepared store (see `prepare_store`), bound to it whatever MLflow's global tracking URI says."""
    return _client(prepare_store(uri))


def ensure_experiment(uri: str, name: str, artifact_root: Path) -> str:
    """The id of the experiment of this name, created if need be; safe when several processes ask at once.

    A new experiment of a SQLite store keeps its artifacts in a folder of its own below `artifact_root`; that of a server
    keeps them where the server says. Raises ConfigError for a name that MLflow refuses or whose experiment was deleted.
    """
    client = connect(uri)
    from mlflow.exceptions import MlflowException  # not sooner: `connect` sets what MLflow reads at import

    folder = re.sub(r"[^\w.-]+", "_", name).strip(".") or "experiment"
    location = None if is_remote(uri) else (artifact_root.absolute() / folder).as_uri()
    with tracking_errors(uri):
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(client.create_experiment(name, artifact_location=location))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            found = client.get_experiment_by_name(name)  # another process was quicker
    if found is None or found.lifecycle_stage != "active":
        remedy = "Choose another name or restore it with `mlflow experiments restore`"
        raise ConfigError("the experiment was deleted", where=f"experiment {name!r} in {uri}", remedy=remedy)
    return str(found.experiment_id)


def is_remote(uri: str) -> bool:
    """Whether the store is an MLflow server's."""
    return uri.startswith(("http://", "https://"))


@contextlib.contextmanager
def tracking_errors(where: str) -> Iterator[None]:
    """Turn what MLflow raises into a ConfigError (it was asked for nonsense) or a StorageError (it could not do it)."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with storage_errors(where):
            yield
    except (MlflowException, SQLAlchemyError) as error:
        problem = " ".join(str(error).split())[:500].rstrip(".")
        if getattr(error, "error_code", "") == "INVALID_PARAMETER_VALUE":
            remedy = "Change the name or value that MLflow refuses"
            raise ConfigError(f"MLflow refuses it ({problem})", where=where, remedy=remedy) from error
        remedy = "Check that the store can be reached and has room, or set tracking.uri to another one"
        raise StorageError(f"the tracking store failed ({problem})", where=where, remedy=remedy) from error


def _sqlite_path(uri: str) -> Path:
    text = uri or DEFAULT_URI
    remedy = f"Set tracking.uri to {_SQLITE}mlflow.db (a file), {_SQLITE}/absolute/mlflow.db or http://host:5000"
    if not text.startswith(_SQLITE):
        raise ConfigError("this kind of tracking store is not supported", where=text, remedy=remedy)
    path = text.removeprefix(_SQLITE)
    db = os.path.abspath(path)
    if not path or path.startswith((":", "file:")):
        raise ConfigError("the SQLite store must be a file", where=text, remedy=remedy)
    if "?" in db or "%" in db:
        # SQLAlchemy 2.1 decodes %20, its 2.0 and MLflow do not: no spelling means the same file to all three.
        raise ConfigError(f"a store's path must hold no ? or %, as {db} does", where=text, remedy=remedy)
    return Path(db)


def _load_mlflow() -> None:
    # MLflow reads them at import: no usage data leaves the machine, no run address lands in a program's standard output, no bar on a terminal.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        # Seconds of imports that opening a store would else do while it holds the lock.
        for name in ("mlflow", "alembic.command", _STORE_MODULE):
            importlib.import_module(name)
    except ModuleNotFoundError as error:
        remedy = "Install it with `pip install mlflow`, or switch tracking off"
        raise ConfigError(f"tracking needs {error.name}, which is not installed", remedy=remedy) from error


def _client(address: str) -> MlflowClient:
    _load_mlflow()
    from mlflow import MlflowClient

    # The registry would else be looked for at MLflow's global address, and a store be made there.
    return MlflowClient(tracking_uri=address, registry_uri=address)


def _check_server(uri: str) -> None:
    # MLflow itself retries for minutes before it says that nobody answers.
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=10):
            pass
    except urllib.error.HTTPError:
        pass  # somebody answers; whether we may enter shows at the first call, with MLflow's credentials
    except (OSError, ValueError, http.client.HTTPException) as error:
        problem = f"the tracking server cannot be reached ({getattr(error, 'reason', error)})"
        remedy = f"Start it with `mlflow server`, or set tracking.uri to {DEFAULT_URI}"
        raise StorageError(problem, where=uri, remedy=remedy) from error


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with storage_errors(path):
        lock = path.open("ab")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield  # closing the file gives the lock back, and so does the kernel when the process dies


def _holds_store(db: Path) -> bool:
    """Whether the file is an MLflow store already; False when missing or empty, StorageError when it is anything else."""
    if not db.exists() or (db.is_file() and db.stat().st_size == 0):
        return False
    remedy = "Name another file, or move this one away"
    try:
        with contextlib.closing(sqlite3.connect(f"{db.as_uri()}?mode=rw", uri=True, timeout=20.0)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error as error:
        raise StorageError(f"is no SQLite database that can be read ({error})", where=str(db), remedy=remedy) from error
    if not tables:
        return False
    if not {"experiments", "runs"} <= tables:
        raise StorageError("is a SQLite database, but no MLflow store", where=str(db), remedy=remedy)
    if not os.access(db, os.W_OK):
        raise StorageError("cannot be written (Permission denied)", where=str(db), remedy="Choose a store of your own")
    return True


def _create_store(db: Path) -> None:
    # Migrations are not transactional: a creation killed halfway would leave a store that no later process can mend.
    with write_atomic(db) as part:
        store: Any = importlib.import_module(_STORE_MODULE).SqlAlchemyStore(f"{_SQLITE}{part}", (db.parent / "mlruns").as_uri())
        store.engine.dispose()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(max(logger.level, logging.WARNING))
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
