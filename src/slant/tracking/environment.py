"""What a run was made with: what a later replay that differs is compared by."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from slant import __version__
from slant.tracking.git import git_state

__all__ = ["PACKAGES", "environment"]

#: The packages whose versions can move a prediction.
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "tokenizers", "datasets", "pyarrow", "nupunkt", "ftfy")


def environment() -> dict[str, Any]:
    """Versions of Slant, Python and `PACKAGES` (None: not installed), the machine's kind, and the state of the git tree; ready for JSON."""
    git = git_state()
    return {
        "slant": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "git_commit": git.commit,
        "git_dirty": git.dirty,
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
