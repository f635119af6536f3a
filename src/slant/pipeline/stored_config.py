"""A configuration that a run left behind, made fit to be run here whoever wrote it.

Kept are the task, the data, the split, the model, the seed and the threads: what the predictions follow from. Taken from the caller are all places
that are written to (`paths`, the encoder cache) and the tracking; nothing is tracked, published or scored again, and no checkpoint is read.
Refused are components that no shipped YAML names, interpolations (which could read the environment), files that are no plain files, and the
network, unless allowed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from slant.errors import ConfigError
from slant.files import read_utf8
from slant.pipeline.app import compose_config, configs_folder, explained, near
from slant.pipeline.schema import TrainConfig

__all__ = ["StoredConfig", "read_stored_config"]

#: What a replay takes from the stored configuration.
_KEPT = ("name", "seed", "threads", "task", "data", "split", "model", "audit")
#: Keys of components that say where something is written or how much of it is kept: the caller's own.
_OWN = {"cache": None, "cache_bytes": 8 * 2**30}
#: What a component is given in any case, told or not: a checkpoint of the run itself would be taken in place of a fit, and prove nothing.
_FITTED_ANEW = {"slant.models.Transformer": {"checkpoints": ""}}
_COMPONENTS = ("data", "split", "model")


@dataclass(frozen=True)
class StoredConfig:
    """A stored configuration as it will be run.

    Attributes:
        cfg: complete; meaningless while `unknown` holds anything.
        unknown: keys that this version of Slant does not know, a line each.
        notes: what is not as it was stored.
    """

    cfg: DictConfig
    unknown: tuple[str, ...]
    notes: tuple[str, ...]


def read_stored_config(path: Path, overrides: Sequence[str] = (), *, allow_network: bool = False, threads: int | None = None) -> StoredConfig:
    """Read a run's `config.yaml`. Raises ConfigError, naming key and remedy, for what is refused (see above) and what is no configuration."""
    where = str(path)
    stored = _load(path)
    for key, value in _walk(stored):
        if isinstance(value, str) and "${" in value:
            raise ConfigError(f"{key} holds an interpolation", where=where, remedy="A run's config.yaml is resolved: take the one it wrote")
    for key in ("task", *_COMPONENTS):
        if not isinstance(stored.get(key), dict):
            raise ConfigError(f"it has no {key}", where=where, remedy="Take the config.yaml that a run of slant train wrote")
    own = compose_config(["tracking=none", "publish.enabled=false"])
    schema = set(TrainConfig.__dataclass_fields__)
    lost = [f"the configuration key {key!r} is no longer known. {near(key, sorted(schema), '')}".rstrip() for key in stored if key not in schema]
    for section in ("task", "audit"):
        told = stored.get(section)
        keys = list(told) if isinstance(told, dict) else []
        lost += [f"the configuration key '{section}.{key}' is no longer known" for key in keys if key not in own[section]]
    if lost:
        return StoredConfig(own, tuple(lost), ())
    kept = {key: stored[key] for key in _KEPT if key in stored}
    notes = [f"the configuration had no {key!r}: today's default is taken" for key in ("seed", "threads", "audit") if key not in kept]
    notes += _override(kept, overrides)
    if threads is not None:
        kept["threads"] = threads
    for key in _COMPONENTS:
        kept[key] = _own_places(kept[key], own.paths.cache)
        _check_targets(kept[key], key, key)
        _check_places(kept[key], key)
        _check_network(kept[key], key, allow_network)
    cores = os.cpu_count() or 1
    if isinstance(kept.get("threads"), int) and not 1 <= kept["threads"] <= cores:
        raise ConfigError(f"it ran on {kept['threads']} threads, here are {cores} cores", where=where, remedy=f"Give --threads, 1 to {cores}")
    try:
        OmegaConf.set_struct(own, False)
        # Replaced whole: merged, a component would keep the default's keys.
        cfg = OmegaConf.merge({key: value for key, value in own.items() if key not in _COMPONENTS}, kept)
        cfg = OmegaConf.merge(OmegaConf.structured(TrainConfig), cfg)
    except OmegaConfBaseException as error:
        raise explained(error) from error
    assert isinstance(cfg, DictConfig)
    return StoredConfig(cfg, (), tuple(notes))


