"""What a run, a trial of a search and a rerun have in common: rows in audited splits, a model fitted on one of them, an MLflow run."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from omegaconf import DictConfig, OmegaConf

from slant import __version__
from slant.data import Corpus, Split, column, prepare, split_fingerprint
from slant.data.audit import read_rows, refuse_leaks
from slant.data.examples import without_nulls
from slant.errors import DataError
from slant.evaluation import PredictionsMeta
from slant.files import write_atomic
from slant.labels import Task
from slant.models import Classifier
from slant.models.encoder.cache import default_cache_folder
from slant.pipeline.audit import audit_run
from slant.pipeline.build import build, check, target_name
from slant.pipeline.predict import Columns, predict_columns
from slant.report import render_audit
from slant.seeding import derive_seed
from slant.tracking import RunLogger, open_run

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["check_components", "fit_and_predict", "joined", "log_config", "read_splits", "tracked"]

logger = logging.getLogger(__name__)


def check_components(cfg: DictConfig) -> None:
    """All that is refused of a configuration's components before any work is done. Raises ConfigError."""
    for key in ("data", "split", "model"):
        check(cfg[key], key)
    for name, node in cfg.evaluation.floors.items():
        check(node, f"evaluation.floors.{name}")


def read_splits(cfg: DictConfig, task: Task, folder: Path, run: RunLogger | None) -> tuple[Corpus, Dataset, list[Split], PredictionsMeta]:
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


def fit_and_predict(
    cfg: DictConfig, dataset: Dataset, split: Split, *, run_id: str, parts: Sequence[str] = ("test", "dev")
) -> tuple[Classifier, list[Columns]]:
    """The configured model fitted on a split's train (and dev, where there is one), and its predictions of the named parts that hold rows.

    No row of a part that is not named is asked about: a trial of a search names dev alone.
    """
    rows = {part: dataset.select(getattr(split, part)) for part in dict.fromkeys(("dev", *parts))}
    model: Classifier = build(cfg.model, "model")
    dev = rows["dev"]
    model.fit(dataset.select(split.train), dev if len(dev) else None, seed=derive_seed(cfg.seed, "fit", split.name))
    about = {"run_id": run_id, "fold": split.fold, "seed": cfg.seed}
    return model, [predict_columns(model, rows[part], split=part, **about) for part in parts if len(rows[part])]


def joined(parts: Sequence[Columns]) -> Columns:
    """The columns of several parts as one."""
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}


@contextlib.contextmanager
def tracked(cfg: DictConfig, name: str, parent: str | None, *, when: bool = True) -> Iterator[RunLogger | None]:
    """An MLflow run, or None where tracking is off or none is wanted."""
    if not (cfg.tracking.enabled and when):
        yield None
        return
    tags = {"slant.task": cfg.task.name, "slant.model": target_name(cfg.model), "slant.seed": str(cfg.seed)}
    root = Path(cfg.paths.home).absolute() / "mlruns"
    with open_run(cfg.tracking.uri, cfg.tracking.experiment, name, artifact_root=root, tags=tags, parent_run_id=parent) as run:
        yield run


def log_config(run: RunLogger, cfg: DictConfig) -> None:
    """The configuration as the run's parameters, without where it is recorded."""
    container = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(container, dict)
    run.log_params({str(key): value for key, value in container.items() if key not in ("paths", "tracking")})


def _log_data(run: RunLogger, corpus: Corpus, dataset: Dataset, meta: PredictionsMeta) -> None:
    profile = {"rows": len(dataset), "groups": len(set(column(dataset, "group"))), "split_fingerprint": meta.split_fingerprint}
    columns = {name: str(kind) for name, kind in dataset.features.items()}
    run.log_dataset(f"{corpus.name}@{corpus.version}", corpus.path, corpus.fingerprint, "train", columns=columns, profile=profile)
    fingerprints = {"slant.corpus_fingerprint": meta.corpus_fingerprint, "slant.split_fingerprint": meta.split_fingerprint}
    run.set_tags(fingerprints | {"slant.kind": "run", "slant.quarantined": sum(corpus.quarantine_counts().values())})
