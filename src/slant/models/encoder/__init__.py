"""The pretrained encoder: where its files are found, and where its outputs are kept."""

from slant.models.encoder.cache import CacheInfo, StateCache, default_cache_folder, state_key
from slant.models.encoder.encode import Recipe, States, TextEncoder, open_encoder
from slant.models.encoder.record import encoder_record, recorded_encoder
from slant.models.encoder.resolve import EncoderFiles, resolve_encoder

__all__ = [
    "CacheInfo",
    "EncoderFiles",
    "Recipe",
    "StateCache",
    "States",
    "TextEncoder",
    "default_cache_folder",
    "encoder_record",
    "open_encoder",
    "recorded_encoder",
    "resolve_encoder",
    "state_key",
]
