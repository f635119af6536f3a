"""A fine-tuned encoder: word and sentence loss trained jointly, or text and target read as a pair."""

from slant.models.transformer.model import Transformer

__all__ = ["Transformer"]
