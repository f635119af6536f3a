"""One pass of an encoder, and every light head on its states."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from slant.bundle import Bundle, Head, read_heads
from slant.bundle.format import TOKENIZER
from slant.decode import calibrate, sigmoid
from slant.decode.heads import mention_features, name_features, sentence_logits, target_logits, word_logits, words_inside
from slant.progress import track
from slant.records import WordScores
from slant.serve.answers import Answers, Asked, HeadAnswers, Runtime
from slant.serve.sessions import open_session
from slant.text.wordpieces import Pieces, Wordpieces, pad_pieces

if TYPE_CHECKING:
    import onnxruntime as ort

__all__ = ["open_light"]

Floats = npt.NDArray[np.floating]

_OUTPUTS = ("sentence_states", "word_states")
#: States of so many targets' names are kept; a service is asked about the same few again and again.
_NAMES = 4096


@dataclass
class _Batch:
    """Some sentences' states: `rows` are their numbers, `sentence` `(n, ds)`, `words` `(n, t, dw)`."""

    rows: list[int]
    pieces: list[Pieces]
    sentence: Floats
    words: Floats


@dataclass
class _Work:
    """What a run has gathered: questions by row, states of targets' names, and each head's logits so far."""

    asked: dict[int, list[tuple[int, Asked]]]
    names: dict[str, Floats]
    logits: npt.NDArray[np.float64]
    words: list[WordScores | None] = field(default_factory=list)
    answered: npt.NDArray[np.bool_] | None = None


def open_light(bundles: Sequence[Bundle], file: str, threads: int, batch_size: int, *, alone: bool) -> Runtime:
    """Bundles that have the same encoder graph, `file` in the first of them, as one runtime. Raises what the libraries raise.

    Args:
        alone: the graph reads each sentence by itself, and only the heads answer for a batch.
    """
    first = bundles[0]
    heads: dict[str, Head] = {name: head for bundle in bundles for name, head in bundle.manifest.heads.items()}
    tensors = {name: found for bundle in bundles for name, found in read_heads(bundle.folder, bundle.manifest, bundle.where).items()}
    session = open_session(first, file, threads)
    wordpieces = Wordpieces.from_file(first.folder / TOKENIZER, first.manifest.max_pieces)
    widths = first.manifest.sentence_width, first.manifest.word_width
    named_heads = [name for name, head in heads.items() if head.reads == "text"]
    known: dict[str, Floats] = {}
    lock = threading.Lock()

    def passes(pieces: Sequence[Pieces], says: str | None = None) -> Iterator[_Batch]:
        by_length = sorted(range(len(pieces)), key=lambda i: len(pieces[i].ids))
        batches = range(0, len(by_length), batch_size)
        for start in track(batches, len(batches), says) if says else batches:
            rows = by_length[start : start + batch_size]
            mine = [pieces[i] for i in rows]
            sentence, words = _read_alone(session, mine) if alone else session.run(list(_OUTPUTS), pad_pieces(mine))
            if sentence.shape != (len(rows), widths[0]) or words.shape[::2] != (len(rows), widths[1]):
                raise ValueError(f"it gives states {list(sentence.shape)} and {list(words.shape)}, not {widths[0]} and {widths[1]} wide")
            yield _Batch(rows, mine, sentence, words)

    def name_states(asked: Sequence[Asked]) -> dict[str, Floats]:
        wanted = dict.fromkeys(question.target for question in asked) if named_heads else {}
        with lock:
            found = {name: known[name] for name in wanted if name in known}
        new = [name for name in wanted if name not in found]
        for batch in passes(wordpieces.encode(new) if new else []):
            found |= {new[row]: state for row, state in zip(batch.rows, batch.sentence, strict=True)}
        with lock:
            if len(known) + len(new) > _NAMES:
                known.clear()
            if len(new) <= _NAMES:
                known.update((name, found[name]) for name in new)
        return found

    def run(sentences: Sequence[str], asked: Sequence[Asked] = ()) -> Answers:
        pieces = wordpieces.encode(sentences)
        by_row: dict[int, list[tuple[int, Asked]]] = defaultdict(list)
        for number, question in enumerate(asked):
            by_row[question.row].append((number, question))
        names = name_states(asked)
        work = {name: _begin(head, len(pieces), len(asked), by_row, names) for name, head in heads.items()}
        for batch in passes(pieces, "reading"):
            for name, head in heads.items():
                _KINDS[head.kind](batch, head, tensors[name], work[name])
        return Answers({name: _answers(head, work[name]) for name, head in heads.items()}, [found.truncated for found in pieces])

    return run


