"""Does a bundle still answer as it did when it was made?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slant.bundle import Bundle, read_bundle
from slant.errors import BundleError, SlantError
from slant.serve.runtime import Runtime, open_runtime

__all__ = ["Check", "replay_golden", "verify_bundle"]


@dataclass(frozen=True)
class Check:
    """One line of `slant verify`: what was checked, whether it held, and the figure or reason."""

    name: str
    passed: bool
    detail: str


def replay_golden(bundle: Bundle, runtime: Runtime, precision: str) -> float:
    """Run the golden rows and return the greatest difference of a probability from what was recorded.

    Raises BundleError when it exceeds the graph's stated tolerance, or when the recorded rows have another shape.
    """
    rows = bundle.golden()
    tolerance = bundle.manifest.graphs[precision].tolerance
    answers = runtime([row["text"] for row in rows])
    worst = 0.0
    for i, row in enumerate(rows):
        recorded = row.get(precision)
        if not isinstance(recorded, dict) or len(recorded.get("probabilities", ())) != answers.probabilities.shape[1]:
            raise BundleError(f"golden row {i + 1} records no {precision} answer", where=bundle.where, remedy="Export the bundle again")
        pairs = [(answers.probabilities[i], recorded["probabilities"])]
        if answers.words is not None:
            pairs.append((np.asarray(answers.words[i].scores), recorded.get("word_scores", [])))
        for found, wanted in pairs:
            if len(found) != len(wanted):
                raise BundleError(f"golden row {i + 1} has other words than recorded", where=bundle.where, remedy="Export the bundle again")
            worst = max(worst, float(np.abs(np.asarray(found) - np.asarray(wanted, float)).max(initial=0.0)))
    # not (<=) rather than >: a NaN is no agreement.
    if not worst <= tolerance:
        problem = f"it answers otherwise than recorded: a golden probability is off by {worst:.2g}, the {precision} tolerance is {tolerance:g}"
        raise BundleError(problem, where=bundle.where, remedy="Use the onnxruntime it was made with, or export it again")
    return worst


def verify_bundle(path: str | Path) -> list[Check]:
    """All checks in order, up to the first that fails: format and digests, then every graph's load and golden replay."""
    checks: list[Check] = []
    try:
        bundle = read_bundle(path)
        m = bundle.manifest
        checks.append(Check("format", True, f"version {m.format_version}, task {m.task} v{m.task_version}"))
        checks.append(Check("digests", True, f"{len(m.files)} files, bundle {m.id}"))
        for precision in m.graphs:
            worst = replay_golden(bundle, open_runtime(bundle, precision=precision), precision)
            detail = f"{len(bundle.golden())} rows, worst difference {worst:.2g} (tolerance {m.graphs[precision].tolerance:g})"
            checks.append(Check(f"golden replay {precision}", True, detail))
    except SlantError as error:
        checks.append(Check(_STAGES[min(len(checks), 2)], False, str(error)))
    return checks


_STAGES = ("format and digests", "digests", "golden replay")
