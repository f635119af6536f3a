"""The tasks and their labels, in the order in which every probability table has its columns."""

from __future__ import annotations

from dataclasses import dataclass

from slant.errors import ConfigError

__all__ = ["LOADED", "STANCE", "TASKS", "Task", "get_task"]


@dataclass(frozen=True)
class Task:
    """What is predicted of an example.

    Attributes:
        name: the value of an example's `task` column.
        version: raised when the meaning of a label or a metric changes, so that scores of two versions are never compared.
        labels: label names in column order.
        positive: the label whose probability ranks examples in AUROC and that owns word scores; None where there is no such label.
    """

    name: str
    version: int
    labels: tuple[str, ...]
    positive: str | None


LOADED = Task(name="loaded", version=1, labels=("neutral", "loaded"), positive="loaded")
STANCE = Task(name="stance", version=1, labels=("against", "neutral", "favor"), positive=None)
TASKS = {task.name: task for task in (LOADED, STANCE)}


def get_task(name: str) -> Task:
    """The task of that name. Raises ConfigError for any other name."""
    if name not in TASKS:
        raise ConfigError(f"unknown task {name!r}", remedy=f"Choose one of: {', '.join(TASKS)}")
    return TASKS[name]
