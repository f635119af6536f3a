"""One run: read, split, fit, predict, score, export, and write everything down."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from slant import __version__
from slant.data import Corpus, Split, column, prepare, split_fingerprint
from slant.data.audit import read_rows, refuse_leaks
from slant.data.examples import without_nulls
from slant.errors import DataError
from slant.evaluation import PredictionsMeta, make_predictions, predictions_hash, score, write_predictions
from slant.files import write_atomic
from slant.labels import LOADED, Task, get_task
from slant.models import Classifier
from slant.models.encoder.cache import default_cache_folder
from slant.pipeline.audit import audit_run
from slant.pipeline.build import build, check, target_name
from slant.pipeline.predict import Columns, predict_columns
from slant.progress import track
from slant.publish import Origin, export_bundle
from slant.report import render_audit, score_rows, to_markdown
from slant.seeding import derive_seed, seed_everything
from slant.tracking import RunLogger, git_state, open_run

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["PARENT_VARIABLE", "TrainResult", "train"]

logger = logging.getLogger(__name__)

#: A sweep names its own MLflow run here, so that the runs of its jobs, in whatever process, are nested in it.
PARENT_VARIABLE = "SLANT_SWEEP_RUN"


@dataclass(frozen=True)
class TrainResult:
    """What a run left behind.

    Attributes:
        folder: config.yaml, audit.json, audit.html, quarantine.json, predictions.parquet, floors/, scores.json, bundle/.
        scores: as in scores.json.
        bundle: the bundle's folder, or None when publishing was off.
        run_id: MLflow's, or "untracked".
        predictions_hash: equal for equal predictions.
    """

    folder: Path
    scores: dict[str, Any]
    bundle: Path | None
    run_id: str
    predictions_hash: str


@dataclass
class _Tables:
    """Predictions of the model and of each floor, as they come in fold by fold."""

    model: list[Columns] = field(default_factory=list)
    floors: dict[str, list[Columns]] = field(default_factory=dict)


def train(cfg: DictConfig, folder: Path) -> TrainResult:
    """Run a composed configuration, writing into `folder`.

    Raises SlantError for all that a person can mend; the MLflow run is then FAILED with that line.
    """
    from threadpoolctl import threadpool_limits

    started = time.perf_counter()
    seed_everything(cfg.seed)
    task = get_task(cfg.task.name)
    for key in ("data", "split", "model"):
        check(cfg[key], key)
    for name, node in cfg.evaluation.floors.items():
        check(node, f"evaluation.floors.{name}")
    folder.mkdir(parents=True, exist_ok=True)
    with write_atomic(folder / "config.yaml") as part:
        part.write_text(OmegaConf.to_yaml(cfg, resolve=True), encoding="utf-8")
    with threadpool_limits(int(cfg.threads)), _tracked(cfg, task, cfg.name, os.environ.get(PARENT_VARIABLE)) as run:
        run_id = run.run_id if run else "untracked"
        if run:
            run.log_params(_params(cfg))
            run.log_artifact(folder / "config.yaml")
        corpus, dataset, splits, meta = _read(cfg, task, folder, run)
        tables = _Tables()
        model: Classifier | None = None
        for split in track(splits, len(splits), "folds") if len(splits) > 1 else splits:
            model = _fold(cfg, task, dataset, split, len(splits) > 1, meta, tables, run)
        assert model is not None
        result = _judge(cfg, folder, tables, meta)
        scores = result[0] | {"cost": _cost(started)}
        bundle = None
        if cfg.publish.enabled and task.name == LOADED.name:
            bundle = _publish(cfg, task, folder, corpus, dataset, splits, model, meta, scores)
        scores["cost"] = _cost(started)
        with write_atomic(folder / "scores.json") as part:
            part.write_text(json.dumps(scores, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if run:
            _log_results(run, cfg, folder, scores, result[1], bundle)
        return TrainResult(folder, scores, bundle, run_id, result[1])


def _read(cfg: DictConfig, task: Task, folder: Path, run: RunLogger | None) -> tuple[Corpus, Dataset, list[Split], PredictionsMeta]:
    """Read, split and audit; what the audit found is written down before a leak stops the run."""
    corpus: Corpus = build(cfg.data, "data")
    other = next((name for name in column(corpus.dataset, "task") if name != task.name), None)
    if other:
        problem = f"{corpus.name} was read for the task {other}, the run is of {task.name}"
        raise DataError(problem, where=corpus.path, remedy=f"Add task={other}, or choose another data=")
    if corpus.quarantined:
        with write_atomic(folder / "quarantine.json") as part:
            part.write_text(json.dumps([vars(q) for q in corpus.quarantined], indent=1, ensure_ascii=False), encoding="utf-8")
    dataset = without_nulls(corpus.dataset)
    if len(set(column(dataset, "label"))) < 2:
        problem = f"its {len(dataset)} labelled rows have {len(set(dataset['label']))} label(s)"
        raise DataError(problem, where=corpus.path, remedy="Training needs rows of at least two labels")
    prepared = prepare(dataset)
    dataset = prepared.dataset
    splits: list[Split] = build(cfg.split, "split", dataset=dataset, seed=cfg.seed)
    for split in splits:
        if len(set(np.asarray(column(dataset, "label"), object)[split.train])) < 2:
            raise DataError(f"the training part of {split.name} has one label only", where=corpus.path, remedy="Choose another split=")
    meta = PredictionsMeta(
        task=task.name,
        task_version=task.version,
        labels=task.labels,
        corpus_fingerprint=corpus.fingerprint,
        split_fingerprint=split_fingerprint(column(dataset, "id"), splits),
        package_version=__version__,
        model=target_name(cfg.model),
    )
    cache = Path(cfg.paths.cache or default_cache_folder())
    audit, leaks = audit_run(corpus, read_rows(dataset, prepared.duplicates), splits, cache, noise=cfg.audit.noise)
    audit.write(folder / "audit.json")
    with write_atomic(folder / "audit.html") as part:
        part.write_text(render_audit(audit), encoding="utf-8")
    if run:
        _log_data(run, corpus, dataset, meta)
        run.log_metrics({f"audit/{kind}": float(count) for kind, count in audit.counts().items()})
        for name in ("audit.json", "audit.html"):
            run.log_artifact(folder / name)
    warnings = [finding for finding in audit.findings if finding.severity != "info"]
    logger.info("audit: %s", ", ".join(f"{f.kind} {f.count:,}" for f in warnings) or "nothing to warn of")
    refuse_leaks(leaks, corpus.path)
    set_aside = sum(corpus.quarantine_counts().values())
    unlabelled = len(corpus.dataset) - len(dataset) - len(prepared.repeated)
    logger.info(
        "%s@%s: %d rows, %d without a label, %d repeats left out, %d quarantined; %d split(s) by %s",
        corpus.name, corpus.version, len(corpus.dataset), unlabelled, len(prepared.repeated), set_aside, len(splits), target_name(cfg.split),
    )  # fmt: skip
    return corpus, dataset, splits, meta


def _fold(
    cfg: DictConfig, task: Task, dataset: Dataset, split: Split, nested: bool, meta: PredictionsMeta, tables: _Tables, run: RunLogger | None
) -> Classifier:
    """Fit on one split and add its predictions to the tables; a fold of several gets its own nested MLflow run."""
    with _tracked(cfg, task, split.name, run.run_id if run else None, when=nested) as child:
        about = {"run_id": run.run_id if run else "untracked", "fold": split.fold, "seed": cfg.seed}
        train_rows, dev_rows, test_rows = (dataset.select(part) for part in (split.train, split.dev, split.test))
        model: Classifier = build(cfg.model, "model")
        model.fit(train_rows, dev_rows if len(dev_rows) else None, seed=derive_seed(cfg.seed, "fit", split.name))
        mine = [predict_columns(model, test_rows, split="test", **about)]
        if len(dev_rows):
            mine.append(predict_columns(model, dev_rows, split="dev", **about))
        tables.model += mine
        for name, node in _floors(cfg).items():
            floor: Classifier = build(node, f"evaluation.floors.{name}")
            floor.fit(train_rows, dev_rows if len(dev_rows) else None, seed=cfg.seed)
            tables.floors.setdefault(name, []).append(predict_columns(floor, test_rows, split="test", **about))
        if child:
            found = score(make_predictions(mine[0], meta), resamples=100, seed=cfg.seed)
            child.log_metrics(_metrics(found))
            child.set_tags({"slant.fold": split.fold, "slant.split": split.name, "slant.kind": "fold"})
            child.log_params({"fold": split.fold, "seed": cfg.seed, "train_rows": len(train_rows), "test_rows": len(test_rows)})
    return model


def _floors(cfg: DictConfig) -> dict[str, Any]:
    """The configured floors, and beside a model that reads a target its twin that does not."""
    floors = dict(cfg.evaluation.floors)
    twin = cfg.model.copy()
    parts = [node for node in (twin, *twin.get("members", {}).values()) if "blind" in node]
    if any(not node.blind for node in parts):
        for node in parts:
            node.blind = True
        floors["target_blind"] = twin
    return floors


def _judge(cfg: DictConfig, folder: Path, tables: _Tables, meta: PredictionsMeta) -> tuple[dict[str, Any], str]:
    """Write the predictions tables and score the test rows; from here on nothing asks a model about a test row."""
    predictions = write_predictions(folder / "predictions.parquet", _joined(tables.model), meta)
    floors = {}
    for name, parts in tables.floors.items():
        floor_meta = PredictionsMeta(**vars(meta) | {"model": name})
        floors[name] = write_predictions(folder / "floors" / f"{name}.parquet", _joined(parts), floor_meta)
    evaluation = cfg.evaluation
    found = score(
        predictions,
        resamples=evaluation.resamples,
        seed=derive_seed(cfg.seed, "bootstrap"),
        level=evaluation.level,
        split="test",
        floors=floors,
    )
    return found, predictions_hash(predictions)


def _publish(
    cfg: DictConfig,
    task: Task,
    folder: Path,
    corpus: Corpus,
    dataset: Dataset,
    splits: list[Split],
    model: Classifier,
    meta: PredictionsMeta,
    scores: dict[str, Any],
) -> Path:
    """Export the run's model: the one of a single split, or one fitted anew on all rows after a cross-validation."""
    if len(splits) > 1:
        trained_on = f"all {len(dataset):,} labelled rows, after the scores below were estimated by {len(splits)}-fold cross-validation"
        not_tested = np.arange(len(dataset))
        model = build(cfg.model, "model")
        model.fit(dataset, None, seed=derive_seed(cfg.seed, "fit", "all"))
    else:
        trained_on = f"the {len(splits[0].train):,} training rows of a {splits[0].name} split"
        not_tested = np.concatenate([splits[0].dev, splits[0].train])
    origin = Origin(
        name=cfg.name,
        model=meta.model,
        corpus=f"{corpus.name}@{corpus.version}",
        corpus_licence=corpus.licence,
        corpus_fingerprint=meta.corpus_fingerprint,
        split_fingerprint=meta.split_fingerprint,
        licence=cfg.publish.licence,
        git_commit=git_state().commit,
        git_dirty=git_state().dirty,
        trained_on=trained_on,
    )
    # Spread over the corpus: neighbouring rows are of one article.
    spread = np.linspace(0, len(not_tested) - 1, min(cfg.publish.judged_rows, len(not_tested))).astype(int)
    judged = dataset.select(not_tested[spread])
    bundle = export_bundle(
        model,
        folder / "bundle",
        origin,
        scores,
        to_markdown(score_rows(scores)),
        judged,
        int8=cfg.publish.int8,
        int8_max_loss=cfg.publish.int8_max_loss,
    )
    return bundle.folder


