"""Real SQLite stores: one is created for the session (seconds), and copied for each test (milliseconds)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest

import slant
from slant.tracking import RunLogger, open_run, prepare_store

Open = Callable[..., AbstractContextManager[RunLogger]]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("template") / "mlflow.db"
    prepare_store(f"sqlite:///{db}")
    return db


@pytest.fixture
def uri(template: Path, tmp_path: Path) -> str:
    db = tmp_path / "mlflow.db"
    shutil.copy(template, db)
    return f"sqlite:///{db}"


@pytest.fixture
def opened(uri: str, tmp_path: Path) -> Open:
    return partial(open_run, uri, "loaded", artifact_root=tmp_path / "artifacts")


@pytest.fixture
def start_script(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a Python program that sees this source tree, in a folder of its own."""

    def start(code: str, *args: str) -> subprocess.Popen[str]:
        source = str(Path(slant.__file__).parents[1])
        env = {**os.environ, "PYTHONPATH": source}
        env.pop("MLFLOW_DISABLE_TELEMETRY", None)
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-c", code, *args], cwd=tmp_path, env=env, **pipes)

    return start


def first_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()