def _load(path: Path) -> dict[str, Any]:
    try:
        found = OmegaConf.to_container(OmegaConf.create(read_utf8(path)), resolve=False)
    except (yaml.YAMLError, OmegaConfBaseException, RecursionError) as error:
        raise ConfigError("cannot be read as YAML", where=str(path), remedy="Take the config.yaml that the run wrote") from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise ConfigError("is no configuration", where=str(path), remedy="Take the config.yaml that the run wrote")
    return {str(key): value for key, value in found.items()}


def _walk(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf, and every key as a leaf of its own, with its dotted place."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{prefix}{key}", str(key)
            yield from _walk(value, f"{prefix}{key}.")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _walk(value, f"{prefix}{number}.")
    else:
        yield prefix.rstrip("."), node


def _override(kept: dict[str, Any], overrides: Sequence[str]) -> list[str]:
    """Set what the caller says, in place, and return it as notes."""
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:
        raise explained(error) from error
    notes = []
    for text, override in zip(overrides, parsed, strict=True):
        *path, last = override.key_or_group.split(".")
        node: Any = kept
        for part in path:
            node = node.get(part) if isinstance(node, dict) else None
        if not isinstance(node, dict) or not path or last not in node or override.is_delete():
            remedy = near(override.key_or_group, [key for key, _ in _walk(kept)], "Its config.yaml shows its keys")
            raise ConfigError(f"the run's configuration has no key {override.key_or_group!r} to set", where=text, remedy=remedy)
        if node[last] != override.value():
            notes.append(f"{override.key_or_group} was {node[last]!r}, you say {override.value()!r}")
        node[last] = override.value()
    return notes


def _own_places(node: Any, cache_folder: str | None) -> Any:
    if isinstance(node, dict):
        own = _OWN | {"cache": cache_folder}
        anew = _FITTED_ANEW.get(str(node.get("_target_")), {})
        return {key: own[key] if key in own else _own_places(value, cache_folder) for key, value in node.items()} | anew
    return [_own_places(value, cache_folder) for value in node] if isinstance(node, list) else node


@cache
def _shipped(group: str) -> frozenset[str]:
    """The targets that the shipped YAML of a group names."""
    nodes = [OmegaConf.to_container(OmegaConf.load(path), resolve=False) for path in sorted((configs_folder() / group).glob("*.yaml"))]
    return frozenset(str(value) for node in nodes for key, value in _walk(node) if key.rpartition(".")[2] == "_target_" and value != "_target_")


def _check_targets(node: Any, group: str, where: str) -> None:
    for key, value in _walk(node):
        last = key.rpartition(".")[2]
        if last == "_target_" and value != "_target_" and value not in _shipped(group):
            known = ", ".join(sorted(_shipped(group)))
            raise ConfigError(f"_target_ {value!r} is not allowed in a stored configuration", where=where, remedy=f"It may name {known}")
        if last.startswith("_") and last != "_target_":
            raise ConfigError(f"the key {key!r} is not allowed in a stored configuration", where=where, remedy="Train it as your own experiment")


def _check_places(node: Any, where: str) -> None:
    """Refuse devices, pipes and sockets: reading one may never end, or do something."""
    for key, value in _walk(node):
        if isinstance(value, str) and os.sep in value and "\0" not in value:
            try:
                mode = Path(value).stat().st_mode
            except (OSError, ValueError):
                continue
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise ConfigError(f"{value!r} is neither a file nor a folder", where=f"{where}.{key}", remedy=f"Add {where}.{key}=FILE")


def _check_network(node: Any, where: str, allowed: bool) -> None:
    for key, value in _walk(node):
        if key.rpartition(".")[2] == "allow_network" and value not in (False, "allow_network") and not allowed:
            raise ConfigError("the run was allowed to reach the network", where=f"{where}.{key}", remedy="Add --allow-network if you trust it")
