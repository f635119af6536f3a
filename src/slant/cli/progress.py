"""The progress bar."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from slant.progress import set_progress

__all__ = ["show_progress"]


def show_progress() -> None:
    """Show a bar on stderr for every long loop that lasts more than two seconds, where stderr is a terminal."""
    if not sys.stderr.isatty():
        return
    from tqdm import tqdm

    def show(items: Iterable[Any], total: int, what: str) -> Iterable[Any]:
        bar: Iterable[Any] = tqdm(items, desc=what, total=total, delay=2, leave=False, file=sys.stderr)
        return bar

    set_progress(show)
