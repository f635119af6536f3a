"""Which encoder a model was trained on, as its saved state tells it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slant.errors import ConfigError
from slant.models.encoder.encode import Recipe, TextEncoder
from slant.models.encoder.resolve import resolve_encoder

__all__ = ["encoder_record", "recorded_encoder"]


def encoder_record(encoder: TextEncoder) -> dict[str, Any]:
    """The keys `encoder` and `recipe` of a saved state, ready for JSON."""
    files = encoder.files
    recipe = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(encoder.recipe).items()}
    return {"encoder": {"name": files.name, "revision": files.revision, "digest": files.digest}, "recipe": recipe}


def recorded_encoder(state: Mapping[str, Any], encoder: TextEncoder | None, folder: Path) -> TextEncoder:
    """The encoder of a saved state: the one given, else the one found again by the recorded name.

    Raises ConfigError when it has not the recorded digest or gives states by another recipe.
    """
    kept = state["recipe"]
    recipe = Recipe(tuple(kept["sentence_layers"]), tuple(kept["word_layers"]), kept["max_pieces"])
    if encoder is None:
        encoder = TextEncoder(resolve_encoder(state["encoder"]["name"], revision=state["encoder"]["revision"]), recipe)
    if encoder.files.digest != state["encoder"]["digest"]:
        remedy = f"Give the encoder with digest {state['encoder']['digest'][:12]}…"
        raise ConfigError("the encoder is not the one these heads were trained on", where=str(folder), remedy=remedy)
    if encoder.recipe != recipe:
        raise ConfigError("these heads were trained on other layers or another limit", where=str(folder), remedy=f"Give {recipe!r}")
    return encoder
