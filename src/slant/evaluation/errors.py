"""What a model gets wrong, by kind: told from its predictions alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from slant.evaluation.bootstrap import Floats
from slant.evaluation.comparison.shape import Estimate
from slant.evaluation.comparison.sides import Rows
from slant.evaluation.comparison.slices import slice_rows
from slant.evaluation.predictions import Predictions
from slant.evaluation.ratios import Draws, draw_groups
from slant.labels import get_task

__all__ = ["CONFIDENCES", "ErrorCell", "ErrorExample", "ErrorKind", "ErrorReport", "error_report"]

Mask = npt.NDArray[np.bool_]

#: Names for the probability of the label that was chosen, each up to its bound.
CONFIDENCES = (("unsure, below 0.6", 0.6), ("fairly sure, 0.6 to 0.8", 0.8), ("sure, 0.8 to 0.95", 0.95), ("very sure, 0.95 or above", np.inf))
#: An answer that leads the next label by less than this is near the line.
LEAD = 0.2
_MARKED = (("no word marked", 0), ("one place marked", 1), ("two places marked", 2), ("three or more", np.inf))


class ErrorExample(TypedDict):
    """A row that the model got wrong. Spans are (start, end) in code points of `text`, None where there are none to compare."""

    id: str
    group: str
    text: str
    gold: str
    pred: str
    confidence: float
    target: str | None
    outlet: str | None
    voice: str | None
    spans_gold: list[tuple[int, int]] | None
    spans_pred: list[tuple[int, int]] | None
    doubted: bool


class ErrorKind(TypedDict):
    """A kind of error: its rows, their share of all judged rows with its interval, and the model's surest examples of it.

    `doubted` counts those whose gold label the audit doubts.
    """

    kind: str
    what: str
    count: int
    doubted: int
    share: Estimate
    examples: list[ErrorExample]


class ErrorCell(TypedDict):
    """The rows that share a value: the share that is wrong, and of each gold label's rows the share that is wrong."""

    value: str
    rows: int
    wrong: int
    rate: Estimate
    by_gold: dict[str, Estimate]


class ErrorReport(TypedDict):
    """All errors. Every error is of one kind, the first that fits. `cells` is by what the rows share: confidence, voice, length …"""

    rows: int
    errors: int
    doubted: int
    rate: Estimate
    kinds: list[ErrorKind]
    cells: dict[str, list[ErrorCell]]


@dataclass(frozen=True)
class _Facts:
    """What the kinds are told from, an entry a row."""

    labels: tuple[str, ...]
    gold: npt.NDArray[np.int64]
    pred: npt.NDArray[np.int64]
    confidence: Floats
    lead: Floats
    truncated: Mask
    quoted: Mask
    marked: npt.NDArray[np.int64]
    gold_marked: npt.NDArray[np.int64]
    found: Mask

    def turned(self, gold: str, pred: str) -> Mask:
        return np.asarray((self.gold == self.labels.index(gold)) & (self.pred == self.labels.index(pred)))


Test = Callable[[_Facts], Mask]

