"""Score tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["HEADLINE", "not_beaten", "score_rows", "to_markdown"]

#: Metrics in the order in which a table shows them; those a task lacks are passed over.
HEADLINE = (
    "macro_f1", "f_avg_pooled", "f_avg_mean_over_targets", "weighted_f1", "f1_against", "f1_neutral", "f1_favor", "f1_loaded",
    "accuracy", "mcc", "auroc", "brier", "ece", "word_f1", "word_ap", "span_partial_f1",
)  # fmt: skip


def score_rows(scores: Mapping[str, Any], metrics: Sequence[str] = HEADLINE) -> list[list[str]]:
    """A header row and a row a metric: its exact name, value, interval, and the value of each floor."""
    floors = scores["floors"]
    level = scores.get("bootstrap", {}).get("level", 0.95)
    rows = [["metric", "value", f"{100 * level:g} % interval", *(name.replace("_", " ") for name in floors)]]
    for name in metrics:
        if name not in scores["metrics"]:
            continue
        found = scores["metrics"][name]
        interval = "–" if found["lo"] is None else f"{found['lo']:.3f} to {found['hi']:.3f}"
        rows.append([name, _number(found), interval, *(_number(floor["metrics"].get(name)) for floor in floors.values())])
    return rows


#: The metrics by which a model is said to beat a floor.
_JUDGED = ("macro_f1", "f_avg_pooled")


def not_beaten(scores: Mapping[str, Any]) -> list[str]:
    """A sentence for each floor and judged metric that the model is not shown to beat: the interval of the difference reaches 0."""
    lines = []
    for floor, below in scores["floors"].items():
        for name in _JUDGED:
            found = below.get("difference", {}).get(name)
            if found is not None and found["lo"] <= 0:
                difference = f"{found['value']:+.3f}, {found['lo']:+.3f} to {found['hi']:+.3f}"
                lines.append(f"{name} is not shown to beat the floor {floor.replace('_', ' ')} (difference {difference})")
    return lines


def _number(found: Mapping[str, Any] | None) -> str:
    return "–" if found is None or found["value"] is None else f"{found['value']:.3f}"


def to_markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    head, *body = rows
    rule = ["---", *(["---:"] * (len(head) - 1))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *body))
