"""The sentences that two sides judge most differently."""

from __future__ import annotations

from typing import Any

import numpy as np

from slant.evaluation.bootstrap import Floats
from slant.evaluation.comparison.shape import Changed, Judgement, Word
from slant.evaluation.comparison.sides import Side

__all__ = ["SHOWN", "most_changed"]

SHOWN = 20


def most_changed(baseline: Side, candidate: Side, limit: int = SHOWN) -> list[Changed]:
    """The rows whose probabilities differ most, the largest change first; of equals, in order of id. Rows without any change are left out.

    A side's probabilities are the means over its tables. `towards_gold` says whether the candidate gives the gold label more than the baseline.
    """
    first, second = (_mean_probabilities(side) for side in (baseline, candidate))
    change = np.abs(second - first).sum(1) / 2
    # Rounded, so that sums in another order do not change which of two equals comes first.
    order = np.argsort(-change.round(9), kind="stable")[:limit]
    table = baseline.tables[0]
    gold = table.label_index("gold")
    facts = table.table.select(["id", "group", "text", "target", "outlet", "gold", "spans_gold"]).take(order).to_pylist()
    found = []
    for row, fact in zip(order.tolist(), facts, strict=True):
        if change[row] < 1e-9:
            break
        towards = None if gold[row] < 0 else bool(second[row, gold[row]] > first[row, gold[row]])
        spans = None if fact["spans_gold"] is None else [(span["start"], span["end"]) for span in fact["spans_gold"]]
        entry = Changed(
            id=fact["id"], group=fact["group"], text=fact["text"], target=fact["target"], outlet=fact["outlet"], gold=fact["gold"],
            spans_gold=spans, change=float(change[row]), towards_gold=towards,
            baseline=_judgement(baseline, row, first), candidate=_judgement(candidate, row, second),
        )  # fmt: skip
        found.append(entry)
    return found


def _mean_probabilities(side: Side) -> Floats:
    return np.asarray(np.mean([table.probabilities() for table in side.tables], axis=0))


def _judgement(side: Side, row: int, probabilities: Floats) -> Judgement:
    labels = side.tables[0].meta.labels
    said = [table.table["pred"][row].as_py() for table in side.tables]
    # Of labels said equally often, the one that the side holds more probable.
    pred = max(labels, key=lambda label: (said.count(label), probabilities[row, labels.index(label)]))
    table = side.tables[0].table
    spans: list[dict[str, Any]] | None = table["spans_pred"][row].as_py()
    starts, ends, scores = (table[f"word_{part}"][row].as_py() for part in ("starts", "ends", "scores"))
    words = None if scores is None else [Word(start=s, end=e, score=float(p)) for s, e, p in zip(starts, ends, scores, strict=True)]
    return Judgement(
        pred=pred,
        probabilities={label: float(p) for label, p in zip(labels, probabilities[row], strict=True)},
        abstained=bool(table["abstained"][row].as_py()),
        spans=None if spans is None else [(span["start"], span["end"]) for span in spans],
        words=words,
    )
