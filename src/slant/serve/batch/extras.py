"""Libraries that only some jobs need."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from slant.errors import ConfigError

__all__ = ["need"]

_EXTRAS = {"pyarrow": "batch", "distributed": "dask"}


def need(module: str, what: str) -> Any:
    """The module, imported now. Raises ConfigError, naming the extra that has it, where it is not installed."""
    package = module.partition(".")[0]
    if find_spec(package) is None:
        raise ConfigError(f"{what} needs {package}", remedy=f"Install it: pip install 'slant[{_EXTRAS[package]}]'")
    return import_module(module)
