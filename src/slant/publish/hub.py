"""A bundle as a folder that users of transformers and onnxruntime read as they expect: one graph from pieces to calibrated logits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slant.bundle import Bundle, Head, read_heads
from slant.bundle.format import TOKENIZER
from slant.errors import BundleError
from slant.labels import LOADED
from slant.publish.card import render_card
from slant.publish.facts import read_facts
from slant.publish.hub_words import BREAKS, JOINS, mark_words

if TYPE_CHECKING:
    import onnx

__all__ = ["write_hub"]

_REMEDY = "Export it with --layout slant"
_SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
# A logit no word falls below (slant.decode.heads).
_FLOOR = -10.0
_USE = """## As a transformers and onnxruntime folder

`model.onnx` takes `input_ids` and `attention_mask` and gives `logits` (n, {k}) in the order of `id2label`. **The logits are calibrated**: the
temperature {temperature:.3f} is folded in, so that their softmax is what `slant` itself tells. The graph is the {precision} one.

```python
import numpy as np, onnxruntime as ort
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("FOLDER")
session = ort.InferenceSession("FOLDER/model.onnx")
inputs = tokenizer(["The warmonger spoke.", "Rain fell."], padding=True, truncation=True, return_tensors="np")
logits = session.run(["logits"], dict(inputs))[0]
probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
```
{words}
What this folder cannot do: mark words, tell stances, voices and speakers, abstain. The commands below need the bundle that it was made from.

"""
_WORDS = """
The model reads its words' scores, and so it must know where words end. `tokenizer.json` therefore has a few pieces more than the encoder's
vocabulary: hyphens, apostrophes and stops inside a word have numbers of their own, which the graph turns back before the encoder reads them.
Use this tokenizer and no other. A word in a script that the vocabulary lacks counts as no word here.
"""


def write_hub(bundle: Bundle, folder: Path) -> None:
    """Write config.json, tokenizer.json, tokenizer_config.json, model.onnx and README.md into a folder, from the bundle's default graph.

    Raises BundleError for a bundle without light heads of the task loaded, or with a tokenizer whose pieces do not tell where words end.
    """
    manifest = bundle.manifest
    head = manifest.heads.get(LOADED.name)
    graph = manifest.graphs[manifest.precision]
    if head is None or graph.kind != "encoder":
        has = f"only {', '.join(manifest.heads)}" if head is None else f"of kind {graph.kind}"
        raise BundleError(f"the hub layout is of an encoder with a head 'loaded', and it has {has}", where=bundle.where, remedy=_REMEDY)
    import onnx

    tokenizer = json.loads((bundle.folder / TOKENIZER).read_text(encoding="utf-8"))
    tokenizer |= {"padding": None, "truncation": None}
    marked = mark_words(tokenizer) if head.points else None
    if head.points and marked is None:
        problem = "the hub layout needs BERT's word pieces, by which words can be told, and its tokenizer is another"
        raise BundleError(problem, where=bundle.where, remedy=_REMEDY)
    model = onnx.load(bundle.folder / graph.file)
    tensors = read_heads(bundle.folder, manifest, bundle.where)[LOADED.name]
    _add_head(model, head, tensors, marked)
    onnx.checker.check_model(model)
    onnx.save(model, folder / "model.onnx")
    known = {token["content"] for token in tokenizer.get("added_tokens", [])}
    special = {name: piece for name, piece in _SPECIAL.items() if piece in known}
    limits = {"model_max_length": manifest.max_pieces, "model_input_names": ["input_ids", "attention_mask"]}
    _write(folder / TOKENIZER, tokenizer)
    _write(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False} | limits | special)
    labels = dict(enumerate(head.labels))
    config = {
        # What reads the file asks for a family of models; the graph alone says what is computed.
        "model_type": "bert",
        "architectures": ["BertForSequenceClassification"],
        "problem_type": "single_label_classification",
        "id2label": {str(number): label for number, label in labels.items()},
        "label2id": {label: number for number, label in labels.items()},
        "vocab_size": len(tokenizer["model"]["vocab"]),
        "max_position_embeddings": manifest.max_pieces,
        "slant_bundle": manifest.id,
    }
    _write(folder / "config.json", config)
    use = _USE.format(k=len(head.labels), temperature=head.decision.temperature, precision=manifest.precision, words=_WORDS if marked else "")
    (folder / "README.md").write_text(render_card(manifest, read_facts(bundle), extra=use), encoding="utf-8")


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _add_head(model: onnx.ModelProto, head: Head, tensors: dict[str, Any], marked: tuple[list[int], list[int]] | None) -> None:
    """Let an encoder's graph (`slant.publish.onnx`) read pieces alone and give the head's calibrated logits `(n, 2)`."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    for node in graph.node:
        node.input[:] = ["/hub/pieces" if name == "input_ids" and marked else name for name in node.input]
    before: list[Any] = []
    after: list[Any] = []

    def constant(name: str, value: Any, kind: Any = np.float32) -> str:
        graph.initializer.append(numpy_helper.from_array(np.asarray(value, kind), f"/hub/{name}"))
        return f"/hub/{name}"

    def put(where: list[Any], operator: str, inputs: list[str], name: str, **options: Any) -> str:
        where.append(helper.make_node(operator, inputs, [f"/hub/{name}"], name=f"/hub/node/{name}", **options))
        return f"/hub/{name}"

    one = constant("one", [1], np.int64)
    if marked:
        pieces, kinds = (constant(name, table, np.int64) for name, table in zip(("piece_of", "kind_of"), marked, strict=True))
        put(before, "Gather", [pieces, "input_ids"], "pieces")
        kind = put(before, "Mul", [put(before, "Gather", [kinds, "input_ids"], "kinds"), "attention_mask"], "kind")
        # The kind of the piece before: 0 before the first.
        last = put(before, "Slice", [kind, constant("zero", [0], np.int64), constant("minus_one", [-1], np.int64), one], "all_but_last")
        ahead = constant("ahead", [0, 1, 0, 0], np.int64)
        previous = put(before, "Pad", [last, ahead], "previous")
        # A word begins at a whole piece that nothing joins to the one before, and at a continuing one that follows no word.
        whole = put(before, "Equal", [kind, one], "whole")
        joined = put(before, "Equal", [previous, constant("joins", [JOINS], np.int64)], "joined")
        apart = put(before, "Equal", [previous, constant("breaks", [BREAKS], np.int64)], "apart")
        inside = put(before, "Greater", [kind, constant("no_word", [BREAKS], np.int64)], "inside")
        begins = put(before, "Or", [put(before, "And", [whole, put(before, "Not", [joined], "free")], "new"), apart], "may_begin")
        begins = put(before, "Cast", [put(before, "And", [inside, begins], "begins")], "begins_number", to=TensorProto.INT64)
        number = put(before, "Sub", [put(before, "CumSum", [begins, constant("axis", 1, np.int64)], "counted"), one], "number")
        before.append(helper.make_node("Where", [inside, number, constant("none", [-1], np.int64)], ["word_of"], name="/hub/node/word_of"))
        count = put(before, "ReduceSum", [begins, one], "count", keepdims=1)
    else:
        # Nothing reads the words, and the encoder's graph asks where they are.
        zeros = put(before, "Mul", ["attention_mask", constant("zero", [0], np.int64)], "zeros")
        before.append(helper.make_node("Sub", [zeros, one], ["word_of"], name="/hub/node/word_of"))
    state = "sentence_states"
    if marked:
        features = _features(put, constant, after, tensors, begins, count, one)
        state = put(after, "Concat", [state, *features], "joined_state", axis=1)
    scale = 1.0 / head.decision.temperature
    weight = constant("sentence_weight", np.asarray(tensors["sentence.weight"], np.float64)[:, None] * scale)
    bias = constant("sentence_bias", np.asarray(tensors["sentence.bias"], np.float64) * scale)
    logit = put(after, "Add", [put(after, "MatMul", [state, weight], "product"), bias], "logit")
    nothing = put(after, "Mul", [logit, constant("nought", [0.0])], "nothing")
    after.append(helper.make_node("Concat", [nothing, logit], ["logits"], name="/hub/node/logits", axis=1))
    nodes = [*before, *graph.node, *after]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.input[:]
    graph.input.extend(helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "pieces"]) for name in ("input_ids", "attention_mask"))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(head.labels)]))


