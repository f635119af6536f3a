"""What a worker does: a chunk in, the bytes of its part of the output out."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import parent_process

from slant.errors import BundleError, DataError, SlantError
from slant.labels import STANCE
from slant.records import AnnotatedSentence, ScoreItem
from slant.serve.annotator import Annotator
from slant.serve.batch.formats import Format
from slant.serve.batch.render import render_rejected, render_rows
from slant.serve.batch.rows import Chunk, Rejected, Row
from slant.serve.questions import ask_item

__all__ = ["Part", "Recipe", "Scorer", "score_anywhere", "score_in_process", "start_process"]


@dataclass(frozen=True)
class Recipe:
    """What a worker must know to score as every other one does. `ids` are those of the bundles at the paths, `key` the file with the public key that
    signed them."""

    bundles: tuple[str, ...]
    ids: tuple[str, ...]
    precision: str | None
    threads: int
    output: Format
    stance: bool
    key: str | None = None


@dataclass(frozen=True)
class Part:
    """A scored chunk: how many rows were scored and rejected, and what is to be written of them."""

    index: int
    digest: str
    rows: int
    rejected: int
    output: bytes
    refused: bytes


class Scorer:
    """An annotator and how to write what it says."""

    def __init__(self, annotator: Annotator, recipe: Recipe) -> None:
        self._annotator, self._recipe = annotator, recipe

    @classmethod
    def open(cls, recipe: Recipe, *, replay: bool) -> Scorer:
        """Open the recipe's bundles. Raises BundleError, as when other bundles stand at their paths by now."""
        annotator = Annotator.open(*recipe.bundles, precision=recipe.precision, threads=recipe.threads, replay=replay, key=recipe.key)
        found = tuple(bundle.manifest.id for bundle in annotator.bundles)
        if found != recipe.ids:
            problem = f"the worker finds bundle {', '.join(found)}, not {', '.join(recipe.ids)}"
            raise BundleError(problem, where=recipe.bundles[0], remedy="Put the same bundle at that path on every machine")
        return cls(annotator, recipe)

    def score(self, chunk: Chunk) -> Part:
        """Raises SlantError, naming the rows, when the model fails. The digest is that of the chunk as it was read."""
        rows, rejected = chunk.rows, list(chunk.rejected)
        try:
            sentences = self._sentences(rows)
        except DataError:
            # One row that cannot be asked refuses its whole list; which ones they are is looked for only then.
            reasons = [self._refusal(row) for row in rows]
            rejected += [Rejected(row.number, row.id, reason) for row, reason in zip(rows, reasons, strict=True) if reason]
            rows = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
            sentences = self._sentences(rows)
        how, stance = self._recipe.output, self._recipe.stance
        output = render_rows(list(zip(rows, sentences, strict=True)), how, stance=stance) if rows else b""
        return Part(chunk.index, chunk.digest(), len(rows), len(rejected), output, render_rejected(rejected))

    def _sentences(self, rows: Sequence[Row]) -> list[AnnotatedSentence]:
        """An answer a row; equal rows are scored once."""
        items = [_item(row) for row in rows]
        once = list(dict.fromkeys(items))
        answers = dict(zip(once, self._annotator.score(once), strict=True)) if once else {}
        return [answers[item] for item in items]

    def _refusal(self, row: Row) -> str | None:
        stance = self._annotator.heads.get(STANCE.name)
        unmentioned = stance is not None and stance.reads != "mention"
        try:
            ask_item(0, _item(row), unmentioned=unmentioned)
        except DataError as error:
            return f"{error.problem}. {error.remedy}" if error.remedy else error.problem
        return None


def _item(row: Row) -> ScoreItem:
    return ScoreItem(row.text, row.target, row.target_start, row.target_end)


_scorer: Scorer | None = None


def start_process(recipe: Recipe) -> None:
    """Make this process ready to score, once; it ends when the one that started it does, however that ended."""
    global _scorer
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # The process that started this one has replayed the golden rows with this very installation.
    _scorer = Scorer.open(recipe, replay=False)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def score_in_process(chunk: Chunk) -> Part:
    """What a process made ready by `start_process` says of a chunk."""
    if _scorer is None:
        raise SlantError("the worker process was not made ready", remedy="Call start_process first")
    return _scorer.score(chunk)


_opened: dict[Recipe, Scorer] = {}
_opening = threading.Lock()


def score_anywhere(recipe: Recipe, chunk: Chunk) -> Part:
    """The same on a machine that may never have seen the recipe: its bundles are opened, and replayed, at the first chunk."""
    with _opening:
        if recipe not in _opened:
            _opened.clear()
            _opened[recipe] = Scorer.open(recipe, replay=True)
        scorer = _opened[recipe]
    return scorer.score(chunk)