def _log_data(run: RunLogger, corpus: Corpus, dataset: Dataset, meta: PredictionsMeta) -> None:
    profile = {"rows": len(dataset), "groups": len(set(column(dataset, "group"))), "split_fingerprint": meta.split_fingerprint}
    columns = {name: str(kind) for name, kind in dataset.features.items()}
    run.log_dataset(f"{corpus.name}@{corpus.version}", corpus.path, corpus.fingerprint, "train", columns=columns, profile=profile)
    fingerprints = {"slant.corpus_fingerprint": meta.corpus_fingerprint, "slant.split_fingerprint": meta.split_fingerprint}
    run.set_tags(fingerprints | {"slant.kind": "run", "slant.quarantined": sum(corpus.quarantine_counts().values())})


def _log_results(run: RunLogger, cfg: DictConfig, folder: Path, scores: dict[str, Any], digest: str, bundle: Path | None) -> None:
    run.log_metrics(_metrics(scores) | {f"cost/{name}": value for name, value in scores["cost"].items()})
    run.set_tags({"slant.predictions_hash": digest, "slant.folder": str(folder), "slant.bundle": str(bundle or "")})
    for path in (folder / "predictions.parquet", folder / "scores.json", folder / "floors"):
        if path.exists():
            run.log_artifact(path)
    if (folder / "quarantine.json").exists():
        run.log_artifact(folder / "quarantine.json")
    if bundle:
        for path in [bundle] if cfg.tracking.log_bundle else [bundle / "bundle.json", bundle / "MODEL_CARD.md"]:
            # Not called "bundle": two of its files alone are none.
            run.log_artifact(path, None if cfg.tracking.log_bundle else "bundle_summary")


