"""A run replayed from what it left behind: the same predictions, or what differs."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig

from slant.data import column
from slant.errors import ConfigError, DataError
from slant.evaluation import Predictions, make_predictions, predictions_hash, read_predictions, write_predictions
from slant.labels import get_task
from slant.pipeline.app import compose_config
from slant.pipeline.parts import check_components, fit_and_predict, joined, read_splits
from slant.pipeline.stored_config import read_stored_config
from slant.progress import track
from slant.seeding import seed_everything
from slant.tracking import environment, fetch_run

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["ReplayResult", "replay"]

_FILES = ("config.yaml", "predictions.parquet", "scores.json", "environment.json")
_ROWS_SHOWN = 5


@dataclass(frozen=True)
class ReplayResult:
    """What came of a replay.

    Attributes:
        run: the folder or id that was replayed.
        same: whether the predictions have the hash that the run's have.
        hash_before, hash_now: the hashes; now is None where nothing was fitted, because what would be fitted differs already.
        differences: what differs, a line each; empty when `same`.
        notes: what else is not as it was (versions, commit, what the caller changed): a possible cause, or none.
    """

    run: str
    same: bool
    hash_before: str
    hash_now: str | None
    differences: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Stored:
    config: Path
    predictions: Predictions
    environment: Mapping[str, Any] | None


def replay(
    run: str, *, overrides: Sequence[str] = (), store: str = "", allow_network: bool = False, threads: int | None = None, output: Path | None = None
) -> ReplayResult:
    """Read, split, fit and predict as a run did, and compare the predictions with its own.

    The stored configuration may be somebody else's. What it can do here is bounded (see `slant.pipeline.stored_config`): it names shipped
    components only, writes nowhere, and reaches no network unless that is allowed.

    Args:
        run: a run's folder, or its id in an MLflow store.
        overrides: `data.root=FOLDER` and the like, where things lie elsewhere by now.
        store: the MLflow store; "" is the caller's own.
        threads: in place of the run's.
        output: a new Parquet file for the replay's predictions.

    Raises ConfigError for a run that is not there or cannot be replayed, a component that is not allowed, and a network that would be needed;
    DataError for predictions that cannot be read or are not the recorded ones.
    """
    from threadpoolctl import threadpool_limits

    with tempfile.TemporaryDirectory(prefix="slant-rerun-") as scratch:
        folder = Path(scratch)
        before = _find(run, store, folder)
        stored = read_stored_config(before.config, overrides, allow_network=allow_network, threads=threads)
        notes = [*stored.notes, *_other_environment(before)]
        known = predictions_hash(before.predictions)
        if stored.unknown:
            return ReplayResult(run, False, known, None, tuple(stored.unknown), tuple(notes))
        cfg = stored.cfg
        seed_everything(cfg.seed)
        try:
            check_components(cfg)
        except ConfigError as error:
            return ReplayResult(run, False, known, None, (f"the configuration cannot be built any more: {error}",), tuple(notes))
        with threadpool_limits(int(cfg.threads)):
            now, other_data = _predict(cfg, folder, before.predictions)
        if now is None:
            return ReplayResult(run, False, known, None, tuple(other_data), tuple(notes))
        if output:
            write_predictions(output, {name: now.table[name].to_pylist() for name in now.table.column_names}, now.meta)
        found = predictions_hash(now)
        differences = () if found == known else tuple(_differing(before.predictions, now))
        return ReplayResult(run, found == known, known, found, differences, tuple(notes))


def _find(run: str, store: str, scratch: Path) -> _Stored:
    path = Path(run)
    if path.is_dir():
        files = {name: path / name for name in _FILES if (path / name).is_file()}
        kind = ""
    elif re.fullmatch(r"[0-9a-f]{32}", run):
        stored = fetch_run(store or compose_config([]).tracking.uri, run, _FILES, scratch)
        files, kind = dict(stored.files), stored.tags.get("slant.kind", "")
    else:
        raise ConfigError("there is no such run folder, and this is no MLflow run's id", where=run, remedy="Give a folder below runs/, or 32 digits")
    for name in ("config.yaml", "predictions.parquet"):
        if name not in files:
            remedies = {
                "sweep": "Give the id of one of its jobs",
                "fold": "Give the id of the run it is a fold of",
                "search": "Train its best.yaml, and give that run's id",
                "trial": "Train the search's best.yaml, and give that run's id",
            }
            what = f"this {kind} has" if kind in remedies else "the run has"
            raise ConfigError(f"{what} no {name}", where=run, remedy=remedies.get(kind, "Give a run of slant train that was finished"))
    predictions = read_predictions(files["predictions.parquet"])
    if "scores.json" in files:
        _check_recorded(predictions, files["scores.json"])
    environment_then = _json(files["environment.json"]) if "environment.json" in files else None
    return _Stored(files["config.yaml"], predictions, environment_then)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError("cannot be read as JSON", where=str(path), remedy="Replay a run that is whole") from error
    if not isinstance(found, dict):
        raise DataError("is no JSON object", where=str(path), remedy="Replay a run that is whole")
    return found


def _check_recorded(predictions: Predictions, scores: Path) -> None:
    """Raise DataError where the table's test rows are not those that were scored."""
    tested = predictions.column("split") == "test"
    recorded = _json(scores).get("fingerprints")
    digest = recorded.get("predictions") if isinstance(recorded, dict) else None
    if digest and tested.any() and predictions_hash(predictions.select(tested)) != digest:
        raise DataError("the predictions are not those that were scored", where=predictions.where, remedy="Take the run's own table")


