"""Fused attention computes what the exporter's form does, and whole weights what the real ones do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from datasets import Dataset
from fixtures_bundle import export_tiny

from slant.models import EncoderHeads
from slant.publish.fuse import HEADS, fuse_attention, skip_identities
from slant.publish.onnx import OUTPUTS
from slant.publish.rounding import LARGEST, round_columns, round_rows, smooth
from slant.text.wordpieces import Wordpieces, pad_pieces

TEXTS = ["A heroic mayor!", "The court rejected the vile plan on Tuesday, the union said.", "No."]


@pytest.fixture(scope="module")
def exported(tiny_model: EncoderHeads, tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_tiny(tiny_model, tmp_path_factory.mktemp("fuse") / "bundle", tiny_dataset, int8=False)


def read(folder: Path) -> onnx.ModelProto:
    model = onnx.load(folder / "model.onnx")
    skip_identities(model)
    return model


def states(model: onnx.ModelProto, folder: Path) -> list[np.ndarray]:
    """Of texts of different lengths in one pass, so that some positions are padding."""
    pieces = Wordpieces.from_file(folder / "tokenizer.json", 256).encode(TEXTS)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: list[np.ndarray] = session.run(list(OUTPUTS), pad_pieces(pieces))
    return found


def test_fused_attention_gives_the_same_states(exported: Path) -> None:
    model = read(exported)
    before, nodes = states(model, exported), len(model.graph.node)
    layers = sum(node.name.endswith("/self/query/MatMul") for node in model.graph.node)
    assert fuse_attention(model) == layers > 0
    assert sum(node.op_type == "Attention" for node in model.graph.node) == layers and len(model.graph.node) < nodes - 10 * layers
    assert not any(node.op_type == "Softmax" for node in model.graph.node)
    for old, new in zip(before, states(model, exported), strict=True):
        np.testing.assert_allclose(new, old, atol=2e-5)


def test_an_encoder_that_does_not_say_its_heads_stays_as_it_is(exported: Path) -> None:
    model = read(exported)
    assert HEADS in {entry.key for entry in model.metadata_props}
    del model.metadata_props[:]
    before = model.SerializeToString(deterministic=True)
    assert fuse_attention(model) == 0
    assert model.SerializeToString(deterministic=True) == before


@pytest.fixture
def product() -> tuple[np.ndarray, np.ndarray]:
    """Inputs that go together, a few of them a hundred times the others, and weights."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=(600, 20)) @ generator.normal(size=(20, 160)) + 0.1 * generator.normal(size=(600, 160))
    x[:, :4] *= 100
    return x, generator.normal(size=(160, 40)) / 10


def test_even_inputs_leave_the_product_as_it_was(product: tuple[np.ndarray, np.ndarray]) -> None:
    x, weight = product
    scales = smooth(weight, np.abs(x).max(axis=0))
    np.testing.assert_allclose((x / scales) @ (weight * scales[:, None]), x @ weight, rtol=1e-5, atol=1e-6)
    spread = np.abs(x / scales).max(axis=0)
    assert spread.max() / np.median(spread) < np.abs(x).max() / np.median(np.abs(x).max(axis=0)) / 5


def test_errors_of_rounding_make_up_for_each_other(product: tuple[np.ndarray, np.ndarray]) -> None:
    x, weight = product
    whole, scale = round_columns(weight, x.T @ x)
    assert whole.dtype == np.int8 and np.abs(whole.astype(int)).max() <= LARGEST and scale.shape == (40,)
    nearest = np.round(weight / scale) * scale

    def error(weights: np.ndarray) -> float:
        return float(((x @ (weights - weight)) ** 2).mean())

    assert error(whole * scale) < error(nearest) / 3


def test_rounding_takes_unused_inputs_and_columns_of_nothing() -> None:
    whole, scale = round_columns(np.zeros((5, 3)), np.zeros((5, 5)))
    assert not whole.any() and np.isfinite(scale).all()
    assert np.isfinite(smooth(np.zeros((5, 3)), np.zeros(5))).all()


def test_rows_of_a_table_keep_to_half_a_step() -> None:
    table = np.random.default_rng(4).normal(size=(30, 12)) * np.logspace(-3, 2, 30)[:, None]
    whole, scale = round_rows(table)
    assert (np.abs(whole * scale - table) <= scale * 0.5001).all()
