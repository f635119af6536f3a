"""Bundles that are broken, forged or hostile: each is refused in one line that names the bundle, the reason and a remedy."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures_bundle import assert_refused, edit_manifest, export_tiny, failed_check, reseal

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


def _put(*keys: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        *parents, last = keys
        for key in parents:
            manifest = manifest[key]
        manifest[last] = value

    return change


def _rename_graph(manifest: dict[str, Any]) -> None:
    manifest["graphs"]["fp16\nFAIL"] = manifest["graphs"].pop("int8")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_put("format_version", value=3), "format version 3 is newer than 2"),
        (_put("format_version", value=0), "there is no format version 0"),
        (_put("format_version", value=True), "this is no bundle manifest"),
        (_put("format_version", value=1.0), "this is no bundle manifest"),
        (_put("code", value="import os"), "the key 'code' is unknown"),
        (_put("heads", "loaded", "decision", "bias", value=1), "the key 'heads.loaded.decision.bias' is unknown"),
        (_put("graphs", "fp32", "provider", value="x"), "the key 'graphs.fp32.provider' is unknown"),
        (lambda m: m.pop("licence"), "the key 'licence' is missing"),
        (lambda m: m["heads"]["loaded"]["decision"].pop("threshold"), "the key 'heads.loaded.decision.threshold' is missing"),
        (lambda m: m["graphs"]["fp32"].pop("file"), "the key 'graphs.fp32.file' is missing"),
        (_put("name", value=None), "'name' is not of type str"),
        (_put("heads", "loaded", "labels", value="neutral"), "'heads.loaded.labels' is not of type tuple"),
        (_put("heads", "loaded", "labels", value=["neutral", 1]), "'heads.loaded.labels' is not of type tuple"),
        (_put("heads", "loaded", "points", value=1), "'heads.loaded.points' is not of type bool"),
        (_put("max_pieces", value="64"), "'max_pieces' is not of type int"),
        (_put("max_pieces", value=10**6), "max_pieces is 1000000"),
        (_put("git_dirty", value="no"), "'git_dirty' is not of type"),
        (_put("files", value=[]), "'files' is not of type dict"),
        (_put("files", "model.onnx", value=1), "'files' is not of type dict"),
        (_put("heads", "loaded", "decision", value=None), "heads.loaded.decision is not a mapping"),
        (_put("heads", "loaded", "decision", "threshold", value=True), "'heads.loaded.decision.threshold' is not of type float"),
        (_put("heads", "loaded", "decision", "threshold", value=1.5), "threshold must lie in [0, 1]"),
        (_put("heads", "loaded", "decision", "threshold", value=float("nan")), "threshold must lie in [0, 1]"),
        (_put("heads", "loaded", "decision", "temperature", value=0), "temperature must be positive"),
        (_put("heads", "loaded", "decision", "temperature", value=float("inf")), "temperature must be positive"),
        (_put("heads", "loaded", "decision", "temperature", value=10**400), "a value is impossible"),
        (_put("graphs", value={}), "names no graph"),
        (_put("graphs", value=[]), "names no graph"),
        (_put("graphs", "fp32", value="model.onnx"), "graphs.fp32 is not a mapping"),
        (_put("graphs", "fp32", "kind", value="pickle"), "unknown graph 'fp32' of kind 'pickle'"),
        (_rename_graph, "unknown graph 'fp16\\nFAIL'"),
        (_put("graphs", "fp32", "tolerance", value=1e9), "tolerance of its fp32 graph"),
        (_put("graphs", "fp32", "tolerance", value=float("inf")), "tolerance of its fp32 graph"),
        (_put("graphs", "fp32", "tolerance", value=float("nan")), "tolerance of its fp32 graph"),
        (_put("precision", value="fp16"), "its own precision 'fp16' has no graph"),
        (_put("heads", "loaded", "labels", value=["loaded", "neutral"]), "is not known here"),
        (_put("heads", "loaded", "task", value="sarcasm"), "its task 'sarcasm'"),
        (_put("heads", "loaded", "task", value="stance"), "its task 'stance'"),
        (_put("heads", "loaded", "task_version", value=2), "task version 2 is not 1"),
        (_put("name", value="a\u001b[2Jb"), "holds a control character"),
        (_put("heads", "loaded", "corpus", value="two\nlines"), "holds a control character"),
        (_put("heads", "loaded", "corpus", value="half \ud800"), "holds a control character"),
        (_put("name", value=["x" * 10**5]), "'name' is not of type str"),
        (_put("heads", "loaded", "task", value="x" * 10**5), "its task 'xxx"),
        (_put("files", "../x", value="0" * 64), "names a file outside the bundle: '../x'"),
        (_put("files", "a/../../x", value="0" * 64), "names a file outside the bundle"),
        (_put("files", "/etc/passwd", value="0" * 64), "names a file outside the bundle: '/etc/passwd'"),
        (_put("files", "C:\\x", value="0" * 64), "names a file outside the bundle"),
        (_put("files", "", value="0" * 64), "names a file outside the bundle: ''"),
        (_put("graphs", "fp32", "file", value="../tiny/model.onnx"), "gives no digest for '../tiny/model.onnx'"),
        (_put("graphs", "fp32", "file", value="bundle.json"), "gives no digest for 'bundle.json'"),
        (lambda m: m["files"].pop("tokenizer.json"), "gives no digest for 'tokenizer.json'"),
        (lambda m: m["files"].pop("golden.jsonl"), "gives no digest for 'golden.jsonl'"),
        (_put("files", "weights.bin", value="0" * 64), "the file 'weights.bin' is missing"),
        (_put("id", value="0" * 16), "bundle.json was altered"),
        (_put("heads", "loaded", "decision", "threshold", value=0.01), "bundle.json was altered"),
        (_put("heads", "loaded", "decision", "word_threshold", value=0.99), "bundle.json was altered"),
        (_put("licence", value="MIT"), "bundle.json was altered"),
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


# --- golden rows, with every digest made to fit


def _golden(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "golden.jsonl").read_text(encoding="utf-8").split("\n") if line]


def _write_golden(folder: Path, rows: list[Any]) -> None:
    (folder / "golden.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    reseal(folder)


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        (("fp32", "loaded", "probabilities"), [0.6, 0.4], "answers otherwise than recorded"),
        (("int8", "loaded", "probabilities"), [0.6, 0.4], "answers otherwise than recorded"),
        (("fp32", "loaded", "probabilities"), [float("nan")] * 2, "answers otherwise than recorded"),
        (("fp32", "loaded", "probabilities"), [None, None], "answers otherwise than recorded"),
        (("fp32", "loaded", "probabilities"), None, "there are 2 probabilities, and 1 are recorded"),
        (("fp32", "loaded", "probabilities"), 1, "and 1 are recorded"),
        (("fp32", "loaded", "probabilities"), "ab", "does not fit the loaded answer of fp32"),
        (("fp32", "loaded", "probabilities"), {"neutral": 1}, "does not fit the loaded answer of fp32"),
        (("fp32", "loaded", "probabilities"), [[0.5, 0.5]], "there are 2 probabilities"),
        (("fp32", "loaded", "probabilities"), [0.5, [0.5]], "does not fit the loaded answer of fp32"),
        (("fp32", "loaded", "probabilities"), [10**400, 0], "does not fit the loaded answer of fp32"),
        (("fp32", "loaded", "probabilities"), [], "there are 2 probabilities, and 0 are recorded"),
        (("fp32", "loaded", "word_scores"), None, "and 1 are recorded"),
        (("fp32", "loaded", "word_scores"), "x", "does not fit the loaded answer of fp32"),
        (("fp32", "loaded", "word_scores"), [0.5], "and 1 are recorded"),
        (("fp32", "loaded"), None, "there is one, and none is recorded"),
        (("fp32",), {}, "it records no 'loaded'"),
        (("fp32",), "x", "does not fit the loaded answer of fp32"),
        (("int8",), None, "does not fit the loaded answer of int8"),
        (("text",), "Something else was said, at such length that the offsets of the target lie inside the text.", "recorded"),
        (("target",), 7, "a target in it has no name"),
        (("target_end",), 10**6, "offsets outside its text"),
        (("target_end",), None, "offsets outside its text"),
        (("target_start",), True, "offsets outside its text"),
        (("text",), 1, "holds no rows with a text"),
        (("text",), "half a pair, in a sentence that is long enough for the offsets of its target to lie inside: \ud800", "cannot be run"),
    ],
)  # fmt: skip
def test_golden_rows_that_do_not_fit(broken: Path, keys: tuple[str, ...], value: Any, reason: str) -> None:
    rows = _golden(broken)
    _put(*keys, value=value)(rows[2])
    _write_golden(broken, rows)
    if keys[0] == "int8":
        with pytest.raises(BundleError, match=reason):
            Annotator.open(broken, precision="int8")
        assert reason in failed_check(broken).detail
    else:
        assert_refused(broken, reason)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"[]\n", b"{}\n", b"x\n", b"\xff\n", b"[" * 200_000 + b"\n", b'{"text": "a", "text": "b"}\n'],
    ids=["empty", "blank", "a list", "an object", "no json", "not utf-8", "nested", "a key twice"],
)
def test_golden_file_that_cannot_be_read(broken: Path, content: bytes) -> None:
    (broken / "golden.jsonl").write_bytes(content)
    reseal(broken)
    assert_refused(broken, "the golden rows cannot be read")


def test_golden_word_scores_are_compared(broken: Path) -> None:
    rows = _golden(broken)
    rows[1]["fp32"]["loaded"]["word_scores"][3] += 0.01
    _write_golden(broken, rows)
    assert_refused(broken, "answers otherwise than recorded")


def test_temperature_is_part_of_the_golden_answers(broken: Path) -> None:
    head = read_bundle(broken).manifest.heads["loaded"]
    reseal(broken, heads={"loaded": replace(head, decision=replace(head.decision, temperature=3.0))})
    assert_refused(broken, "answers otherwise than recorded")


# --- graphs and tokenizers, with every digest made to fit


def _edit_graph(folder: Path, change: Callable[[Any], None]) -> None:
    import onnx

    model = onnx.load(folder / "model.onnx")
    change(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    reseal(folder)


def _largest(model: Any) -> Any:
    return max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))


def _edit_heads(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / "heads.safetensors")
    change(tensors)
    save_file(tensors, folder / "heads.safetensors")
    reseal(folder)


def _times(name: str, factor: float) -> Callable[[dict[str, Any]], None]:
    def change(tensors: dict[str, Any]) -> None:
        tensors[name] = tensors[name] * np.float32(factor)

    return change


def _as(name: str, kind: Any) -> Callable[[dict[str, Any]], None]:
    def change(tensors: dict[str, Any]) -> None:
        tensors[name] = tensors[name].astype(kind)

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_times("loaded.sentence.weight", 2.0), "answers otherwise than recorded"),
        (_times("loaded.word.weight", -1.0), "answers otherwise than recorded"),
        (_times("loaded.word.bias", float("nan")), "has numbers in 'loaded.word.bias' that are none"),
        (_times("loaded.sentence.weight", float("inf")), "that are none"),
        (lambda t: t.pop("loaded.word.weight"), "has no tensor 'loaded.word.weight'"),
        (lambda t: t.update(x=np.zeros(1, np.float32)), "has a tensor that no head reads: 'x'"),
        (lambda t: t.update({"loaded.word.weight": np.zeros(7, np.float32)}), "as float32 [7], not as floats [64]"),
        (lambda t: t.update({"loaded.word.weight": t["loaded.word.weight"][None]}), "as float32 [1, 64], not as floats [64]"),
        (_as("loaded.sentence.weight", np.int64), "as int64"),
        (_as("loaded.sentence.weight", np.float16), "as float16"),
    ],
)  # fmt: skip
def test_heads_that_are_not_ours(broken: Path, change: Callable[[dict[str, Any]], Any], reason: str) -> None:
    _edit_heads(broken, change)
    assert_refused(broken, reason)


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"\xff" * 100, (2**62).to_bytes(8, "little"), b"\x02\0\0\0\0\0\0\0{}", b"\x02\0\0\0\0\0\0\0[]", b"\x80\x04cos\nsystem\n."],
    ids=["empty", "text", "ones", "endless header", "no tensors", "a list", "a pickle"],
)
def test_heads_that_are_no_safetensors(broken: Path, content: bytes) -> None:
    (broken / "heads.safetensors").write_bytes(content)
    reseal(broken)
    assert_refused(broken, "heads.safetensors ")


def test_widths_that_are_not_the_encoders(broken: Path) -> None:
    """Widths and heads may agree with one another; the graph says otherwise."""
    _edit_heads(broken, lambda t: t.update({"loaded.word.weight": np.zeros(66, np.float32)}))
    reseal(broken, word_width=66)
    assert_refused(broken, "not 64 and 66 wide")


def _not_a_number(model: Any) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == "encoder.embeddings.LayerNorm.weight")
    tensor.raw_data = np.full(tensor.dims[0], np.nan, np.float32).tobytes()


def test_states_that_are_no_numbers(broken: Path) -> None:
    _edit_graph(broken, _not_a_number)
    assert_refused(broken, "gives no probabilities")


def _external(location: str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        tensor = _largest(model)
        length = len(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = 1
        for key, value in (("location", location), ("length", str(length))):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value

    return change


def _external_in_attribute(model: Any) -> None:
    node = next(n for n in model.graph.node if n.op_type == "Constant")
    node.attribute[0].t.ClearField("raw_data")
    node.attribute[0].t.data_location = 1


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", "weights.bin", "*/_ORT_MEM_ADDR_/*"])
def test_external_data(broken: Path, location: str) -> None:
    (broken.parent / "weights.bin").write_bytes(b"\0" * 10**6)
    _edit_graph(broken, _external(location))
    assert_refused(broken, "it keeps weights in another file")


def test_external_data_inside_the_bundle(broken: Path) -> None:
    (broken / "weights.bin").write_bytes(b"\0" * 10**6)
    _edit_graph(broken, _external("weights.bin"))
    assert_refused(broken, "it keeps weights in another file")


def test_external_data_of_a_constant(broken: Path) -> None:
    _edit_graph(broken, _external_in_attribute)
    assert_refused(broken, "it keeps weights in another file")


def _custom_operator(model: Any) -> None:
    import onnx

    model.graph.node[0].domain = "com.example"
    model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))


def _rename_input(model: Any) -> None:
    for node in model.graph.node:
        node.input[:] = ["ids" if name == "input_ids" else name for name in node.input]
    model.graph.input[0].name = "ids"


def _swap_outputs(model: Any) -> None:
    for node in model.graph.node:
        names = {"sentence_states": "word_states", "word_states": "sentence_states"}
        node.output[:] = [names.get(name, name) for name in node.output]
        node.input[:] = [names.get(name, name) for name in node.input]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_custom_operator, "model.onnx cannot be loaded"),
        (_rename_input, "model.onnx cannot be run"),
        (lambda model: model.graph.output.pop(), "model.onnx cannot be run"),
        (_swap_outputs, "model.onnx cannot be run"),
    ],
    ids=["custom operator", "other inputs", "one output", "outputs swapped"],
)
def test_graphs_that_are_not_ours(broken: Path, change: Callable[[Any], None], reason: str) -> None:
    _edit_graph(broken, change)
    assert_refused(broken, reason)


@pytest.mark.parametrize("content", [b"", b"x", b"\x0a\xff\xff\xff\xff\x0f", b"\xff" * 20, b"PK\x03\x04", b"\x3b" * 50])
def test_a_graph_that_is_no_onnx(broken: Path, content: bytes) -> None:
    (broken / "model.onnx").write_bytes(content)
    reseal(broken)
    assert_refused(broken, "model.onnx cannot be loaded")


def test_a_graph_cut_short(broken: Path) -> None:
    whole = (broken / "model.onnx").read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 100):
        (broken / "model.onnx").write_bytes(whole[:length])
        reseal(broken)
        assert_refused(broken, "model.onnx cannot be loaded")


def _edit_tokenizer(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    found = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    change(found)
    (folder / "tokenizer.json").write_text(json.dumps(found), encoding="utf-8")
    reseal(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.clear(), "not a readable tokenizer.json"),
        (_put("model", "type", value="Python"), "not a readable tokenizer.json"),
        (_put("model", "unk_token", value="[NONE]"), "cannot be run"),
        (_put("model", "vocab", "the", value=10**6), "cannot be run"),
        (_put("normalizer", "lowercase", value=False), "answers otherwise than recorded"),
        # This one panics inside tokenizers, which is no Exception.
        (_put("post_processor", "special_tokens", value={}), "cannot be run"),
    ],
)  # fmt: skip
def test_tokenizers_that_are_not_ours(broken: Path, change: Callable[[dict[str, Any]], Any], reason: str) -> None:
    _edit_tokenizer(broken, change)
    assert_refused(broken, reason)


def test_max_pieces_beyond_the_encoder(broken: Path) -> None:
    """A forged limit opens, and a sentence that the encoder cannot take is refused in words, not with onnxruntime's exception."""
    reseal(broken, max_pieces=2000)
    annotator = Annotator.open(broken)
    with pytest.raises(BundleError, match="cannot be run"):
        annotator.annotate("vile " * 1500)


