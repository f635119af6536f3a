"""TF-IDF of words and characters with logistic regression: the baseline that every text classifier should beat."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from slant.data import column
from slant.decode import Decision
from slant.files import write_atomic
from slant.labels import get_task
from slant.models.base import label_indices

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Linear"]


class Linear:
    """Word 1-2-grams and character 2-5-grams within words, sublinear TF-IDF, L2-regularised logistic regression.

    Args:
        task: the task's name.
        C: inverse strength of the regularisation.
        min_df: n-grams in fewer training texts are dropped.
        max_features: the most frequent n-grams kept, of each kind.
        balanced: weigh every label alike in training, however rare it is.
    """

    def __init__(self, *, task: str = "loaded", C: float = 1.0, min_df: int = 2, max_features: int = 200_000, balanced: bool = False) -> None:
        self.labels = get_task(task).labels
        self.task = task
        self.decision = Decision()
        self.C, self.min_df, self.max_features, self.balanced = C, min_df, max_features, balanced
        self.pipeline: Any = None

    def fit(self, train: Dataset, dev: Dataset | None, *, seed: int) -> Self:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import FeatureUnion, Pipeline

        common = {"sublinear_tf": True, "min_df": self.min_df, "max_features": self.max_features}
        grams = FeatureUnion(
            [
                ("words", TfidfVectorizer(ngram_range=(1, 2), **common)),
                ("characters", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **common)),
            ]
        )
        self.pipeline = Pipeline(
            [
                ("grams", grams),
                ("logistic", LogisticRegression(C=self.C, max_iter=1000, random_state=seed, class_weight="balanced" if self.balanced else None)),
            ]
        )
        self.pipeline.fit(column(train, "text"), label_indices(train, self.labels))
        return self

    def predict_proba(self, dataset: Dataset) -> npt.NDArray[np.float64]:
        found = self.pipeline.predict_proba(column(dataset, "text"))
        # A training part may lack a label; its column is then 0.
        probabilities = np.zeros((len(found), len(self.labels)))
        probabilities[:, self.pipeline.classes_] = found
        return probabilities

    def save(self, folder: Path) -> None:
        from zipfile import ZIP_DEFLATED

        import skops.io

        with write_atomic(folder / "linear.skops") as part:
            skops.io.dump(self.pipeline, part, compression=ZIP_DEFLATED, compresslevel=3)
        with write_atomic(folder / "linear.json") as part:
            part.write_text(json.dumps({"task": self.task}), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        import skops.io

        model = cls(task=json.loads((folder / "linear.json").read_text(encoding="utf-8"))["task"])
        # skops loads what it knows of scikit-learn and numpy; nothing is added to that list, whatever the file asks for.
        model.pipeline = skops.io.load(folder / "linear.skops", trusted=[])
        return model
