"""Run the runs of a study one after another, each in a process of its own, and write down scores and cost.

    python scripts/bench_study.py experiments/01-babe-heads data.root=FOLDER [--only NAME …]

`runs.json` names the runs and their overrides; arguments with `=` are added to each but are not recorded, as they name places. Where it has
`places`, they are given by name (`newsmtsc=FOLDER`), and each run whose name begins so gets those that it lists. Encodings go to a
cache of the study's own that begins empty, so that the first run is a first run. Writes `results.json` after every run, and `resolved/NAME.yaml`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from slant.files import write_atomic
from slant.pipeline import compose_config

KEPT = ("value", "lo", "hi")
JUDGED = ("macro_f1", "f_avg_pooled")


def places_of(name: str, study: dict[str, Any], given: list[str]) -> list[str]:
    """The overrides that name places for one run."""
    if "places" not in study:
        return given
    known = dict(place.split("=", 1) for place in given)
    prefix = max((prefix for prefix in study["places"] if name.startswith(prefix)), key=len, default=None)
    return [f"{key}={known[place]}" for key, place in study["places"].get(prefix, {}).items()]


def fits_of(log: str) -> list[dict[str, Any]]:
    """Of each fit of a fine-tuned model that a run's log tells: dev log loss by epoch, and seconds."""
    fits: list[dict[str, Any]] = []
    for epoch, loss, seconds in re.findall(r"epoch (\d+): .*dev log loss ([\d.]+), (\d+) s", log):
        if epoch == "1":
            fits.append({"losses": []})
        fits[-1]["losses"].append(float(loss))
        fits[-1]["seconds"] = int(seconds)
    return fits


def run_one(overrides: list[str], places: list[str], home: Path) -> dict[str, Any]:
    """One `slant train`; its wall seconds, peak memory and scores."""
    environment = os.environ | {"SLANT_HOME": str(home), "SLANT_CACHE": str(home / "cache"), "OMP_WAIT_POLICY": "passive"}
    before = set((home / "runs").rglob("scores.json"))
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "slant", "train", *overrides, *places], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(overrides)} failed")
    found = set((home / "runs").rglob("scores.json")) - before
    (path,) = found
    scores, fits = json.loads(path.read_text(encoding="utf-8")), fits_of(path.with_name("train.log").read_text(encoding="utf-8"))
    return {
        "overrides": overrides,
        "wall_seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_memory_mb": round(usage.ru_maxrss / 1e3),
        "rows": scores["rows"],
        "fingerprints": scores["fingerprints"],
        "metrics": {name: {key: value[key] for key in KEPT} for name, value in scores["metrics"].items()},
        "floors": {name: {m: v["value"] for m, v in floor["metrics"].items()} for name, floor in scores["floors"].items()},
        "differences": {name: {m: floor["difference"].get(m) for m in JUDGED} for name, floor in scores["floors"].items()},
    } | ({"fits": fits} if fits else {})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("places", nargs="*")
    parser.add_argument("--only", nargs="+")
    args = parser.parse_args()
    study = json.loads((args.study / "runs.json").read_text(encoding="utf-8"))
    runs: dict[str, list[str]] = study["runs"]
    target = args.study / "results.json"
    results: dict[str, Any] = json.loads(target.read_text(encoding="utf-8")) if args.only and target.exists() else {"runs": {}}
    results["machine"] = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    (args.study / "resolved").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="slant-study-") as home:
        for name, overrides in runs.items():
            if args.only and name not in args.only:
                continue
            (args.study / "resolved" / f"{name}.yaml").write_text(OmegaConf.to_yaml(compose_config(overrides)), encoding="utf-8")
            results["runs"][name] = run_one(overrides, places_of(name, study, args.places), Path(home))
            with write_atomic(target) as part:
                part.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            shown = results["runs"][name]["metrics"]["macro_f1"]["value"]
            print(f"{name}: macro_f1 {shown:.4f} in {results['runs'][name]['wall_seconds']} s", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
