"""Building a component that a configuration names."""

from __future__ import annotations

import difflib
import inspect
from importlib import import_module
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue

from slant.errors import ConfigError, SlantError

__all__ = ["ALLOWED", "build", "check", "target_name"]

#: Nothing outside these may be named by `_target_`: a config may come from a run, a colleague or a bundle.
ALLOWED = ("slant.data.", "slant.models.")


def build(node: DictConfig, where: str, **more: Any) -> Any:
    """Call what `node._target_` names with the node's other keys and `more`.

    Raises ConfigError for a target outside `ALLOWED` (anywhere in the node), a name that is not there, and arguments it does not take.
    """
    import hydra.utils

    check(node, where)
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


def check(node: DictConfig, where: str) -> None:
    """All that `build` refuses before it calls anything, so that a run can refuse before any work is done."""
    try:
        _check_targets(OmegaConf.to_container(node, resolve=True, throw_on_missing=True), where)
    except MissingMandatoryValue as error:
        key = error.full_key or where
        raise ConfigError(f"{key} must be given", remedy=f"Add {key}=VALUE to the command") from error
    _check_arguments(node, where)


def target_name(node: DictConfig) -> str:
    """The last part of the target's name, as tables show it."""
    return str(node._target_).rsplit(".", 1)[-1]


def _check_arguments(node: DictConfig, where: str) -> None:
    """Unknown keys and values of another plain type than the target's signature states, before any work is done."""
    module, _, name = str(node._target_).rpartition(".")
    try:
        target = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"there is no {node._target_}", where=where, remedy="See the group's YAML in configs/ for its name") from error
    function = target.__init__ if inspect.isclass(target) else target
    # Annotations are strings here (from __future__), which is all that is needed: resolving them would import datasets for Dataset.
    hints = {name: parameter.annotation for name, parameter in inspect.signature(function).parameters.items() if name != "self"}
    known = list(hints)
    for key, value in node.items():
        if key in ("_target_", "_partial_"):
            continue
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            remedy = f"Did you mean {close[0]!r}?" if close else f"It takes {', '.join(known)}"
            raise ConfigError(f"{node._target_} takes no {key!r}", where=where, remedy=remedy)
        wanted = _PLAIN.get(str(hints[str(key)]))
        if wanted and (not isinstance(value, wanted[0]) or (isinstance(value, bool) and bool not in wanted[0])):
            raise ConfigError(f"{value!r} is not {wanted[1]}", where=f"{where}.{key}", remedy="Give a value of that kind")
        if isinstance(value, DictConfig) and "_target_" in value:
            _check_arguments(value, f"{where}.{key}")


_PLAIN: dict[str, tuple[tuple[type, ...], str]] = {
    "float": ((float, int), "a number"),
    "int": ((int,), "a whole number"),
    "bool": ((bool,), "true or false"),
    "str": ((str,), "a text"),
}


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
