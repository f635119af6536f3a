"""Which commit the code that runs stands at."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

__all__ = ["GitState", "git_state"]

_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class GitState:
    """The commit of the repository that holds the working directory.

    Attributes:
        commit: the full hash; None outside a repository, before the first commit, or where git is missing or hangs.
        dirty: whether tracked files differ from that commit; None when the commit is None.
    """

    commit: str | None
    dirty: bool | None


def git_state() -> GitState:
    """The commit and dirty flag of the repository around the working directory. Never raises.

    Untracked files do not count as dirt, as in `git describe --dirty`: a run's own outputs would otherwise soil every run.
    """
    command = ["git", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    # Without this, `git status` may take index.lock and so break a commit that a person is making meanwhile.
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, env=env, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return GitState(None, None)
    commit, dirty = None, False
    for line in done.stdout.splitlines():
        if line.startswith("# branch.oid "):
            oid = line.removeprefix("# branch.oid ")
            commit = None if oid == "(initial)" else oid
        elif not line.startswith("#"):
            dirty = True
    return GitState(commit, dirty if commit else None)
