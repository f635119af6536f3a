"""Train TF-IDF, the frozen heads and their vote on BABE under two splits, and compare them as a reviewer would.

    python scripts/bench_review.py BABE_FOLDER [--home FOLDER]

Writes experiments/10-review/results.json: of each split the verdicts and differences of `slant compare`. With --home the runs
(HOME/SPLIT/MODEL) and the pages (HOME/SPLIT.html) are kept there, and a run that stands there is not trained again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from slant.files import write_atomic
from slant.pipeline.review import review

TARGET = Path(__file__).parents[1] / "experiments" / "10-review" / "results.json"
SPLITS = {"folds": "loaded/babe", "leave-outlet": "loaded/babe_leave_outlet"}
MODELS = {"tf-idf": "linear", "heads": "encoder_heads", "vote": "soft_vote"}
KEPT = ("metric", "baseline", "candidate", "difference", "lo", "hi", "p_adjusted", "detectable", "verdict")


def train(experiment: str, model: str, babe: Path, folder: Path) -> None:
    """One untracked run, its folder put at `folder`."""
    with tempfile.TemporaryDirectory(prefix="slant-review-") as runs:
        places = [f"data.root={babe}", f"paths.runs={runs}", "tracking=none", "publish.enabled=false"]
        subprocess.run([sys.executable, "-m", "slant", "train", f"experiment={experiment}", f"model={model}", *places], check=True)
        [scores] = Path(runs).rglob("scores.json")
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(scores.parent, folder)


def _short(pair: Any) -> dict[str, Any]:
    metrics = [{key: row[key] for key in KEPT} for row in pair["metrics"]]
    return {"baseline": pair["baseline"], "candidate": pair["candidate"], "metrics": metrics}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("babe", type=Path)
    parser.add_argument("--home", type=Path)
    args = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="slant-review-") as scratch:
        home = args.home or Path(scratch)
        for split, experiment in SPLITS.items():
            for name, model in MODELS.items():
                if not (home / split / name / "scores.json").exists():
                    train(experiment, model, args.babe, home / split / name)
            sides = [str(home / split / name) for name in MODELS]
            pairs = [review(sides, html=home / f"{split}.html")["pairs"], review(sides[1:])["pairs"]]
            results[split] = [_short(pair) for found in pairs for pair in found]
    with write_atomic(TARGET) as part:
        part.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
