"""What is inside an ONNX file? Read from its protobuf wire format, so that it is known before onnxruntime opens anything."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["OPERATORS", "check_graph"]

#: What a graph of ours may compute with, by domain: arithmetic, shapes and 8-bit forms of a transformer. There is no control flow, nothing that
#: draws at random, and nothing of a library that someone would have to load.
OPERATORS: dict[str, frozenset[str]] = {
    "": frozenset(
        {
            "Abs", "Add", "And", "ArgMax", "Cast", "CastLike", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "CumSum",
            "DequantizeLinear", "Div", "DynamicQuantizeLinear", "Einsum", "Equal", "Erf", "Exp", "Expand", "Flatten", "Floor", "Gather",
            "GatherElements", "GatherND", "Gelu", "Gemm", "Greater", "GreaterOrEqual", "HardSwish", "Identity", "IsInf", "IsNaN",
            "LayerNormalization", "Less", "LessOrEqual", "Log", "LogSoftmax", "MatMul", "MatMulInteger", "Max", "Mean", "Min", "Mod", "Mul",
            "Neg", "NonZero", "Not", "OneHot", "Or", "Pad", "Pow", "QLinearMatMul", "QuantizeLinear", "Range", "Reciprocal", "ReduceL2",
            "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Relu", "Reshape", "ScatterElements", "ScatterND",
            "Shape", "Sigmoid", "Sign", "Sin", "Cos", "Size", "Slice", "Softmax", "Softplus", "Split", "Sqrt", "Squeeze", "Sub", "Sum",
            "Tanh", "Tile", "TopK", "Transpose", "Trilu", "Unsqueeze", "Where",
        }
    ),
    "com.microsoft": frozenset(
        {
            "Attention", "BiasGelu", "DynamicQuantizeMatMul", "EmbedLayerNormalization", "FastGelu", "FusedGemm", "FusedMatMul", "Gelu",
            "MatMulIntegerToFloat", "MatMulNBits", "MultiHeadAttention", "QAttention", "QEmbedLayerNormalization", "QGemm", "QLinearAdd",
            "QLinearMul", "QLinearSigmoid", "QLinearSoftmax", "QuickGelu", "SkipLayerNormalization",
        }
    ),
}  # fmt: skip
_SAME = {"ai.onnx": ""}

# onnx.proto: for each message the fields that lead to a tensor or a node, by number.
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "opset": {},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION, _DIMS = 13, 14, 1
_OPERATOR, _NODE_DOMAIN, _OPSET_DOMAIN = 4, 7, 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
#: An encoder of 24 layers has some hundred thousand fields; a hostile file could hold billions.
_MAX_FIELDS = 5_000_000
_MAX_DIMS = 640
#: The smallest kinds of number have half a byte.
_NUMBERS_A_BYTE = 2


@dataclass
class _Walk:
    """A file being read: its bytes, and how many fields were met."""

    data: mmap.mmap
    fields: int = 0


def check_graph(path: Path) -> None:
    """Raises ValueError, with the reason, unless the file is an ONNX graph that slant could have written: operators of `OPERATORS` alone, no graph
    inside a graph, no function, no tensor that keeps its values outside the file or states more numbers than it has.

    onnxruntime before 1.24 reads whatever file a tensor names (https://github.com/microsoft/onnxruntime/pull/26776), and it allocates what a
    tensor states before it misses the values.
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise ValueError("the file is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _walk(_Walk(data), 0, len(data), "model", 0)


def _walk(walk: _Walk, start: int, end: int, message: str, depth: int) -> None:
    if message in ("function", "training") or (message == "graph" and depth > 1):
        raise ValueError(f"it holds {'a graph inside its graph' if message == 'graph' else f'a {message}'}, which slant's own graphs never do")
    inner, texts = _FIELDS[message], {}
    numbers, size = 1, 0
    for number, first, after, value in _fields(walk.data, start, end):
        walk.fields += 1
        if walk.fields > _MAX_FIELDS:
            raise ValueError("it has more parts than any graph of slant's")
        if message == "tensor":
            if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value):
                raise ValueError("it keeps weights in another file, which slant's own graphs never do")
            if number == _DIMS:
                numbers *= _product(walk.data, first, after, value)
            else:
                size += max(after - first, 1)
        elif number in inner:
            _walk(walk, first, after, inner[number], depth + 1)
        elif message in ("node", "opset"):
            texts[number] = bytes(walk.data[first : min(after, first + 200)]).decode("utf-8", "replace")
    if message == "tensor" and not 0 <= numbers <= size * _NUMBERS_A_BYTE:
        raise ValueError("one of its tensors states more numbers than it holds")
    if message == "node":
        _check_operator(texts.get(_NODE_DOMAIN, ""), texts.get(_OPERATOR, ""))
    if message == "opset":
        _check_domain(texts.get(_OPSET_DOMAIN, ""))


def _check_domain(domain: str) -> frozenset[str]:
    known = OPERATORS.get(_SAME.get(domain, domain))
    if known is None:
        raise ValueError(f"it asks for operators of {domain!r}, which slant does not run")
    return known


def _check_operator(domain: str, operator: str) -> None:
    if operator not in _check_domain(domain):
        raise ValueError(f"it has the operator {f'{domain}.{operator}'.strip('.')!r}, which slant's own graphs never need")


def _product(data: mmap.mmap, first: int, after: int, value: int) -> int:
    """The product of a tensor's sizes: one a field, or all of them packed into one."""
    if first == after:
        return value
    if after - first > _MAX_DIMS:
        raise ValueError("one of its tensors has more axes than any")
    product, at = 1, first
    while at < after:
        value, at = _varint(data, at, after)
        product *= value
        if product > 1 << 64:
            break
    return product


def _fields(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """For each field its number, where the bytes of a length-delimited one begin and end (else twice the same), and a varint's value."""
    while at < end:
        key, at = _varint(data, at, end)
        kind, first, value = key & 7, at, 0
        if kind == _VARINT:
            value, at = _varint(data, at, end)
            first = at
        elif kind == _BYTES:
            length, first = _varint(data, at, end)
            at = first + length
        elif kind in (_FIXED64, _FIXED32):
            at = first = at + (8 if kind == _FIXED64 else 4)
        else:
            raise ValueError("it is no ONNX file")
        if at > end:
            raise ValueError("it is no ONNX file, or cut short")
        yield key >> 3, first, at, value


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("it is no ONNX file, or cut short")
