"""An encoder and its recipe as one ONNX graph."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from slant.publish.fuse import HEADS

if TYPE_CHECKING:
    import torch

    from slant.models import ExportParts

__all__ = ["INPUTS", "OUTPUTS", "export_onnx"]

INPUTS = ("input_ids", "attention_mask", "word_of")
OUTPUTS = ("sentence_states", "word_states")


def export_onnx(parts: ExportParts, path: Path) -> tuple[int, int]:
    """Write the encoder as one fp32 graph with free batch and length axes; inputs and outputs as `slant.models.heads.EncoderStates`.

    Returns the widths of its two outputs.
    """
    import torch

    from slant.models.heads import EncoderStates
    from slant.text.wordpieces import Wordpieces, pad_pieces

    states = EncoderStates(parts.module, parts.recipe).eval()
    wordpieces = Wordpieces.from_file(parts.tokenizer_file, parts.recipe.max_pieces)
    example = pad_pieces(wordpieces.encode(["The minister spoke.", "Rain fell on the harbour at noon."]))
    inputs = tuple(torch.from_numpy(example[name]) for name in INPUTS)
    axes = {name: {0: "batch", 1: "pieces"} for name in (*INPUTS, "word_states")} | {"sentence_states": {0: "batch"}}
    with warnings.catch_warnings(), torch.inference_mode():
        # dynamo=False is deprecated and the better exporter for this graph (docs/dependencies.md); tracing warns of python branches.
        warnings.simplefilter("ignore")
        sentence, words = states(*inputs)
        torch.onnx.export(
            states,
            inputs,
            str(path),
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    _name_heads(parts.module, path)
    return int(sentence.shape[-1]), int(words.shape[-1])


def _name_heads(module: torch.nn.Module, path: Path) -> None:
    """Note in the graph's metadata into how many heads attention is cut, where the encoder says so: the graph's shapes do not tell it plainly."""
    import onnx

    heads = getattr(getattr(module, "config", None), HEADS, None)
    if heads:
        model = onnx.load(path)
        onnx.helper.set_model_props(model, {HEADS: str(heads)})
        onnx.save(model, path)