# --- the baselines' bundles


@pytest.fixture(scope="module")
def linear_bundle(tiny_dataset: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from slant.models import Linear

    return export_tiny(Linear().fit(tiny_dataset, None, seed=0), tmp_path_factory.mktemp("linear") / "bundle", tiny_dataset)


@pytest.fixture(scope="module")
def prior_bundle(tiny_dataset: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from slant.models import Prior

    return export_tiny(Prior(by="outlet").fit(tiny_dataset, None, seed=0), tmp_path_factory.mktemp("prior") / "bundle", tiny_dataset)


class _Untrusted:
    """A type that skops does not know."""

    classes_ = (0, 1)

    def predict_proba(self, texts: list[str]) -> list[list[float]]:
        return [[0.5, 0.5]] * len(texts)


def test_skops_with_an_untrusted_type(linear_bundle: Path, tmp_path: Path) -> None:
    import skops.io

    folder = Path(shutil.copytree(linear_bundle, tmp_path / "bundle"))
    skops.io.dump(_Untrusted(), folder / "linear.skops")
    reseal(folder)
    assert_refused(folder, "Untrusted")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + b"\0" * 18])
def test_skops_that_is_none(linear_bundle: Path, tmp_path: Path, content: bytes) -> None:
    folder = Path(shutil.copytree(linear_bundle, tmp_path / "bundle"))
    (folder / "linear.skops").write_bytes(content)
    reseal(folder)
    assert_refused(folder, "linear.skops cannot be loaded")


