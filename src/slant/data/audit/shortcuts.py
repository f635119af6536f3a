"""What a label can be guessed from without reading the sentence."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import numpy as np

from slant.data.audit.findings import Finding, Rows

__all__ = ["COLUMNS", "shortcut", "thin_labels"]

#: Columns whose value alone may tell the label.
COLUMNS = ("outlet", "leaning", "topic", "target")

#: A label with fewer rows than this in a part, for one target, carries a score that a handful of rows decides.
THIN = 20


def shortcut(rows: Rows, by: str) -> Finding | None:
    """How well the column `by` alone predicts the label.

    Each row is predicted the most frequent label among the rows of its value in *other* groups, or of all other groups where there are none. The
    interval is the 95 % normal one of a ratio over groups (cluster-robust). A warning when it lies above the majority's accuracy.
    """
    values = getattr(rows, by)
    kept = [i for i in range(len(rows)) if rows.label[i] is not None and values[i] is not None]
    if len({values[i] for i in kept}) < 2 or len({rows.label[i] for i in kept}) < 2:
        return None
    label_names, label = np.unique(np.array([rows.label[i] for i in kept], object).astype(str), return_inverse=True)
    _, value = np.unique(np.array([values[i] for i in kept], object).astype(str), return_inverse=True)
    _, group = np.unique(np.array([rows.group[i] for i in kept], object).astype(str), return_inverse=True)
    k = len(label_names)
    counts = np.zeros((value.max() + 1, k), np.int64)
    np.add.at(counts, (value, label), 1)
    # What each row's own group says of its value, and of all values, does not count.
    own: Counter[tuple[int, int, int]] = Counter(zip(group.tolist(), value.tolist(), label.tolist(), strict=True))
    own_all: Counter[tuple[int, int]] = Counter(zip(group.tolist(), label.tolist(), strict=True))
    overall = np.bincount(label, minlength=k)
    right = np.zeros(len(kept))
    for i, (g, v) in enumerate(zip(group.tolist(), value.tolist(), strict=True)):
        others = counts[v] - np.array([own[g, v, j] for j in range(k)])
        rest = overall - np.array([own_all[g, j] for j in range(k)])
        guess = others if others.sum() else rest
        right[i] = guess.argmax() == label[i]
    accuracy, low, high = _ratio(right, group)
    # Of the sample itself: where labels are even, the majority of the others is always the other label, and right never.
    floor = float(overall.max() / len(kept))
    figures: dict[str, float | int | str | None] = {
        "accuracy": round(accuracy, 4),
        "accuracy_lo": round(low, 4),
        "accuracy_hi": round(high, 4),
        "majority_accuracy": round(floor, 4),
        "values": int(value.max() + 1),
    }
    items = [{"value": name, "rows": n, "labels": shares} for name, n, shares in _table(rows, kept, by)]
    strong = low > floor
    what = f"rows are labelled rightly by their {by} alone (accuracy {accuracy:.3f}, {low:.3f} to {high:.3f}; majority {floor:.3f})"
    remedy = f"Read scores beside this prior, and leave one {by} out" if strong else ""
    return Finding(f"shortcut_{by}", what, int(right.sum()), len(kept), items, figures, "warn" if strong else "info", remedy)


def thin_labels(rows: Rows) -> Finding | None:
    """Labels with fewer than 20 rows in the part of a target (or in a part, where there are no targets)."""
    labels = sorted({label for label in rows.label if label is not None})
    targets: list[str | None] = rows.target if len(set(rows.target)) <= 50 else [None] * len(rows)
    counts = Counter(zip(rows.part, targets, rows.label, strict=True))
    cells = sorted({(part or "", target or "") for part, target, _ in counts})
    items = []
    for part, target in cells:
        for label in labels:
            n = counts[part or None, target or None, label]
            if n < THIN:
                items.append({"part": part, "target": target, "label": label, "rows": n})
    what = f"labels have fewer than {THIN} rows in a part of a target"
    remedy = "Their F1 hangs on a few rows: read its interval, and pooled scores"
    return Finding("thin_labels", what, len(items), None, items, severity="info", remedy=remedy) if items else None


def _ratio(right: np.ndarray, group: np.ndarray) -> tuple[float, float, float]:
    """The mean of `right` and its 95 % interval, groups drawn whole: the linearised variance of a ratio (Cochran 1977, 6.3)."""
    n, groups = len(right), group.max() + 1
    mean = float(right.mean())
    residual = np.bincount(group, right - mean, groups)
    half = 1.96 * sqrt(float((residual**2).sum()) * groups / max(groups - 1, 1)) / n
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def _table(rows: Rows, kept: list[int], by: str) -> list[tuple[str, int, dict[str, int]]]:
    values = getattr(rows, by)
    counts: dict[str, Counter[str]] = {}
    for i in kept:
        counts.setdefault(values[i], Counter())[str(rows.label[i])] += 1
    order = sorted(counts.items(), key=lambda pair: (-pair[1].total(), pair[0]))
    return [(value, found.total(), dict(sorted(found.items()))) for value, found in order[:50]]
