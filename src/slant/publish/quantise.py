"""The int8 form of an encoder graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from slant.data.corpora.newsroom import load_newsroom
from slant.publish.fuse import CONTRIB, drop_unused, fuse_attention, skip_identities
from slant.publish.onnx import OUTPUTS
from slant.publish.rounding import find_outliers, round_columns, round_rows, smooth
from slant.serve.sessions import open_graph
from slant.text.wordpieces import Wordpieces, pad_pieces

if TYPE_CHECKING:
    import onnx
    import onnxruntime as ort

__all__ = ["quantise"]

#: So many of the shipped corpus's sentences tell how large activations are, and how far the int8 states lie from the fp32 ones.
_SENTENCES = 200
#: Products and tables of the encoder; the pooling of its states stays fp32, for its errors would reach the heads undamped.
_ENCODER = "/encoder/"

Floats = npt.NDArray[np.floating]
#: For each value of a graph the nodes that read it.
_Users = dict[str, list["onnx.NodeProto"]]


@dataclass
class _Seen:
    """What a product's inputs were in some texts: each one's greatest magnitude `(d,)`, and `x.T @ x` `(d, d)`."""

    greatest: Floats
    gram: Floats


def quantise(source: Path, target: Path, wordpieces: Wordpieces) -> None:
    """Write the encoder graph `source` with 8-bit weights, activations quantised as they come, and states mended by a constant.

    Each product's inputs are made even before they are rounded, and its weights rounded so that errors make up for each other
    (`slant.publish.rounding`). What int8 rounds away is no noise alone: on average it moves the states, and with them every answer, one way.
    That mean is taken off the two outputs ("bias correction", Nagel et al. 2019, Data-Free Quantization, section 4.2). All is measured on the same
    sentences of the shipped corpus whatever the model, and on one thread: equal encoders have equal int8 graphs.
    """
    import onnx
    from threadpoolctl import threadpool_limits

    texts = load_newsroom().dataset["text"]
    spread = [texts[i] for i in np.linspace(0, len(texts) - 1, _SENTENCES).astype(int)]
    model = onnx.load(source)
    skip_identities(model)
    fuse_attention(model)
    with threadpool_limits(1):
        seen = _watch(model, wordpieces, spread)
        _quantise_products(model, seen)
    _quantise_words(model)
    _keep_sums_apart(model)
    drop_unused(model)
    if not any(entry.domain == CONTRIB for entry in model.opset_import):
        model.opset_import.append(onnx.helper.make_opsetid(CONTRIB, 1))
    means = [_mean_states(open_graph(each.SerializeToString()), wordpieces, spread) for each in (onnx.load(source), model)]
    for output, wanted, found in zip(OUTPUTS, *means, strict=True):
        _add_constant(model, output, wanted - found)
    onnx.save(model, target)


def _products(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The encoder's products with a constant matrix."""
    constants = {tensor.name for tensor in graph.initializer}
    return [node for node in graph.node if node.name.startswith(_ENCODER) and node.op_type in _FORMS and node.input[1] in constants]


def _watch(model: onnx.ModelProto, wordpieces: Wordpieces, texts: Sequence[str]) -> dict[str, _Seen]:
    """What goes into each of the encoder's products, by its name in the graph."""
    import onnx

    names = sorted({node.input[0] for node in _products(model.graph)} - set(OUTPUTS))
    own = len(model.graph.output)
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    session, rows = open_graph(model.SerializeToString()), dict[str, list[Floats]]()
    del model.graph.output[own:]
    for pieces in wordpieces.encode(texts):
        for name, found in zip(names, session.run(names, pad_pieces([pieces])), strict=True):
            rows.setdefault(name, []).append(found.reshape(-1, found.shape[-1]))
    seen = {}
    for name in names:
        x = np.concatenate(rows.pop(name))
        seen[name] = _Seen(np.abs(x).max(axis=0), (x.T @ x).astype(np.float64))
    return seen


def _quantise_products(model: onnx.ModelProto, seen: dict[str, _Seen]) -> None:
    """Put the 8-bit form in every product's place."""
    from onnx import helper, numpy_helper

    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    users: _Users = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    forms: dict[str, list[onnx.NodeProto]] = {}
    for node in _products(graph):
        inputs, name = seen[node.input[0]], node.name
        weight = numpy_helper.to_array(constants[node.input[1]])
        scales = smooth(weight, inputs.greatest)
        # What stands apart is added over the whole output, which costs more than it brings where that is wider than the input.
        narrowing = node.op_type == "MatMul" and weight.shape[1] <= weight.shape[0]
        apart = find_outliers(scales, inputs.greatest) if narrowing else np.zeros(0, np.int64)
        even = np.where(np.isin(np.arange(len(scales)), apart), 0, 1 / scales).astype(np.float32)
        whole, column_scales = round_columns(weight * scales[:, None], inputs.gram * np.outer(even, even))
        _store(graph, name, even=even, whole=whole, scales=column_scales)
        if len(apart):
            _store(graph, name, apart=apart, weight=weight[apart])
        evened = helper.make_node("Mul", [node.input[0], f"{name}/even"], [f"{name}/input"], name=f"{name}/even")
        forms[name] = [evened, *_FORMS[node.op_type](node, users, constants, apart=bool(len(apart)))]
    nodes = [each for node in graph.node for each in forms.get(node.name, [node])]
    # A product that takes its bias along gives what the sum after it gave, which is then no longer needed.
    given: set[str] = {output for form in forms.values() for node in form for output in node.output}
    mine = {id(node) for form in forms.values() for node in form}
    nodes = [node for node in nodes if id(node) in mine or not given.intersection(node.output)]
    del graph.node[:]
    graph.node.extend(nodes)


