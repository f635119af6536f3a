"""The flagship as one ONNX graph, and its int8 form."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slant.models import EncoderHeads

__all__ = ["export_onnx", "quantise"]

INPUTS = ("input_ids", "attention_mask", "word_of")
OUTPUTS = ("sentence_logits", "word_logits")


def export_onnx(model: EncoderHeads, path: Path) -> None:
    """Write encoder and heads as one fp32 graph with free batch and length axes; inputs and outputs as `slant.models.heads.Flagship`."""
    import torch

    from slant.models.heads import Flagship
    from slant.text.wordpieces import pad_pieces

    assert model.heads is not None, "fit first"
    flagship = Flagship(model.encoder.module, model.heads, model.encoder.recipe).eval()
    example = pad_pieces(model.encoder.wordpieces.encode(["The minister spoke.", "Rain fell on the harbour at noon."]))
    axes = {name: {0: "batch", 1: "pieces"} for name in (*INPUTS, "word_logits")} | {"sentence_logits": {0: "batch"}}
    with warnings.catch_warnings(), torch.inference_mode():
        # dynamo=False is deprecated and the better exporter for this graph (docs/dependencies.md); tracing warns of python branches.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            flagship,
            tuple(torch.from_numpy(example[name]) for name in INPUTS),
            str(path),
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )


def quantise(source: Path, target: Path) -> None:
    """Write `source` with the encoder's weights as 8-bit numbers, a scale a channel, activations quantised as they come.

    Unsigned weights: with signed ones, processors without VNNI saturate, which here doubled the answers that flipped. The heads stay
    fp32: they are small, and their errors would reach the answer undamped.
    """
    import logging

    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    names = [node.name for node in onnx.load(source, load_external_data=False).graph.node if not node.name.startswith("/encoder/")]
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # onnxruntime advises its own pre-processing on the root logger; it changes nothing here
    try:
        quantize_dynamic(source, target, per_channel=True, weight_type=QuantType.QUInt8, nodes_to_exclude=names)
    finally:
        root.setLevel(level)
