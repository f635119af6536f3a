"""Bundles that are broken or forged: each is refused in one line that names the bundle, the reason and a remedy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures_bundle import assert_refused, edit_manifest, put

from slant.bundle import manifest_from_json, manifest_to_json, read_bundle
from slant.errors import BundleError
from slant.serve import Annotator, verify_bundle

# --- sound bundles


def test_a_sound_bundle_passes_every_check(tiny_bundle: Path) -> None:
    checks = verify_bundle(tiny_bundle)
    replays = ["golden replay fp32 loaded", "golden replay int8 loaded"]
    assert [check.name for check in checks] == ["files", "signature", "format", "digests", "graphs", *replays]
    assert all(check.passed for check in checks)


def test_manifest_round_trip(tiny_bundle: Path) -> None:
    manifest = read_bundle(tiny_bundle).manifest
    assert manifest_from_json(json.loads(json.dumps(manifest_to_json(manifest))), "here") == manifest


@pytest.mark.parametrize("inside", ["", "tiny-bundle/"])
def test_a_zip_is_read_like_its_folder(tiny_bundle: Path, tmp_path: Path, inside: str) -> None:
    packed = tmp_path / "bundle.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in tiny_bundle.iterdir():
            archive.write(path, inside + path.name)
    text = "The vile minister delayed the heroic vote on Monday. It rained."
    assert Annotator.open(packed).annotate(text) == Annotator.open(tiny_bundle).annotate(text)


def test_unpacked_files_go_with_the_bundle(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    packed = shutil.make_archive(str(tmp_path / "bundle"), "zip", tiny_bundle)
    bundle = read_bundle(packed)
    assert bundle.folder.parent == tmp_path
    del bundle
    (tmp_path / "broken.zip").write_bytes(Path(packed).read_bytes()[:5000])
    shutil.make_archive(str(tmp_path / "other"), "zip", Path(__file__).parent)
    for name in ("broken.zip", "other.zip"):
        with pytest.raises(BundleError):
            read_bundle(tmp_path / name)
    assert not list(tmp_path.glob("slant-bundle-*"))


# --- no bundle


def test_no_such_bundle(tmp_path: Path) -> None:
    assert_refused(tmp_path / "nothing", "there is no such bundle")


def test_a_name_no_file_can_have(tmp_path: Path) -> None:
    assert_refused(tmp_path / ("x" * 300), "cannot be read")


def test_an_empty_folder(tmp_path: Path) -> None:
    assert_refused(tmp_path, "holds no bundle.json")


def test_an_unreadable_file(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_bytes(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert_refused(broken, "cannot be read (Permission denied)")


# --- bundle.json as a file


def test_manifest_missing(broken: Path) -> None:
    (broken / "bundle.json").unlink()
    assert_refused(broken, "holds no bundle.json")


@pytest.mark.parametrize(
    "content",
    [b"", b"not json", b'{"format_version": 1, "id"', b"\xff\xfe{}", b"[" * 200_000, b'{"a":' * 100_000, b'{"format_version": ' + b"9" * 5000 + b"}"],
    ids=["empty", "text", "truncated", "not utf-8", "nested lists", "nested objects", "endless number"],
)
def test_manifest_is_no_json(broken: Path, content: bytes) -> None:
    (broken / "bundle.json").write_bytes(content)
    assert_refused(broken, "is not JSON")


def test_manifest_cut_short(broken: Path) -> None:
    whole = (broken / "bundle.json").read_bytes()
    for length in (1, len(whole) // 2, len(whole) - 3):
        (broken / "bundle.json").write_bytes(whole[:length])
        assert_refused(broken, "is not JSON, perhaps cut short")


def test_manifest_too_large(broken: Path) -> None:
    whole = (broken / "bundle.json").read_bytes()
    (broken / "bundle.json").write_bytes(whole + b" " * (1 << 20))
    assert_refused(broken, "too large")


@pytest.mark.parametrize("content", ["[]", "null", "1", '"x"', "{}", '{"format_version": "1"}', '{"format_version": null}'])
def test_manifest_of_something_else(broken: Path, content: str) -> None:
    (broken / "bundle.json").write_text(content)
    assert_refused(broken, "this is no bundle manifest")


def test_manifest_is_a_link(broken: Path, tiny_bundle: Path) -> None:
    (broken / "bundle.json").unlink()
    (broken / "bundle.json").symlink_to(tiny_bundle / "bundle.json")
    assert_refused(broken, "'bundle.json' is a link or no plain file")


# --- what bundle.json says


def _rename_graph(manifest: dict[str, Any]) -> None:
    manifest["graphs"]["fp16\nFAIL"] = manifest["graphs"].pop("int8")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (put("format_version", value=3), "format version 3 is newer than 2"),
        (put("format_version", value=0), "there is no format version 0"),
        (put("format_version", value=True), "this is no bundle manifest"),
        (put("format_version", value=1.0), "this is no bundle manifest"),
        (put("code", value="import os"), "the key 'code' is unknown"),
        (put("heads", "loaded", "decision", "bias", value=1), "the key 'heads.loaded.decision.bias' is unknown"),
        (put("graphs", "fp32", "provider", value="x"), "the key 'graphs.fp32.provider' is unknown"),
        (lambda m: m.pop("licence"), "the key 'licence' is missing"),
        (lambda m: m["heads"]["loaded"]["decision"].pop("threshold"), "the key 'heads.loaded.decision.threshold' is missing"),
        (lambda m: m["graphs"]["fp32"].pop("file"), "the key 'graphs.fp32.file' is missing"),
        (put("name", value=None), "'name' is not of type str"),
        (put("heads", "loaded", "labels", value="neutral"), "'heads.loaded.labels' is not of type tuple"),
        (put("heads", "loaded", "labels", value=["neutral", 1]), "'heads.loaded.labels' is not of type tuple"),
        (put("heads", "loaded", "points", value=1), "'heads.loaded.points' is not of type bool"),
        (put("max_pieces", value="64"), "'max_pieces' is not of type int"),
        (put("max_pieces", value=10**6), "max_pieces is 1000000"),
        (put("git_dirty", value="no"), "'git_dirty' is not of type"),
        (put("files", value=[]), "'files' is not of type dict"),
        (put("files", "model.onnx", value=1), "'files' is not of type dict"),
        (put("heads", "loaded", "decision", value=None), "heads.loaded.decision is not a mapping"),
        (put("heads", "loaded", "decision", "threshold", value=True), "'heads.loaded.decision.threshold' is not of type float"),
        (put("heads", "loaded", "decision", "threshold", value=1.5), "threshold must lie in [0, 1]"),
        (put("heads", "loaded", "decision", "threshold", value=float("nan")), "threshold must lie in [0, 1]"),
        (put("heads", "loaded", "decision", "temperature", value=0), "temperature must be positive"),
        (put("heads", "loaded", "decision", "temperature", value=float("inf")), "temperature must be positive"),
        (put("heads", "loaded", "decision", "temperature", value=10**400), "a value is impossible"),
        (put("graphs", value={}), "names no graph"),
        (put("graphs", value=[]), "names no graph"),
        (put("graphs", "fp32", value="model.onnx"), "graphs.fp32 is not a mapping"),
        (put("graphs", "fp32", "kind", value="pickle"), "unknown graph 'fp32' of kind 'pickle'"),
        (_rename_graph, "unknown graph 'fp16\\nFAIL'"),
        (put("graphs", "fp32", "tolerance", value=1e9), "tolerance of its fp32 graph"),
        (put("graphs", "fp32", "tolerance", value=float("inf")), "tolerance of its fp32 graph"),
        (put("graphs", "fp32", "tolerance", value=float("nan")), "tolerance of its fp32 graph"),
        (put("precision", value="fp16"), "its own precision 'fp16' has no graph"),
        (put("heads", "loaded", "labels", value=["loaded", "neutral"]), "is not known here"),
        (put("heads", "loaded", "task", value="sarcasm"), "its task 'sarcasm'"),
        (put("heads", "loaded", "task", value="stance"), "its task 'stance'"),
        (put("heads", "loaded", "task_version", value=2), "task version 2 is not 1"),
        (put("name", value="a\u001b[2Jb"), "holds a control character"),
        (put("heads", "loaded", "corpus", value="two\nlines"), "holds a control character"),
        (put("heads", "loaded", "corpus", value="half \ud800"), "holds a control character"),
        (put("name", value=["x" * 10**5]), "'name' is not of type str"),
        (put("heads", "loaded", "task", value="x" * 10**5), "its task 'xxx"),
        (put("files", "../x", value="0" * 64), "names a file outside the bundle: '../x'"),
        (put("files", "a/../../x", value="0" * 64), "names a file outside the bundle"),
        (put("files", "/etc/passwd", value="0" * 64), "names a file outside the bundle: '/etc/passwd'"),
        (put("files", "C:\\x", value="0" * 64), "names a file outside the bundle"),
        (put("files", "", value="0" * 64), "names a file outside the bundle: ''"),
        (put("graphs", "fp32", "file", value="../tiny/model.onnx"), "gives no digest for '../tiny/model.onnx'"),
        (put("graphs", "fp32", "file", value="bundle.json"), "gives no digest for 'bundle.json'"),
        (lambda m: m["files"].pop("tokenizer.json"), "gives no digest for 'tokenizer.json'"),
        (lambda m: m["files"].pop("golden.jsonl"), "gives no digest for 'golden.jsonl'"),
        (put("files", "weights.bin", value="0" * 64), "the file 'weights.bin' is missing"),
        (put("id", value="0" * 16), "bundle.json was altered"),
        (put("heads", "loaded", "decision", "threshold", value=0.01), "bundle.json was altered"),
        (put("heads", "loaded", "decision", "word_threshold", value=0.99), "bundle.json was altered"),
        (put("licence", value="MIT"), "bundle.json was altered"),
    ],
)  # fmt: skip
def test_manifest_refused(broken: Path, change: Callable[[dict[str, Any]], Any], reason: str) -> None:
    edit_manifest(broken, change)
    assert_refused(broken, reason)


# --- the files


@pytest.mark.parametrize(
    "name", ["model.onnx", "model.int8.onnx", "tokenizer.json", "golden.jsonl", "MODEL_CARD.md", "metrics.json", "heads.safetensors"]
)
def test_altered_truncated_missing(broken: Path, name: str) -> None:
    whole = (broken / name).read_bytes()
    middle = len(whole) // 2
    for content in (whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], whole[:-1], b"", whole + b"\n"):
        (broken / name).write_bytes(content)
        assert_refused(broken, f"the file {name!r} was altered or cut short")
    (broken / name).unlink()
    assert_refused(broken, f"the file {name!r} is missing")


def test_swapped_files(broken: Path) -> None:
    (broken / "model.onnx").rename(broken / "x")
    (broken / "model.int8.onnx").rename(broken / "model.onnx")
    (broken / "x").rename(broken / "model.int8.onnx")
    assert_refused(broken, "was altered")


def test_extra_file(broken: Path) -> None:
    (broken / "sub").mkdir()
    (broken / "sub" / "run.py").write_text("print()")
    assert_refused(broken, "the file 'sub/run.py' is not in the manifest")


def test_a_folder_where_a_file_should_be(broken: Path) -> None:
    (broken / "model.onnx").unlink()
    (broken / "model.onnx").mkdir()
    assert_refused(broken, "the file 'model.onnx' is missing")


@pytest.mark.parametrize("target", ["file", "folder", "nothing"])
def test_links(broken: Path, tiny_bundle: Path, target: str) -> None:
    (broken / "model.onnx").unlink()
    (broken / "model.onnx").symlink_to({"file": tiny_bundle / "model.onnx", "folder": tiny_bundle, "nothing": broken / "x"}[target])
    assert_refused(broken, "'model.onnx' is a link or no plain file")


def test_a_pipe(broken: Path) -> None:
    os.mkfifo(broken / "pipe")
    assert_refused(broken, "'pipe' is a link or no plain file")


def test_folders_without_end(broken: Path) -> None:
    here = Path.cwd()
    try:
        os.chdir(broken)
        for _ in range(1100):
            Path("d").mkdir()
            os.chdir("d")
        os.chdir(broken)
        assert_refused(broken, "more than the 64 files")
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-rf", str(broken)], check=True)  # shutil.rmtree would not come to its end
