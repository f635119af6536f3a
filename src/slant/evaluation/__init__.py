"""From predictions to evidence: the predictions table, group bootstrap, and scores with their intervals."""

from slant.evaluation.bootstrap import group_weights, interval, ranking_samples
from slant.evaluation.families import Family, metric_families
from slant.evaluation.predictions import Predictions, make_predictions, predictions_hash, read_predictions, write_predictions
from slant.evaluation.schema import PredictionsMeta, arrow_schema
from slant.evaluation.scores import score

__all__ = [
    "Family",
    "Predictions",
    "PredictionsMeta",
    "arrow_schema",
    "group_weights",
    "interval",
    "make_predictions",
    "metric_families",
    "predictions_hash",
    "ranking_samples",
    "read_predictions",
    "score",
    "write_predictions",
]
