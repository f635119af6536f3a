"""Time `slant.evaluation.score` on synthetic predictions of BABE's size, beside a plain loop of scikit-learn's macro F1.

    OMP_NUM_THREADS=1 python scripts/bench_bootstrap.py [--resamples 2000]

Writes one mapping to experiments/10-review/bootstrap.json: seconds of every metric with its interval, of which resampling
macro F1 alone, the loop's seconds extrapolated to as many resamples, the two ratios, and the peak memory in MB.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score  # type: ignore[import-untyped,unused-ignore]

from slant.evaluation import Predictions, PredictionsMeta, group_weights, make_predictions, score
from slant.files import write_atomic
from slant.labels import LOADED
from slant.metrics import f1_macro

TARGET = Path(__file__).parents[1] / "experiments" / "10-review" / "bootstrap.json"
ROWS, GROUPS, WORDS, LOOP = 3673, 2000, 92_000, 50


def synthetic(seed: int = 0) -> Predictions:
    """Predictions with BABE's counts of rows, articles and words, and about its share of loaded sentences and words."""
    rng = np.random.default_rng(seed)
    group = np.r_[np.arange(GROUPS), rng.integers(0, GROUPS, ROWS - GROUPS)]
    gold = rng.random(ROWS) < 0.49
    p = 1 / (1 + np.exp(-(rng.normal(0, 1.5, ROWS) + 1.5 * (2 * gold - 1))))
    lengths = rng.multinomial(WORDS - ROWS, np.full(ROWS, 1 / ROWS)) + 1
    columns: dict[str, list[Any]] = {name: [] for name in ("spans_gold", "spans_pred", "word_starts", "word_ends", "word_scores")}
    for length, loaded in zip(lengths, gold, strict=True):
        starts = np.arange(length) * 6
        true = rng.random(length) < 0.07 * loaded
        scores = 1 / (1 + np.exp(-(rng.normal(-3, 1.5, length) + 3 * true)))
        columns["spans_gold"].append([{"start": int(s), "end": int(s) + 5, "label": "loaded"} for s in starts[true]])
        columns["spans_pred"].append([{"start": int(s), "end": int(s) + 5, "label": "loaded"} for s in starts[scores > 0.5]])
        columns["word_starts"].append(starts)
        columns["word_ends"].append(starts + 5)
        columns["word_scores"].append(scores)
    columns |= {
        "run_id": ["bench"] * ROWS,
        "split": ["test"] * ROWS,
        "fold": [0] * ROWS,
        "seed": [0] * ROWS,
        "id": [f"row-{row}" for row in range(ROWS)],
        "group": [f"article-{index}" for index in group],
        "text": ["words " * int(length) for length in lengths],
        "gold": [LOADED.labels[int(label)] for label in gold],
        "pred": [LOADED.labels[int(value > 0.5)] for value in p],
        "p_neutral": (1 - p).tolist(),
        "p_loaded": p.tolist(),
    }
    return make_predictions(columns, PredictionsMeta("loaded", 1, LOADED.labels, "synthetic", "synthetic", "bench", "bench"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resamples", type=int, default=2000)
    resamples = parser.parse_args().resamples
    predictions = synthetic()
    begun = time.perf_counter()
    scores = score(predictions, resamples=resamples)
    every_metric = time.perf_counter() - begun

    gold, pred = predictions.label_index("gold"), predictions.label_index("pred")
    _, groups = np.unique(predictions.column("group").astype(str), return_inverse=True)
    begun = time.perf_counter()
    counts = np.bincount(groups * 4 + gold * 2 + pred, minlength=GROUPS * 4).reshape(GROUPS, 4).astype(np.float32)
    f1_macro((group_weights(GROUPS, resamples, 0) @ counts).reshape(-1, 2, 2))
    one_metric = time.perf_counter() - begun

    members = [np.flatnonzero(groups == index) for index in range(GROUPS)]
    rng = np.random.default_rng(0)
    begun = time.perf_counter()
    for _ in range(LOOP):
        rows = np.concatenate([members[index] for index in rng.integers(0, GROUPS, GROUPS)])
        f1_score(gold[rows], pred[rows], average="macro")
    loop = (time.perf_counter() - begun) / LOOP * resamples
    line = {
        "rows": ROWS,
        "groups": GROUPS,
        "words": WORDS,
        "resamples": resamples,
        "metrics": len(scores["metrics"]),
        "seconds_all_metrics": round(every_metric, 3),
        "seconds_macro_f1": round(one_metric, 3),
        "seconds_loop_macro_f1_extrapolated": round(loop, 3),
        "ratio_loop_to_all_metrics": round(loop / every_metric, 2),
        "ratio_loop_to_macro_f1": round(loop / one_metric, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    with write_atomic(TARGET) as part:
        part.write_text(json.dumps(line, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(line))


if __name__ == "__main__":
    main()
