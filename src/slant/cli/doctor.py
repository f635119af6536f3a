"""`slant doctor`: what is here, what is missing, what to do."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from slant.errors import SlantError

__all__ = ["add_arguments", "run"]

_BASE = ("numpy", "onnxruntime", "tokenizers", "nupunkt", "jinja2", "rich")
_TRAIN = ("torch", "transformers", "datasets", "scikit-learn", "hydra-core", "mlflow", "onnx", "skops", "pyarrow")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", default="", help="the tracking store to look at; default: mlflow.db in SLANT_HOME or here")


def run(args: argparse.Namespace) -> int:
    """Prints a line a thing; the exit status is 1 when something that was installed does not work."""
    broken = 0
    for name, check in (
        ("slant", lambda: f"{_version('slant')} on Python {platform.python_version()}, {platform.system()} {platform.machine()}"),
        ("serving", lambda: _packages(_BASE, "pip install slant")),
        ("training", lambda: _packages(_TRAIN, "pip install 'slant[train]'")),
        ("encoder", _encoder),
        ("encoder cache", _cache),
        ("tracking store", lambda: _store(args.store)),
        ("threads", _threads),
    ):
        good, line = _try(check)
        broken += not good
        print(f"{'ok     ' if good else 'MISSING'}  {name:<15} {line}")
    return 1 if broken else 0


def _try(check: Callable[[], str]) -> tuple[bool, str]:
    try:
        return True, check()
    except SlantError as error:
        return False, str(error)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _packages(names: tuple[str, ...], remedy: str) -> str:
    found = {name: _version(name) for name in names}
    missing = [name for name, known in found.items() if known is None]
    if missing:
        raise SlantError(f"not installed: {', '.join(missing)}", remedy=f"To have them: {remedy}")
    return ", ".join(f"{name} {known}" for name, known in found.items())


def _encoder() -> str:
    from slant.models.encoder.resolve import resolve_encoder

    files = resolve_encoder()
    return f"{files.name}, digest {files.digest[:16]}…, in {files.path}"


def _cache() -> str:
    from slant.models.encoder.cache import StateCache, default_cache_folder

    with StateCache(Path(os.environ.get("SLANT_CACHE") or default_cache_folder())) as cache:
        info = cache.info()
        return f"{info.entries:,} texts, {info.bytes / 1e6:,.0f} MB, {info.path}"


def _store(uri: str) -> str:
    path = Path(os.environ.get("SLANT_HOME", ".")).absolute() / "mlflow.db"
    if not uri and not path.exists():
        return f"none yet; the first run creates {path}"
    from slant.tracking import prepare_store

    return prepare_store(uri or f"sqlite:///{path}")


def _threads() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    settings = {name: os.environ.get(name, "unset") for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")}
    return f"{cores} cores; " + ", ".join(f"{k}={v}" for k, v in settings.items()) + "; a run uses threads=1 unless told"
