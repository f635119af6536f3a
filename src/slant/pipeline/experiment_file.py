"""A found configuration as an experiment file: what it changes over the experiment it came from, and nothing else."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from slant.errors import ConfigError
from slant.files import write_atomic
from slant.pipeline.app import compose_config, configs_folder

__all__ = ["check_place", "kept_overrides", "write_experiment"]

#: Groups and keys that say where and how a run is recorded, and nothing of what it does.
_NOT_OF_THE_EXPERIMENT = ("hydra", "paths", "tracking", "debug", "local")


def check_place(path: Path) -> str:
    """The command that runs an experiment file at `path`. Raises ConfigError where Hydra could not find it."""
    parts = path.absolute().parts
    if "experiment" not in parts[:-1] or path.suffix != ".yaml":
        remedy = "Name a .yaml file in a folder called experiment, e.g. my/experiment/tuned.yaml"
        raise ConfigError("an experiment file cannot lie there", where=str(path), remedy=remedy)
    at = len(parts) - 2 - parts[:-1][::-1].index("experiment")
    root, name = Path(*parts[:at]), "/".join(parts[at + 1 :]).removesuffix(".yaml")
    if root == configs_folder().absolute():
        return f"slant train experiment={name}"
    relative = os.path.relpath(root)
    folder = str(root) if relative.startswith("..") else relative
    return f"slant train --config-dir {shlex.quote(folder)} experiment={name}"


def kept_overrides(overrides: Sequence[str]) -> list[str]:
    """The overrides that belong to the experiment: all but those of paths, tracking, debugging and Hydra.

    Raises ConfigError for a deletion (`~key`), which no experiment file can say.
    """
    kept = []
    for text, override in zip(overrides, OverridesParser.create().parse_overrides(list(overrides)), strict=True):
        if override.is_delete():
            raise ConfigError(f"{text} cannot be said in an experiment file", remedy="Write an experiment of your own without the key")
        if override.key_or_group.replace("/", ".").partition(".")[0] not in _NOT_OF_THE_EXPERIMENT:
            kept.append(text)
    return kept


def write_experiment(path: Path, overrides: Sequence[str], found: Sequence[str], lines: Sequence[str]) -> str:
    """Write an experiment that composes what `overrides` and `found` compose together; returns the command that runs it.

    Args:
        overrides: of the command, as `kept_overrides` gives them; a base `experiment=` and groups become its defaults.
        found: what was chosen.
        lines: comments that follow the launch command.
    """
    command = check_place(path)
    groups, base = _groups([*overrides, *found])
    chosen = [text for text, _, _ in groups]
    delta = _delta(_plain(compose_config([*base, *chosen])), _plain(compose_config([*overrides, *found])))
    defaults = [*(f"/experiment/{text.partition('=')[2]}" for text in base), *(f"override /{key}: {value}" for _, key, value in groups)]
    header = ["# @package _global_", f"# {command}", *(f"# {line}" for line in lines)]
    body = ["defaults:", *(f"  - {entry}" for entry in defaults), ""] if defaults else []
    if delta:
        body.append(OmegaConf.to_yaml(OmegaConf.create(delta)).rstrip())
    with write_atomic(path) as part:
        part.write_text("\n".join([*header, *body]) + "\n", encoding="utf-8")
    return command


def _groups(overrides: Sequence[str]) -> tuple[list[tuple[str, str, str]], list[str]]:
    """The overrides that choose a group's option, as (text, group, option), the last of each group; and the base experiment's."""
    chosen: dict[str, tuple[str, str, str]] = {}
    base: list[str] = []
    for text, override in zip(overrides, OverridesParser.create().parse_overrides(list(overrides)), strict=True):
        key, value = override.key_or_group, override.value()
        if not (configs_folder() / key).is_dir() or value is None:
            continue
        if key == "experiment":
            base = [text]
        else:
            named = f"{key}@{override.package}" if override.package else key
            chosen[named] = (text, named, str(value))
    return list(chosen.values()), base


def _plain(cfg: DictConfig) -> dict[str, Any]:
    container = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items() if key not in _NOT_OF_THE_EXPERIMENT}


def _delta(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := _delta(old, value):
                changed[key] = inner
        elif key not in before or type(value) is not type(old) or value != old:
            changed[key] = value
    return changed
