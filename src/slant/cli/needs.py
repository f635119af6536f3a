"""Commands that need the training extra say so in one line."""

from __future__ import annotations

from importlib.util import find_spec

from slant.errors import ConfigError

__all__ = ["needs_training"]


def needs_training(command: str) -> None:
    """Raises ConfigError when the training extra is not installed. Imports nothing."""
    missing = [name for name in ("hydra", "torch", "datasets", "sklearn", "mlflow", "transformers") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"{command} needs {', '.join(missing)}", remedy="Install the training extra: pip install 'slant[train]'")
