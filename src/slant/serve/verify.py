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
    differences = [np.zeros(0)]
    for i, row in enumerate(rows):
        found = {"probabilities": answers.probabilities[i]}
        if answers.words is not None:
            found["word_scores"] = np.asarray(answers.words[i].scores, np.float64)
        for name, values in found.items():
            try:
                wanted = np.asarray(row[precision][name], np.float64)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                problem = f"golden row {i + 1} records no {name} of {precision}"
                raise BundleError(problem, where=bundle.where, remedy="Export the bundle again") from error
            if wanted.shape != values.shape:
                problem = f"golden row {i + 1} has {values.size} {name}, and {wanted.size} are recorded"
                raise BundleError(problem, where=bundle.where, remedy="Export the bundle again")
            differences.append(np.abs(values - wanted))
    worst = float(np.concatenate(differences).max())
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
