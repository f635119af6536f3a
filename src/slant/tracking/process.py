"""Who runs a run: is that process still alive, and how it ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

__all__ = ["Terminated", "catch_sigterm", "process_alive", "process_start"]


class Terminated(SystemExit):
    """The process was told to end; its exit status is 143, as the shell expects."""

    def __str__(self) -> str:
        return "the process was told to end (SIGTERM)"


def process_start(pid: int) -> str:
    """When a process started, as text to compare and not to read; "" when it is dead, a zombie, or nothing can tell.

    On Linux the start time in clock ticks since boot (field 22 of /proc/<pid>/stat), elsewhere what `ps` says.
    """
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        # The command's name is in brackets and may itself hold blanks and brackets.
        state, *fields = stat.rpartition(")")[2].split()
        return "" if state in "ZX" else fields[18]
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    env = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5.0, env=env, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def process_alive(pid: int, started: str) -> bool:
    """Whether the process of this machine that had this pid and start still lives; a pid given to another does not count."""
    now = process_start(pid)
    if now:
        return not started or now == started
    if Path("/proc/self/stat").exists():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, but there
        return True
    return True


def catch_sigterm() -> Callable[[], None]:
    """Make SIGTERM raise Terminated, so that open runs are closed; returns what puts the old handler back.

    Does nothing outside the main thread, or where somebody already handles or ignores the signal (an outer run, submitit).
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return lambda: None
    signal.signal(signal.SIGTERM, _leave)
    owner = os.getpid()

    def restore() -> None:
        # After _leave the handler is SIG_IGN; a forked child must not touch what it inherited and may since have replaced.
        ours = (_leave, signal.SIG_IGN)
        in_place = os.getpid() == owner and threading.current_thread() is threading.main_thread()
        if in_place and signal.getsignal(signal.SIGTERM) in ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    return restore


def _leave(signum: int, _frame: FrameType | None) -> None:
    # A second SIGTERM must not interrupt the closing that the first one began.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated(128 + signum)
