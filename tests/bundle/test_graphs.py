"""Golden rows, graphs and tokenizers that do not fit, with every digest made to fit: each is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures_bundle import assert_refused, failed_check, put, read_golden, reseal, write_golden

from slant.bundle import read_bundle
from slant.errors import BundleError
from slant.serve import Annotator

# --- golden rows, with every digest made to fit


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
    rows = read_golden(broken)
    put(*keys, value=value)(rows[2])
    write_golden(broken, rows)
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
    rows = read_golden(broken)
    rows[1]["fp32"]["loaded"]["word_scores"][3] += 0.01
    write_golden(broken, rows)
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
        (put("model", "type", value="Python"), "not a readable tokenizer.json"),
        (put("model", "unk_token", value="[NONE]"), "cannot be run"),
        (put("model", "vocab", "the", value=10**6), "cannot be run"),
        (put("normalizer", "lowercase", value=False), "answers otherwise than recorded"),
        # This one panics inside tokenizers, which is no Exception.
        (put("post_processor", "special_tokens", value={}), "cannot be run"),
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