def _metrics(scores: Mapping[str, Any]) -> dict[str, float]:
    """The scores under MLflow's names: test/<metric>, its _lo and _hi, and floor/<floor>/<metric>.

    Those of single targets stay in scores.json: a target's name may hold anything, and MLflow's names may not.
    """
    metrics = {}
    for name, found in scores["metrics"].items():
        if "/" in name:
            continue
        for suffix, key in (("", "value"), ("_lo", "lo"), ("_hi", "hi")):
            if found[key] is not None:
                metrics[f"test/{name}{suffix}"] = float(found[key])
    for floor, below in scores.get("floors", {}).items():
        metrics |= {f"floor/{floor}/{k}": float(v["value"]) for k, v in below["metrics"].items() if v["value"] is not None and "/" not in k}
    return metrics


def _params(cfg: DictConfig) -> dict[str, Any]:
    container = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items() if key not in ("paths", "tracking")}


def _joined(parts: list[Columns]) -> Columns:
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}


def _cost(started: float) -> dict[str, float]:
    """Wall seconds so far, and the greatest resident memory in MB (the kernel counts kilobytes, macOS bytes)."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return {"seconds": round(time.perf_counter() - started, 2), "peak_memory_mb": round(peak, 1)}


@contextlib.contextmanager
def _tracked(cfg: DictConfig, task: Task, name: str, parent: str | None, *, when: bool = True) -> Iterator[RunLogger | None]:
    """An MLflow run, or None where tracking is off or none is wanted."""
    if not (cfg.tracking.enabled and when):
        yield None
        return
    tags = {"slant.task": task.name, "slant.model": target_name(cfg.model), "slant.seed": str(cfg.seed)}
    root = Path(cfg.paths.home).absolute() / "mlruns"
    with open_run(cfg.tracking.uri, cfg.tracking.experiment, name, artifact_root=root, tags=tags, parent_run_id=parent) as run:
        yield run
