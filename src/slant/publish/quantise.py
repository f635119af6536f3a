"""The int8 form of an encoder graph."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from slant.data.corpora.newsroom import load_newsroom
from slant.publish.onnx import OUTPUTS
from slant.text.wordpieces import Wordpieces, pad_pieces

if TYPE_CHECKING:
    import onnx

__all__ = ["quantise"]

#: So many of the shipped corpus's sentences tell how far the int8 states lie from the fp32 ones.
_SENTENCES = 200

Floats = npt.NDArray[np.float64]


def quantise(source: Path, target: Path, wordpieces: Wordpieces) -> None:
    """Write the encoder graph `source` with 8-bit weights, a scale a channel, activations quantised as they come, states mended by a constant.

    Unsigned weights: with signed ones, processors without VNNI saturate, which here doubled the answers that flipped. The pooling
    of states stays fp32: its errors would reach the heads undamped. What int8 rounds away is no noise alone: on average it moves the states, and
    with them every answer, one way. That mean is measured on sentences of the shipped corpus and taken off the two outputs ("bias correction",
    Nagel et al. 2019, Data-Free Quantization, section 4.2). The sentences are the same whatever the model: equal encoders have equal int8 graphs.
    """
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
    texts = load_newsroom().dataset["text"]
    spread = [texts[i] for i in np.linspace(0, len(texts) - 1, _SENTENCES).astype(int)]
    means = [_mean_states(path, wordpieces, spread) for path in (source, target)]
    graph = onnx.load(target)
    for output, wanted, found in zip(OUTPUTS, *means, strict=True):
        _add_constant(graph, output, wanted - found)
    onnx.save(graph, target)


def _mean_states(path: Path, wordpieces: Wordpieces, texts: Sequence[str]) -> tuple[Floats, Floats]:
    """The mean sentence state and the mean word state of the texts, each read by itself, as int8 graphs are run."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
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
