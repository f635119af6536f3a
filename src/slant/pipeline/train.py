"""One run: read, split, fit, predict, score, export, and write everything down."""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from slant.data import Corpus, Split
from slant.evaluation import PredictionsMeta, make_predictions, predictions_hash, score, write_predictions
from slant.files import write_atomic
from slant.labels import get_task
from slant.models import Classifier
from slant.models.encoder.passes import passes_so_far
from slant.pipeline.build import build, target_name
from slant.pipeline.learning import check_curve, record_curve
from slant.pipeline.parts import check_components, fit_and_predict, joined, log_config, read_splits, tracked
from slant.pipeline.predict import Columns, predict_columns
from slant.progress import track
from slant.publish import Origin, export_bundle, exportable
from slant.seeding import derive_seed, seed_everything
from slant.tracking import RunLogger, environment, git_state

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
        folder: config.yaml, audit.json, audit.html, quarantine.json, predictions.parquet, floors/, scores.json, learning_curve.json, bundle/.
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

    started, passes = time.perf_counter(), passes_so_far()
    seed_everything(cfg.seed)
    task = get_task(cfg.task.name)
    check_components(cfg)
    folder.mkdir(parents=True, exist_ok=True)
    with write_atomic(folder / "config.yaml") as part:
        part.write_text(OmegaConf.to_yaml(cfg, resolve=True), encoding="utf-8")
    with write_atomic(folder / "environment.json") as part:
        part.write_text(json.dumps(environment(), indent=1) + "\n", encoding="utf-8")
    with threadpool_limits(int(cfg.threads)), tracked(cfg, cfg.name, os.environ.get(PARENT_VARIABLE)) as run:
        run_id = run.run_id if run else "untracked"
        if run:
            log_config(run, cfg)
            for name in ("config.yaml", "environment.json"):
                run.log_artifact(folder / name)
        corpus, dataset, splits, meta = read_splits(cfg, task, folder, run)
        check_curve(cfg.evaluation.learning_curve, splits)
        tables = _Tables()
        model: Classifier | None = None
        for split in track(splits, len(splits), "folds") if len(splits) > 1 else splits:
            model = _fold(cfg, dataset, split, len(splits) > 1, meta, tables, run)
        assert model is not None
        result = _judge(cfg, folder, tables, meta)
        scores = result[0] | {"cost": _cost(started, passes)}
        bundle = None
        if cfg.publish.enabled and exportable(model):
            bundle = _publish(cfg, folder, corpus, dataset, splits, model, meta, scores)
        elif cfg.publish.enabled:
            logger.info("no bundle: %s has no export", target_name(cfg.model))
        if cfg.evaluation.learning_curve:
            record_curve(cfg, dataset, splits, meta, folder, run)
        scores["cost"] = _cost(started, passes, bundle)
        with write_atomic(folder / "scores.json") as part:
            part.write_text(json.dumps(scores, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if run:
            _log_results(run, cfg, folder, scores, result[1], bundle)
        return TrainResult(folder, scores, bundle, run_id, result[1])


def _fold(cfg: DictConfig, dataset: Dataset, split: Split, nested: bool, meta: PredictionsMeta, tables: _Tables, run: RunLogger | None) -> Classifier:
    """Fit on one split and add its predictions to the tables; a fold of several gets its own nested MLflow run."""
    with tracked(cfg, split.name, run.run_id if run else None, when=nested) as child:
        about: Any = {"run_id": run.run_id if run else "untracked", "fold": split.fold, "seed": cfg.seed}
        train_rows, dev_rows, test_rows = (dataset.select(part) for part in (split.train, split.dev, split.test))
        model, mine = fit_and_predict(cfg, dataset, split, run_id=about["run_id"])
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
    if get_task(cfg.task.name).positive is None and any(not node.blind for node in parts):
        for node in parts:
            node.blind = True
        floors["target_blind"] = twin
    return floors


def _judge(cfg: DictConfig, folder: Path, tables: _Tables, meta: PredictionsMeta) -> tuple[dict[str, Any], str]:
    """Write the predictions tables and score the test rows; from here on nothing asks a model about a test row."""
    predictions = write_predictions(folder / "predictions.parquet", joined(tables.model), meta)
    floors = {}
    for name, parts in tables.floors.items():
        floor_meta = PredictionsMeta(**vars(meta) | {"model": name})
        floors[name] = write_predictions(folder / "floors" / f"{name}.parquet", joined(parts), floor_meta)
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
        judged,
        int8=cfg.publish.int8,
        int8_max_loss=cfg.publish.int8_max_loss,
    )
    return bundle.folder


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


def _cost(started: float, passes: int, bundle: Path | None = None) -> dict[str, float]:
    """Wall seconds so far, the greatest resident memory in MB (the kernel counts kilobytes, macOS bytes), the texts that an encoder read
    since `passes` (what the cache held is none; each epoch of training reads them anew), and the bundle's size in MB where there is one.
    """
    unit = 1e6 if sys.platform == "darwin" else 1e3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    cost = {"seconds": round(time.perf_counter() - started, 2), "peak_memory_mb": round(peak, 1), "encoder_passes": passes_so_far() - passes}
    if bundle:
        cost["bundle_mb"] = round(sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) / 1e6, 3)
    return cost