def test_skops_of_something_else(linear_bundle: Path, tmp_path: Path) -> None:
    import skops.io

    folder = Path(shutil.copytree(linear_bundle, tmp_path / "bundle"))
    skops.io.dump([1, 2, 3], folder / "linear.skops")
    reseal(folder)
    assert_refused(folder, "linear.skops cannot be run")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "cannot be loaded"),
        ("[]", "cannot be loaded"),
        ("{}", "cannot be loaded"),
        ("[" * 100_000, "cannot be loaded"),
        ('{"overall": "x"}', "cannot be"),
        ('{"overall": [0.2, 0.3, 0.5]}', "gives no probabilities"),
        ('{"overall": [NaN, 1.0]}', "gives no probabilities"),
        ('{"overall": [-1.0, 2.0]}', "gives no probabilities"),
        ('{"overall": [0.9, 0.1]}', "answers otherwise than recorded"),
    ],
)
def test_priors_that_are_none(prior_bundle: Path, tmp_path: Path, content: str, reason: str) -> None:
    folder = Path(shutil.copytree(prior_bundle, tmp_path / "bundle"))
    (folder / "prior.json").write_text(content, encoding="utf-8")
    reseal(folder)
    assert_refused(folder, reason)


def test_a_stance_bundle_alone_cannot_annotate(prior_bundle: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(prior_bundle, tmp_path / "bundle"))
    (folder / "prior.json").write_text('{"overall": [0.2, 0.3, 0.5]}', encoding="utf-8")
    rows = [{"text": "x", "target": "y", "fp32": {"stance": {"probabilities": [0.2, 0.3, 0.5]}}}]

    def change(manifest: dict[str, Any]) -> None:
        head = manifest["heads"].pop("loaded")
        manifest["heads"]["stance"] = head | {"task": "stance", "labels": ["against", "neutral", "favor"]}

    edit_manifest(folder, change)
    _write_golden(folder, rows)
    assert all(check.passed for check in verify_bundle(folder))
    with pytest.raises(BundleError, match="it has no head of the task 'loaded', only stance"):
        Annotator.open(folder)
    _write_golden(folder, [row | {"target": None, "fp32": {"stance": None}} for row in rows])
    assert "no golden row asks the head 'stance' anything" in failed_check(folder).detail


# --- zips


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
