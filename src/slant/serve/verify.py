"""Does a bundle still answer as it did when it was made?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from slant.bundle import Bundle, read_bundle
from slant.bundle.format import WHOLE
from slant.bundle.onnx_graph import check_graph
from slant.bundle.read import STAGES
from slant.errors import BundleError, SlantError
from slant.serve.answers import Answers, Asked, Runtime, reads_targets
from slant.serve.runtime import open_runtime

__all__ = ["Check", "recorded", "replay_golden", "verify_bundle"]

_Recorded = dict[str, npt.NDArray[np.float64]]


#: What a check came to: it held; it did not; one before it did not; nobody asked for it.
OK, FAIL, NOT_REACHED, NOT_ASKED = "ok", "FAIL", "not reached", "not asked"


@dataclass(frozen=True)
class Check:
    """One line of `slant verify`: what was checked, what came of it (`OK`, `FAIL`, `NOT_REACHED` or `NOT_ASKED`), and the figure or reason."""

    name: str
    status: str
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether it held, or was not asked for."""
        return self.status in (OK, NOT_ASKED)


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
    return max(_worst(bundle, runtime, precision).values())


def _worst(bundle: Bundle, runtime: Runtime, precision: str) -> dict[str, float]:
    """Each head's greatest difference, by its name; raises as `replay_golden`."""
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
    worst = {name: float(np.max(found_differences)) for name, found_differences in differences.items()}
    for name, off in worst.items():
        # not (<=) rather than >: a NaN is no agreement.
        if not off <= tolerance:
            figures = f"a golden number of its head {name!r} is off by {off:.2g}, the {precision} tolerance is {tolerance:g}"
            remedy = "Use the onnxruntime it was made with, or export it again"
            raise BundleError(f"it answers otherwise than recorded: {figures}", where=bundle.where, remedy=remedy)
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


def verify_bundle(path: str | Path, *, key: str | Path | None = None) -> list[Check]:
    """All checks in order: files, signature, format, digests, graphs, and the golden replay of every graph and head.

    After the first that fails the others are not reached. The signature is asked for with `key`, a file with an Ed25519 public key.
    """
    done = [] if key else [Check("signature", NOT_ASKED, "give --key to check it")]
    rest = [name for name in (*STAGES, "graphs", "golden replay") if key or name != "signature"]

    def told(name: str, detail: str) -> None:
        done.append(Check(name, OK, detail))
        rest.remove(name)

    try:
        bundle = read_bundle(path, key=key, passed=told)
        m = bundle.manifest
        rest[1:] = [_replay(precision, name) for precision in m.graphs for name in m.heads]
        told("graphs", _checked_graphs(bundle))
        rows = len(bundle.golden())
        for precision, graph in m.graphs.items():
            for name, off in _worst(bundle, open_runtime(bundle, precision=precision), precision).items():
                told(_replay(precision, name), f"{rows} rows, worst difference {off:.2g} (tolerance {graph.tolerance:g})")
    except SlantError as error:
        failed = _failed(rest, error)
        done.append(Check(failed, FAIL, str(error)))
        done += [Check(name, NOT_REACHED) for name in rest if name != failed]
    order = ("files", "signature", "format", "digests", "graphs")
    return sorted(done, key=lambda check: order.index(check.name) if check.name in order else len(order))


def _replay(precision: str, head: str) -> str:
    return f"golden replay {precision} {head}"


def _failed(rest: Sequence[str], error: SlantError) -> str:
    """The check that an error belongs to: the next one, or the head's of the same precision that it names."""
    same = [name for name in rest if name.rsplit(" ", 1)[0] == rest[0].rsplit(" ", 1)[0]]
    return next((name for name in same if f"head {name.rsplit(' ', 1)[-1]!r}" in error.problem), rest[0])


def _checked_graphs(bundle: Bundle) -> str:
    """What was seen of the graphs, in words. Raises BundleError for one that slant could not have written."""
    files = {graph.file: bundle.folder / graph.file for graph in bundle.manifest.graphs.values() if graph.kind in ("encoder", WHOLE)}
    for name, path in files.items():
        try:
            check_graph(path)
        except (OSError, ValueError) as error:
            raise BundleError(f"the graph {name} cannot be loaded ({error})", where=bundle.where, remedy="Export the bundle again") from error
    return f"{len(files)} in ONNX: operators that slant knows, no weights elsewhere" if files else "none in ONNX"
