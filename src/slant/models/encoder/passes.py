"""How many texts the encoders of this process have read: what a run costs, told without a clock."""

from __future__ import annotations

__all__ = ["count_passes", "passes_so_far"]

_passes = 0


def count_passes(texts: int) -> None:
    """Note that an encoder has read so many texts, in training or in answering. States from a cache are no pass."""
    global _passes
    _passes += texts


def passes_so_far() -> int:
    """The texts read since this process began; what a piece of work cost is the difference between two calls."""
    return _passes
