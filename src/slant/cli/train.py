"""`slant train`: Hydra's command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from slant.cli.needs import needs_training
from slant.cli.progress import show_progress

if TYPE_CHECKING:
    from slant.pipeline import TrainResult

__all__ = ["run"]


def run(arguments: Sequence[str]) -> int:
    needs_training("slant train")
    from slant.pipeline import run_app

    if "-sc" not in arguments and "--shell-completion" not in arguments:
        show_progress()
    result = run_app(arguments)
    if result is not None:
        print(summary(result))
    return 0


def summary(result: TrainResult) -> str:
    """The scores, and where everything is."""
    from slant.cli.terminal import format_scores

    lines = [format_scores(result.scores), "", f"predictions hash  {result.predictions_hash}", f"run folder        {_short(result.folder)}"]
    if result.bundle:
        lines.append(f"bundle            {_short(result.bundle)}")
    lines.append(f"MLflow run        {result.run_id}")
    return "\n".join(lines)


def _short(path: os.PathLike[str]) -> str:
    relative = os.path.relpath(path)
    return os.fspath(path) if relative.startswith("..") else relative