def _features(put: Any, constant: Any, after: list[Any], tensors: dict[str, Any], begins: str, count: str, one: str) -> list[str]:
    """`slant.decode.heads.word_features` of the graph's words, as ONNX: three columns `(n, 3)`, then four `(n, 1)`."""
    from onnx import TensorProto

    weight = constant("word_weight", np.asarray(tensors["word.weight"])[:, None])
    bias = constant("word_bias", tensors["word.bias"])
    scored = put(after, "Add", [put(after, "MatMul", ["word_states", weight], "word_product"), bias], "word_logits_3d")
    logits = put(after, "Squeeze", [scored, constant("last_axis", [2], np.int64)], "word_logits")
    # As many words as pieces have a place; those from `count` on are none.
    ones = put(after, "Add", [put(after, "Mul", [begins, constant("nil", [0], np.int64)], "nils"), one], "ones")
    place = put(after, "Sub", [put(after, "CumSum", [ones, constant("along", 1, np.int64)], "places_from_one"), one], "places")
    present = put(after, "Less", [place, count], "present")
    number = put(after, "Cast", [present], "present_number", to=TensorProto.FLOAT)
    floor = constant("floor", [_FLOOR])
    floored = put(after, "Where", [present, put(after, "Max", [logits, floor], "clipped"), floor], "floored")
    padded = put(after, "Pad", [floored, constant("three", [0, 0, 0, 3], np.int64), constant("floor_scalar", _FLOOR)], "padded")
    top = "/hub/top"
    after.append(_top_k(padded, constant("k", [3], np.int64), top))
    greatest = put(after, "Slice", [top, constant("from", [0], np.int64), one, one], "greatest")

    def total(values: str, name: str) -> str:
        return str(put(after, "ReduceSum", [put(after, "Mul", [values, number], f"{name}_masked"), one], name, keepdims=1))

    shares = total(put(after, "Exp", [put(after, "Sub", [floored, greatest], "less")], "exponentials"), "shares")
    absent = put(after, "Exp", [put(after, "Sub", [floor, greatest], "floor_less")], "absent")
    summed = put(after, "Add", [put(after, "Log", [put(after, "Add", [shares, absent], "all")], "logarithm"), greatest], "logsumexp")
    expected = total(put(after, "Sigmoid", [floored], "probability"), "expected")
    size = put(after, "Cast", [count], "size", to=TensorProto.FLOAT)
    unit = constant("unit", [1.0])
    mean = put(after, "Div", [expected, put(after, "Max", [size, unit], "at_least_one")], "mean")
    length = put(after, "Log", [put(after, "Add", [size, unit], "one_more")], "log_length")
    return [top, summed, expected, mean, length]


def _top_k(values: str, k: str, output: str) -> Any:
    from onnx import helper

    return helper.make_node("TopK", [values, k], [output, "/hub/top_places"], name="/hub/node/top", axis=1)
