"""Probe trained runs with the shipped suite and write the rates and leaning audits to FOLDER/results.json.

    python scripts/bench_probe.py experiments/07-probe NAME=RUN [NAME=RUN …]

RUN is what `slant probe` takes. A run of the task stance is audited by camp too when FOLDER has a camps.yaml. Runs that are not named stay
in the file as they were, where the suite is still the same.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from slant.files import write_atomic
from slant.pipeline import probe_model, read_camps

KEPT = ("bundle", "package_version", "margin", "kinds", "leaning", "camps", "notes")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN")
    args = parser.parse_args()
    path, camps = args.folder / "results.json", args.folder / "camps.yaml"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"suite": None, "runs": {}}
    for named in args.runs:
        name, _, run = named.partition("=")
        # Only the shipped corpus has the targets that the camps name.
        told = probe_model(run, camps=read_camps(camps) if camps.exists() and name.startswith("newsroom-stance") else None).to_json()
        if found["suite"] != told["suite"]:
            found = {"suite": told["suite"], "runs": {}}
        found["runs"][name] = {key: told[key] for key in KEPT}
        found["runs"][name]["failed"] = sorted(case["id"] for case in told["cases"] if case["passed"] is False)
    with write_atomic(path) as part:
        part.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
