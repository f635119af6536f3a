"""The reader of ONNX's wire format, against onnx itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slant.bundle.onnx_graph import OPERATORS, check_graph

onnx = pytest.importorskip("onnx")


def _tensor(name: str = "w", external: bool = True) -> Any:
    tensor = onnx.helper.make_tensor(name, onnx.TensorProto.FLOAT, [1], [1.0])
    if external:
        tensor.ClearField("float_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
    return tensor


def _graph(*nodes: Any, initializer: Any = ()) -> Any:
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    return onnx.helper.make_graph(list(nodes), "g", [], [output], initializer=list(initializer))


def _constant(external: bool = True) -> Any:
    return onnx.helper.make_node("Constant", [], ["y"], value=_tensor(external=external))


def _sparse() -> Any:
    return onnx.helper.make_sparse_tensor(_tensor(external=False), onnx.helper.make_tensor("i", onnx.TensorProto.INT64, [1], [0]), [2])


def _with_sparse_initializer() -> Any:
    model = onnx.helper.make_model(_graph())
    model.graph.sparse_initializer.append(_sparse())
    model.graph.sparse_initializer[0].indices.data_location = onnx.TensorProto.EXTERNAL
    return model


def _with_sparse_constant() -> Any:
    node = onnx.helper.make_node("Constant", [], ["y"], sparse_value=_sparse())
    node.attribute[0].sparse_tensor.values.external_data.add(key="location", value="x")
    return onnx.helper.make_model(_graph(node))


def _with_function() -> Any:
    function = onnx.helper.make_function("d", "f", [], ["y"], [_constant()], [onnx.helper.make_opsetid("", 17)])
    return onnx.helper.make_model(_graph(), functions=[function])


def _with_training() -> Any:
    model = onnx.helper.make_model(_graph())
    model.training_info.add().algorithm.CopyFrom(_graph(_constant()))
    return model


MODELS: dict[str, Callable[[], Any]] = {
    "initializer": lambda: onnx.helper.make_model(_graph(initializer=[_tensor(external=False), _tensor("v")])),
    "constant": lambda: onnx.helper.make_model(_graph(_constant())),
    "tensors": lambda: onnx.helper.make_model(_graph(onnx.helper.make_node("X", [], ["y"], many=[_tensor(external=False), _tensor()]))),
    "branch": lambda: onnx.helper.make_model(_graph(onnx.helper.make_node("If", ["c"], ["y"], then_branch=_graph(_constant())))),
    "branches": lambda: onnx.helper.make_model(_graph(onnx.helper.make_node("X", [], ["y"], many=[_graph(_constant())]))),
    "sparse initializer": _with_sparse_initializer,
    "sparse constant": _with_sparse_constant,
    "function": _with_function,
    "training": _with_training,
}


#: Where a tensor may stand in ONNX and never does in a graph of ours: the place itself is refused.
_INSTEAD = {
    "tensors": "the operator 'X'|it keeps",
    "branch": "a graph inside its graph",
    "branches": "a graph inside its graph",
    "function": "a function",
    "training": "a training",
}


@pytest.mark.parametrize("name", MODELS)
def test_found_wherever_a_tensor_may_stand(tmp_path: Path, name: str) -> None:
    (tmp_path / "m.onnx").write_bytes(MODELS[name]().SerializeToString())
    with pytest.raises(ValueError, match=_INSTEAD.get(name, "it keeps weights in another file")):
        check_graph(tmp_path / "m.onnx")


def test_found_without_a_location_flag(tmp_path: Path) -> None:
    """onnxruntime goes by either mark."""
    model = onnx.helper.make_model(_graph(initializer=[_tensor(external=False)]))
    model.graph.initializer[0].external_data.add(key="location", value="x")
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match="it keeps weights in another file"):
        check_graph(tmp_path / "m.onnx")


def test_our_own_graphs_have_none(tiny_bundle: Path, tmp_path: Path) -> None:
    check_graph(tiny_bundle / "model.onnx")
    check_graph(tiny_bundle / "model.int8.onnx")
    model = onnx.helper.make_model(_graph(_constant(external=False), initializer=[_tensor(external=False)]))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    check_graph(tmp_path / "m.onnx")


def test_nesting_has_an_end(tmp_path: Path) -> None:
    graph = b""
    for _ in range(60):
        for tag in (b"\x32", b"\x2a", b"\x0a"):  # an attribute's graph, a node's attribute, a graph's node
            graph = tag + _length(len(graph)) + graph
    (tmp_path / "m.onnx").write_bytes(b"\x3a" + _length(len(graph)) + graph)
    with pytest.raises(ValueError, match="a graph inside its graph"):
        check_graph(tmp_path / "m.onnx")


def _node(domain: str, operator: str) -> Any:
    return onnx.helper.make_model(_graph(onnx.helper.make_node(operator, [], ["y"], domain=domain)))


@pytest.mark.parametrize(
    ("domain", "operator"),
    [("", "If"), ("", "Loop"), ("", "RandomNormal"), ("", "StringNormalizer"), ("ai.onnx.ml", "Add"), ("com.evil", "Add"), ("com.microsoft", "Add"),
     ("com.microsoft", "BeamSearch"), ("ai.onnx.contrib", "PyOp"), ("", ""), ("", "add")],
)  # fmt: skip
def test_operators_that_are_not_ours(tmp_path: Path, domain: str, operator: str) -> None:
    (tmp_path / "m.onnx").write_bytes(_node(domain, operator).SerializeToString())
    with pytest.raises(ValueError, match="it has the operator|it asks for operators of"):
        check_graph(tmp_path / "m.onnx")


@pytest.mark.parametrize(("domain", "operator"), [("", "Add"), ("ai.onnx", "Add"), ("com.microsoft", "MatMulIntegerToFloat")])
def test_operators_that_are(tmp_path: Path, domain: str, operator: str) -> None:
    (tmp_path / "m.onnx").write_bytes(_node(domain, operator).SerializeToString())
    check_graph(tmp_path / "m.onnx")


def test_every_operator_in_the_table_is_one() -> None:
    """A name that onnx does not know would be there for nothing."""
    assert OPERATORS[""] <= {schema.name for schema in onnx.defs.get_all_schemas()}


def test_a_domain_that_no_node_uses(tmp_path: Path) -> None:
    model = onnx.helper.make_model(_graph(_constant(external=False)), opset_imports=[onnx.helper.make_opsetid("com.evil", 1)])
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match="operators of 'com.evil'"):
        check_graph(tmp_path / "m.onnx")


@pytest.mark.parametrize("dims", [[1 << 40], [1 << 20, 1 << 20], [-1], [2, 1 << 62, 8], [1] * 1000])
def test_a_tensor_that_states_more_than_it_holds(tmp_path: Path, dims: list[int]) -> None:
    tensor = _tensor(external=False)
    tensor.dims[:] = dims
    (tmp_path / "m.onnx").write_bytes(onnx.helper.make_model(_graph(initializer=[tensor])).SerializeToString())
    if dims == [1] * 1000:
        check_graph(tmp_path / "m.onnx")  # each axis a field of its own; onnxruntime has its say
    else:
        with pytest.raises(ValueError, match="states more numbers than it holds"):
            check_graph(tmp_path / "m.onnx")


def test_sizes_packed_into_one_field(tmp_path: Path) -> None:
    """protobuf reads repeated numbers either way."""
    for packed, reason in ((b"\x80\x80\x80\x80\x10", "states more numbers"), (b"\x01" * 1000, "more axes than any")):
        tensor = b"\x0a" + _length(len(packed)) + packed
        graph = b"\x2a" + _length(len(tensor)) + tensor
        (tmp_path / "m.onnx").write_bytes(b"\x3a" + _length(len(graph)) + graph)
        with pytest.raises(ValueError, match=reason):
            check_graph(tmp_path / "m.onnx")


def test_fields_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slant.bundle.onnx_graph._MAX_FIELDS", 100)
    (tmp_path / "m.onnx").write_bytes(b"\x08\x01" * 200)
    with pytest.raises(ValueError, match="more parts than any graph"):
        check_graph(tmp_path / "m.onnx")


def _length(size: int) -> bytes:
    return bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80]) + _length(size >> 7)


@pytest.mark.parametrize("content", [b"", b"\x3a", b"\x3a\x05ab", b"\x08", b"\xff" * 12, b"\x09\0", b"\x0b"])
def test_no_protobuf(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ValueError, match="empty|no ONNX file"):
        check_graph(tmp_path / "m.onnx")
