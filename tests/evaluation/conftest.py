"""Small invented predictions tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from slant.evaluation import PredictionsMeta
from slant.labels import get_task

Columns = dict[str, Any]


def meta_of(task: str = "loaded", **changes: Any) -> PredictionsMeta:
    fields: dict[str, Any] = {
        "task": task,
        "task_version": get_task(task).version,
        "labels": get_task(task).labels,
        "corpus_fingerprint": "corpus-1",
        "split_fingerprint": "split-1",
        "package_version": "0.1.0",
        "model": "invented",
    }
    return PredictionsMeta(**(fields | changes))


def columns_of(gold: Sequence[int | None], pred: Sequence[int], p: Any, groups: Sequence[object], task: str = "loaded") -> Columns:
    """Columns of one split from label indices, probabilities `(n, k)` and group names."""
    labels = get_task(task).labels
    table = np.asarray(p, float)
    n = len(gold)
    return {
        "run_id": ["run-1"] * n,
        "split": ["test"] * n,
        "fold": [0] * n,
        "seed": [1] * n,
        "id": [f"id-{row}" for row in range(n)],
        "group": [str(group) for group in groups],
        "text": ["a dreadful lie was told"] * n,
        "gold": [None if label is None else labels[label] for label in gold],
        "pred": [labels[label] for label in pred],
        **{f"p_{label}": table[:, index].tolist() for index, label in enumerate(labels)},
    }


def span(start: int, end: int) -> dict[str, Any]:
    return {"start": start, "end": end, "label": "loaded"}


@pytest.fixture
def pointing() -> Callable[[], Columns]:
    """Six rows in four groups, with word scores on the first four."""

    def make() -> Columns:
        p = [0.9, 0.2, 0.6, 0.4, 0.7, 0.1]
        columns = columns_of([1, 0, 1, 1, 0, 0], [1, 0, 1, 0, 1, 0], [[1 - x, x] for x in p], "aabbcd")
        starts, ends = [0, 2, 11, 15, 19], [1, 10, 14, 18, 23]
        columns |= {
            "spans_gold": [[span(2, 14)], [], [span(2, 10)], [span(11, 14)], None, []],
            "spans_pred": [[span(2, 10)], [], [span(2, 14)], [], None, None],
            "word_starts": [starts] * 4 + [None, None],
            "word_ends": [ends] * 4 + [None, None],
            "word_scores": [
                [0.1, 0.9, 0.4, 0.1, 0.2],
                [0.1] * 5,
                [0.0, 0.8, 0.6, 0.1, 0.1],
                [0.3, 0.2, 0.45, 0.1, 0.0],
                None,
                None,
            ],
            "outlet": ["Daily", None, "Weekly", None, "Daily", None],
            "abstained": [False, True, False, False, False, False],
            "truncated": [False, False, True, False, False, False],
        }
        return columns

    return make
