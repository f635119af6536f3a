"""What a search was asked for: the configuration it varies, how it searches, and over what; checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from slant.errors import ConfigError
from slant.pipeline.app import compose_config, configs_folder, explained, near
from slant.pipeline.schema import SearchSettings
from slant.pipeline.space import Parameter, as_override, check_space, parse_space

__all__ = ["Search", "compose_search"]

_SPACE = "search.space."
#: What another seed, machine or place of the store may change without making it another search.
_FREE = ("paths", "tracking", "publish", "evaluation", "threads")


@dataclass(frozen=True)
class Search:
    """A search that can begin.

    Attributes:
        cfg: what the overrides compose, with nothing searched yet.
        overrides: those of the experiment, without the search's own.
    """

    cfg: DictConfig
    settings: SearchSettings
    space: Sequence[Parameter]
    overrides: Sequence[str]

    def compose(self, values: Mapping[str, Any]) -> DictConfig:
        """The configuration of a trial."""
        return _explained([*self.overrides, *(as_override(key, value) for key, value in values.items())], "train")

    def values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Optuna's parameters of a trial as the values they stand for."""
        return {p.key: p.choices[params[p.key]] if p.type == "categorical" else params[p.key] for p in self.space if p.key in params}

    def identity(self) -> dict[str, Any]:
        """What must be the same for a search to go on, by dotted key: the configuration, the space, the metric and the pruning."""
        container: Any = OmegaConf.to_container(self.cfg, resolve=True)
        told: dict[str, Any] = {key: value for key, value in container.items() if key not in _FREE}
        told["search"] = {name: getattr(self.settings, name) for name in ("metric", "startup", "prune", "prune_after")}
        told["space"] = {parameter.key: vars(parameter) | {"choices": list(parameter.choices)} for parameter in self.space}
        return dict(_leaves(told))


def compose_search(overrides: Sequence[str]) -> Search:
    """Part the overrides into the search's and the experiment's, and compose both. Raises ConfigError, with the nearest known name."""
    own = [text for text in overrides if text.lstrip("+~").startswith(("search=", "search."))]
    rest = [text for text in overrides if text not in own]
    if not any(text.lstrip("+").startswith("search=") for text in own):
        known = sorted(path.stem for path in (configs_folder() / "search").glob("*.yaml"))
        raise ConfigError("search must be given", remedy=f"Add search=NAME, one of {', '.join(known)}")
    plain = [text for text in own if not text.lstrip("+~").startswith(_SPACE)]
    known_keys = [f"search.{field.name}" for field in fields(SearchSettings)]
    for text in plain:
        key = text.lstrip("+~").partition("=")[0]
        if key != "search" and key not in known_keys:
            raise ConfigError(f"unknown configuration key {key!r}", remedy=near(key, known_keys, f"There are {', '.join(known_keys)}"))
    node = _explained(plain, "search").search
    settings: Any = OmegaConf.to_object(node)
    space = _overridden(dict(settings.space), [text for text in own if text not in plain])
    if settings.trials < 1:
        raise ConfigError(f"search.trials is {settings.trials}", remedy="Take at least 1")
    cfg = _explained(rest, "train")
    parameters = parse_space(space)
    check_space(parameters, rest, cfg)
    return Search(cfg, settings, parameters, rest)


def _overridden(space: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The space after `search.space.model.C.high=10` and `~search.space.model.C`: its keys hold dots, at which Hydra would cut them."""
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:
        raise explained(error) from error
    for text, override in zip(overrides, parsed, strict=True):
        key = override.key_or_group.removeprefix(_SPACE)
        if override.is_delete():
            if key not in space:
                raise ConfigError(f"nothing is searched at {key!r}", where=text, remedy=near(key, list(space), f"There are {', '.join(space)}"))
            del space[key]
            continue
        name, _, field = key.rpartition(".")
        if not name:
            raise ConfigError("no field of a parameter is named", where=text, remedy="Write search.space.model.C.high=10")
        space[name] = {**space.get(name, {}), field: override.value()}
    return space


def _explained(overrides: Sequence[str], config_name: str) -> DictConfig:
    try:
        return compose_config(overrides, config_name=config_name)
    except (HydraException, OmegaConfBaseException) as error:
        raise explained(error) from error
    finally:
        hydra.core.global_hydra.GlobalHydra.instance().clear()


def _leaves(node: Any, prefix: str = "") -> Any:
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{prefix}{key}.")
    else:
        yield prefix.rstrip("."), node
