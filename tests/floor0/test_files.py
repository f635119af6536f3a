"""Files appear whole or not at all; text is read as it stands."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant import files
from slant.errors import DataError, StorageError
from slant.files import decode_utf8, read_utf8, write_atomic, write_folder_atomic


class TiredError(Exception):
    pass


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- one file


def test_a_file_appears_with_its_folder(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "er" / "file.txt"
    with write_atomic(target) as part:
        part.write_text("whole")
        assert not target.exists()
        assert part.parent == target.parent  # a rename between file systems is a copy
    assert target.read_text() == "whole"
    assert names(target.parent) == ["file.txt"]


@pytest.mark.parametrize("error", [TiredError, KeyboardInterrupt, SystemExit])
def test_a_writer_that_raises_leaves_the_old_file_and_no_part(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(error), write_atomic(target) as part:
        part.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_the_file_is_on_disk_before_it_takes_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    real_sync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(files.os, "fsync", lambda handle: (done.append("sync"), real_sync(handle))[1])
    monkeypatch.setattr(files.os, "replace", lambda a, b: (done.append("rename"), real_replace(a, b))[1])
    with write_atomic(tmp_path / "file.txt") as part:
        part.write_text("whole")
    assert done == ["sync", "rename"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "replace", "writer"])
def test_a_full_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")

    def full(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    if call != "writer":
        monkeypatch.setattr(files.os, call, full)
    with pytest.raises(StorageError) as caught, write_atomic(target) as part:
        part.write_text("half")
        if call == "writer":
            full()
    assert str(caught.value) == (f"{target}: the disk is full, nothing was written. Free some space or choose another folder, then run again")
    assert isinstance(caught.value.__cause__, OSError)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="no /dev/full")
def test_a_device_that_is_really_full(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the disk is full"), write_atomic(tmp_path / "file.txt"):
        Path("/dev/full").write_text("x")
    assert names(tmp_path) == []


def test_a_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = pytest.raises(StorageError, match="cannot be written .*Choose a folder that can be written")
    with told, write_atomic(tmp_path / "file" / "below.txt") as part:
        part.write_text("x")


def test_a_writer_that_wrote_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("old")
    with pytest.raises(StorageError, match="cannot be written"), write_atomic(tmp_path / "file.txt"):
        pass
    assert (tmp_path / "file.txt").read_text() == "old"


# --- a folder


@pytest.mark.parametrize("before", ["absent", "empty"])
def test_a_folder_appears_whole(tmp_path: Path, before: str) -> None:
    target = tmp_path / "deep" / "bundle"
    if before == "empty":
        target.mkdir(parents=True)
    with write_folder_atomic(target) as part:
        (part / "a.txt").write_text("a")
        assert not (target / "a.txt").exists()
    assert names(target) == ["a.txt"]
    assert names(target.parent) == ["bundle"]


@pytest.mark.parametrize("error", [TiredError, KeyboardInterrupt])
def test_a_folder_that_breaks_off_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "bundle"
    with pytest.raises(error), write_folder_atomic(target) as part:
        (part / "a.txt").write_text("a")
        raise error
    assert names(tmp_path) == []


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_target_that_holds_something_is_left_alone(tmp_path: Path, what: str) -> None:
    target = tmp_path / "bundle"
    inside = target / "mine.txt" if what == "folder" else target
    inside.parent.mkdir(exist_ok=True)
    inside.write_text("mine")
    with pytest.raises(StorageError, match="bundle: holds something already. Name an empty or new folder"), write_folder_atomic(target):
        pytest.fail("the block must not be entered")
    assert inside.read_text() == "mine"
    assert names(tmp_path) == ["bundle"]


def test_a_target_that_is_filled_meanwhile_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    with pytest.raises(StorageError), write_folder_atomic(target) as part:
        (part / "a.txt").write_text("a")
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    assert names(target) == ["mine.txt"]
    assert names(tmp_path) == ["bundle"]


def test_a_full_disk_under_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(StorageError, match="the disk is full, nothing was written"), write_folder_atomic(tmp_path / "b") as part:
        (part / "a.txt").write_text("a")
    assert names(tmp_path) == []


# --- reading


@pytest.mark.parametrize("content", ["\ufeffid;text\r\n1;café\r\n", "a\rb\nc\r\n", "", "no end of line", "\u2028\x85\x0b"])
def test_text_is_read_as_it_stands(tmp_path: Path, content: str) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(content.encode("utf-8"))
    assert read_utf8(path) == content


@given(st.text())
def test_decoding_undoes_encoding(content: str) -> None:
    assert decode_utf8(content.encode("utf-8"), "somewhere") == content


def test_a_bad_byte_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "windows.csv"
    path.write_bytes("one\ntwo\ncafé".encode("cp1252"))
    with pytest.raises(DataError, match=r"windows.csv: byte 11 \(line 3\) is not UTF-8. Convert the file, e.g. iconv"):
        read_utf8(path)


def test_a_character_cut_in_two_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "cut.txt"
    path.write_bytes("café".encode()[:-1])
    with pytest.raises(DataError, match=r"line 1\) is not UTF-8"):
        read_utf8(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere.txt: there is no such file"):
        read_utf8(tmp_path / "nowhere.txt")
    with pytest.raises(DataError, match="cannot be read"):
        read_utf8(tmp_path)
