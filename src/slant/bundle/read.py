"""Reading a bundle without trusting it: sizes, names and digests first, its contents after."""

from __future__ import annotations

import contextlib
import json
import lzma
import stat
import struct
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from slant.bundle.format import GOLDEN, HEADS, MANIFEST, TOKENIZER, WHOLE, Manifest, bundle_id
from slant.bundle.parse import manifest_from_json
from slant.bundle.write import sha256_file
from slant.errors import BundleError
from slant.files import storage_errors

__all__ = ["Bundle", "read_bundle"]

_MAX_MANIFEST = 1 << 20
_MAX_GOLDEN = 1 << 22
_MAX_BYTES = 4 << 30
_MAX_FILES = 64
#: Weights hardly shrink; what unpacks to more than this many times the zip is a bomb.
_MAX_RATIO = 100
_MAX_NAME = 200
#: What a damaged zip makes zipfile and its decompressors raise; OSError is bzip2's.
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, NotImplementedError, RuntimeError, EOFError, ValueError, OverflowError, OSError,
)  # fmt: skip
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
        """The inputs and outputs recorded at export.

        Each row has `text`, `target`, `target_start`, `target_end` (null where no target was asked about; offsets are null where the text does
        not mention it), and for each precision what each head answered, by name: `probabilities`, and `word_scores` of one that points; null of
        a head that was not asked.
        """
        path = self.folder / GOLDEN
        try:
            if path.stat().st_size > _MAX_GOLDEN:
                raise ValueError("it is too large")
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
            if not rows or not all(isinstance(row, dict) and isinstance(row.get("text"), str) for row in rows):
                raise ValueError("it holds no rows with a text")
            if not all(_asks(row) for row in rows):
                raise ValueError("a target in it has no name, or offsets outside its text")
            if self.manifest.format_version == 1:
                (name,) = self.manifest.heads
                rows = [{"text": row["text"]} | {p: {name: row.get(p)} for p in self.manifest.graphs} for row in rows]
        except (OSError, ValueError, RecursionError) as error:
            raise BundleError(f"the golden rows cannot be read ({error})", where=self.where, remedy=_REMEDY) from error
        return rows


def _asks(row: dict[str, Any]) -> bool:
    """Whether a golden row's target, if it has one, can be asked about."""
    target, start, end = (row.get(key) for key in ("target", "target_start", "target_end"))
    if start is None and end is None:
        return target is None or isinstance(target, str)
    return isinstance(target, str) and type(start) is int and type(end) is int and 0 <= start < end <= len(row["text"])


def read_bundle(path: str | Path) -> Bundle:
    """Read a bundle folder or zip and check the digest of every file.

    Raises BundleError, with the reason, for: no bundle, a manifest that is too large, not JSON or not of this format, a file missing,
    added, altered, linked or outside the folder, a zip that is damaged, too large or holds such names. A zip may hold the bundle's
    files, or one folder with them. Raises StorageError when there is no room to unpack it.
    """
    where, source = str(path), Path(path)
    unpacked = None
    try:
        with contextlib.ExitStack() as undo:
            if not source.exists():
                raise BundleError("there is no such bundle", where=where, remedy="Name a bundle folder or zip; training prints where it wrote it")
            if source.is_file():
                unpacked = tempfile.TemporaryDirectory(prefix="slant-bundle-")
                undo.callback(unpacked.cleanup)
                source = _unzip(source, Path(unpacked.name), where)
            manifest, facts = _manifest(source, where)
            _check_files(source, manifest, where)
            if bundle_id(facts) != manifest.id:
                raise BundleError(f"{MANIFEST} was altered: its id belongs to other facts", where=where, remedy=_REMEDY)
            undo.pop_all()
    except (OSError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BundleError(f"cannot be read ({reason})", where=where, remedy="Name a bundle folder or zip that you may read") from error
    return Bundle(source, manifest, where, unpacked)


def _manifest(folder: Path, where: str) -> tuple[Manifest, dict[str, Any]]:
    """What `bundle.json` tells, and the same as it stands there, from which its id follows whatever its format."""
    path = folder / MANIFEST
    if not path.is_file() or path.is_symlink():
        raise BundleError(f"holds no {MANIFEST}", where=where, remedy="Name a bundle folder or zip; an unfinished export is none")
    if path.stat().st_size > _MAX_MANIFEST:
        raise BundleError(f"its {MANIFEST} is too large to be one", where=where, remedy=_REMEDY)
    try:
        found = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"its {MANIFEST} is not JSON, perhaps cut short ({error})", where=where, remedy=_REMEDY) from error
    return manifest_from_json(found, where), found


def _check_files(folder: Path, manifest: Manifest, where: str) -> None:
    def refuse(problem: str) -> BundleError:
        return BundleError(problem, where=where, remedy=_REMEDY)

    for name in manifest.files:
        if not _safe(name):
            raise refuse(f"the manifest names a file outside the bundle: {name!r}")
    needed = {graph.file for graph in manifest.graphs.values()} | {GOLDEN}
    kinds = {graph.kind for graph in manifest.graphs.values()}
    needed |= ({TOKENIZER} if kinds & {"encoder", WHOLE} else set()) | ({HEADS} if "encoder" in kinds else set())
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


def _safe(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return 0 < len(parts) <= 8 and len(name) <= _MAX_NAME and not name.startswith("/") and ".." not in parts and not set("\\:\0") & set(name)


def _unzip(source: Path, folder: Path, where: str) -> Path:
    """Unpack the zip into the folder, and return the folder that holds its files."""

    def refuse(problem: str) -> BundleError:
        return BundleError(problem, where=where, remedy=_REMEDY)

    try:
        with zipfile.ZipFile(source) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            total = sum(entry.file_size for entry in entries)
            if len(entries) > _MAX_FILES or total > min(_MAX_BYTES, _MAX_RATIO * source.stat().st_size):
                raise refuse("the zip unpacks to more than a bundle may hold")
            paths = {PurePosixPath(entry.filename) for entry in entries}
            if len(paths) < len(entries) or any(parent in paths for path in paths for parent in path.parents):
                raise refuse("the zip holds a name twice, or a file as a folder")
            for entry in entries:
                if not _safe(entry.filename) or stat.S_ISLNK(entry.external_attr >> 16):
                    raise refuse(f"the zip holds a link or an unsafe name: {entry.filename[:_MAX_NAME]!r}")
                _unpack(archive, entry, folder / entry.filename)
    except _ZIP_ERRORS as error:
        raise refuse(f"neither a bundle folder nor a readable zip ({error})") from error
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """Write one entry. zipfile reads no more than the entry's header says, and raises BadZipFile when there is more or less."""
    with archive.open(entry) as packed:
        with storage_errors(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            out = target.open("xb")
        with out:
            while chunk := packed.read(1 << 20):
                with storage_errors(target.parent):
                    out.write(chunk)
