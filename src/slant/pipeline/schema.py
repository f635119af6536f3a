"""The configuration's types. A key that is not here, or not in a component's YAML, is an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

__all__ = ["SearchConfig", "SearchSettings", "TrainConfig", "register"]


@dataclass
class TaskConfig:
    name: str = MISSING
    """The task's name in slant.labels."""


@dataclass
class AuditConfig:
    noise: bool = True
    """Whether doubtful labels are looked for; some seconds a thousand rows, once for the same rows."""


@dataclass
class EvaluationConfig:
    resamples: int = 2000
    """Bootstrap draws of whole groups."""
    level: float = 0.95
    """The intervals' coverage."""
    floors: dict[str, Any] = field(default_factory=dict)
    """Trivial classifiers, by name, scored on the same rows."""
    learning_curve: list[float] = field(default_factory=list)
    """Rising shares of the training rows, as [0.1,0.25,0.5,1.0]: a fit each, judged on dev; none unless asked for."""


@dataclass
class PublishConfig:
    enabled: bool = True
    """Whether the run writes a bundle."""
    int8: bool = True
    """Whether an int8 graph is tried."""
    int8_max_loss: float = 0.005
    """The macro F1 that int8 may lose, on rows that are not tested."""
    judged_rows: int = 2000
    """How many such rows judge the exported graphs."""
    licence: str = MISSING
    """The bundle's licence; a corpus's own may bind it."""


@dataclass
class TrackingConfig:
    enabled: bool = True
    """Whether MLflow records the run."""
    uri: str = MISSING
    """sqlite:///PATH or a server's http address."""
    experiment: str = MISSING
    """MLflow's experiment name."""
    log_bundle: bool = False
    """Whether the whole bundle is copied into the run's artefacts."""


@dataclass
class PathsConfig:
    home: str = MISSING
    """Where runs and the store live."""
    runs: str = MISSING
    """The folder of run folders."""
    cache: str | None = None
    """The encoder cache's folder; null is the user's own."""


@dataclass
class TrainConfig:
    name: str = MISSING
    """What the run is called, in its folder and in MLflow."""
    seed: int = 1
    """Folds, inner folds and bootstrap all derive from it."""
    threads: int = 1
    """Threads of torch, BLAS and onnxruntime; more than one pays only on an idle machine."""
    task: TaskConfig = field(default_factory=TaskConfig)
    data: Any = MISSING
    split: Any = MISSING
    model: Any = MISSING
    audit: AuditConfig = field(default_factory=AuditConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    publish: PublishConfig = field(default_factory=PublishConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    paths: PathsConfig = field(default_factory=PathsConfig)


@dataclass
class SearchSettings:
    name: str = MISSING
    """What the search is called, in its folder and in MLflow."""
    metric: str = "macro_f1"
    """What is judged, of the dev rows alone: a metric of slant.evaluation. brier and ece are made small, any other large."""
    trials: int = 20
    """How many are finished when the search ends, pruned and failed ones among them; raise it to go on with a search that has ended."""
    minutes: float | None = None
    """No trial begins after so long; null: all do."""
    startup: int = 8
    """How many are drawn at random before the sampler learns from them."""
    prune: bool = True
    """Whether a trial stops after a fold up to which its mean is worse than the median of the completed trials' up to there."""
    prune_after: int = 5
    """How many must be completed before any is pruned."""
    space: dict[str, Any] = field(default_factory=dict)
    """What is searched: {key: {type, low, high, log, step, choices}}; see slant.pipeline.space."""


@dataclass
class SearchConfig:
    search: SearchSettings = field(default_factory=SearchSettings)


def register() -> None:
    """Make the schemas known to Hydra as `schema` and `search_schema`."""
    ConfigStore.instance().store(name="schema", node=TrainConfig)
    ConfigStore.instance().store(name="search_schema", node=SearchConfig)
