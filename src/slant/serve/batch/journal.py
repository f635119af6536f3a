"""What has been written so far, so that a broken job goes on where it stopped.

A part of the output is appended and flushed to disk before the journal says so; whatever the journal does not speak of is cut off
when the job is resumed. Each line of the journal is JSON, its first one the job's settings.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slant.errors import ConfigError, DataError

__all__ = ["Entry", "Journal", "read_journal", "sound_entries"]

_VERSION = 1


@dataclass(frozen=True)
class Entry:
    """A chunk that was written: its digest as read, how many of its rows were scored and rejected, where its parts end and their CRC-32."""

    chunk: int
    digest: str
    rows: int
    rejected: int
    output_end: int
    output_crc: int
    refused_end: int
    refused_crc: int


@dataclass(frozen=True)
class Journal:
    """A journal as read: the settings, where the output's first part begins, the chunks in order, and whether the last one was the last of all."""

    settings: dict[str, Any]
    start: int
    entries: list[Entry]
    complete: bool

    def refuse_other(self, settings: Mapping[str, Any], where: str) -> None:
        """Raises ConfigError, naming what differs, when these are not the settings of the broken job."""
        for name in dict.fromkeys([*self.settings, *settings]):
            before, now = self.settings.get(name), settings.get(name)
            if before != now:
                problem = f"the broken job had {name} {_shown(before)}, this one has {_shown(now)}"
                raise ConfigError(problem, where=where, remedy="Give what it had, or start anew with --overwrite")


def head_line(settings: Mapping[str, Any], start: int) -> bytes:
    """The journal's first line."""
    return _line({"journal": _VERSION, "start": start, "settings": dict(settings)})


def entry_line(entry: Entry) -> bytes:
    return _line(asdict(entry))


def complete_line() -> bytes:
    """The journal's last line: all rows are written, and only names are left to change."""
    return _line({"complete": True})


def read_journal(path: Path) -> Journal:
    """The journal, without a line that was torn off in writing. Raises DataError for a file that is none."""
    lines = path.read_bytes().split(b"\n")
    entries: list[Entry] = []
    complete = False
    try:
        head = json.loads(lines[0])
        if head["journal"] != _VERSION:
            raise ValueError(f"version {head['journal']}")
        for line in lines[1:-1]:
            told = json.loads(line)
            if complete := "complete" in told:
                break
            entries.append(Entry(**told))
            if entries[-1].chunk != len(entries) - 1:
                raise ValueError(f"chunk {entries[-1].chunk} stands where {len(entries) - 1} should")
        return Journal(head["settings"], head["start"], entries, complete)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"it is no journal of this version of slant ({error})", where=str(path), remedy="Start anew with --overwrite") from error


def sound_entries(journal: Journal, output: Path, refused: Path) -> Iterator[Entry]:
    """The entries whose parts stand in the two files as they were written, up to the first one that does not."""
    with output.open("rb") as out, refused.open("rb") as ref:
        out.seek(journal.start)
        for entry in journal.entries:
            parts = out.read(entry.output_end - out.tell()), ref.read(entry.refused_end - ref.tell())
            if (out.tell(), ref.tell()) != (entry.output_end, entry.refused_end):
                return
            if (zlib.crc32(parts[0]), zlib.crc32(parts[1])) != (entry.output_crc, entry.refused_crc):
                return
            yield entry


def append(file: Any, data: bytes) -> None:
    """Append to an unbuffered file, and be sure that the disk has it."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
    os.fsync(file.fileno())


def _line(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode("utf-8") + b"\n"


def _shown(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
