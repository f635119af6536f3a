"""Options of adapters that name some of a corpus's pieces: targets, parts."""

from __future__ import annotations

from collections.abc import Sequence

from slant.errors import ConfigError

__all__ = ["chosen"]


def chosen(names: Sequence[str] | None, known: Sequence[str], option: str) -> list[str]:
    """Those of `known` that `names` names, in the order of `known`; all of them for None.

    Raises ConfigError, naming `option`, for a name that is not known or is named twice, for no names, and for a text instead of a list.
    """
    if names is None:
        return list(known)
    remedy = f"Give a list of some of {', '.join(known)}, or null for all"
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise ConfigError(f"{names!r} is not a list", where=option, remedy=remedy)
    for name in names:
        if name not in known:
            raise ConfigError(f"unknown name {name!r}", where=option, remedy=remedy)
    if not names or len(set(names)) < len(names):
        raise ConfigError("names the same twice" if names else "names nothing", where=option, remedy=remedy)
    return [name for name in known if name in names]
