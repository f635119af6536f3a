"""Bundles made to harm who opens them, beside those of test_read.py: names, links, sizes, zips and what JSON can hide."""

from __future__ import annotations

import json
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from fixtures_bundle import assert_refused, edit_manifest, reseal
from hypothesis import given
from hypothesis import strategies as st

from slant.bundle import read_bundle
from slant.bundle.limits import clash, is_inside, is_plain
from slant.bundle.zipped import zip_folder
from slant.errors import BundleError

# --- names


@pytest.mark.parametrize(
    "name",
    ["módel.onnx", "model.onnx\u200b", "ｍ.onnx", "mоdel.onnx", "model onnx", ".hidden", "sub/.x", "x*", "-rf", "model.onnx\u202etxt"],
)
def test_names_that_look_like_others(broken: Path, name: str) -> None:
    """The third has a full-width m, the fourth a Cyrillic o; the last is shown from right to left."""
    (broken / name).parent.mkdir(exist_ok=True)
    (broken / name).write_text("x")
    edit_manifest(broken, lambda m: m["files"].update({name: "0" * 64}))
    assert_refused(broken, "names a file with other characters than")


@pytest.mark.parametrize(("name", "other"), [("Model.onnx", "model.onnx"), ("sub/X", "sub/x"), ("ﬁle", "file")])
def test_names_that_differ_in_case_or_spelling_alone(broken: Path, name: str, other: str) -> None:
    for each in (name, other):
        (broken / each).parent.mkdir(exist_ok=True)
        (broken / each).touch()
    if len(list(broken.rglob("*"))) < 10:
        pytest.skip("this system takes them for one")
    assert_refused(broken, "have names that some systems take for one")


@given(st.lists(st.text("abAB/ﬁſ", min_size=1, max_size=6), max_size=5))
def test_a_clash_is_symmetric_and_seen_whatever_the_order(names: list[str]) -> None:
    assert (clash(names) is None) == (clash(list(reversed(names))) is None)
    assert clash([*names, "q"]) is None or clash(names) is not None
    assert not any(is_plain(name) and not is_inside(name) for name in names if len(name) < 8)


# --- links


def test_a_hard_link_to_someone_elses_file(broken: Path, tmp_path: Path) -> None:
    """It has no mark of its own: its bytes are judged as any file's, and nothing of them is told."""
    secret = tmp_path / "secret"
    secret.write_text("the password")
    os.link(secret, broken / "notes.txt")
    assert_refused(broken, "the file 'notes.txt' is not in the manifest")
    (broken / "notes.txt").unlink()
    (broken / "metrics.json").unlink()
    os.link(secret, broken / "metrics.json")
    assert_refused(broken, "the file 'metrics.json' was altered")
    with pytest.raises(BundleError) as caught:
        read_bundle(broken)
    assert "password" not in str(caught.value)


