"""Unpacking a bundle's zip without trusting it."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from slant.bundle.limits import MAX_BYTES, MAX_FILES, MAX_NAME, clash, is_inside, max_size
from slant.errors import BundleError
from slant.files import storage_errors, write_atomic

__all__ = ["unzip", "zip_folder"]

#: Weights hardly shrink; what unpacks to more than this many times the zip is a bomb.
_MAX_RATIO = 100
#: zipfile reads the list of entries whole, before anything can be asked of it.
_MAX_LIST = 1 << 20
_END = struct.Struct("<4s4H2LH")
_ENCRYPTED = 0x1
#: The earliest time that a zip can state.
_TIME = (1980, 1, 1, 0, 0, 0)
#: What a damaged zip makes zipfile and its decompressors raise; OSError is bzip2's.
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, NotImplementedError, RuntimeError, EOFError, ValueError, OverflowError, OSError,
)  # fmt: skip


def unzip(source: Path, folder: Path, refuse: Callable[[str], BundleError]) -> Path:
    """Unpack the zip into the folder, and return the folder that holds its files: this one, or the only one in it.

    Raises what `refuse` makes for a zip that is damaged or encrypted, states more files or bytes than a bundle may hold or a hundredfold of its
    own size, holds a link, a device, a name that leads outside or two names that some system takes for one; StorageError for a full disk.
    """
    try:
        if problem := _too_long(source):
            raise refuse(problem)
        with zipfile.ZipFile(source) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if problem := _problem(entries, source.stat().st_size):
                raise refuse(problem)
            for entry in entries:
                _unpack(archive, entry, folder / entry.filename)
    except _ZIP_ERRORS as error:
        raise refuse(f"neither a bundle folder nor a readable zip ({error})") from error
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _too_long(source: Path) -> str | None:
    """Whether the list of entries is longer than a bundle's can be, told from the record at the zip's end, found as zipfile finds it."""
    size = source.stat().st_size
    with source.open("rb") as file:
        file.seek(max(size - (1 << 16) - _END.size, 0))
        tail = file.read()
    at = len(tail) - _END.size
    if at < 0:
        return None  # too short to be a zip, as zipfile will say
    if not (tail[at:].startswith(b"PK\5\6") and tail.endswith(b"\0\0")):
        at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        return None
    _, _, _, _, count, length, _, _ = _END.unpack(tail[at : at + _END.size])
    if tail[max(at - 20, 0) : at].startswith(b"PK\6\7"):
        return "the zip is in the form for more than 4 GiB, which no bundle needs"
    if size - len(tail) + at < length:
        return None  # no such list can stand before its end, as zipfile will say
    return "the zip unpacks to more than a bundle may hold" if length > _MAX_LIST or count > 4 * MAX_FILES else None


def _problem(entries: list[zipfile.ZipInfo], size: int) -> str | None:
    """What is wrong with what the zip says of its entries."""
    total = sum(entry.file_size for entry in entries)
    if len(entries) > MAX_FILES or total > min(MAX_BYTES, _MAX_RATIO * size):
        return "the zip unpacks to more than a bundle may hold"
    for entry in entries:
        shown = repr(entry.filename[:MAX_NAME])
        if not is_inside(entry.filename) or stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            return f"the zip holds a link or an unsafe name: {shown}"
        if entry.flag_bits & _ENCRYPTED:
            return f"the zip's entry {shown} is encrypted"
        if entry.file_size > max_size(entry.filename):
            return f"the zip's entry {shown} is too large: {entry.file_size:,} bytes, at most {max_size(entry.filename):,}"
    if two := clash(entry.filename for entry in entries):
        return f"the zip holds a name twice, or a file as a folder: {two[0]!r} and {two[1]!r}"
    return None


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


def zip_folder(folder: Path, target: Path) -> None:
    """Write a bundle's folder as a zip that has the same bytes whenever and wherever it is made: names in order, one time, one mode, no packing.

    Weights hardly shrink, and what zlib makes of a file differs between its versions. Raises StorageError when the disk does not take it.
    """
    with write_atomic(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _TIME)
            entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            with path.open("rb") as plain, archive.open(entry, "w", force_zip64=False) as packed:
                while chunk := plain.read(1 << 20):
                    packed.write(chunk)
