"""Reading a bundle without trusting it: sizes, names and digests first, its contents after."""

from __future__ import annotations

import hashlib
import json
import stat
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from slant.bundle.format import GOLDEN, MANIFEST, Manifest, manifest_from_json
from slant.bundle.write import sha256_file
from slant.errors import BundleError

__all__ = ["Bundle", "read_bundle"]

_MAX_MANIFEST = 1 << 20
_MAX_GOLDEN = 1 << 22
_MAX_BYTES = 4 << 30
_MAX_FILES = 64
_REMEDY = "Take the bundle again from where it was published, or export it again"


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every file has the digest its manifest states.

    Attributes:
        folder: where the files are.
        manifest: the checked facts.
        where: how the user named it.
    """

    folder: Path
    manifest: Manifest
    where: str
    _unpacked: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False, compare=False)

    def golden(self) -> list[dict[str, Any]]:
        """The inputs and outputs recorded at export: `text`, `probabilities`, `word_scores`, by graph."""
        path = self.folder / GOLDEN
        try:
            if path.stat().st_size > _MAX_GOLDEN:
                raise ValueError("it is too large")
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
            if not rows or not all(isinstance(row, dict) and isinstance(row.get("text"), str) for row in rows):
                raise ValueError("it holds no rows with a text")
        except (OSError, ValueError) as error:
            raise BundleError(f"the golden rows cannot be read ({error})", where=self.where, remedy=_REMEDY) from error
        return rows


def read_bundle(path: str | Path) -> Bundle:
    """Read a bundle folder or zip and check the digest of every file.

    Raises BundleError, with the reason, for: no bundle, a manifest that is too large, not JSON or not of this format, a file missing,
    added, altered, linked or outside the folder, a zip that is damaged, too large or holds such names.
    """
    where, source = str(path), Path(path)
    unpacked = None
    if not source.exists():
        raise BundleError("there is no such bundle", where=where, remedy="Name a bundle folder or zip; training prints where it wrote it")
    if source.is_file():
        unpacked = _unzip(source, where)
        source = Path(unpacked.name)
    manifest = _manifest(source, where)
    _check_files(source, manifest, where)
    return Bundle(source, manifest, where, unpacked)


def _manifest(folder: Path, where: str) -> Manifest:
    path = folder / MANIFEST
    if not path.is_file() or path.is_symlink():
        raise BundleError(f"holds no {MANIFEST}", where=where, remedy="Name a bundle folder or zip; an unfinished export is none")
    if path.stat().st_size > _MAX_MANIFEST:
        raise BundleError(f"its {MANIFEST} is too large to be one", where=where, remedy=_REMEDY)
    try:
        found = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"its {MANIFEST} is not JSON, perhaps cut short ({error})", where=where, remedy=_REMEDY) from error
    return manifest_from_json(found, where)


def _check_files(folder: Path, manifest: Manifest, where: str) -> None:
    def refuse(problem: str) -> BundleError:
        return BundleError(problem, where=where, remedy=_REMEDY)

    for name in manifest.files:
        if not _safe(name):
            raise refuse(f"the manifest names a file outside the bundle: {name!r}")
    needed = {graph.file for graph in manifest.graphs.values()} | {GOLDEN}
    if not needed <= set(manifest.files):
        raise refuse(f"the manifest gives no digest for {sorted(needed - set(manifest.files))[0]!r}")
    present = set()
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise refuse(f"{path.relative_to(folder)} is a link or no plain file")
        if path.is_file() and path != folder / MANIFEST:
            present.add(path.relative_to(folder).as_posix())
    for name in sorted(present - set(manifest.files)):
        raise refuse(f"the file {name!r} is not in the manifest")
    for name, digest in manifest.files.items():
        if name not in present:
            raise refuse(f"the file {name!r} is missing")
        if sha256_file(folder / name) != digest:
            raise refuse(f"the file {name!r} was altered or cut short: its sha256 is not the manifest's")
    identity = hashlib.sha256(json.dumps(dict(sorted(manifest.files.items())), sort_keys=True).encode()).hexdigest()[:16]
    if identity != manifest.id:
        raise refuse("the manifest's id does not belong to its files")


def _safe(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and "\\" not in name and ".." not in parts and ":" not in name


def _unzip(source: Path, where: str) -> tempfile.TemporaryDirectory[str]:
    """The zip's files in a temporary folder that goes with the Bundle."""
    folder = tempfile.TemporaryDirectory(prefix="slant-bundle-")
    try:
        with zipfile.ZipFile(source) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > _MAX_FILES or sum(entry.file_size for entry in entries) > _MAX_BYTES:
                raise BundleError("the zip unpacks to more than a bundle may hold", where=where, remedy=_REMEDY)
            for entry in entries:
                if not _safe(entry.filename) or stat.S_ISLNK(entry.external_attr >> 16):
                    raise BundleError(f"the zip holds a link or an unsafe name: {entry.filename!r}", where=where, remedy=_REMEDY)
                target = Path(folder.name) / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                # zipfile stops with BadZipFile when an entry holds more than its header says.
                with archive.open(entry) as packed, target.open("wb") as out:
                    left = entry.file_size
                    while chunk := packed.read(min(1 << 20, left + 1)):
                        left -= len(chunk)
                        if left < 0:
                            raise BundleError("the zip holds more than it says", where=where, remedy=_REMEDY)
                        out.write(chunk)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        folder.cleanup()
        raise BundleError(f"neither a bundle folder nor a readable zip ({error})", where=where, remedy=_REMEDY) from error
    except BaseException:
        folder.cleanup()
        raise
    return folder
