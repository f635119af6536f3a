"""Self-attention of an exported encoder as onnxruntime's one operator for it, instead of the thirty that the exporter writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

__all__ = ["CONTRIB", "HEADS", "drop_unused", "fuse_attention", "skip_identities"]

#: onnxruntime's own operators.
CONTRIB = "com.microsoft"
#: The metadata entry of an exported graph that says into how many heads its attention is cut.
HEADS = "num_attention_heads"
_MASK = "/fused/attention_mask"


def fuse_attention(model: onnx.ModelProto) -> int:
    """Put one `Attention` (query, key and value as one product) where the graph has three products, in place; returns how many were found.

    Only what the exporter calls `…/self/query`, `…/self/key` and `…/self/value` (BERT and its kin) is found, and only where the graph's
    metadata gives the number of heads; any other encoder is left as it is. The exporter's own form costs a tenth of a short sentence's
    pass in operators that compute shapes, and onnxruntime's fusion script does not know it.
    """
    from onnx import TensorProto, helper, numpy_helper

    heads = {entry.key: entry.value for entry in model.metadata_props}.get(HEADS)
    graph = model.graph
    nodes = {node.name: node for node in graph.node}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    found: dict[str, onnx.NodeProto] = {}
    for name in [name for name in nodes if heads and name.endswith("/self/query/MatMul")]:
        stem = name.removesuffix("/self/query/MatMul")
        products = [nodes.get(f"{stem}/self/{part}/MatMul") for part in ("query", "key", "value")]
        sums = [nodes.get(f"{stem}/self/{part}/Add") for part in ("query", "key", "value")]
        after = nodes.get(f"{stem}/output/dense/MatMul")
        if after is None or None in products or None in sums or len({product.input[0] for product in products if product}) != 1:
            continue
        weights = [numpy_helper.to_array(constants[product.input[1]]) for product in products if product]
        biases = [numpy_helper.to_array(constants[each]) for added in sums if added for each in added.input if each in constants]
        if len(biases) != len(weights):
            continue
        graph.initializer.append(numpy_helper.from_array(np.concatenate(weights, axis=1), f"{stem}/fused/weight"))
        graph.initializer.append(numpy_helper.from_array(np.concatenate(biases), f"{stem}/fused/bias"))
        inputs = [nodes[name].input[0], f"{stem}/fused/weight", f"{stem}/fused/bias", _MASK]
        output = f"{stem}/fused/output"
        found[after.name] = helper.make_node("Attention", inputs, [output], name=f"{stem}/fused", domain=CONTRIB, num_heads=int(str(heads)))
        after.input[0] = output
    if found:
        ordered = [helper.make_node("Cast", ["attention_mask"], [_MASK], name=_MASK, to=TensorProto.INT32)]
        for node in graph.node:
            ordered += [found[node.name], node] if node.name in found else [node]
        del graph.node[:]
        graph.node.extend(ordered)
        drop_unused(model)
        model.opset_import.append(helper.make_opsetid(CONTRIB, 1))
    return len(found)


def skip_identities(model: onnx.ModelProto) -> None:
    """Let whoever reads what an `Identity` gives read its input: the exporter writes equal constants once, and the others as such."""
    same: dict[str, str] = {}
    for node in model.graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
        if node.op_type == "Identity" and node.output[0] not in {output.name for output in model.graph.output}:
            same[node.output[0]] = node.input[0]
    drop_unused(model)


def drop_unused(model: onnx.ModelProto) -> None:
    """Take out the nodes and constants that no output needs."""
    graph = model.graph
    wanted, kept = {output.name for output in graph.output}, []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    constants = [tensor for tensor in graph.initializer if tensor.name in wanted]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(constants)
