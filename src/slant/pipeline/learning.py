"""A learning curve: the run's model fitted on growing parts of its training rows, judged on dev and never on test."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from omegaconf import DictConfig

from slant.data import Split, assign_groups, column
from slant.errors import ConfigError
from slant.evaluation import PredictionsMeta, make_predictions, score
from slant.files import write_atomic
from slant.models import Classifier
from slant.pipeline.build import build
from slant.pipeline.parts import joined
from slant.pipeline.predict import predict_columns
from slant.seeding import derive_seed
from slant.tracking import RunLogger

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["check_curve", "record_curve"]

logger = logging.getLogger(__name__)

_KEY = "evaluation.learning_curve"
_FILE = "learning_curve.json"
#: What a point tells, as far as the model has it.
_METRICS = ("macro_f1", "f_avg_pooled", "auroc", "word_f1", "ece")


def check_curve(shares: Sequence[float], splits: Sequence[Split]) -> None:
    """Raise ConfigError for shares that are no curve, and for a split that has no dev part to judge one on."""
    if any(not 0 < share <= 1 for share in shares) or list(shares) != sorted(set(shares)):
        remedy = "Name rising shares of the training rows, as in [0.1,0.25,0.5,1.0]"
        raise ConfigError(f"{list(shares)} are no shares of a learning curve", where=_KEY, remedy=remedy)
    if shares and (bare := next((split.name for split in splits if not len(split.dev)), None)):
        problem = f"the split {bare} has no dev rows, and a learning curve is never judged on test rows"
        raise ConfigError(problem, where=_KEY, remedy="Add split.dev_fraction=0.15, or take another split=")


def record_curve(cfg: DictConfig, dataset: Dataset, splits: Sequence[Split], meta: PredictionsMeta, folder: Path, run: RunLogger | None) -> None:
    """Fit on each share of every split's training groups, and write learning_curve.json into `folder`, and to the MLflow run.

    The parts are nested, cut no group and have about the labels' overall shares. The model is fitted without dev, so that it chooses nothing on
    the rows that judge it; the dev rows of all splits are judged together. A share whose rows have one label only is left out, with a warning.
    """
    cuts = [_parts(dataset, split, cfg) for split in splits]
    points = []
    for number, share in enumerate(cfg.evaluation.learning_curve):
        chosen = [split.train[parts <= number] for split, parts in zip(splits, cuts, strict=True)]
        labels = np.asarray(column(dataset, "label"), object)
        if any(len(set(labels[rows])) < 2 for rows in chosen):
            logger.warning("learning curve: %g of the training rows have one label only; left out", share)
            continue
        points.append(_point(cfg, dataset, splits, chosen, share, meta))
        logger.info("learning curve: %s rows, macro F1 %.3f on dev", f"{points[-1]['rows']:,}", points[-1]["metrics"]["macro_f1"]["value"])
    if not points:
        return
    with write_atomic(folder / _FILE) as part:
        part.write_text(json.dumps({"judged_on": "dev", "points": points}, indent=1) + "\n", encoding="utf-8")
    if run:
        run.log_artifact(folder / _FILE)
        for point in points:
            run.log_metrics({f"learning/{name}": found["value"] for name, found in point["metrics"].items()}, step=point["rows"])


def _parts(dataset: Dataset, split: Split, cfg: DictConfig) -> npt.NDArray[np.int64]:
    """For each training row the first share that it belongs to."""
    shares = [0.0, *cfg.evaluation.learning_curve]
    steps = np.diff([*shares, 1.0] if shares[-1] < 1 else shares)
    groups, labels = (np.asarray(column(dataset, name), object)[split.train] for name in ("group", "label"))
    return assign_groups(list(groups), list(labels), list(steps), derive_seed(cfg.seed, "learning", split.name))


def _point(
    cfg: DictConfig, dataset: Dataset, splits: Sequence[Split], chosen: Sequence[npt.NDArray[np.int64]], share: float, meta: PredictionsMeta
) -> dict[str, Any]:
    tables = []
    for split, rows in zip(splits, chosen, strict=True):
        model: Classifier = build(cfg.model, "model")
        model.fit(dataset.select(rows), None, seed=derive_seed(cfg.seed, "fit", split.name))
        tables.append(predict_columns(model, dataset.select(split.dev), run_id="learning", split="dev", fold=split.fold, seed=cfg.seed))
    evaluation = cfg.evaluation
    table = make_predictions(joined(tables), meta, where="the learning curve")
    found = score(table, resamples=evaluation.resamples, seed=derive_seed(cfg.seed, "bootstrap"), level=evaluation.level, split="dev")
    metrics = {name: found["metrics"][name] for name in _METRICS if name in found["metrics"]}
    return {
        "share": share,
        "rows": round(float(np.mean([len(rows) for rows in chosen]))),
        "seed": cfg.seed,
        "metrics": {name: {key: one[key] for key in ("value", "lo", "hi")} for name, one in metrics.items() if one["value"] is not None},
    }
