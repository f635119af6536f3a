"""What a gate demands: a file's sections, read strictly."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, get_type_hints

from slant.errors import ConfigError

__all__ = ["GATE_VERSION", "Audit", "Blind", "Bounds", "Champion", "Floors", "Gate", "Git", "Leaning", "Probes", "Slices", "gate_from_mapping"]

#: Raised when a section comes to mean something else.
GATE_VERSION = 1


@dataclass(frozen=True)
class Floors:
    """The difference from each trivial floor must have an interval above `above`."""

    metrics: tuple[str, ...]
    above: float = 0.0
    required: bool = True


@dataclass(frozen=True)
class Bounds:
    """`lower`: metrics whose interval's lower end must lie above the number. `upper`: metrics whose value must not exceed it.

    A calibration error is held to its value, not to its interval's upper end: resampled rows repeat, and their error is greater than the whole's.
    """

    lower: Mapping[str, float] = field(default_factory=dict)
    upper: Mapping[str, float] = field(default_factory=dict)
    required: bool = True


@dataclass(frozen=True)
class Champion:
    """Non-inferiority: the paired difference from the champion must have an interval above -margin."""

    metrics: tuple[str, ...]
    margin: float
    required: bool = True


@dataclass(frozen=True)
class Slices:
    """No slice may fall against the champion: a fall beyond its column's margin that the interval tells from none."""

    metric: str
    margins: Mapping[str, float]
    min_rows: int = 1
    required: bool = False


@dataclass(frozen=True)
class Probes:
    """Share of probe cases passed, at least, by kind."""

    rates: Mapping[str, float]
    required: bool = True


@dataclass(frozen=True)
class Leaning:
    """The gap between left and right (`slant.evaluation.leaning`), either way, at most."""

    gap: float
    required: bool = False


@dataclass(frozen=True)
class Audit:
    """No finding of this severity or a graver one: "stop", or "warn"; `allow` names kinds that may be found."""

    severity: str = "stop"
    allow: tuple[str, ...] = ()
    required: bool = True


@dataclass(frozen=True)
class Git:
    """Run and bundle come from a committed tree."""

    required: bool = True


@dataclass(frozen=True)
class Blind:
    """The lower end of a metric's interval on rows that nobody has seen, looked at once a model."""

    metric: str
    lower: float
    required: bool = False


@dataclass(frozen=True)
class Gate:
    """A gate file. A section that is left out or null asks for nothing.

    Attributes:
        required (in each section): whether what cannot be judged counts as failed.
    """

    version: int
    name: str
    floors: Floors | None = None
    bounds: Bounds | None = None
    champion: Champion | None = None
    slices: Slices | None = None
    probes: Probes | None = None
    leaning: Leaning | None = None
    audit: Audit | None = None
    git: Git | None = None
    blind: Blind | None = None

    @property
    def digest(self) -> str:
        """Equal for files that demand the same."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


_SECTIONS: dict[str, type] = {
    "floors": Floors, "bounds": Bounds, "champion": Champion, "slices": Slices, "probes": Probes, "leaning": Leaning, "audit": Audit,
    "git": Git, "blind": Blind,
}  # fmt: skip


def gate_from_mapping(found: Any, where: str) -> Gate:
    """The gate that a file's mapping describes.

    Raises ConfigError, naming the key, for another version, a key that is unknown (with the nearest one) or missing, a value of another type,
    a number that is none or negative, a severity that is none, and a gate that asks for nothing.
    """
    if not isinstance(found, Mapping):
        raise ConfigError("a gate file is a mapping", where=where, remedy="Copy configs/gate/default.yaml and change it")
    if found.get("version") != GATE_VERSION or isinstance(found.get("version"), bool):
        problem = f"version is {found.get('version')!r}, and this slant reads {GATE_VERSION}"
        raise ConfigError(problem, where=where, remedy=f"Write version: {GATE_VERSION}, and compare the file with configs/gate/default.yaml")
    values = dict(found)
    _known(values, Gate, "", where)
    for name, kind in _SECTIONS.items():
        if values.get(name) is not None:
            values[name] = _section(values[name], kind, name, where)
    if not any(values.get(name) for name in _SECTIONS):
        raise ConfigError("it demands nothing", where=where, remedy=f"Give at least one of {', '.join(_SECTIONS)}")
    if not isinstance(values["name"], str) or not values["name"].strip():
        raise ConfigError("name must be a text", where=where, remedy="Give the gate a name that tells it from others")
    gate = Gate(**values)
    if gate.audit and gate.audit.severity not in ("stop", "warn"):
        raise ConfigError(f"audit.severity is {gate.audit.severity!r}", where=where, remedy="Write stop or warn")
    return gate


def _section(found: Any, kind: type, name: str, where: str) -> Any:
    if not isinstance(found, Mapping):
        raise ConfigError(f"{name} must be a mapping, not {found!r}", where=where, remedy="See configs/gate/default.yaml")
    _known(found, kind, f"{name}.", where)
    hints = get_type_hints(kind)
    values = {}
    for key, value in found.items():
        try:
            values[key] = _READERS[hints[key]](value)
        except ValueError as error:
            raise ConfigError(f"{name}.{key} is {value!r}, not {error}", where=where, remedy="See configs/gate/default.yaml") from error
    return kind(**values)


def _known(found: Mapping[Any, Any], kind: type, prefix: str, where: str) -> None:
    names = [f.name for f in fields(kind)]
    for key in found:
        if key not in names:
            close = difflib.get_close_matches(str(key), names, n=1)
            remedy = f"Did you mean {prefix}{close[0]}?" if close else f"It takes {', '.join(names)}"
            raise ConfigError(f"unknown key {prefix}{key}", where=where, remedy=remedy)
    for f in fields(kind):
        if f.name not in found and f.default is MISSING and f.default_factory is MISSING:
            raise ConfigError(f"the key {prefix}{f.name} is missing", where=where, remedy="See configs/gate/default.yaml")


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValueError("a list of names")
    return tuple(value)


def _numbers(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise ValueError("a mapping of names to numbers")
    return {str(name): _number(number) for name, number in value.items()}


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError("a number from 0")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("a whole number from 1")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text")
    return value


#: How a value of each type is read; what is no such value raises ValueError with what it should be.
_READERS: dict[Any, Callable[[Any], Any]] = {
    tuple[str, ...]: _names, Mapping[str, float]: _numbers, float: _number, int: _whole, bool: _truth, str: _text,
}  # fmt: skip