def _store(graph: onnx.GraphProto, name: str, **constants: npt.NDArray[Any]) -> None:
    """Add constants that are called after the node that uses them."""
    from onnx import numpy_helper

    graph.initializer.extend(numpy_helper.from_array(values, f"{name}/{part}") for part, values in constants.items())


def _matmul(node: onnx.NodeProto, users: _Users, constants: Mapping[str, onnx.TensorProto], *, apart: bool) -> list[onnx.NodeProto]:
    """A product, the bias that is added to it, and what the features that stand apart add."""
    from onnx import helper

    name, after = node.name, users[node.output[0]]
    bias = [each for each in after[0].input if each in constants] if len(after) == 1 and after[0].op_type == "Add" else []
    one = bool(bias) and len(constants[bias[0]].dims) == 1
    inputs = [f"{name}/input", f"{name}/whole", f"{name}/scales", *(["", bias[0]] if one else [])]
    output = after[0].output[0] if one else node.output[0]
    product = helper.make_node("DynamicQuantizeMatMul", inputs, [f"{name}/even_part" if apart else output], name=f"{name}/int8", domain=CONTRIB)
    if not apart:
        return [product]
    return [
        product,
        helper.make_node("Gather", [node.input[0], f"{name}/apart"], [f"{name}/outliers"], name=f"{name}/outliers", axis=-1),
        helper.make_node("MatMul", [f"{name}/outliers", f"{name}/weight"], [f"{name}/apart_part"], name=f"{name}/apart"),
        helper.make_node("Add", [f"{name}/even_part", f"{name}/apart_part"], [output], name=f"{name}/joined"),
    ]


def _attention(node: onnx.NodeProto, _users: _Users, _constants: Mapping[str, onnx.TensorProto], *, apart: bool) -> list[onnx.NodeProto]:
    """Attention as `slant.publish.fuse` writes it, whose inputs are never told `apart`."""
    from onnx import helper

    assert not apart
    name, heads = node.name, next(attribute.i for attribute in node.attribute if attribute.name == "num_heads")
    rounded = [f"{name}/rounded", f"{name}/scale", f"{name}/zero"]
    inputs = [rounded[0], f"{name}/whole", node.input[2], rounded[1], f"{name}/scales", node.input[3], rounded[2]]
    return [
        helper.make_node("DynamicQuantizeLinear", [f"{name}/input"], rounded, name=f"{name}/round"),
        helper.make_node("QAttention", inputs, list(node.output), name=f"{name}/int8", domain=CONTRIB, num_heads=heads),
    ]


_FORMS = {"MatMul": _matmul, "Attention": _attention}


def _quantise_words(model: onnx.ModelProto) -> None:
    """The greatest table, that of the words, as whole numbers with a scale a row: it is half of a small encoder's weight."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer if len(tensor.dims) == 2 and tensor.data_type == TensorProto.FLOAT}
    tables = [node for node in graph.node if node.op_type == "Gather" and node.name.startswith(_ENCODER) and node.input[0] in constants]
    if not tables:
        return
    node = max(tables, key=lambda node: int(np.prod(constants[node.input[0]].dims)))
    name = node.name
    whole, scales = round_rows(numpy_helper.to_array(constants[node.input[0]]))
    _store(graph, name, table=whole, scales=scales)
    place = list(graph.node).index(node)
    nodes = [
        helper.make_node("Gather", [f"{name}/table", node.input[1]], [f"{name}/whole"], name=f"{name}/rows"),
        helper.make_node("Cast", [f"{name}/whole"], [f"{name}/cast"], name=f"{name}/cast", to=TensorProto.FLOAT),
        helper.make_node("Gather", [f"{name}/scales", node.input[1]], [f"{name}/scale"], name=f"{name}/scale"),
        helper.make_node("Mul", [f"{name}/cast", f"{name}/scale"], list(node.output), name=f"{name}/scaled"),
    ]
    ordered = [*list(graph.node)[:place], *nodes, *list(graph.node)[place + 1 :]]
    del graph.node[:]
    graph.node.extend(ordered)


def _keep_sums_apart(model: onnx.ModelProto) -> None:
    """Let onnxruntime not make one operator of a residual sum and the normalisation after it: that one (SkipLayerNormalization) takes five times
    as long as the two, and it is not made of a `Sum`.
    """
    normalised = {node.input[0] for node in model.graph.node if node.op_type == "LayerNormalization"}
    for node in model.graph.node:
        if node.op_type == "Add" and node.output[0] in normalised:
            node.op_type = "Sum"


def _mean_states(session: ort.InferenceSession, wordpieces: Wordpieces, texts: Sequence[str]) -> tuple[Floats, Floats]:
    """The mean sentence state and the mean word state of the texts, each read by itself, as int8 graphs are run."""
    sentences, words = [], []
    for pieces in wordpieces.encode(texts):
        sentence, word = session.run(list(OUTPUTS), pad_pieces([pieces]))
        sentences.append(sentence[0])
        words.append(word[0, : len(pieces.words)])
    return np.mean(sentences, axis=0, dtype=np.float64), np.concatenate(words).mean(axis=0, dtype=np.float64)


def _add_constant(model: onnx.ModelProto, output: str, constant: Floats) -> None:
    """Let the graph's `output` be what it was plus `constant` `(d,)`."""
    from onnx import helper, numpy_helper

    inner, name = f"{output}_int8", f"{output}_mend"
    for node in model.graph.node:
        node.output[:] = [inner if each == output else each for each in node.output]
        node.input[:] = [inner if each == output else each for each in node.input]
    model.graph.initializer.append(numpy_helper.from_array(constant.astype(np.float32), name))
    model.graph.node.append(helper.make_node("Add", [inner, name], [output], name=f"/mend/{output}"))
