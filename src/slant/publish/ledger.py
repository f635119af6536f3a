"""A ledger: JSON lines that are only ever added to, each sealed with a digest over itself and the line before it."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from slant.errors import ConfigError, StorageError
from slant.files import storage_errors

__all__ = ["append_entry", "find_look", "read_ledger", "spend_look"]

logger = logging.getLogger(__name__)

#: What stands before the first line.
GENESIS = "0" * 64
_REMEDY = "Bring back the file as it was (from a copy), or begin another with --records FOLDER"
#: Kinds of entry that this module writes itself.
_LOOK = "blind_look"


def read_ledger(path: Path) -> list[dict[str, Any]]:
    """Every entry in order, the digests checked; none where there is no file yet.

    A last line without its end is what a killed process left: it was never acknowledged, and is passed over. Raises StorageError, naming the
    line, for a ledger that was altered, cut in its middle or reordered, or that cannot be read. A ledger cut after a whole line reads as
    a shorter one: what was cut shows only where its last digest was written down elsewhere (as the registry does).
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"the ledger cannot be read ({error.strerror})", where=str(path), remedy="Name a file that you may read") from error
    entries: list[dict[str, Any]] = []
    before = GENESIS
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        try:
            entry = json.loads(line.decode("utf-8"))
            seal = entry["hash"]
            sound = entry["before"] == before and seal == _seal(entry)
        except (ValueError, KeyError, TypeError, RecursionError):
            sound = False
        if not sound:
            raise StorageError(f"the ledger was altered at line {number}", where=str(path), remedy=_REMEDY)
        entries.append(entry)
        before = seal
    return entries


def append_entry(path: Path, kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Add an entry and return it as it stands: `facts` and `kind`, `time` (UTC), `before` (the digest of the line before) and `hash`.

    It is on the disk when this returns. Safe when several processes add at once. Raises StorageError as `read_ledger`, and when the disk does
    not take it: the ledger is then as it was.
    """
    with _locked(path):
        return _append(path, kind, facts)


def find_look(entries: list[dict[str, Any]], model_digest: str, bundle_id: str, blind: str) -> dict[str, Any] | None:
    """The entry of this model's look at this blind set, by the digest of its weights or its bundle's id; None when it has not looked."""
    looks = (entry for entry in entries if entry["kind"] == _LOOK and entry["blind"] == blind)
    return next((look for look in looks if model_digest == look["model_digest"] or bundle_id == look["bundle_id"]), None)


def spend_look(path: Path, model_digest: str, bundle_id: str, blind: str, **more: Any) -> dict[str, Any]:
    """Write down that this model looks at this blind set, before it does: a look that a crash cut short is spent too.

    Args:
        model_digest: of what the model computes with; a model exported again has the same.
        blind: the blind set's fingerprint.
        more: facts worth keeping beside them.

    Raises ConfigError when the model has looked before, whoever asks at the same time.
    """
    with _locked(path):
        if look := find_look(read_ledger(path), model_digest, bundle_id, blind):
            problem = f"this model looked at the blind set {blind[:16]} on {look['time']}"
            raise ConfigError(problem, where=str(path), remedy="A blind set is spent once a model: bring another set, or another model")
        return _append(path, _LOOK, {"model_digest": model_digest, "bundle_id": bundle_id, "blind": blind} | more)


def _append(path: Path, kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    entries = read_ledger(path)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    entry = {"kind": kind, "time": now, **facts, "before": entries[-1]["hash"] if entries else GENESIS}
    entry["hash"] = _seal(entry)
    line = (json.dumps(entry, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n").encode("utf-8")
    with storage_errors(path), path.open("ab") as file:
        _drop_unfinished(path, file.fileno())
        whole = os.fstat(file.fileno()).st_size
        try:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(file.fileno(), whole)
            raise
    return entry


def _drop_unfinished(path: Path, descriptor: int) -> None:
    """Cut the part of a line that a killed process left: nobody was told that it stands."""
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        logger.warning("%s: the last line was never finished and is dropped", path)
        os.ftruncate(descriptor, data.rfind(b"\n") + 1)


def _seal(entry: Mapping[str, Any]) -> str:
    facts = {key: value for key, value in entry.items() if key != "hash"}
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False, sort_keys=True, allow_nan=False).encode("utf-8")).hexdigest()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f"{path.name}.lock").open("ab")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield  # closing the file gives the lock back, and so does the kernel when the process dies
