"""The pretrained encoder: where its files are found, and where its outputs are kept."""

from slant.models.encoder.cache import CacheInfo, StateCache, default_cache_folder, state_key
from slant.models.encoder.resolve import EncoderFiles, resolve_encoder

__all__ = ["CacheInfo", "EncoderFiles", "StateCache", "default_cache_folder", "resolve_encoder", "state_key"]
