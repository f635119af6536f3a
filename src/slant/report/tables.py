"""Score tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["HEADLINE", "score_rows", "to_markdown"]

#: Metrics in the order in which a table shows them; those a task lacks are passed over.
HEADLINE = (
    "macro_f1", "weighted_f1", "f1_neutral", "f1_loaded", "accuracy", "mcc", "auroc", "brier", "ece", "word_f1", "word_ap",
    "span_partial_f1",
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


def _number(found: Mapping[str, Any] | None) -> str:
    return "–" if found is None or found["value"] is None else f"{found['value']:.3f}"


def to_markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    head, *body = rows
    rule = ["---", *(["---:"] * (len(head) - 1))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *body))
