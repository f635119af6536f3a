"""Graphs that hold their one head themselves: those of format 1, and the research baselines."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from slant.bundle import Bundle
from slant.bundle.format import TOKENIZER
from slant.decode import calibrate, sigmoid
from slant.errors import BundleError
from slant.progress import track
from slant.records import WordScores
from slant.serve.answers import Answers, Asked, HeadAnswers, Runtime, reads_targets
from slant.serve.sessions import open_session
from slant.text.wordpieces import Wordpieces, pad_pieces

__all__ = ["open_whole"]

#: Sentences in; probabilities `(n, k)`, word scores if there are any, and which sentences were cut.
_Read = Callable[[Sequence[str]], tuple[npt.NDArray[np.float64], list[WordScores] | None, list[bool]]]


def open_whole(bundle: Bundle, file: str, kind: str, threads: int, batch_size: int) -> Runtime:
    """The bundle's graph as a runtime of its one head. Asked about a target, it answers as it would about any other."""
    read = {"whole": _open_onnx, "skops": _open_skops, "prior": _open_prior}[kind](bundle, file, threads, batch_size)
    ((name, head),) = bundle.manifest.heads.items()

    def run(sentences: Sequence[str], asked: Sequence[Asked] = ()) -> Answers:
        probabilities, words, truncated = read(sentences)
        if reads_targets(head.task):
            rows = [question.row for question in asked]
            return Answers({name: HeadAnswers(probabilities[rows], None, np.ones(len(rows), bool))}, truncated)
        return Answers({name: HeadAnswers(probabilities, words)}, truncated)

    return run


def _open_onnx(bundle: Bundle, file: str, threads: int, batch_size: int) -> _Read:
    session = open_session(bundle, file, threads)
    (head,) = bundle.manifest.heads.values()
    wordpieces = Wordpieces.from_file(bundle.folder / TOKENIZER, bundle.manifest.max_pieces)

    def read(sentences: Sequence[str]) -> tuple[npt.NDArray[np.float64], list[WordScores] | None, list[bool]]:
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
                listed = found.words if head.points else []
                scores = sigmoid(word_logits[row, : len(listed)]).tolist()
                words[i] = WordScores([s for s, _ in listed], [e for _, e in listed], scores, found.truncated)
        return calibrate(logits, head.decision.temperature), words, [found.truncated for found in pieces]

    return read


def _open_skops(bundle: Bundle, file: str, threads: int, batch_size: int) -> _Read:
    try:
        import skops.io
    except ImportError as error:
        remedy = "pip install skops scikit-learn, or export an encoder_heads model"
        raise BundleError("this is a research baseline (skops)", where=bundle.where, remedy=remedy) from error
    # The list of trusted types is ours and empty: whatever the file asks for beyond scikit-learn's own is refused.
    pipeline = skops.io.load(bundle.folder / file, trusted=[])
    (head,) = bundle.manifest.heads.values()

    def read(sentences: Sequence[str]) -> tuple[npt.NDArray[np.float64], list[WordScores] | None, list[bool]]:
        probabilities = np.zeros((len(sentences), len(head.labels)))
        if len(sentences):
            probabilities[:, pipeline.classes_] = pipeline.predict_proba(list(sentences))
        return probabilities, None, [False] * len(sentences)

    return read


def _open_prior(bundle: Bundle, file: str, threads: int, batch_size: int) -> _Read:
    overall = np.asarray(json.loads((bundle.folder / file).read_text(encoding="utf-8"))["overall"], np.float64)
    return lambda sentences: (np.tile(overall, (len(sentences), 1)), None, [False] * len(sentences))
