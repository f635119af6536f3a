"""What the gates ask of a run, collected: its files, its bundle, the champion beside it, its probes, a look at a blind set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slant.bundle import Bundle, read_bundle
from slant.errors import BundleError, ConfigError, DataError, SlantError
from slant.evaluation import Predictions, predictions_hash, read_predictions
from slant.evaluation.comparison import compare, rows_fingerprint
from slant.evaluation.leaning import audit_leanings
from slant.pipeline.probe import probe_model
from slant.publish.gates import Against, Facts, Rate
from slant.tracking import RunLogger, fetch_run, open_run
from slant.tracking.find import FoundRun, find_runs_named
from slant.tracking.registry import Registered
from slant.tracking.runs import active_run
from slant.tracking.store import connect

__all__ = [
    "Candidate",
    "compare_with",
    "facts_of",
    "model_digest",
    "open_bundle",
    "open_candidate",
    "probe_rates",
    "run_tag",
    "tag_run",
    "tracked_run",
]

#: What a bundle says of its model, beside what the model computes with.
_ABOUT = ("MODEL_CARD.md", "card.json", "metrics.json", "golden.jsonl")
_REMEDY = "Name a run that finished, or train again"


@dataclass(frozen=True)
class Candidate:
    """A run at the gates.

    Attributes:
        found: where its files are, what it is called, its tags.
        predictions: all its predictions; `test` its test rows.
        scores: its scores.json, which was seen to be of these predictions.
        audit: its audit.json, None without one.
        git_dirty: whether it comes from a tree with uncommitted changes; None when nobody wrote it down.
    """

    found: FoundRun
    predictions: Predictions
    test: Predictions
    scores: Mapping[str, Any]
    audit: Mapping[str, Any] | None
    git_dirty: bool | None

    @property
    def shown(self) -> str:
        """The run's MLflow id, or its folder where it has none."""
        return self.found.run_id or str(self.found.folder)

    @property
    def task(self) -> str:
        return self.test.meta.task

    @property
    def test_fingerprint(self) -> str:
        """Equal for runs that were tested on the same rows."""
        return rows_fingerprint(self.test)


def open_candidate(run: str, uri: str, scratch: Path) -> Candidate:
    """The run of that id, name or folder. A folder's own MLflow run is looked for unless `uri` is empty.

    Raises ConfigError for a run that is not there, was deleted, did not finish, or is several; DataError for one whose predictions or scores are
    missing, damaged, or not of one another.
    """
    several = find_runs_named(run, uri, scratch)
    if len(several) != 1:
        raise ConfigError(f"{run!r} names {len(several)} runs", remedy="One is published: name its id")
    found = several[0]
    if found.status not in ("FINISHED", ""):
        problem = f"the run is {found.status}"
        raise ConfigError(problem, where=f"run {found.run_id}", remedy="Name a run that was finished; its tag slant.error tells what went wrong")
    predictions = read_predictions(found.folder / "predictions.parquet")
    if not found.run_id and uri:
        found = _with_its_run(found, predictions, uri)
    test = _test_rows(predictions)
    if not len(test):
        raise DataError("the predictions hold no test row", where=str(found.folder), remedy=_REMEDY)
    scores = _json(found.folder / "scores.json")
    if scores is None:
        raise DataError("the run has no scores.json", where=str(found.folder), remedy=_REMEDY)
    if not isinstance(scores.get("metrics"), Mapping) or not all(isinstance(entry, Mapping) for entry in scores["metrics"].values()):
        raise DataError("holds no metrics", where=str(found.folder / "scores.json"), remedy=_REMEDY)
    if scores.get("fingerprints", {}).get("predictions") != predictions_hash(test):
        problem = "these scores are of other predictions than those beside them"
        raise DataError(problem, where=str(found.folder / "scores.json"), remedy=_REMEDY)
    return Candidate(found, predictions, test, scores, _json(found.folder / "audit.json"), _dirty(found))


def _with_its_run(found: FoundRun, predictions: Predictions, uri: str) -> FoundRun:
    """A folder's MLflow run, where this store has it: the predictions name it."""
    run_id = str(predictions.column("run_id")[0])
    try:
        run = active_run(connect(uri), run_id, uri)
    except ConfigError:
        return found
    return replace(found, run_id=run_id, tags=dict(run.data.tags))


def open_bundle(candidates: Sequence[Candidate], bundle: Path | None) -> Bundle:
    """The bundle that the runs are published as: `bundle`, or the one run's own.

    Raises ConfigError when there is none, or several runs and none is named; BundleError as `read_bundle`, and for a bundle whose head for a run's
    task was trained on another split than the run.
    """
    if bundle is None and len(candidates) > 1:
        raise ConfigError("several runs, and no bundle", remedy="Name the one that holds their heads with --bundle (slant export makes it)")
    found = read_bundle(bundle or _own_bundle(candidates[0]))
    for candidate in candidates:
        head = found.manifest.heads.get(candidate.task)
        if head is None:
            problem = f"has no head of the task {candidate.task!r}, which run {candidate.shown} is of"
            raise BundleError(problem, where=found.where, remedy="Name the run's own bundle")
        if head.split_fingerprint != candidate.test.meta.split_fingerprint:
            problem = f"its head {candidate.task!r} was trained on another split than run {candidate.shown}"
            raise BundleError(problem, where=found.where, remedy="Name the run's own bundle")
    return found


