"""A search space: which configuration keys are searched, and over what. All that can be wrong with it is found before anything runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import Quote, QuotedString

from slant.errors import ConfigError
from slant.pipeline.app import compose_config, flat_keys, near
from slant.pipeline.build import check

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from optuna import Trial

__all__ = ["Parameter", "as_override", "check_space", "parse_space"]

#: The keys each kind of parameter takes besides `type`, and which of them it needs.
_KINDS = {
    "float": ({"low", "high", "log", "step"}, ("low", "high")),
    "int": ({"low", "high", "log", "step"}, ("low", "high")),
    "categorical": ({"choices"}, ("choices",)),
}


@dataclass(frozen=True)
class Parameter:
    """One searched key.

    Attributes:
        key: as in an override: `model.C`.
        type: `float`, `int` or `categorical`.
        low, high: the bounds, both included; numbers have them.
        log: whether values are drawn on a logarithmic scale.
        step: the distance between values; None for all of them (of integers: 1).
        choices: what a categorical key can be: anything YAML can say.
    """

    key: str
    type: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None
    choices: tuple[Any, ...] = ()

    def suggest(self, trial: Trial) -> Any:
        """The value this trial takes."""
        if self.type == "categorical":
            # By number, since a choice may be a list and Optuna keeps scalars only.
            return self.choices[trial.suggest_categorical(self.key, range(len(self.choices)))]
        if self.type == "int":
            return trial.suggest_int(self.key, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        return trial.suggest_float(self.key, self.low, self.high, step=self.step, log=self.log)

    def corners(self) -> tuple[Any, ...]:
        """Values to try a configuration with: every choice, or both bounds."""
        if self.type == "categorical":
            return self.choices
        return (int(self.low), int(self.high)) if self.type == "int" else (self.low, self.high)


def parse_space(space: Mapping[str, Any], where: str = "search.space") -> list[Parameter]:
    """The parameters of a search space `{key: {type, low, high, log, step, choices}}`, in its order. Raises ConfigError for what makes no sense."""
    if not space:
        raise ConfigError("the search space is empty", where=where, remedy=f"Add {where}.model.KEY.type=float, .low=… and .high=…, or name search=")
    return [_parse(key, entry, f"{where}.{key}") for key, entry in space.items()]


def _parse(key: str, entry: Any, where: str) -> Parameter:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{entry!r} is no parameter", where=where, remedy="Write {type: float, low: 0.1, high: 10, log: true}")
    kind = entry.get("type")
    if kind not in _KINDS:
        raise ConfigError(f"its type is {kind!r}", where=where, remedy=near(str(kind), list(_KINDS), f"Take one of {', '.join(_KINDS)}"))
    allowed, needed = _KINDS[kind]
    for name in entry:
        if name not in allowed | {"type"}:
            remedy = near(str(name), sorted(allowed), f"It takes {', '.join(sorted(allowed))}")
            raise ConfigError(f"a parameter of type {kind} takes no {name!r}", where=where, remedy=remedy)
    for name in needed:
        if entry.get(name) is None:
            raise ConfigError(f"a parameter of type {kind} needs {name}", where=where, remedy=f"Add {where}.{name}=VALUE")
    return _categorical(key, entry["choices"], where) if kind == "categorical" else _number(key, kind, entry, where)


def _categorical(key: str, choices: Any, where: str) -> Parameter:
    if isinstance(choices, str | Mapping) or not isinstance(choices, Sequence) or len(choices) < 2:
        raise ConfigError(f"its choices are {choices!r}", where=where, remedy="Give a list of at least two")
    # repr and not ==: true and 1 are two choices.
    if len({repr(choice) for choice in choices}) < len(choices):
        raise ConfigError("a choice stands there twice", where=where, remedy="Name each once")
    return Parameter(key, "categorical", choices=tuple(choices))


def _number(key: str, kind: str, entry: Mapping[str, Any], where: str) -> Parameter:
    log = entry.get("log", False)
    if not isinstance(log, bool):
        raise ConfigError(f"log is {log!r}", where=where, remedy="Take true or false")
    step = entry.get("step")
    for name in ("low", "high", *(["step"] if step is not None else [])):
        value = entry[name]
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not (whole or (kind == "float" and isinstance(value, float) and math.isfinite(value))):
            raise ConfigError(f"{name} is {value!r}", where=where, remedy="Give a whole number" if kind == "int" else "Give a finite number")
    low, high = entry["low"], entry["high"]
    if not low < high:
        raise ConfigError(f"low is {low} and high is {high}", where=where, remedy="Let low be below high")
    if log and low <= 0:
        raise ConfigError(f"a logarithmic scale cannot begin at {low}", where=where, remedy="Raise low above 0, or set log: false")
    if step is not None and (log or not 0 < step <= high - low):
        raise ConfigError(f"step is {step}", where=where, remedy="Take a step above 0 that fits between low and high, without log")
    return Parameter(key, kind, low, high, log, step)


def check_space(space: Sequence[Parameter], overrides: Sequence[str], cfg: DictConfig) -> None:
    """Compose the configuration with each parameter's bounds and choices, as a trial will. Raises ConfigError for what cannot be run.

    Args:
        cfg: what `overrides` compose without any of them.
    """
    known = set(flat_keys(cfg))
    for parameter in space:
        where = f"search.space.{parameter.key}"
        if parameter.key not in known:
            remedy = near(parameter.key, sorted(key for key in known if key.startswith("model.")), "slant train --cfg job shows all keys")
            raise ConfigError(f"the configuration has no key {parameter.key!r}", where=where, remedy=remedy)
        if parameter.key.partition(".")[0] != "model":
            problem = f"{parameter.key} cannot be searched: another value changes which rows are judged, or nothing that is judged"
            raise ConfigError(problem, where=where, remedy="Search keys of model")
        for value in parameter.corners():
            try:
                check(compose_config([*overrides, as_override(parameter.key, value)]).model, "model")
            except ConfigError as error:
                raise ConfigError(f"{value!r} cannot be taken: {error.problem}", where=where, remedy=error.remedy) from error


def as_override(key: str, value: Any) -> str:
    """`key=value` in Hydra's grammar, so that it reads back as the same value."""
    return f"{key}={_literal(value)}"


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return str(QuotedString(value, Quote.single).with_quotes())
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(_literal(item) for item in value) + "]"
    return repr(value)