def test_a_folder_that_is_a_link(broken: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (broken / "sub").symlink_to(tmp_path / "elsewhere")
    assert_refused(broken, "'sub' is a link or no plain file")


def test_a_link_whose_name_writes_to_the_terminal(broken: Path) -> None:
    (broken / "a\x1b[2J\nok").symlink_to(broken)
    assert_refused(broken, r"'a\x1b[2J\nok' is a link")


# --- sizes


@pytest.mark.parametrize(
    ("name", "size"),
    [("bundle.json", 1 << 21), ("golden.jsonl", 1 << 23), ("tokenizer.json", 1 << 27), ("heads.safetensors", 1 << 31), ("metrics.json", 1 << 25),
     ("card.json", 1 << 25), ("MODEL_CARD.md", 1 << 23), ("model.onnx", 3 << 30)],
)  # fmt: skip
def test_oversized_files_are_not_opened(broken: Path, name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with (broken / name).open("r+b") as file:
        file.truncate(size)  # a hole, which takes no room

    def opened(*_: object) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr("slant.bundle.read.sha256_file", opened)
    assert_refused(broken, f"the file {name!r} is too large")


def test_more_bytes_than_a_bundle_may_hold(broken: Path) -> None:
    for number in range(3):
        with (broken / f"w{number}.bin").open("wb") as file:
            file.truncate(2 << 30)
    assert_refused(broken, "bytes that a bundle may hold")


def test_more_files_than_a_bundle_may_hold(broken: Path) -> None:
    for number in range(70):
        (broken / f"w{number}").touch()
    assert_refused(broken, "more than the 64 files")


# --- JSON


def test_a_key_that_stands_twice(broken: Path) -> None:
    """Of two values one reader takes the first and another the last: what was reviewed is then not what runs."""
    text = (broken / "bundle.json").read_text(encoding="utf-8")
    (broken / "bundle.json").write_text(text.replace('"threshold":', '"threshold": 0.01, "threshold":', 1), encoding="utf-8")
    assert_refused(broken, "the key 'threshold' stands in it twice")


def test_a_tokenizer_nested_without_end(broken: Path) -> None:
    text = (broken / "tokenizer.json").read_text(encoding="utf-8")
    (broken / "tokenizer.json").write_text(text.replace("{", '{"x": ' + "[" * 100_000 + "]" * 100_000 + ", ", 1), encoding="utf-8")
    reseal(broken)
    assert_refused(broken, "not a readable tokenizer.json")


# --- graphs, with every digest made to fit


def _break_graph(folder: Path, change: object) -> None:
    import onnx

    model = onnx.load(folder / "model.onnx")
    change(model)  # type: ignore[operator]
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    reseal(folder)


def test_a_graph_with_a_custom_operator(broken: Path) -> None:
    import onnx

    _break_graph(broken, lambda m: m.graph.node.append(onnx.helper.make_node("PyOp", ["input_ids"], ["x"], domain="ai.onnx.contrib")))
    assert_refused(broken, "it asks for operators of 'ai.onnx.contrib'")


def test_a_graph_that_loops(broken: Path) -> None:
    import onnx

    body = onnx.helper.make_graph([], "body", [], [])
    _break_graph(broken, lambda m: m.graph.node.append(onnx.helper.make_node("Loop", ["", ""], ["x"], body=body)))
    assert_refused(broken, "a graph inside its graph")


def test_a_graph_that_reads_another_file(broken: Path) -> None:
    import onnx

    def change(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer.add(name="stolen", data_type=onnx.TensorProto.UINT8, dims=[100])
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")

    _break_graph(broken, change)
    assert_refused(broken, "it keeps weights in another file")


def test_a_graph_that_states_a_tensor_it_does_not_hold(broken: Path) -> None:
    import onnx

    _break_graph(broken, lambda m: m.graph.initializer.add(name="huge", data_type=onnx.TensorProto.FLOAT, dims=[1 << 45]))
    assert_refused(broken, "states more numbers than it holds")


# --- zips


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR, stat.S_IFLNK])
def test_zip_entries_that_are_no_files(tmp_path: Path, kind: int) -> None:
    entry = zipfile.ZipInfo("bundle.json")
    entry.create_system, entry.external_attr = 3, (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        archive.writestr(entry, "{}")
    assert_refused(tmp_path / "bundle.zip", "a link or an unsafe name: 'bundle.json'")


@pytest.mark.parametrize("other", ["BUNDLE.json", "Bundle.JSON", "ｂundle.json", "bundle.json/x", "BUNDLE.JSON/x"])
def test_zip_with_names_that_some_system_takes_for_one(tmp_path: Path, other: str) -> None:
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        archive.writestr("bundle.json", "{}")
        archive.writestr(other, "{}")
    assert_refused(tmp_path / "bundle.zip", "a name twice, or a file as a folder")


def test_zip_entry_too_large_for_its_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        archive.writestr("some/bundle.json", os.urandom(1 << 21))
    assert_refused(tmp_path / "bundle.zip", "is too large: 2,097,152 bytes, at most 1,048,576")


def _end_record(count: int, length: int) -> bytes:
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, length, 0, 0)


def test_zip_with_a_list_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """zipfile would read the list of entries whole before it says how many there are."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    many = entry * 60_000
    (tmp_path / "bundle.zip").write_bytes(many + _end_record(60_000, len(many)))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert_refused(tmp_path / "bundle.zip", "more than a bundle may hold")


def test_zip_in_the_form_for_giants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    (tmp_path / "bundle.zip").write_bytes(b"x" * 100 + locator + _end_record(0xFFFF, 0xFFFFFFFF))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert_refused(tmp_path / "bundle.zip", "the form for more than 4 GiB")


def test_zip_of_entries_that_share_their_bytes(tmp_path: Path) -> None:
    """Fifield's bomb (2019): many names, one compressed block. What they state together is counted, whoever holds the bytes."""
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a0", b"\0" * 1_000_000)
        block = archive.infolist()[0]
        for number in range(1, 60):
            again = zipfile.ZipInfo(f"a{number}")
            again.compress_type, again.CRC, again.compress_size, again.file_size = (
                block.compress_type,
                block.CRC,
                block.compress_size,
                block.file_size,
            )
            again.header_offset = block.header_offset
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
    assert_refused(tmp_path / "bundle.zip", "more than a bundle may hold")


def test_an_equal_folder_gives_an_equal_zip(tiny_bundle: Path, broken: Path, tmp_path: Path) -> None:
    os.utime(broken / "model.onnx", (1, 1))
    (broken / "golden.jsonl").chmod(0o600)
    zip_folder(tiny_bundle, tmp_path / "a.zip")
    zip_folder(broken, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    bundle = read_bundle(tmp_path / "a.zip")
    assert bundle.manifest == read_bundle(tiny_bundle).manifest
    assert json.loads((bundle.folder / "bundle.json").read_text())["format_version"] == 2
