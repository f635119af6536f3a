"""The one place where randomness begins."""

from __future__ import annotations

import hashlib
import random
import sys

__all__ = ["derive_seed", "seed_everything"]


def derive_seed(seed: int, *names: object) -> int:
    """A 32-bit seed for one purpose, the same on every machine: two purposes never share a stream.

    `derive_seed(1, "folds")` and `derive_seed(1, "bootstrap")` are unrelated; Python's own `hash` would differ a process.
    """
    digest = hashlib.sha256("\x1f".join([str(seed), *map(str, names)]).encode()).digest()
    return int.from_bytes(digest[:4], "big")


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's global generators, the latter two only where they are already loaded."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
