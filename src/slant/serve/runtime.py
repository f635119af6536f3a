"""Running a bundle's graph: sentences in, probabilities and word scores out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from slant.bundle import Bundle
from slant.bundle.format import TOKENIZER
from slant.decode import calibrate, sigmoid
from slant.errors import BundleError
from slant.records import WordScores
from slant.text.wordpieces import Wordpieces, pad_pieces

__all__ = ["Answers", "Runtime", "open_runtime"]


@dataclass(frozen=True)
class Answers:
    """What a graph says of n sentences.

    Attributes:
        probabilities: `(n, k)` in label order, calibrated.
        words: one entry a sentence, or None when the model does not point at words.
    """

    probabilities: npt.NDArray[np.float64]
    words: list[WordScores] | None


#: Sentences in, answers out, in the same order.
Runtime = Callable[[Sequence[str]], Answers]


def open_runtime(bundle: Bundle, *, precision: str | None = None, threads: int = 1, batch_size: int = 32) -> Runtime:
    """The bundle's graph, ready to run.

    Args:
        precision: one of the bundle's graphs; its own default when None.
        threads: onnxruntime's threads.
        batch_size: sentences a pass; they are bucketed by length, and come back in their own order.

    Raises BundleError when there is no such graph, or when it cannot be run here.
    """
    manifest = bundle.manifest
    chosen = precision or manifest.precision
    if chosen not in manifest.graphs:
        remedy = f"It has: {', '.join(manifest.graphs)}"
        raise BundleError(f"there is no {chosen} graph", where=bundle.where, remedy=remedy)
    graph = manifest.graphs[chosen]
    return {"onnx": _open_onnx, "skops": _open_skops, "prior": _open_prior}[graph.kind](bundle, graph.file, threads, batch_size)


def _open_onnx(bundle: Bundle, file: str, threads: int, batch_size: int) -> Runtime:
    import onnxruntime as ort

    manifest = bundle.manifest
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(bundle.folder / file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own kinds, which share no base
        problem = f"the graph {file} cannot be loaded ({str(error).splitlines()[0]})"
        raise BundleError(problem, where=bundle.where, remedy="Export the bundle again with this onnxruntime") from error
    wordpieces = Wordpieces.from_file(bundle.folder / TOKENIZER, manifest.max_pieces)

    def run(sentences: Sequence[str]) -> Answers:
        pieces = wordpieces.encode(sentences)
        logits = np.zeros(len(pieces), np.float32)
        words: list[Any] = [None] * len(pieces)
        by_length = sorted(range(len(pieces)), key=lambda i: len(pieces[i].ids))
        for first in range(0, len(by_length), batch_size):
            rows = by_length[first : first + batch_size]
            sentence_logits, word_logits = session.run(None, pad_pieces([pieces[i] for i in rows]))
            logits[rows] = sentence_logits
            for row, i in enumerate(rows):
                found = pieces[i]
                scores = sigmoid(word_logits[row, : len(found.words)]) if manifest.points else []
                listed = found.words if manifest.points else []
                words[i] = WordScores([s for s, _ in listed], [e for _, e in listed], list(map(float, scores)), found.truncated)
        return Answers(calibrate(logits, manifest.decision.temperature), words)

    return run


def _open_skops(bundle: Bundle, file: str, threads: int, batch_size: int) -> Runtime:
    try:
        import skops.io
    except ImportError as error:
        remedy = "Install slant[train] to run it, or export an encoder_heads model"
        raise BundleError("this is a research baseline (skops)", where=bundle.where, remedy=remedy) from error
    # The list of trusted types is ours and empty: whatever the file asks for beyond scikit-learn's own is refused.
    pipeline = skops.io.load(bundle.folder / file, trusted=[])

    def run(sentences: Sequence[str]) -> Answers:
        probabilities = np.zeros((len(sentences), len(bundle.manifest.labels)))
        if len(sentences):
            probabilities[:, pipeline.classes_] = pipeline.predict_proba(list(sentences))
        return Answers(probabilities, None)

    return run


def _open_prior(bundle: Bundle, file: str, threads: int, batch_size: int) -> Runtime:
    overall = json.loads((bundle.folder / file).read_text(encoding="utf-8"))["overall"]
    return lambda sentences: Answers(np.tile(np.asarray(overall, np.float64), (len(sentences), 1)), None)
