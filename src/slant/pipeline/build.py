"""Building a component that a configuration names."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from slant.errors import ConfigError, SlantError

__all__ = ["ALLOWED", "build", "target_name"]

#: Nothing outside these may be named by `_target_`: a config may come from a run, a colleague or a bundle.
ALLOWED = ("slant.data.", "slant.models.")


def build(node: DictConfig, where: str, **more: Any) -> Any:
    """Call what `node._target_` names with the node's other keys and `more`.

    Raises ConfigError for a target outside `ALLOWED` (anywhere in the node), a name that is not there, and arguments it does not take.
    """
    import hydra.utils

    _check_targets(OmegaConf.to_container(node, resolve=True, throw_on_missing=True), where)
    try:
        return hydra.utils.instantiate(node, **more, _convert_="all")
    except SlantError:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        if isinstance(cause, SlantError):
            raise cause from error
        problem = f"{node._target_} cannot be built: {str(cause).splitlines()[0]}"
        raise ConfigError(problem, where=where, remedy="See the group's YAML in configs/ for its keys") from error


def target_name(node: DictConfig) -> str:
    """The last part of the target's name, as tables show it."""
    return str(node._target_).rsplit(".", 1)[-1]


def _check_targets(node: Any, where: str) -> None:
    if isinstance(node, dict):
        target = node.get("_target_")
        if target is not None and not (isinstance(target, str) and target.startswith(ALLOWED) and ".." not in target):
            raise ConfigError(f"_target_ {target!r} is not allowed", where=where, remedy=f"It must begin with {' or '.join(ALLOWED)}")
        if target is not None and target.rsplit(".", 1)[-1].startswith("_"):
            raise ConfigError(f"_target_ {target!r} is private", where=where, remedy="Name a public class or function")
        for key, value in node.items():
            _check_targets(value, f"{where}.{key}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            _check_targets(value, f"{where}[{i}]")
