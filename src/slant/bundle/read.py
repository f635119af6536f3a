"""Reading a bundle without trusting it: sizes, names and digests first, its contents after."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slant.bundle.format import GOLDEN, HEADS, MANIFEST, SIGNATURE, TOKENIZER, WHOLE, Manifest, bundle_id
from slant.bundle.limits import MAX_BYTES, MAX_FILES, clash, is_inside, is_plain, max_size
from slant.bundle.parse import manifest_from_json
from slant.bundle.sign import check_signature
from slant.bundle.strict_json import load_json
from slant.bundle.write import sha256_file
from slant.bundle.zipped import unzip
from slant.errors import BundleError

__all__ = ["STAGES", "Bundle", "read_bundle"]

#: What `read_bundle` checks, in this order.
STAGES = ("files", "signature", "format", "digests")
_REMEDY = "Take the bundle again from where it was published, or export it again"


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every file has the digest its manifest states.

    Attributes:
        folder: where the files are.
        manifest: the checked facts.
        where: how the user named it.
        signed_by: the fingerprint of the key that its signature was checked with; None where none was asked for.
    """

    folder: Path
    manifest: Manifest
    where: str
    signed_by: str | None = None
    _unpacked: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False, compare=False)

    def golden(self) -> list[dict[str, Any]]:
        """The inputs and outputs recorded at export.

        Each row has `text`, `target`, `target_start`, `target_end` (null where no target was asked about; offsets are null where the text does
        not mention it), and for each precision what each head answered, by name: `probabilities`, and `word_scores` of one that points; null of
        a head that was not asked.
        """
        path = self.folder / GOLDEN
        try:
            rows = [load_json(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
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


def read_bundle(path: str | Path, *, key: str | Path | None = None, passed: Callable[[str, str], None] | None = None) -> Bundle:
    """Read a bundle folder or zip and check the digest of every file.

    Args:
        key: a file with an Ed25519 public key (PEM): `bundle.sig` must be its signature over `bundle.json`, which is read no further before that.
        passed: told of each of STAGES when it is passed, with a figure; of the signature where it was asked for.

    Raises BundleError, with the reason, for: no bundle, a manifest that is too large, not JSON or not of this format, a file missing,
    added, altered, too large, linked or outside the folder, a zip that is damaged, encrypted, too large or holds such names, a signature that is
    missing or not the key's. A zip may hold the bundle's files, or one folder with them. Raises ConfigError for a key that is none, and
    StorageError when there is no room to unpack it.
    """
    where, source = str(path), Path(path)
    unpacked = None

    def tell(stage: str, figure: str) -> None:
        if passed:
            passed(stage, figure)

    def refuse(problem: str) -> BundleError:
        return BundleError(problem, where=where, remedy=_REMEDY)

    try:
        with contextlib.ExitStack() as undo:
            if not source.exists():
                raise BundleError("there is no such bundle", where=where, remedy="Name a bundle folder or zip; training prints where it wrote it")
            if source.is_file():
                unpacked = tempfile.TemporaryDirectory(prefix="slant-bundle-")
                undo.callback(unpacked.cleanup)
                source = unzip(source, Path(unpacked.name), refuse)
            if not (source / MANIFEST).is_file():
                raise BundleError(f"holds no {MANIFEST}", where=where, remedy="Name a bundle folder or zip; an unfinished export is none")
            sizes = _sizes(source, refuse)
            tell("files", f"{len(sizes)} of at most {MAX_FILES}, {sum(sizes.values()) / 1e6:,.1f} MB, plain names, no links")
            raw = (source / MANIFEST).read_bytes()
            signed_by = None
            if key is not None:
                signed_by = check_signature(source, raw, key, where)
                tell("signature", f"by the key {signed_by}")
            manifest, facts = _manifest(raw, where)
            tell("format", f"version {manifest.format_version}, {', '.join(f'{h.task} v{h.task_version}' for h in manifest.heads.values())}")
            _check_files(source, manifest, sizes, refuse)
            if bundle_id(facts) != manifest.id:
                raise refuse(f"{MANIFEST} was altered: its id belongs to other facts")
            tell("digests", f"{len(manifest.files)} files, bundle {manifest.id}")
            undo.pop_all()
    except (OSError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BundleError(f"cannot be read ({reason})", where=where, remedy="Name a bundle folder or zip that you may read") from error
    return Bundle(source, manifest, where, signed_by, unpacked)


def _sizes(folder: Path, refuse: Callable[[str], BundleError]) -> dict[str, int]:
    """The bytes of each file by its name in the folder. Nothing is opened: links, devices, odd names and sizes end it before."""
    sizes: dict[str, int] = {}
    for number, path in enumerate(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if number >= 2 * MAX_FILES:
            raise refuse(f"it holds more than the {MAX_FILES} files that a bundle may hold")
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise refuse(f"{name[:200]!r} is a link or no plain file")
        if path.is_file():
            sizes[name] = path.stat().st_size
            if sizes[name] > max_size(name):
                raise refuse(f"the file {name!r} is too large: {sizes[name]:,} bytes, at most {max_size(name):,}")
    if len(sizes) > MAX_FILES or sum(sizes.values()) > MAX_BYTES:
        raise refuse(f"it holds more than the {MAX_FILES} files or {MAX_BYTES:,} bytes that a bundle may hold")
    if two := clash(sizes):
        raise refuse(f"two of its files have names that some systems take for one: {two[0]!r} and {two[1]!r}")
    return sizes


def _manifest(raw: bytes, where: str) -> tuple[Manifest, dict[str, Any]]:
    """What `bundle.json` tells, and the same as it stands there, from which its id follows whatever its format."""
    try:
        found = load_json(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"its {MANIFEST} is not JSON, perhaps cut short ({error})", where=where, remedy=_REMEDY) from error
    return manifest_from_json(found, where), found


def _check_files(folder: Path, manifest: Manifest, present: dict[str, int], refuse: Callable[[str], BundleError]) -> None:
    for name in manifest.files:
        if not is_inside(name):
            raise refuse(f"the manifest names a file outside the bundle: {name[:200]!r}")
        if not is_plain(name):
            raise refuse(f"the manifest names a file with other characters than ASCII letters, digits, dots, hyphens and underscores: {name!r}")
    needed = {graph.file for graph in manifest.graphs.values()} | {GOLDEN}
    kinds = {graph.kind for graph in manifest.graphs.values()}
    needed |= ({TOKENIZER} if kinds & {"encoder", WHOLE} else set()) | ({HEADS} if "encoder" in kinds else set())
    if not needed <= set(manifest.files):
        raise refuse(f"the manifest gives no digest for {sorted(needed - set(manifest.files))[0]!r}")
    for name in (MANIFEST, SIGNATURE):
        if name in manifest.files:
            raise refuse(f"the manifest gives a digest for {name!r}, which cannot be")
    for name in sorted(set(present) - set(manifest.files) - {MANIFEST, SIGNATURE}):
        raise refuse(f"the file {name!r} is not in the manifest")
    for name, digest in manifest.files.items():
        if name not in present:
            raise refuse(f"the file {name!r} is missing")
        if sha256_file(folder / name) != digest:
            raise refuse(f"the file {name!r} was altered or cut short: its sha256 is not the manifest's")
