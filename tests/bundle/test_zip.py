"""Zips that are broken or hostile."""

from __future__ import annotations

import stat
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fixtures_bundle import assert_refused

from slant.bundle import read_bundle
from slant.errors import BundleError


def _zip(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def _entries(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _snapshot(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", ["../escaped", "a/../../escaped", "/tmp/slant-escaped", "..\\escaped", "C:escaped", "x" * 300, "a/" * 100 + "x"])
def test_zip_with_names_outside(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    packed = _zip(tmp_path / "bundle.zip", _entries(tiny_bundle) | {name: b"x"})
    before = _snapshot(tmp_path)
    assert_refused(packed, "a link or an unsafe name")
    assert _snapshot(tmp_path) == before
    assert not Path("/tmp/slant-escaped").exists()


def test_zip_with_a_link(tiny_bundle: Path, tmp_path: Path) -> None:
    packed = _zip(tmp_path / "bundle.zip", _entries(tiny_bundle))
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert_refused(packed, "a link or an unsafe name: 'link'")


@pytest.mark.parametrize("extra", ["model.onnx/x", "./model.onnx"])
def test_zip_with_names_that_clash(tiny_bundle: Path, tmp_path: Path, extra: str) -> None:
    assert_refused(_zip(tmp_path / "bundle.zip", _entries(tiny_bundle) | {extra: b"x"}), "a name twice, or a file as a folder")


def test_zip_with_too_many_files(tmp_path: Path) -> None:
    assert_refused(_zip(tmp_path / "bundle.zip", {str(i): b"x" for i in range(100)}), "more than a bundle may hold")


def test_zip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    packed = _zip(tmp_path / "bundle.zip", {"bundle.json": b"\0" * 50_000_000})
    assert packed.stat().st_size < 100_000
    assert_refused(packed, "more than a bundle may hold")
    assert list(tmp_path.iterdir()) == [packed]


def _lie(packed: Path, honest: int, said: int) -> None:
    """State another size of the only entry in both of its headers."""
    content = packed.read_bytes()
    assert content.count(honest.to_bytes(4, "little")) == 2
    packed.write_bytes(content.replace(honest.to_bytes(4, "little"), said.to_bytes(4, "little")))


@pytest.mark.parametrize("said", [10, 2**32 - 2])
def test_zip_that_lies_about_a_size(tmp_path: Path, said: int) -> None:
    packed = _zip(tmp_path / "bundle.zip", {"bundle.json": b"\0" * 50_000_123})
    _lie(packed, 50_000_123, said)
    assert_refused(packed, "more than a bundle may hold" if said > 10 else "neither a bundle folder nor a readable zip")


def test_no_zip(tmp_path: Path) -> None:
    for content in (b"", b"text", b"PK\x03\x04", b"PK\x05\x06" + b"\xff" * 18):
        (tmp_path / "bundle.zip").write_bytes(content)
        assert_refused(tmp_path / "bundle.zip", "neither a bundle folder nor a readable zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_damaged_anywhere(tiny_bundle: Path, tmp_path: Path, method: int) -> None:
    """Every way to read a damaged zip ends in a refusal, whatever its decompressor raises."""
    small = {name: content for name, content in _entries(tiny_bundle).items() if not name.endswith(".onnx")}
    whole = _zip(tmp_path / "whole.zip", small, method).read_bytes()
    packed = tmp_path / "bundle.zip"
    for at in range(0, len(whole), max(len(whole) // 60, 1)):
        packed.write_bytes(whole[:at] + bytes(b ^ 0x5A for b in whole[at : at + 8]) + whole[at + 8 :])
        with pytest.raises(BundleError) as caught:
            read_bundle(packed)
        assert len(str(caught.value).splitlines()) == 1
    packed.write_bytes(whole[: len(whole) // 2])
    assert_refused(packed, "neither a bundle folder nor a readable zip")


def test_zip_that_is_encrypted(tiny_bundle: Path, tmp_path: Path) -> None:
    packed = _zip(tmp_path / "bundle.zip", {"bundle.json": b"{}"})
    content = bytearray(packed.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + flags] |= 1
    packed.write_bytes(content)
    assert_refused(packed, "the zip's entry 'bundle.json' is encrypted")


def test_no_room_to_unpack(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from slant.errors import StorageError

    packed = _zip(tmp_path / "bundle.zip", _entries(tiny_bundle))
    real = Path.open

    def full(self: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if "x" in mode:
            raise OSError(28, "No space left on device")
        return real(self, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(StorageError, match="the disk is full"):
        read_bundle(packed)