def _own_bundle(candidate: Candidate) -> Path:
    places = [candidate.found.folder / "bundle", Path(candidate.found.tags.get("slant.bundle") or candidate.found.folder / "bundle")]
    own = next((place for place in places if (place / "bundle.json").is_file()), None)
    if own is None:
        problem = "the run has no bundle: its artefacts hold none, nor does the folder that training wrote to"
        remedy = "Name it with --bundle, or train with publish.enabled=true (tracking.log_bundle=true keeps it with the run)"
        raise ConfigError(problem, where=f"run {candidate.shown}", remedy=remedy)
    summary = _json(candidate.found.folder / "bundle_summary" / "bundle.json")
    beside = _json(own / "bundle.json")
    if summary and beside and summary.get("id") != beside.get("id"):
        problem = f"this is bundle {beside.get('id')}, and run {candidate.shown} wrote {summary.get('id')}"
        raise BundleError(problem, where=str(own), remedy="Name the run's own bundle with --bundle")
    return own


def model_digest(bundle: Bundle) -> str:
    """The sha256 of the files that the model computes with: equal for a model that was exported again with another card or threshold."""
    files = {name: digest for name, digest in bundle.manifest.files.items() if name not in _ABOUT}
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def facts_of(candidate: Candidate, bundle: Bundle) -> Facts:
    """What the run itself tells."""
    known = [dirty for dirty in (candidate.git_dirty, bundle.manifest.git_dirty) if dirty is not None]
    found = audit_leanings(candidate.test)
    gap = (found or {}).get("gap")
    return Facts(candidate.scores, candidate.audit, any(known) if known else None, gap=Rate(**gap) if gap else None)


def compare_with(candidate: Candidate, champion: Registered | None, uri: str, scratch: Path) -> Against:
    """The run against the champion's run for the same task, on the same test rows."""
    run_id = _run_of(champion, candidate.task) if champion else None
    if champion is None or run_id is None:
        return Against()
    name = f"version {champion.version}"
    try:
        stored = fetch_run(uri, run_id, ["predictions.parquet"], scratch)
        if "predictions.parquet" not in stored.files:
            return Against(name, f"its run {run_id} has no predictions")
        sides = {name: [_test_rows(read_predictions(stored.files["predictions.parquet"]))], "run": [candidate.test]}
        (pair,) = compare(sides)["pairs"]
    except SlantError as error:
        # The champion's run was deleted, its table damaged, or its test rows are others: there is nothing to compare with.
        return Against(name, str(error))
    return Against(name, "", pair["metrics"], pair["slices"])


def probe_rates(bundle: Bundle, kinds: Sequence[str]) -> dict[str, dict[str, Rate]]:
    """The pass rates of the shipped probes, by task and kind. Raises ConfigError for an unknown kind."""
    rates: dict[str, dict[str, Rate]] = {}
    for row in probe_model(str(bundle.folder), kinds=kinds).rows:
        rates.setdefault(row["task"], {})[row["kind"]] = Rate(row["rate"], row["lo"], row["hi"], row["judged"])
    return rates


def run_tag(task: str) -> str:
    """The tag of a version that tells which run its head for a task was judged by."""
    return f"slant.run.{task}"


def _run_of(champion: Registered, task: str) -> str | None:
    judged = {key: value for key, value in champion.tags.items() if key.startswith(run_tag(""))}
    # One that was registered by hand tells its run alone.
    return judged.get(run_tag(task)) if judged else champion.run_id


def tag_run(candidate: Candidate, uri: str, tags: Mapping[str, str]) -> None:
    """Set tags of the candidate's MLflow run, where it has one."""
    if candidate.found.run_id:
        client = connect(uri)
        run = client.get_run(candidate.found.run_id)
        RunLogger(client, uri, run.info.experiment_id, candidate.found.run_id).set_tags(tags)


def tracked_run(candidate: Candidate, uri: str, home: Path) -> str:
    """The candidate's MLflow run; one that was not tracked gets a run with its files, so that the next one can be compared with it."""
    if candidate.found.run_id:
        return str(candidate.found.run_id)
    tags = {"slant.kind": "published_folder", "slant.task": candidate.task, "slant.folder": str(candidate.found.folder)}
    with open_run(uri, "published", candidate.found.name or candidate.found.folder.name, artifact_root=home / "mlruns", tags=tags) as run:
        for name in ("predictions.parquet", "scores.json", "audit.json", "config.yaml"):
            if (candidate.found.folder / name).is_file():
                run.log_artifact(candidate.found.folder / name)
    return run.run_id


def _test_rows(predictions: Predictions) -> Predictions:
    return predictions.select(predictions.column("split") == "test")


def _dirty(found: FoundRun) -> bool | None:
    told = found.tags.get("slant.git_dirty")
    if told in ("true", "false"):
        return told == "true"
    dirty = (_json(found.folder / "environment.json") or {}).get("git_dirty")
    return dirty if isinstance(dirty, bool) else None


def _json(path: Path) -> dict[str, Any] | None:
    """A JSON mapping; None where there is no such file. NaN is read, and judged later."""
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"cannot be read as JSON ({error})", where=str(path), remedy=_REMEDY) from error
    if not isinstance(found, dict):
        raise DataError("is no JSON mapping", where=str(path), remedy=_REMEDY)
    return found
