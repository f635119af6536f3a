"""Classifier families behind one protocol. A module is loaded when its class is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from slant.models.base import Classifier, PointsAtWords, label_indices

if TYPE_CHECKING:
    from slant.models.encoder import TextEncoder, open_encoder
    from slant.models.encoder_heads import EncoderHeads
    from slant.models.linear import Linear
    from slant.models.prior import Prior

__all__ = [
    "Classifier",
    "EncoderHeads",
    "Linear",
    "PointsAtWords",
    "Prior",
    "TextEncoder",
    "label_indices",
    "open_encoder",
]

_HOMES = {
    "EncoderHeads": "slant.models.encoder_heads",
    "Linear": "slant.models.linear",
    "Prior": "slant.models.prior",
    "TextEncoder": "slant.models.encoder",
    "open_encoder": "slant.models.encoder",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
