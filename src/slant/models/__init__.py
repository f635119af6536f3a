"""Classifier families behind one protocol. A module is loaded when its class is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from slant.models.base import Classifier, ExportParts, ExportsHeads, PointsAtWords, label_indices

if TYPE_CHECKING:
    from slant.models.encoder import TextEncoder, open_encoder
    from slant.models.encoder_heads import EncoderHeads
    from slant.models.linear import Linear
    from slant.models.prior import Prior
    from slant.models.soft_vote import SoftVote
    from slant.models.target_heads import TargetHeads
    from slant.models.target_linear import TargetLinear
    from slant.models.transformer import Transformer

__all__ = [
    "CLASSIFIERS",
    "Classifier",
    "EncoderHeads",
    "ExportParts",
    "ExportsHeads",
    "Linear",
    "PointsAtWords",
    "Prior",
    "SoftVote",
    "TargetHeads",
    "TargetLinear",
    "TextEncoder",
    "Transformer",
    "label_indices",
    "open_encoder",
]

_HOMES = {
    "EncoderHeads": "slant.models.encoder_heads",
    "Linear": "slant.models.linear",
    "Prior": "slant.models.prior",
    "SoftVote": "slant.models.soft_vote",
    "TargetHeads": "slant.models.target_heads",
    "TargetLinear": "slant.models.target_linear",
    "TextEncoder": "slant.models.encoder",
    "Transformer": "slant.models.transformer",
    "open_encoder": "slant.models.encoder",
}


#: The classes that are classifiers: what a saved vote may name.
CLASSIFIERS = ("EncoderHeads", "Linear", "Prior", "SoftVote", "TargetHeads", "TargetLinear", "Transformer")


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
