"""A place for a progress bar, without knowing of terminals: the command line puts a real one in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

__all__ = ["set_progress", "track"]

T = TypeVar("T")

_show: Callable[[Iterable[Any], int, str], Iterable[Any]] | None = None


def set_progress(show: Callable[[Iterable[Any], int, str], Iterable[Any]] | None) -> None:
    """Let `show(items, total, what)` wrap all long loops of this process; None wraps nothing."""
    global _show
    _show = show


def track(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The items as they are, shown as they pass."""
    return iter(items if _show is None else _show(items, total, what))
