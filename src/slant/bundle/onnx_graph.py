"""Does an ONNX file name other files? Read from its protobuf wire format, so that it is known before onnxruntime opens anything."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

__all__ = ["has_external_data"]

# onnx.proto: for each message the fields that lead to a tensor, by number. Function bodies and subgraphs hold tensors too.
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 100


def has_external_data(path: Path) -> bool:
    """Whether any tensor of the graph keeps its values outside the file. onnxruntime before 1.24 reads whatever file such a tensor names
    (https://github.com/microsoft/onnxruntime/pull/26776). Raises ValueError for a file that is no protobuf message."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise ValueError("the file is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _any_external(data, 0, len(data), "model", 0)


def _any_external(data: mmap.mmap, start: int, end: int, message: str, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        raise ValueError("its graphs are nested too deeply")
    inner = _FIELDS[message]
    for number, first, after, value in _fields(data, start, end):
        if message == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value)):
            return True
        if number in inner and after > first and _any_external(data, first, after, inner[number], depth + 1):
            return True
    return False


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
