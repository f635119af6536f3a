"""Does a bundle still answer as it did when it was made?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from slant.bundle import Bundle, read_bundle
from slant.errors import BundleError, SlantError
from slant.serve.answers import Answers, Asked, Runtime, reads_targets
from slant.serve.runtime import open_runtime

__all__ = ["Check", "recorded", "replay_golden", "verify_bundle"]

_Recorded = dict[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Check:
    """One line of `slant verify`: what was checked, whether it held, and the figure or reason."""

    name: str
    passed: bool
    detail: str


def recorded(rows: Sequence[Mapping[str, Any]], runtime: Runtime, tasks: Mapping[str, str]) -> list[dict[str, _Recorded | None]]:
    """For each golden row what each head answers to it, by name: `probabilities`, and `word_scores` of one that points.

    None of a head with targets where the row asks about none, or where its mention was not read.

    Args:
        rows: with `text`, and `target`, `target_start` and `target_end` where one is asked about.
        tasks: of each head, by name.
    """
    numbers = [i for i, row in enumerate(rows) if row.get("target") is not None]
    asked = [Asked(i, rows[i]["target"], rows[i].get("target_start"), rows[i].get("target_end")) for i in numbers]
    answers = runtime([row["text"] for row in rows], asked)
    places = {i: place for place, i in enumerate(numbers)}
    return [{name: _of_row(answers, name, i, places.get(i) if reads_targets(task) else i) for name, task in tasks.items()} for i in range(len(rows))]


def _of_row(answers: Answers, name: str, row: int, place: int | None) -> _Recorded | None:
    found = answers.heads[name]
    if place is None or (found.answered is not None and not found.answered[place]):
        return None
    scores = {} if found.words is None else {"word_scores": np.asarray(found.words[row].scores, np.float64)}
    return {"probabilities": found.probabilities[place]} | scores


def replay_golden(bundle: Bundle, runtime: Runtime, precision: str) -> float:
    """Run the golden rows and return the greatest difference of a probability from what was recorded.

    Raises BundleError when it exceeds the graph's stated tolerance, when the recorded rows have another shape, or when they ask a head nothing.
    """
    rows = bundle.golden()
    tolerance = bundle.manifest.graphs[precision].tolerance
    tasks = {name: head.task for name, head in bundle.manifest.heads.items()}
    differences: dict[str, list[float]] = {name: [] for name in tasks}
    for i, heads in enumerate(recorded(rows, runtime, tasks)):
        for name, found in heads.items():
            try:
                differences[name] += _differences(found, rows[i], precision, name)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                reason = error if isinstance(error, ValueError) else f"it records no {error}"
                problem = f"golden row {i + 1} does not fit the {name} answer of {precision} ({reason})"[:300]
                raise BundleError(problem, where=bundle.where, remedy="Export the bundle again") from error
    for name, found_differences in differences.items():
        if not found_differences:
            raise BundleError(f"no golden row asks the head {name!r} anything", where=bundle.where, remedy="Export the bundle again")
    every = np.array([difference for found in differences.values() for difference in found])
    worst = float(every.max())
    # not (<=) rather than >: a NaN is no agreement.
    if not worst <= tolerance:
        problem = f"it answers otherwise than recorded: a golden probability is off by {worst:.2g}, the {precision} tolerance is {tolerance:g}"
        raise BundleError(problem, where=bundle.where, remedy="Use the onnxruntime it was made with, or export it again")
    return worst


def _differences(found: _Recorded | None, row: Mapping[str, Any], precision: str, name: str) -> list[float]:
    """How far each number of a head's answer is from the row's. Raises what reading an ill-made row raises."""
    kept = row[precision][name]
    if (found is None) != (kept is None):
        raise ValueError(f"there is {'no answer' if found is None else 'one'}, and {'one' if found is None else 'none'} is recorded")
    differences: list[float] = []
    for kind, values in (found or {}).items():
        wanted = np.asarray(kept[kind], np.float64)
        if wanted.shape != values.shape:
            raise ValueError(f"there are {values.size} {kind}, and {wanted.size} are recorded")
        differences += np.abs(values - wanted).tolist()
    return differences


def verify_bundle(path: str | Path) -> list[Check]:
    """All checks in order, up to the first that fails: format and digests, then every graph's load and golden replay."""
    checks: list[Check] = []
    try:
        bundle = read_bundle(path)
        m = bundle.manifest
        heads = ", ".join(f"{head.task} v{head.task_version}" for head in m.heads.values())
        checks.append(Check("format", True, f"version {m.format_version}, task {heads}"))
        checks.append(Check("digests", True, f"{len(m.files)} files, bundle {m.id}"))
        for precision in m.graphs:
            worst = replay_golden(bundle, open_runtime(bundle, precision=precision), precision)
            detail = f"{len(bundle.golden())} rows, worst difference {worst:.2g} (tolerance {m.graphs[precision].tolerance:g})"
            checks.append(Check(f"golden replay {precision}", True, detail))
    except SlantError as error:
        checks.append(Check(_STAGES[min(len(checks), 2)], False, str(error)))
    return checks


_STAGES = ("format and digests", "digests", "golden replay")
