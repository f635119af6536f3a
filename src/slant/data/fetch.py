"""Taking a corpus from its public home: named, measured and compared with its digest before it is kept."""

from __future__ import annotations

import hashlib
import lzma
import shutil
import stat
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from slant.data.reading import file_sha256, folder_sha256
from slant.errors import DataError, StorageError
from slant.files import storage_errors, write_folder_atomic
from slant.progress import track

__all__ = ["describe_download", "fetch_corpus"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PIECE = 1 << 16
#: What no corpus here comes near to; a home that sends more is not what it was.
_MOST_BYTES = 2_000_000_000
_TIMEOUT = 30


def describe_download(manifest: Mapping[str, Any]) -> list[str]:
    """What `fetch_corpus` would take: licence, home, and each file's address, size and sha256. One line each."""
    lines = [f"licence  {manifest['licence']}", f"home     {manifest['home']}"]
    archive = manifest.get("archive")
    if archive:
        lines.append(f"archive  {archive['url']}  sha256 {archive.get('sha256') or 'unknown; its files are compared'}")
    for entry in manifest["files"]:
        size = f"  {entry['bytes']:,} bytes" if entry.get("bytes") else ""
        digest = entry.get("sha256") or entry.get("folder_sha256") or "unknown"
        lines.append(f"file     {entry['path']}{size}  sha256 {digest}")
    return lines


def fetch_corpus(manifest: Mapping[str, Any], folder: str | Path, *, unverified: bool = False) -> list[Path]:
    """Download a corpus's files into a new folder, which appears whole or not at all; returns the files.

    Args:
        unverified: whether files of which no digest is known are taken.

    Only https is spoken, but for loopback addresses. Raises DataError when the manifest names no address, when a home cannot be reached or
    sends something else than the digest says, and when an archive is none or holds other files; StorageError when the folder cannot be
    written or holds something already.
    """
    archive = manifest.get("archive")
    if (not archive and not all(entry.get("url") for entry in manifest["files"])) or not manifest["files"]:
        remedy = f"See {manifest['home']} and data/{manifest['name']}/CARD.md"
        raise DataError(f"{manifest['name']} has no address to download from", where="manifest.json", remedy=remedy)
    blind = [entry["path"] for entry in manifest["files"] if not (entry.get("sha256") or entry.get("folder_sha256"))]
    if blind and not unverified:
        problem = f"no digest is known of {', '.join(blind)}"
        raise DataError(problem, where="manifest.json", remedy="Add --unverified to take it as it comes, and look at it before you trust it")
    with write_folder_atomic(folder) as part:
        if archive:
            with tempfile.TemporaryDirectory(dir=part.parent) as aside:
                packed = Path(aside) / "archive.zip"
                _download(archive["url"], packed, archive.get("sha256"))
                _unpack(packed, manifest["files"], part, archive["url"])
        else:
            for entry in track(manifest["files"], len(manifest["files"]), "files"):
                target = part / entry["path"]
                target.parent.mkdir(parents=True, exist_ok=True)
                _download(entry["url"], target, entry.get("sha256"))
        _compare(manifest["files"], part)
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> urllib.request.Request | None:
        _require_safe(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _require_safe(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise DataError("is not an https address", where=url, remedy="Take the corpus from its home by hand")


def _download(url: str, target: Path, sha256: str | None) -> None:
    """One file, whole and with the right digest, or DataError."""
    _require_safe(url)
    digest = hashlib.sha256()
    received = 0
    request = urllib.request.Request(url, headers={"User-Agent": "slant"})
    try:
        with urllib.request.build_opener(_SafeRedirects).open(request, timeout=_TIMEOUT) as answer, storage_errors(target), target.open("wb") as file:
            announced = answer.headers.get("Content-Length")
            for piece in _pieces(answer, url):
                received += len(piece)
                if received > _MOST_BYTES:
                    raise DataError(f"sends more than {_MOST_BYTES:,} bytes", where=url, remedy="Take the corpus from its home by hand")
                digest.update(piece)
                file.write(piece)
    except (DataError, StorageError):
        raise
    except urllib.error.HTTPError as error:
        raise DataError(f"the home answers {error.code} {error.reason}", where=url, remedy="Look whether the corpus has moved") from error
    except (OSError, HTTPException) as error:
        raise _unreachable(url, error) from error
    if announced is not None and announced.isdigit() and int(announced) != received:
        raise DataError(f"sent {received:,} of {int(announced):,} bytes", where=url, remedy="Try again")
    if sha256 and digest.hexdigest() != sha256:
        problem = f"has sha256 {digest.hexdigest()}, not {sha256}"
        raise DataError(problem, where=url, remedy="It is not the known version; nothing was kept. Compare data/*/manifest.json with its home")


def _pieces(answer: Any, url: str) -> Iterator[bytes]:
    """The body, a piece at a time; what the network does wrong is told apart from what the disk does."""
    try:
        while piece := answer.read(_PIECE):
            yield piece
    except (OSError, HTTPException) as error:
        raise _unreachable(url, error) from error


def _unreachable(url: str, error: Exception) -> DataError:
    reason = getattr(error, "reason", None) or error
    return DataError(f"cannot be reached ({reason})", where=url, remedy="Check the network and try again")


def _unpack(packed: Path, entries: list[dict[str, Any]], folder: Path, where: str) -> None:
    """The manifest's files out of a zip, whatever folders stand above them there; nothing else is written."""
    try:
        with zipfile.ZipFile(packed) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and not stat.S_ISLNK(m.external_attr >> 16)]
            if sum(m.file_size for m in members) > _MOST_BYTES:
                raise DataError("its files are too large", where=where, remedy="Take the corpus from its home by hand")
            for entry in entries:
                wanted = PurePosixPath(entry["path"]).parts
                for member in members:
                    parts = PurePosixPath(member.filename).parts
                    if "__MACOSX" in parts or ".." in parts:
                        continue
                    deep = len(wanted) + (1 if "folder_sha256" in entry else 0)
                    if parts[-deep:][: len(wanted)] != wanted or len(parts) < deep or parts[-1].startswith("."):
                        continue
                    target = folder.joinpath(*wanted, *parts[len(parts) - deep + len(wanted) :])
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(member) as source, target.open("wb") as file:
                        shutil.copyfileobj(source, file, _PIECE)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(f"is no zip that can be read ({error})", where=where, remedy="Look whether the corpus has moved") from error


def _compare(entries: list[dict[str, Any]], folder: Path) -> None:
    for entry in entries:
        path = folder / entry["path"]
        if not path.exists():
            raise DataError(f"{entry['path']} was not among what was downloaded", where="manifest.json", remedy="Look whether the corpus has moved")
        wanted = entry.get("folder_sha256") or entry.get("sha256")
        found = folder_sha256(path) if path.is_dir() else file_sha256(path)
        if wanted and found != wanted:
            problem = f"{entry['path']} has sha256 {found}, not {wanted}"
            raise DataError(problem, where="manifest.json", remedy="It is not the known version; nothing was kept")
