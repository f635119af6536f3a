"""Sealing a bundle: digests of every file, then the manifest last."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from slant.bundle.format import MANIFEST, SIGNATURE, Manifest, bundle_id, manifest_to_json
from slant.files import write_atomic

__all__ = ["sha256_file", "write_manifest"]


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Fill in `files` and `id` from what stands in the folder and write `bundle.json`; the folder is a bundle from then on."""
    unlisted = (folder / MANIFEST, folder / SIGNATURE)
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path not in unlisted]
    files = {path.relative_to(folder).as_posix(): sha256_file(path) for path in paths}
    sealed = replace(manifest, files=files)
    sealed = replace(sealed, id=bundle_id(manifest_to_json(sealed)))
    with write_atomic(folder / MANIFEST) as part:
        part.write_text(json.dumps(manifest_to_json(sealed), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return sealed
