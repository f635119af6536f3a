"""A sweep's own MLflow run, in which the runs of its jobs are nested."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from slant.pipeline.train import PARENT_VARIABLE

__all__ = ["SweepRun"]

logger = logging.getLogger(__name__)


class SweepRun(Callback):
    """Hydra calls it at a multirun's start and end. The store exists before the first job does, whatever the launcher."""

    def __init__(self) -> None:
        self.run: Any = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from slant.tracking import start_parent

        settings = _settings(config)
        if not settings["enabled"]:
            return
        overrides = " ".join(config.hydra.overrides.task)
        tags = {"slant.kind": "sweep", "slant.overrides": overrides}
        name = f"sweep {overrides}"[:200]
        root = Path(settings["home"]).absolute() / "mlruns"
        self.run = start_parent(settings["uri"], settings["experiment"], name, artifact_root=root, tags=tags)
        # Workers of a parallel launcher are started after this and inherit it.
        os.environ[PARENT_VARIABLE] = self.run.run_id

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from slant.tracking import finish_parent

        os.environ.pop(PARENT_VARIABLE, None)
        if self.run is not None:
            summary = finish_parent(self.run.uri, self.run.run_id)
            logger.info("sweep %s: %d finished, %d failed", self.run.run_id, summary.finished, summary.failed)


def _settings(config: DictConfig) -> dict[str, Any]:
    """The tracking settings, read before any job's own configuration is."""
    tracking = config.tracking
    if not tracking.enabled:
        return {"enabled": False}
    return {"enabled": True, "uri": tracking.uri, "experiment": tracking.experiment, "home": config.paths.home}