def _other_environment(before: _Stored) -> list[str]:
    """What the run was made with, where it is not what stands here now."""
    now = environment()
    then = before.environment
    if then is None:
        recorded = before.predictions.meta.package_version
        versions = [] if recorded == now["slant"] else [f"slant was {recorded}, is {now['slant']}"]
        return [*versions, "the run recorded no package versions and no commit (environment.json)"]
    packages = then.get("packages")
    packages = packages if isinstance(packages, dict) else {}
    pairs = [(name, then.get(name), now[name]) for name in ("slant", "python", "machine", "git_commit")]
    pairs += [(name, packages.get(name), version) for name, version in now["packages"].items()]
    notes = [f"{name} was {old or 'not there'}, is {new or 'not there'}" for name, old, new in pairs if old != new]
    dirty = [when for when, state in (("then", then), ("now", now)) if state.get("git_dirty")]
    return [*notes, *([f"the git tree had uncommitted changes {' and '.join(dirty)}"] if dirty else [])]


def _predict(cfg: DictConfig, folder: Path, before: Predictions) -> tuple[Predictions | None, list[str]]:
    """The predictions anew; or None and why they could only be others: another corpus, another split."""
    _, dataset, splits, meta = read_splits(cfg, get_task(cfg.task.name), folder, None)
    told = {"corpus": (before.meta.corpus_fingerprint, meta.corpus_fingerprint), "split": (before.meta.split_fingerprint, meta.split_fingerprint)}
    different = [f"the {name} fingerprint was {old[:16]}…, is {new[:16]}…" for name, (old, new) in told.items() if old != new]
    if different:
        rows = {*zip(before.column("split"), before.column("fold").tolist(), before.column("id"), strict=True)}
        ids = dataset["id"]
        here = {(part, split.fold, ids[i]) for split in splits for part in ("test", "dev") for i in getattr(split, part).tolist()}
        return None, [*different, _other_rows(sorted(rows ^ here), before, dataset)]
    parts = []
    for split in track(splits, len(splits), "folds") if len(splits) > 1 else splits:
        parts += fit_and_predict(cfg, dataset, split, run_id="rerun")[1]
    return make_predictions(joined(parts), meta, where="the replay"), []


def _other_rows(moved: Sequence[tuple[str, int, str]], before: Predictions, dataset: Dataset) -> str:
    """Which rows make the fingerprints differ, as far as the predictions tell: they hold no row that was trained on only."""
    if moved:
        split, fold, row = moved[0]
        return f"{len(moved):,} rows are tested or selected on by one of the two only, first {row!r} ({split}, fold {fold})"
    told = ("text", "target", "label")
    now = dict(zip(column(dataset, "id"), zip(*(column(dataset, name) for name in told), strict=True), strict=True))
    then = zip(before.column("id"), *(before.column(name) for name in ("text", "target", "gold")), strict=True)
    changed = sorted({row for row, *held in then if now[row] != tuple(held)})
    if changed:
        return f"{len(changed):,} rows that were tested or selected on have another text, target or label, first {changed[0]!r}"
    return "the rows that were tested or selected on are the same; a row that is trained on, or marked words, differ"


def _differing(before: Predictions, now: Predictions) -> list[str]:
    """How two tables with different hashes differ: rows, answers, and by how much at most."""
    keys = [list(zip(*(side.table[name].to_pylist() for name in ("split", "fold", "seed", "id")), strict=True)) for side in (before, now)]
    place = {key: row for row, key in enumerate(keys[1])}
    common = [(row, place[key]) for row, key in enumerate(keys[0]) if key in place]
    lines = []
    if len(common) < len(keys[0]) or len(common) < len(keys[1]):
        lines.append(f"{len(keys[0]) - len(common):,} rows were predicted then only, {len(keys[1]) - len(common):,} now only")
    if before.meta.labels != now.meta.labels:
        return [*lines, f"the labels were {', '.join(before.meta.labels)}, are {', '.join(now.meta.labels)}"]
    if not common:
        return lines
    old, new = (np.array(side) for side in zip(*common, strict=True))
    gap = np.abs(before.probabilities()[old] - now.probabilities()[new]).max(axis=1)
    flipped = before.column("pred")[old] != now.column("pred")[new]
    lines.append(
        f"{int(flipped.sum()):,} of {len(common):,} rows have another label, {int((gap > 0.5e-6).sum()):,} another probability; the greatest "
        f"difference is {gap.max():.2g}"
    )
    # Those with another label first, then by how far the probabilities lie apart.
    order = np.lexsort((-gap, ~flipped))[:_ROWS_SHOWN]
    for row in (int(i) for i in order if flipped[i] or gap[i] > 0):
        split, fold, _, name = keys[0][old[row]]
        sides = [f"{side.column('pred')[at]} {side.probabilities()[at].max():.6f}" for side, at in ((before, int(old[row])), (now, int(new[row])))]
        lines.append(f"{split} fold {fold} {name}: {sides[0]} then, {sides[1]} now")
    return lines
