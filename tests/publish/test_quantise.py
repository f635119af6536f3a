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

from slant.models import EncoderHeads
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
    assert not any(tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) > 2000 for tensor in model.graph.initializer)
