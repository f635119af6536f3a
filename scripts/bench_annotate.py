"""Measure `slant annotate` from the demo's bundle, cold, and keep what README shows of the demo.

    python scripts/bench_annotate.py ARTICLE [--runs 7]

Trains the demo in a temporary home, annotates ARTICLE in fresh processes (wall seconds, peak memory), and writes to experiments/02-annotate:
`results.json` (the figures, the demo's scores) and `annotation.json` (the shipped sample article, annotated).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from slant.data.corpus import data_folder
from slant.files import write_atomic

STUDY = Path(__file__).parents[1] / "experiments" / "02-annotate"
SAMPLE = data_folder() / "newsroom" / "sample_article.txt"


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float, bytes]:
    """Wall seconds, peak memory in MB and output of one process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1e3, output


def row(values: list[float]) -> dict[str, Any]:
    return {"median": round(median(values), 3), "worst": round(max(values), 3), "runs": len(values)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("article", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    slant = [sys.executable, "-m", "slant"]
    with tempfile.TemporaryDirectory(prefix="slant-annotate-") as home:
        environment = os.environ | {"SLANT_HOME": home, "SLANT_CACHE": f"{home}/cache", "OMP_WAIT_POLICY": "passive"}
        first, peak, _ = measured([*slant, "train", "experiment=loaded/demo"], environment)
        again, _, _ = measured([*slant, "train", "experiment=loaded/demo"], environment)
        bundle = max(Path(home).rglob("bundle/bundle.json"), key=lambda path: path.stat().st_mtime).parent
        scores = json.loads((bundle / "metrics.json").read_text(encoding="utf-8"))["loaded"]
        _, _, sample = measured([*slant, "annotate", str(SAMPLE), "--bundle", str(bundle), "--json"], environment)
        cold = [measured([*slant, "annotate", str(args.article), "--bundle", str(bundle)], environment) for _ in range(args.runs)]
        size = sum(path.stat().st_size for path in bundle.iterdir()) / 1e6
        graphs = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["graphs"]
    results = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "article_characters": len(args.article.read_text(encoding="utf-8")),
        "rows": {
            "slant annotate, cold, wall s": row([wall for wall, _, _ in cold]),
            "slant annotate, cold, peak MB": row([memory for _, memory, _ in cold]),
            "demo training, empty cache, wall s": row([first]),
            "demo training, empty cache, peak MB": row([peak]),
            "demo training, repeated, wall s": row([again]),
            "bundle, MB": row([size]),
        },
        "graphs": sorted(graphs),
        "demo_scores": scores,
    }
    with write_atomic(STUDY / "results.json") as part:
        part.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with write_atomic(STUDY / "annotation.json") as part:
        part.write_text(json.dumps(json.loads(sample), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(results["rows"], indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
