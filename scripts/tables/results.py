"""Committed result files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
#: The scores of loaded language that tables show.
SHOWN = ("macro_f1", "weighted_f1", "auroc", "ece", "word_f1", "word_ap")


def results(study: str, name: str = "results") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "experiments" / study / f"{name}.json").read_text(encoding="utf-8"))
    return found


def cell(run: dict[str, Any], metric: str) -> str:
    found = run["metrics"].get(metric)
    return "–" if found is None or found["value"] is None else f"{found['value']:.3f} ({found['lo']:.3f}–{found['hi']:.3f})"