_FIRST: tuple[tuple[str, str, Test], ...] = (
    ("cut short", "the model did not read the text to its end", lambda f: f.truncated),
    ("near the line", "another label was less than 0.2 below the one chosen: little more than a toss-up", lambda f: f.lead < LEAD),
)
_LOADED: tuple[tuple[str, str, Test], ...] = (
    (
        "false alarm in a quotation",
        "a neutral sentence that holds somebody's direct speech was called loaded",
        lambda f: f.turned("neutral", "loaded") & f.quoted,
    ),
    (
        "false alarm on a word",
        "a neutral sentence was called loaded, and the model marked a word in it",
        lambda f: f.turned("neutral", "loaded") & (f.marked > 0),
    ),
    ("false alarm without a word", "a neutral sentence was called loaded without a word to point at", lambda f: f.turned("neutral", "loaded")),
    (
        "missed in a quotation",
        "a loaded sentence that holds somebody's direct speech was called neutral",
        lambda f: f.turned("loaded", "neutral") & f.quoted,
    ),
    (
        "missed, word found",
        "a loaded sentence was called neutral though the model marked a word that annotators marked, too",
        lambda f: f.turned("loaded", "neutral") & f.found,
    ),
    (
        "missed, word overlooked",
        "a loaded sentence was called neutral, and the words that annotators marked were not marked",
        lambda f: f.turned("loaded", "neutral") & (f.gold_marked > 0),
    ),
    ("missed, no word to find", "a loaded sentence in which annotators marked no word was called neutral", lambda f: f.turned("loaded", "neutral")),
)
_STANCE: tuple[tuple[str, str, Test], ...] = (
    ("favor turned to against", "favor was read as against", lambda f: f.turned("favor", "against")),
    ("against turned to favor", "against was read as favor", lambda f: f.turned("against", "favor")),
    (
        "stance in a quotation missed",
        "somebody's direct speech takes a stance, which was read as neutral",
        lambda f: f.quoted & (f.pred == f.labels.index("neutral")),
    ),
    ("against missed", "against was read as neutral", lambda f: f.turned("against", "neutral")),
    ("favor missed", "favor was read as neutral", lambda f: f.turned("favor", "neutral")),
    ("against read in", "neutral was read as against", lambda f: f.turned("neutral", "against")),
    ("favor read in", "neutral was read as favor", lambda f: f.turned("neutral", "favor")),
)
_KINDS = {"loaded": _FIRST + _LOADED, "stance": _FIRST + _STANCE}


def error_report(
    predictions: Predictions,
    *,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    examples: int = 5,
    doubted: Collection[str] = (),
) -> ErrorReport | None:
    """The errors of one split's rows by kind, and error rates by what rows share; None without a gold label.

    Rows of several seeds are pooled; an example's text is shown once a kind. Shares have intervals over groups.

    Args:
        examples: how many rows of each kind are told, the surest first.
        doubted: ids of rows whose gold label is in doubt, as an audit tells them.
    """
    rows = predictions.select(predictions.label_index("gold") >= 0)
    if not len(rows):
        return None
    facts = _facts(rows)
    wrong = facts.gold != facts.pred
    in_doubt = np.array([name in doubted for name in rows.column("id").tolist()], bool)
    draws = draw_groups(rows, resamples=resamples, seed=seed, level=level)
    left, masks = wrong.copy(), []
    tests = _KINDS[get_task(rows.meta.task).name]
    for _, _, test in tests:
        masks.append(left & test(facts))
        left &= ~masks[-1]
    ones = np.ones(len(rows))
    overall, *shares = draws.ratios(np.stack([wrong, *masks], axis=1), np.stack([ones] * (len(masks) + 1), axis=1))
    told = [
        ErrorKind(
            kind=name,
            what=what,
            count=int(mask.sum()),
            doubted=int((mask & in_doubt).sum()),
            share=share,
            examples=_examples(rows, facts, mask, in_doubt, examples),
        )
        for (name, what, _), mask, share in zip(tests, masks, shares, strict=True)
        if mask.any()
    ]
    return ErrorReport(
        rows=len(rows),
        errors=int(wrong.sum()),
        doubted=int((wrong & in_doubt).sum()),
        rate=overall,
        kinds=sorted(told, key=lambda kind: -kind["count"]),
        cells=_cells(rows, facts, wrong, draws),
    )


