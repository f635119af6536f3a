"""Running bundles: sentences and questions about targets in, every head's answers out."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from slant.bundle import Bundle
from slant.bundle.format import TOKENIZER, Graph
from slant.errors import BundleError, SlantError
from slant.serve.answers import Answers, Asked, HeadAnswers, Runtime, reads_targets
from slant.serve.light import open_light
from slant.serve.sessions import file_digest
from slant.serve.whole import open_whole

__all__ = ["open_runtime"]

#: So many characters of a library's own message are told.
_MAX_REASON = 400


def open_runtime(bundles: Bundle | Sequence[Bundle], *, precision: str | None = None, threads: int = 1, batch_size: int = 32) -> Runtime:
    """One bundle or several, ready to run. Those whose encoder graph, tokenizer and limit are the same share one session and one pass.

    Args:
        precision: one of each bundle's graphs; its own default when None.
        threads: onnxruntime's threads.
        batch_size: sentences a pass; they are bucketed by length, and come back in their own order. An int8 graph takes one a pass, and its
            heads so many.

    Raises BundleError when two bundles have a head of the same name, when there is no such graph, or when it cannot be run here; and so does the
    runtime, for answers that are none.
    """
    several = [bundles] if isinstance(bundles, Bundle) else list(bundles)
    _check_names(several)
    shared: dict[tuple[str, ...], list[tuple[Bundle, Graph, bool]]] = {}
    for bundle in several:
        chosen = precision or bundle.manifest.precision
        if chosen not in bundle.manifest.graphs:
            remedy = f"It has: {', '.join(bundle.manifest.graphs)}"
            raise BundleError(f"there is no {chosen} graph", where=bundle.where, remedy=remedy)
        graph = bundle.manifest.graphs[chosen]
        with _refusing(bundle, f"the graph {graph.file} cannot be loaded"):
            shared.setdefault(_key(bundle, graph), []).append((bundle, graph, chosen == "int8"))
    parts = [_part([bundle for bundle, _, _ in found], found[0][1], threads, batch_size, alone=found[0][2]) for found in shared.values()]

    def run(sentences: Sequence[str], asked: Sequence[Asked] = ()) -> Answers:
        if not all(isinstance(sentence, str) for sentence in sentences):
            raise TypeError("sentences must be strings")
        found = [part(sentences, asked) for part in parts]
        heads = {name: answers for part in found for name, answers in part.heads.items()}
        return Answers(heads, [any(cut) for cut in zip(*(part.truncated for part in found), strict=True)])

    return run


def _check_names(bundles: Sequence[Bundle]) -> None:
    whose: dict[str, Bundle] = {}
    for bundle in bundles:
        for name in bundle.manifest.heads:
            if name in whose:
                problem = f"it has a head {name!r}, and so has {whose[name].where}"
                raise BundleError(problem, where=bundle.where, remedy="Name bundles of different tasks")
            whose[name] = bundle


def _key(bundle: Bundle, graph: Graph) -> tuple[str, ...]:
    """What bundles must have in common to be read in one pass."""
    if graph.kind != "encoder":
        return (bundle.where, *bundle.manifest.heads)
    manifest = bundle.manifest
    widths = f"{manifest.max_pieces} {manifest.sentence_width} {manifest.word_width}"
    return (file_digest(bundle, graph.file), file_digest(bundle, TOKENIZER), widths)


def _part(bundles: list[Bundle], graph: Graph, threads: int, batch_size: int, *, alone: bool) -> Runtime:
    """Bundles of one encoder, or a bundle without one, as a runtime whose faults are BundleErrors.

    Activations of an int8 graph get one scale a pass. Beside other sentences the same one moved by up to 0.19, and 9 of 256 answers flipped: it
    is read `alone`.
    """
    bundle = bundles[0]
    with _refusing(bundle, f"the graph {graph.file} cannot be loaded"):
        if graph.kind == "encoder":
            inner = open_light(bundles, graph.file, threads, batch_size, alone=alone)
        else:
            inner = open_whole(bundle, graph.file, graph.kind, threads, 1 if alone else batch_size)
    labels = {name: (len(head.labels), reads_targets(head.task)) for one in bundles for name, head in one.manifest.heads.items()}

    def run(sentences: Sequence[str], asked: Sequence[Asked] = ()) -> Answers:
        with _refusing(bundle, f"the graph {graph.file} cannot be run"):
            answers = inner(sentences, asked)
        for name, (k, targeted) in labels.items():
            if not _sound(answers.heads[name], (len(asked) if targeted else len(sentences), k)):
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


def _sound(answers: HeadAnswers, shape: tuple[int, int]) -> bool:
    scores: list[float] = [score for words in answers.words or () for score in words.scores]
    return answers.probabilities.shape == shape and _in_range(answers.probabilities) and _in_range(scores)


def _in_range(values: npt.ArrayLike) -> bool:
    """Whether all lie in [0, 1]; a NaN does not. Rounding may take a sum of shares a little past 1."""
    array = np.asarray(values, np.float64)
    return bool(((array >= 0) & (array <= 1 + 1e-9)).all())
