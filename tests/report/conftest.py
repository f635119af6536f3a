"""Invented predictions whose texts, names and ids would act if a page let them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fixtures_pages import HOSTILE, RTL

from slant.evaluation import Predictions, PredictionsMeta, make_predictions
from slant.labels import get_task


def hostile_predictions(n: int = 120, *, task: str = "loaded", skill: float = 1.0, seed: int = 1, length: int = 1, **changes: Any) -> Predictions:
    """`n` rows in groups of four; the higher `skill`, the more often they are right. Pointing where the task has words."""
    rng, labels = np.random.default_rng(7), get_task(task).labels
    k = len(labels)
    gold = rng.integers(0, k, n)
    logits = np.random.default_rng(seed).normal(0, 1, (n, k)) + skill * np.eye(k)[gold]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    text = [f"vile {HOSTILE if i % 2 else RTL} " * length + str(i) for i in range(n)]
    columns: dict[str, Any] = {
        "run_id": ["<u>run</u>"] * n, "split": ["test"] * n, "fold": [0] * n, "seed": [seed] * n,
        "id": [f"<b>{i:05d}</b>" for i in range(n)], "group": [f"g{i // 4}" for i in range(n)], "text": text,
        "gold": [labels[i] for i in gold], "pred": [labels[i] for i in p.argmax(1)],
        **{f"p_{label}": p[:, i].tolist() for i, label in enumerate(labels)},
        "outlet": [f"</script><i>{i % 3}</i>" for i in range(n)], "voice": [("author", "quoted", "mixed")[i % 3] for i in range(n)],
    }  # fmt: skip
    if task == "loaded":
        columns["spans_gold"] = [[{"start": 0, "end": 4, "label": "loaded"}] if label else [] for label in gold]
        columns["spans_pred"] = [[{"start": 0, "end": 4, "label": "loaded"}] if row[1] > 0.5 else [] for row in p]
        columns |= {"word_starts": [[0]] * n, "word_ends": [[4]] * n, "word_scores": p[:, 1:2].tolist()}
    else:
        columns["target"] = [f"<em>target {i % 2}</em>" for i in range(n)]
    meta = PredictionsMeta(task, get_task(task).version, labels, "c" * 64, "s" * 64, "0.1.0", "<b>model</b>")
    return make_predictions(columns | changes, meta)


@pytest.fixture(scope="session")
def hostile() -> Callable[..., Predictions]:
    return hostile_predictions
