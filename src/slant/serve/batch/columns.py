"""Which columns hold what."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from slant.errors import ConfigError, DataError

__all__ = ["Columns", "suggest"]


@dataclass(frozen=True)
class Columns:
    """The names of the columns to read.

    Each but `text` may be None: then the column of the field's own name is read where there is one.
    """

    text: str = "text"
    id: str | None = None
    target: str | None = None
    target_start: str | None = None
    target_end: str | None = None

    @property
    def asked(self) -> dict[str, str | None]:
        """The columns that were named, by field, in the order of `rows.FIELDS`."""
        return {"id": self.id, "text": self.text, "target": self.target, "target_start": self.target_start, "target_end": self.target_end}

    def find(self, header: Sequence[str], where: str, *, targets: bool) -> dict[str, str | None]:
        """The column of each field, None where there is none; those of targets only where `targets` are asked about.

        Raises DataError for a header without the text column or with that column twice, ConfigError for one without a column that was named.
        """
        found: dict[str, str | None] = {}
        for field, name in self.asked.items():
            if field.startswith("target") and not targets:
                found[field] = None
                continue
            wanted = name or field
            if header.count(wanted) > 1:
                raise DataError(f"two columns are named {wanted!r}", where=where, remedy="Rename one")
            if wanted in header:
                found[field] = wanted
            elif field == "text":
                raise DataError(f"it has no column {wanted!r}{suggest(wanted, header)}", where=where, remedy="Name the column with --text-column")
            elif name is not None:
                option = f"--{field.replace('_', '-')}-column"
                raise ConfigError(f"it has no column {name!r}{suggest(name, header)}", where=where, remedy=f"Name another with {option}")
            else:
                found[field] = None
        return found


def suggest(wanted: str, header: Sequence[str]) -> str:
    """What to say of the columns there are: the nearest name, else all."""
    lowered = {name.lower(): name for name in header}
    close = difflib.get_close_matches(wanted.lower(), lowered, n=1, cutoff=0.5)
    if close:
        return f", did you mean {lowered[close[0]]!r}?"
    listed = ", ".join(header[:12]) + (", …" if len(header) > 12 else "")
    return f", only {listed if len(listed) <= 300 else listed[:297] + '...'}" if header else ""
