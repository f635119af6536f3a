"""The registered model where a deployer loads it: a fresh environment with `slant[serve]` from its wheel and `mlflow`, and nothing of training."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from slant.serve.schema import annotation_from_json
from slant.tracking import RunLogger
from slant.tracking.registered_model import default_requirements
from slant.tracking.registry import open_registry

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

LOAD = """
import importlib.util, json, sys
import mlflow, pandas
absent = [name for name in ("torch", "transformers", "datasets", "hydra", "onnx") if importlib.util.find_spec(name) is None]
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/news@champion")
print(json.dumps({"absent": absent, "found": model.predict(pandas.DataFrame({"text": ["The vile minister delayed the heroic vote on Monday."]}))}))
"""


def _run(*command: str | Path, cwd: Path) -> str:
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_champion_loads_with_the_serving_install_alone(
    uri: str, opened: Callable[..., AbstractContextManager[RunLogger]], tiny_bundle: Path, tmp_path: Path
) -> None:
    with opened("trained") as run:
        pass
    with open_registry(uri, tmp_path / "lock") as registry:
        registry.register("news", "champion", tiny_bundle, run.run_id, tags={})
    source = tmp_path / "source"
    for name in ("src", "configs", "data"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path / "wheels", source, cwd=tmp_path)
    (wheel,) = (tmp_path / "wheels").glob("slant-*.whl")
    _run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    mlflow = next(requirement for requirement in default_requirements(tiny_bundle) if requirement.startswith("mlflow"))
    _run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", f"slant[serve] @ {wheel.as_uri()}", mlflow, cwd=tmp_path)
    told = json.loads(_run(python, "-c", LOAD, uri, cwd=tmp_path))
    assert told["absent"] == ["torch", "transformers", "datasets", "hydra", "onnx"]
    (sentence,) = annotation_from_json(told["found"][0]).sentences
    assert [span.text for span in sentence.spans] == ["vile", "heroic"]