def _read_alone(session: ort.InferenceSession, pieces: Sequence[Pieces]) -> tuple[Floats, Floats]:
    """The states of each text in a pass of its own, as one batch would have them; rows past a text's words are zeros."""
    outputs, mask = list(_OUTPUTS), np.ones((1, max(len(each.ids) for each in pieces)), np.int64)
    feeds = ({"input_ids": each.ids[None], "attention_mask": mask[:, : len(each.ids)], "word_of": each.word_of[None]} for each in pieces)
    found = [session.run(outputs, feed) for feed in feeds]
    words = np.zeros((len(found), max(words.shape[1] for _, words in found), found[0][1].shape[2]), np.float32)
    for row, (_, own) in enumerate(found):
        words[row, : own.shape[1]] = own[0]
    return np.concatenate([sentence for sentence, _ in found]), words


def _begin(head: Head, n: int, m: int, asked: dict[int, list[tuple[int, Asked]]], names: dict[str, Floats]) -> _Work:
    if head.kind == "target":
        return _Work(asked, names, np.zeros((m, len(head.labels))), answered=np.ones(m, bool))
    return _Work({}, {}, np.zeros(n), words=[None] * n)


def _answers(head: Head, work: _Work) -> HeadAnswers:
    words = [scores for scores in work.words if scores is not None] if head.points else None
    return HeadAnswers(calibrate(work.logits, head.decision.temperature), words, work.answered)


def _run_words(batch: _Batch, head: Head, tensors: dict[str, Floats], work: _Work) -> None:
    counts = np.array([len(pieces.words) for pieces in batch.pieces])
    present = np.arange(batch.words.shape[1]) < counts[:, None]
    logits = word_logits(batch.words, tensors) if head.points else None
    work.logits[batch.rows] = sentence_logits(batch.sentence, logits, present, tensors)
    if logits is not None:
        scores = sigmoid(logits)
        for k, (row, pieces) in enumerate(zip(batch.rows, batch.pieces, strict=True)):
            mine = scores[k, : len(pieces.words)].tolist()
            work.words[row] = WordScores([start for start, _ in pieces.words], [end for _, end in pieces.words], mine, pieces.truncated)


def _run_targets(batch: _Batch, head: Head, tensors: dict[str, Floats], work: _Work) -> None:
    assert work.answered is not None
    places = {target: number for number, target in enumerate(head.targets)}
    for k, row in enumerate(batch.rows):
        questions = work.asked.get(row)
        if not questions:
            continue
        numbers = [number for number, _ in questions]
        sentence = batch.sentence[k].astype(np.float64)
        if head.reads == "mention":
            words = batch.words[k, : len(batch.pieces[k].words)]
            inside = [words_inside(batch.pieces[k].words, question.start, question.end) for _, question in questions]
            work.answered[numbers] = [found is not None for found in inside]
            features = np.stack([mention_features(words, sentence, found, head.window) for found in inside])
        else:
            features = np.repeat(sentence[None], len(questions), axis=0)
            if head.reads == "text":
                features = name_features(features, np.stack([work.names[question.target] for _, question in questions]).astype(np.float64))
        own = np.array([places.get(question.target, 0) for _, question in questions])
        work.logits[numbers] = target_logits(features, own, tensors["weight"], tensors["bias"])


_KINDS = {"words": _run_words, "target": _run_targets}
