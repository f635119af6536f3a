"""From a fitted classifier to the rows of a predictions table."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from slant.data import column
from slant.decode import cut_spans, decide
from slant.models import Classifier, PointsAtWords

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Columns", "predict_columns"]

Columns = dict[str, list[Any]]

_COPIED = ("id", "group", "text", "target", "outlet", "leaning", "topic", "voice", "label_votes")


def predict_columns(model: Classifier, dataset: Dataset, *, run_id: str, split: str, fold: int, seed: int) -> Columns:
    """The columns of contract 3 for these rows, in their order. Spans are cut where the model points at words."""
    n = len(dataset)
    probabilities = model.predict_proba(dataset)
    chosen, abstained = decide(probabilities, model.decision)
    columns: Columns = defaultdict(list)
    columns |= {"run_id": [run_id] * n, "split": [split] * n, "fold": [fold] * n, "seed": [seed] * n}
    columns |= {name: column(dataset, name) for name in _COPIED}
    columns |= {"gold": column(dataset, "label"), "pred": [model.labels[i] for i in chosen], "abstained": abstained.tolist()}
    columns |= {f"p_{label}": probabilities[:, i].tolist() for i, label in enumerate(model.labels)}
    columns["spans_gold"] = column(dataset, "spans")
    if isinstance(model, PointsAtWords) and model.points:
        words = model.predict_words(dataset)
        threshold = model.decision.word_threshold
        pairs = zip(columns["text"], words, strict=True)
        columns["spans_pred"] = [[span for span, _ in cut_spans(text, found, threshold)] for text, found in pairs]
        columns["word_starts"] = [found.starts for found in words]
        columns["word_ends"] = [found.ends for found in words]
        columns["word_scores"] = [found.scores for found in words]
        columns["truncated"] = [found.truncated for found in words]
    else:
        for name in ("spans_pred", "word_starts", "word_ends", "word_scores"):
            columns[name] = [None] * n
        columns["truncated"] = [False] * n
    return dict(columns)
