"""The int8 encoder: its states do not drift, and equal encoders have equal graphs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from datasets import Dataset
from fixtures_bundle import export_tiny
from onnx import numpy_helper

from slant.models import EncoderHeads
from slant.publish.fuse import skip_identities
from slant.publish.onnx import OUTPUTS
from slant.publish.quantise import quantise
from slant.text.wordpieces import Wordpieces, pad_pieces

TEXTS = ["The minister presented the annual budget on Monday.", "A heroic mayor!", "The court rejected the vile plan on Tuesday, the union said."] * 5


@pytest.fixture(scope="module")
def graphs(tiny_model: EncoderHeads, tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Wordpieces]:
    folder = export_tiny(tiny_model, tmp_path_factory.mktemp("int8") / "bundle", tiny_dataset, int8=False)
    wordpieces = Wordpieces.from_file(folder / "tokenizer.json", 256)
    target = folder.parent / "int8.onnx"
    quantise(folder / "model.onnx", target, wordpieces)
    return folder / "model.onnx", target, wordpieces


def states(path: Path, wordpieces: Wordpieces) -> tuple[np.ndarray, np.ndarray]:
    """Sentence states `(n, ds)` and word states `(N, dw)`, each text by itself."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = [(pieces, session.run(list(OUTPUTS), pad_pieces([pieces]))) for pieces in wordpieces.encode(TEXTS)]
    return np.stack([states[0][0] for _, states in found]), np.concatenate([states[1][0, : len(pieces.words)] for pieces, states in found])


def test_its_states_are_near_and_do_not_drift(graphs: tuple[Path, Path, Wordpieces], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, wordpieces = graphs
    plain = target.with_name("plain.onnx")
    monkeypatch.setattr("slant.publish.quantise._add_constant", lambda *_: None)
    quantise(source, plain, wordpieces)
    for exact, mended, unmended in zip(states(source, wordpieces), states(target, wordpieces), states(plain, wordpieces), strict=True):
        assert np.abs(mended - exact).max() < 0.5
        assert np.linalg.norm((mended - exact).mean(axis=0)) < np.linalg.norm((unmended - exact).mean(axis=0))


def test_equal_encoders_have_equal_graphs(graphs: tuple[Path, Path, Wordpieces]) -> None:
    source, target, wordpieces = graphs
    again = target.with_name("again.onnx")
    quantise(source, again, wordpieces)
    assert again.read_bytes() == target.read_bytes()


def test_it_is_made_of_8_bit_products_and_tables_alone(graphs: tuple[Path, Path, Wordpieces]) -> None:
    model = onnx.load(graphs[1])
    kinds = Counter(node.op_type for node in model.graph.node if node.name.startswith("/encoder/"))
    layers = sum(node.name.endswith("/intermediate/dense/MatMul") for node in onnx.load(graphs[0]).graph.node)
    assert (kinds["QAttention"], kinds["DynamicQuantizeMatMul"], kinds["MatMul"], kinds["Attention"]) == (layers, 3 * layers, 0, 0)
    sizes = sorted((int(np.prod(tensor.dims)), tensor.data_type) for tensor in model.graph.initializer)
    assert sizes[-1][1] == onnx.TensorProto.INT8  # the table of words


def test_features_far_above_the_others_are_computed_apart(graphs: tuple[Path, Path, Wordpieces]) -> None:
    """Evening out gives a feature's greatness to its weights; where these do not make up for it, all others would be rounded away."""
    source, target, wordpieces = graphs
    model = onnx.load(source)
    skip_identities(model)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    products = [node for node in model.graph.node if node.name.endswith("/output/dense/MatMul") and "/attention/" not in node.name]
    nodes = list(model.graph.node)
    for product in products:
        greater = np.ones(constants[product.input[1]].dims[0], np.float32)
        greater[3] = 1000
        model.graph.initializer.append(numpy_helper.from_array(greater, f"{product.name}/greater"))
        scaled = onnx.helper.make_node("Mul", [product.input[0], f"{product.name}/greater"], [f"{product.name}/great"])
        nodes.insert(nodes.index(product), scaled)
        product.input[0] = f"{product.name}/great"
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    spiked, spiked_int8 = source.with_name("spiked.onnx"), source.with_name("spiked_int8.onnx")
    onnx.save(model, spiked)
    quantise(spiked, spiked_int8, wordpieces)
    apart = {node.name for node in onnx.load(spiked_int8).graph.node if node.name.endswith("/apart")}
    assert apart >= {f"{product.name}/apart" for product in products}
    for exact, rounded, usual in zip(states(spiked, wordpieces), states(spiked_int8, wordpieces), states(target, wordpieces), strict=True):
        assert np.abs(rounded - exact).mean() < 2 * np.abs(usual - exact).mean()
