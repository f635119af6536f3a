"""Measure `slant score`: rows a second and peak memory by processes, and whether both keep as rows grow.

    python scripts/bench_score.py BUNDLE [--rows 1000000] [--part 50000] [--precision int8] [--workers 1 2] [--folder FOLDER] [--name results]

Sentences are made of the shipped newsroom corpus's words, no two alike, so that none is scored once for many. A job's memory is
the sum of its processes' resident sets, sampled. A part of the rows is scored by each number of processes, and all of them by the last: the
rate must keep within a quarter (linear), and the memory within a tenth or 50 MB.
Writes figures and verdicts to experiments/11-score/NAME.json; the exit status is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from slant.data.corpus import data_folder
from slant.files import write_atomic
from slant.seeding import derive_seed

STUDY = Path(__file__).parents[1] / "experiments" / "11-score"
#: What issue 6 asks for: a million sentences under so many bytes.
MEMORY = 1_000_000_000


def write_sentences(path: Path, rows: int) -> None:
    """So many sentences, each one of the corpus's with some words exchanged for others and a number of its own."""
    lines = (data_folder() / "newsroom" / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"].split() for line in lines]
    words = sorted({word for text in texts for word in text})
    chance = random.Random(derive_seed(1, "bench-score"))
    with write_atomic(path) as part, part.open("w", encoding="utf-8") as file:
        for number in range(rows):
            text = list(texts[number % len(texts)])
            for _ in range(3):
                text[chance.randrange(len(text))] = chance.choice(words)
            file.write(json.dumps({"id": number, "text": f"{' '.join(text)} ({number})"}, ensure_ascii=False) + "\n")


def resident(pid: int) -> int:
    """Bytes of a process and all below it; 0 for one that is gone."""
    try:
        own = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return own + sum(resident(int(child)) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0


def measure(source: Path, output: Path, bundle: str, precision: str | None, workers: int, rows: int) -> dict[str, Any]:
    """Score the table once."""
    command = [sys.executable, "-m", "slant", "score", str(source), "-o", str(output), "-b", bundle, "--workers", str(workers), "--overwrite"]
    began, peak = time.perf_counter(), 0
    with subprocess.Popen([*command, *(["--precision", precision] if precision else [])], stderr=subprocess.PIPE) as job:
        while job.poll() is None:
            peak = max(peak, resident(job.pid))
            time.sleep(0.1)
        told = job.stderr.read().decode() if job.stderr else ""
    if job.returncode:
        raise SystemExit(told)
    seconds = time.perf_counter() - began
    return {"rows": rows, "workers": workers, "seconds": round(seconds, 1), "rows_per_second": round(rows / seconds, 1), "peak_bytes": peak}


def judge(runs: list[dict[str, Any]]) -> dict[str, bool]:
    """Which of the targets held, of the jobs that were measured."""
    most = max(run["rows"] for run in runs)
    whole = {run["workers"]: run for run in runs if run["rows"] == most}
    part = {run["workers"]: run for run in runs if run["rows"] < most and run["workers"] in whole}
    return {
        "memory below 1 GB": all(run["peak_bytes"] < MEMORY for run in runs),
        "rate keeps as rows grow": all(whole[n]["rows_per_second"] >= 0.75 * run["rows_per_second"] for n, run in part.items()),
        "memory keeps as rows grow": all(whole[n]["peak_bytes"] <= max(1.1 * run["peak_bytes"], run["peak_bytes"] + 50e6) for n, run in part.items()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--part", type=int, default=50_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--precision", choices=("fp32", "int8"))
    parser.add_argument("--name", default="results", help="of the file of figures")
    parser.add_argument("--folder", help="for the tables; default: a temporary one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        runs = []
        for rows, processes in ((args.part, args.workers), (args.rows, args.workers[-1:])):
            source = Path(folder) / f"{rows}.jsonl"
            write_sentences(source, rows)
            for workers in processes:
                runs.append(measure(source, Path(folder) / "out.jsonl", args.bundle, args.precision, workers, rows))
                print(json.dumps(runs[-1]), flush=True)
    rates = {run["workers"]: run["rows_per_second"] for run in runs if run["rows"] == args.part}
    first = rates[args.workers[0]]
    told = {
        "machine": {"cpus": os.cpu_count(), "load_at_end": os.getloadavg()[0], "python": platform.python_version()},
        "precision": args.precision,
        "runs": runs,
        "speedup": {str(workers): round(rate / first, 2) for workers, rate in rates.items()},
        "hours_per_million": {str(workers): round(1e6 / rate / 3600, 3) for workers, rate in rates.items()},
        "targets": judge(runs),
    }
    with write_atomic(STUDY / f"{args.name}.json") as part:
        part.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told["targets"], indent=1))
    return 0 if all(told["targets"].values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
