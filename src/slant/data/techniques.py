"""The option of adapters whose corpus marks propaganda techniques: which of them count as loaded."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from slant.data.choices import chosen
from slant.errors import ConfigError

__all__ = ["chosen_techniques"]


def chosen_techniques(techniques: Sequence[str] | None, known: Sequence[str]) -> frozenset[str]:
    """Those of `known` that `techniques` names; all of them for None. Raises ConfigError as `chosen`, with the nearest name where there is one."""
    for name in techniques if isinstance(techniques, Sequence) and not isinstance(techniques, str) else ():
        close = difflib.get_close_matches(str(name), known, n=1)
        if name not in known and close:
            raise ConfigError(f"unknown technique {name!r}", where="data.techniques", remedy=f"Did you mean {close[0]!r}?")
    return frozenset(chosen(techniques, known, "data.techniques"))
