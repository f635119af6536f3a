"""Running a bundle's graph: sentences in, probabilities and word scores out."""

from __future__ import annotations

import contextlib
import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from slant.bundle import Bundle
from slant.bundle.format import TOKENIZER
from slant.bundle.onnx_graph import has_external_data
from slant.decode import calibrate, sigmoid
from slant.errors import BundleError, SlantError
from slant.progress import track
from slant.records import WordScores
from slant.text.wordpieces import Wordpieces, pad_pieces

__all__ = ["Answers", "Runtime", "open_runtime"]

#: So many characters of a library's own message are told.
_MAX_REASON = 400


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
        batch_size: sentences a pass; they are bucketed by length, and come back in their own order. An int8 graph always takes one.

    Raises BundleError when there is no such graph, or when it cannot be run here; and so does the runtime, for answers that are none.
    """
    manifest = bundle.manifest
    chosen = precision or manifest.precision
    if chosen not in manifest.graphs:
        remedy = f"It has: {', '.join(manifest.graphs)}"
        raise BundleError(f"there is no {chosen} graph", where=bundle.where, remedy=remedy)
    graph = manifest.graphs[chosen]
    if chosen == "int8":
        # Activations get one scale a pass: beside other sentences the same one moved by up to 0.19 and 9 of 256 answers flipped.
        batch_size = 1
    opener = {"onnx": _open_onnx, "skops": _open_skops, "prior": _open_prior}[graph.kind]

    with _refusing(bundle, f"the graph {graph.file} cannot be loaded"):
        answer = opener(bundle, graph.file, threads, batch_size)

    def run(sentences: Sequence[str]) -> Answers:
        if not all(isinstance(sentence, str) for sentence in sentences):
            raise TypeError("sentences must be strings")
        with _refusing(bundle, f"the graph {graph.file} cannot be run"):
            answers = answer(sentences)
        shape = (len(sentences), len(manifest.labels))
        scores: list[float] = [score for words in answers.words or () for score in words.scores]
        if answers.probabilities.shape != shape or not all(_in_range(values) for values in (answers.probabilities, scores)):
            raise BundleError(f"the graph {graph.file} gives no probabilities", where=bundle.where, remedy="Export the bundle again")
        return answers

    return run


@contextlib.contextmanager
def _refusing(bundle: Bundle, problem: str) -> Iterator[None]:
    """Turn whatever a bundle's contents make the libraries raise into a BundleError of one line."""
    try:
        yield
    except (BundleError, KeyboardInterrupt, SystemExit):
        raise
    # onnxruntime, tokenizers and skops raise kinds of their own that share no base, and a panic in Rust is no Exception.
    except BaseException as error:
        reason = error.problem if isinstance(error, SlantError) else f"{type(error).__name__}: {error}"
        remedy = "Export the bundle again with the versions installed here"
        raise BundleError(f"{problem} ({textwrap.shorten(reason, _MAX_REASON, placeholder=' …')})", where=bundle.where, remedy=remedy) from error


def _in_range(values: npt.ArrayLike) -> bool:
    """Whether all lie in [0, 1]; a NaN does not. Rounding may take a sum of shares a little past 1."""
    array = np.asarray(values, np.float64)
    return bool(((array >= 0) & (array <= 1 + 1e-9)).all())


def _open_onnx(bundle: Bundle, file: str, threads: int, batch_size: int) -> Runtime:
    import onnxruntime as ort

    manifest = bundle.manifest
    if has_external_data(bundle.folder / file):
        raise ValueError("it keeps weights in another file, which slant's own graphs never do")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(bundle.folder / file), options, providers=["CPUExecutionProvider"])
    wordpieces = Wordpieces.from_file(bundle.folder / TOKENIZER, manifest.max_pieces)

    def run(sentences: Sequence[str]) -> Answers:
        pieces = wordpieces.encode(sentences)
        logits = np.zeros(len(pieces), np.float32)
        words: list[Any] = [None] * len(pieces)
        by_length = sorted(range(len(pieces)), key=lambda i: len(pieces[i].ids))
        batches = range(0, len(by_length), batch_size)
        for first in track(batches, len(batches), "reading"):
            rows = by_length[first : first + batch_size]
            sentence_logits, word_logits = session.run(None, pad_pieces([pieces[i] for i in rows]))
            logits[rows] = sentence_logits
            for row, i in enumerate(rows):
                found = pieces[i]
                listed = found.words if manifest.points else []
                scores = sigmoid(word_logits[row, : len(listed)]).tolist()
                words[i] = WordScores([s for s, _ in listed], [e for _, e in listed], scores, found.truncated)
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
