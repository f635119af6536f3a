"""Time `slant.evaluation.comparison.compare` on synthetic runs over the same rows.

    python scripts/bench_compare.py [--runs 10] [--rows 4000] [--resamples 2000]

Writes experiments/10-review/speed.json and prints it: the sizes, the seconds, and the peak memory in MB.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from slant.evaluation import Predictions, PredictionsMeta, make_predictions
from slant.evaluation.comparison import compare
from slant.files import write_atomic
from slant.labels import LOADED

TARGET = Path(__file__).parents[1] / "experiments" / "10-review" / "speed.json"
WORDS_A_ROW = 25


def synthetic(rows: int, runs: int, seed: int = 0) -> dict[str, list[Predictions]]:
    """Runs over the same invented rows, two rows a group, with word scores; each next run is a little better."""
    rng = np.random.default_rng(seed)
    gold = rng.random(rows) < 0.49
    shared = rng.normal(0, 1.2, rows)
    starts = [np.arange(WORDS_A_ROW) * 6] * rows
    true = rng.random((rows, WORDS_A_ROW)) < 0.07 * gold[:, None]
    hard = rng.normal(-3, 1.2, true.shape)
    columns: dict[str, Any] = {
        "split": ["test"] * rows,
        "fold": [0] * rows,
        "seed": [0] * rows,
        "id": [f"row-{row:06d}" for row in range(rows)],
        "group": [f"article-{row // 2}" for row in range(rows)],
        "text": ["words " * WORDS_A_ROW] * rows,
        "gold": [LOADED.labels[int(label)] for label in gold],
        "outlet": [f"outlet-{row % 12}" for row in range(rows)],
        "topic": [f"topic-{row % 14}" for row in range(rows)],
        "leaning": [("left", "centre", "right")[row % 3] for row in range(rows)],
        "spans_gold": [_spans(starts[0], marks) for marks in true],
        "word_starts": starts,
        "word_ends": [begin + 5 for begin in starts],
    }
    found = {}
    for run in range(runs):
        p = 1 / (1 + np.exp(-(shared + rng.normal(0, 0.8, rows) + (1.4 + 0.02 * run) * (2 * gold - 1))))
        words = 1 / (1 + np.exp(-(hard + rng.normal(0, 0.8, true.shape) + 3 * true)))
        own = {
            "run_id": [f"run-{run}"] * rows,
            "pred": [LOADED.labels[int(value > 0.5)] for value in p],
            "p_neutral": (1 - p).tolist(),
            "p_loaded": p.tolist(),
            "spans_pred": [_spans(starts[0], marks) for marks in words > 0.5],
            "word_scores": list(words),
        }
        meta = PredictionsMeta("loaded", 1, LOADED.labels, "synthetic", "synthetic", "bench", f"run-{run}")
        found[f"run-{run}"] = [make_predictions(columns | own, meta)]
    return found


def _spans(starts: np.ndarray[Any, Any], marks: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    return [{"start": int(s), "end": int(s) + 5, "label": "loaded"} for s in starts[marks]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--resamples", type=int, default=2000)
    args = parser.parse_args()
    sides = synthetic(args.rows, args.runs)
    begun = time.perf_counter()
    found = compare(sides, resamples=args.resamples)
    seconds = time.perf_counter() - begun
    line = {
        "runs": args.runs,
        "rows": args.rows,
        "groups": found["test"]["groups"],
        "words_a_run": args.rows * WORDS_A_ROW,
        "resamples": args.resamples,
        "swaps": found["settings"]["swaps"],
        "tests": found["settings"]["tests"],
        "seconds": round(seconds, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    with write_atomic(TARGET) as part:
        part.write_text(json.dumps(line, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(line))


if __name__ == "__main__":
    main()
