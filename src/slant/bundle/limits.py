"""What a bundle may hold at most, and what its files may be called: known before a byte of it is trusted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from slant.bundle.format import GOLDEN, HEADS, MANIFEST, SIGNATURE, TOKENIZER

__all__ = ["MAX_BYTES", "MAX_FILES", "MAX_NAME", "clash", "is_inside", "is_plain", "max_size"]

MAX_BYTES = 4 << 30
MAX_FILES = 64
MAX_NAME = 200
#: Larger files than these are none of ours; a graph beyond 2 GiB is no protobuf message.
_MAX_SIZES = {
    MANIFEST: 1 << 20,
    SIGNATURE: 1 << 12,
    GOLDEN: 1 << 22,
    TOKENIZER: 1 << 26,
    HEADS: 1 << 30,
    "metrics.json": 1 << 24,
    "card.json": 1 << 24,
    "MODEL_CARD.md": 1 << 22,
    "prior.json": 1 << 22,
}
_MAX_OTHER = 2 << 30
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


def max_size(name: str) -> int:
    """The most bytes that a file of this name may have."""
    return _MAX_SIZES.get(PurePosixPath(name).name, _MAX_OTHER)


def is_inside(name: str) -> bool:
    """Whether the name stays below the folder that it is put into, on any system."""
    parts = PurePosixPath(name).parts
    return 0 < len(parts) <= 8 and len(name) <= MAX_NAME and not name.startswith("/") and ".." not in parts and not set("\\:\0") & set(name)


def is_plain(name: str) -> bool:
    """Whether the name is made of ASCII letters, digits, dots, hyphens and underscores: it looks like no other name, and is the same everywhere."""
    return _PLAIN.fullmatch(name) is not None


def clash(names: Iterable[str]) -> tuple[str, str] | None:
    """Two of the names that some system takes for one: they differ in case or in how Unicode spells them, or one is the other's folder."""
    seen: dict[str, str] = {}
    for name in names:
        key = _folded(name)
        if key in seen:
            return seen[key], name
        seen[key] = name
    for key, name in seen.items():
        for parent in PurePosixPath(key).parents:
            if str(parent) in seen:
                return seen[str(parent)], name
    return None


def _folded(name: str) -> str:
    return str(PurePosixPath(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())))
