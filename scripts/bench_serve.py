"""Measure a bundle's runtime against `transformers.pipeline("text-classification")` with the same encoder and sentences, in one run.

    python scripts/bench_serve.py BUNDLE PTC_FOLDER [--sentences 2000] [--single 200] [--rounds 3] [--held-out RUN_FOLDER...]

One thread each. Rounds are interleaved, so that a busy moment hits all alike; ratios are what counts. The pipeline has a classification head of
random weights, which costs as much as a trained one. Also measured, in fresh
processes: seconds from the start to the first annotation, and peak memory. With --held-out, folders of runs whose split is a single
holdout, their bundles answer the runs' test rows in each precision, and nothing else is measured anew. Writes experiments/08-serve/runtime.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from slant.bundle import read_bundle
from slant.data import column
from slant.data.corpora.ptc import load_ptc
from slant.evaluation import read_predictions
from slant.files import write_atomic
from slant.metrics import confusion_counts, f1_macro
from slant.models.encoder import resolve_encoder
from slant.serve import Annotator

TARGET = Path(__file__).parents[1] / "experiments" / "08-serve" / "runtime.json"
COLD = """
import sys; from slant.serve import Annotator; Annotator.open(sys.argv[1], precision=sys.argv[2]).annotate('The mayor spoke.')
print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))
"""


def open_pipeline() -> Callable[[Sequence[str], int], object]:
    """The pipeline as its users open it, fp32, on one thread."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
    from transformers.utils import logging

    logging.set_verbosity_error()
    torch.set_num_threads(1)
    files = resolve_encoder(None)
    model = AutoModelForSequenceClassification.from_pretrained(files.path, num_labels=2, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(files.path, local_files_only=True)
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    return lambda texts, size: classify(list(texts), batch_size=size, truncation=True, max_length=256)


def cold_start(bundle: Path, precision: str, runs: int) -> dict[str, float]:
    seconds, memory = [], []
    for _ in range(runs):
        started = time.perf_counter()
        command = [sys.executable, "-c", COLD, str(bundle), precision]
        # The process tells its own peak: what the system tells of a child counts in what its parent held when it forked.
        told = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True, capture_output=True, text=True)
        seconds.append(time.perf_counter() - started)
        memory.append(int(told.stdout) / 1e3)
    return {"seconds": round(median(seconds), 2), "peak_mb": round(max(memory))}


def judge(run: Path) -> dict[str, Any]:
    """Macro F1 of the run's bundle on the rows that neither it nor its thresholds have seen, and how many answers are not fp32's."""
    rows = [row for row in read_predictions(run / "predictions.parquet").table.to_pylist() if row["split"] == "test"]
    found: dict[str, Any] = {"rows": len(rows), "macro_f1": {}, "answers_not_as_fp32": {}}
    answers: dict[str, list[str]] = {}
    for precision in read_bundle(run / "bundle").manifest.graphs:
        scored = Annotator.open(run / "bundle", precision=precision).score([row["text"] for row in rows])
        answers[precision] = [sentence.loaded.label for sentence in scored]
        gold, told = (np.array([name == "loaded" for name in names], int) for names in ([row["gold"] for row in rows], answers[precision]))
        found["macro_f1"][precision] = round(float(f1_macro(confusion_counts(gold, told, 2))), 4)
        found["answers_not_as_fp32"][precision] = sum(a != b for a, b in zip(answers["fp32"], answers[precision], strict=True))
    return found


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _write(results: dict[str, Any]) -> None:
    TARGET.parent.mkdir(exist_ok=True)
    with write_atomic(TARGET) as part:
        part.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("ptc", type=Path)
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--single", type=int, default=200, help="sentences that are also read one at a time")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--held-out", type=Path, nargs="+", metavar="RUN_FOLDER")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.held_out:
        results = json.loads(TARGET.read_text(encoding="utf-8")) | {"held_out": [judge(run) for run in args.held_out]}
        _write(results)
        return 0
    texts = [text for text in column(load_ptc(args.ptc).dataset, "text") if text.strip()]
    texts = [texts[i] for i in np.linspace(0, len(texts) - 1, args.sentences).astype(int)]
    single = [texts[i] for i in np.linspace(0, len(texts) - 1, args.single).astype(int)]
    classify = open_pipeline()
    systems: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "pipeline": (lambda: classify(texts, 32), lambda: [classify([text], 1) for text in single]),
    }
    precisions = list(read_bundle(args.bundle).manifest.graphs)
    for precision in precisions:
        annotator = Annotator.open(args.bundle, precision=precision)
        systems[precision] = (
            lambda annotator=annotator: annotator.score(texts),
            lambda annotator=annotator: [annotator.score([text]) for text in single],
        )
    batch: dict[str, list[float]] = {name: [] for name in systems}
    alone: dict[str, list[float]] = {name: [] for name in systems}
    for _, one in systems.values():
        one()  # first calls allocate
    for _ in range(args.rounds):
        for name, (many, one) in systems.items():
            batch[name].append(timed(many) / len(texts))
            alone[name].append(timed(one) / len(single))
    results = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, one thread",
        "sentences": len(texts), "rounds": args.rounds, "systems": {},
    }  # fmt: skip
    for name in systems:
        row: dict[str, Any] = {"batch_ms": round(median(batch[name]) * 1e3, 2), "single_ms": round(median(alone[name]) * 1e3, 2)}
        # Ratios within a round: both sides met the same machine.
        row["batch_times"] = round(median(a / b for a, b in zip(batch["pipeline"], batch[name], strict=True)), 2)
        row["single_times"] = round(median(a / b for a, b in zip(alone["pipeline"], alone[name], strict=True)), 2)
        results["systems"][name] = row | (cold_start(args.bundle, name, 3) if name in precisions else {})
        print(name, results["systems"][name], flush=True)
    _write(results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