def _facts(rows: Predictions) -> _Facts:
    gold, pred = rows.label_index("gold"), rows.label_index("pred")
    spans = {side: _spans(rows, side) for side in ("gold", "pred")}
    p = rows.probabilities()
    confidence = p[np.arange(len(rows)), pred]
    p[np.arange(len(rows)), pred] = -np.inf
    touching = [any(a < d and c < b for a, b in one or () for c, d in two or ()) for one, two in zip(spans["gold"], spans["pred"], strict=True)]
    return _Facts(
        labels=rows.meta.labels,
        gold=gold,
        pred=pred,
        confidence=confidence,
        lead=confidence - p.max(axis=1),
        truncated=rows.column("truncated").astype(bool),
        quoted=np.isin(rows.column("voice").astype(str), ("quoted", "mixed")),
        marked=np.array([len(found or ()) for found in spans["pred"]], np.int64),
        gold_marked=np.array([len(found or ()) for found in spans["gold"]], np.int64),
        found=np.array(touching, bool),
    )


def _spans(rows: Predictions, side: str) -> list[list[tuple[int, int]] | None]:
    column = rows.table[f"spans_{side}"].to_pylist()
    return [None if spans is None else [(span["start"], span["end"]) for span in spans] for spans in column]


def _examples(rows: Predictions, facts: _Facts, mask: Mask, in_doubt: Mask, most: int) -> list[ErrorExample]:
    chosen: dict[str, int] = {}
    texts = rows.table["text"]
    for row in np.flatnonzero(mask)[np.argsort(-facts.confidence[mask], kind="stable")].tolist():
        chosen.setdefault(texts[row].as_py(), row)
        if len(chosen) == most:
            break
    numbers = list(chosen.values())
    names = ("id", "group", "text", "gold", "pred", "target", "outlet", "voice")
    told = rows.table.select(names).take(numbers).to_pylist()
    spans = {side: _spans(Predictions(rows.table.take(numbers), rows.meta), side) for side in ("gold", "pred")}
    return [
        ErrorExample(
            **row,  # type: ignore[typeddict-item]
            confidence=float(facts.confidence[number]),
            spans_gold=spans["gold"][i],
            spans_pred=spans["pred"][i],
            doubted=bool(in_doubt[number]),
        )
        for i, (number, row) in enumerate(zip(numbers, told, strict=True))
    ]


def _cells(rows: Predictions, facts: _Facts, wrong: Mask, draws: Draws) -> dict[str, list[ErrorCell]]:
    """Error rates by dimension; a dimension with one value only is left out."""
    dimensions = {"confidence": _banded(facts.confidence, CONFIDENCES, below=True)}
    if rows.table["spans_pred"].null_count < len(rows):
        dimensions["marked words"] = _banded(facts.marked, _MARKED)
    names = tuple(str(number) for number in range(int(draws.groups.max()) + 1))
    for found in slice_rows(rows, Rows(names, draws.groups)):
        mask = np.zeros(len(rows), bool)
        mask[found.rows] = True
        dimensions.setdefault(found.column, {})[found.value] = mask
    columns = [(dimension, value, mask) for dimension, values in dimensions.items() if len(values) > 1 for value, mask in values.items()]
    if not columns:
        return {}
    sides = [facts.gold >= 0, *(facts.gold == index for index in range(len(facts.labels)))]
    below = np.stack([mask & side for _, _, mask in columns for side in sides], axis=1)
    rates = iter(draws.ratios(below & wrong[:, None], below))
    cells: dict[str, list[ErrorCell]] = {}
    for dimension, value, mask in columns:
        rate = next(rates)
        by_gold = {label: next(rates) for label in facts.labels}
        cell = ErrorCell(value=value, rows=int(mask.sum()), wrong=int((mask & wrong).sum()), rate=rate, by_gold=by_gold)
        cells.setdefault(dimension, []).append(cell)
    return cells


def _banded(values: npt.ArrayLike, bands: Sequence[tuple[str, float]], *, below: bool = False) -> dict[str, Mask]:
    """The rows in each band that has rows; `below`: a band ends before its bound and not with it."""
    bounds = np.array([bound for _, bound in bands])
    number = np.searchsorted(bounds, np.asarray(values, np.float64), side="right" if below else "left")
    return {name: number == i for i, (name, _) in enumerate(bands) if (number == i).any()}
