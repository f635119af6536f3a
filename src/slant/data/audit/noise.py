"""Labels that a model, which has not seen the row, finds hard to believe."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slant.data.audit.findings import Finding, Rows
from slant.labels import TASKS

__all__ = ["label_noise"]


def label_noise(rows: Rows, probabilities: npt.NDArray[np.float64]) -> Finding | None:
    """Candidates for a wrong label, the most doubtful first: confident learning (Northcutt, Jiang, Chuang 2021), by cleanlab.

    Args:
        probabilities: `(n, k)` in the task's label order, each row's from a model fitted without the row's group; NaN rows are left out.
    """
    from cleanlab.filter import find_label_issues

    labels = TASKS[rows.task[0]].labels
    kept = np.array([i for i in range(len(rows)) if rows.label[i] is not None and np.isfinite(probabilities[i]).all()], np.int64)
    given = np.array([labels.index(str(rows.label[i])) for i in kept], np.int64)
    if len(kept) < 2 or len(set(given.tolist())) < len(labels):
        return None
    ranked = find_label_issues(given, probabilities[kept], return_indices_ranked_by="self_confidence", n_jobs=1)
    items = [rows.item(int(kept[i]), probability=round(float(probabilities[kept[i], given[i]]), 4)) for i in ranked]
    if not items:
        return None
    what = "labels are doubtful to a model that has not seen their article (confident learning)"
    return Finding("label_noise", what, len(items), len(kept), items, severity="info", remedy="Read them; keep those that are right")
