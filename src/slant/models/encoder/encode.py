"""From texts to states: one vector a sentence and one a word, from chosen layers of a frozen encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from slant.errors import ConfigError, EncoderError
from slant.models.encoder.cache import StateCache, default_cache_folder, state_key
from slant.models.encoder.passes import count_passes
from slant.models.encoder.resolve import EncoderFiles, resolve_encoder
from slant.progress import track
from slant.text.wordpieces import Pieces, Wordpieces

if TYPE_CHECKING:
    import torch

__all__ = ["Recipe", "States", "TextEncoder", "open_encoder"]

_WRITE_EVERY = 256
# States read once are held up to this many bytes: the folds of a cross-validation read the same rows again and again.
_HELD_BYTES = 1 << 30


@dataclass(frozen=True)
class Recipe:
    """Which states are taken. Layer 0 is the embedding, layer i the output of the i-th block; several are laid side by side.

    Attributes:
        sentence_layers: averaged over all pieces of the text.
        word_layers: averaged over the pieces of each word.
        max_pieces: the text is cut after so many word pieces.
    """

    sentence_layers: tuple[int, ...]
    word_layers: tuple[int, ...]
    max_pieces: int

    @property
    def depth(self) -> int:
        """The blocks that must be run; deeper ones are not even loaded."""
        return max(self.sentence_layers + self.word_layers)

    def __str__(self) -> str:
        return f"mean v1 sentence={self.sentence_layers} words={self.word_layers} max={self.max_pieces}"


@dataclass(frozen=True)
class States:
    """The states of n texts with N words in all.

    Attributes:
        sentence: `(n, ds)` float32.
        words: `(N, dw)` float32, text after text.
        offsets: `(n + 1,)`: text i has the word rows `offsets[i]:offsets[i + 1]`.
        pieces: for each text its word pieces, with the words' code-point offsets.
    """

    sentence: npt.NDArray[np.float32]
    words: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int64]
    pieces: list[Pieces]


class TextEncoder:
    """A frozen encoder with its cache. Each text is encoded by itself, so that its states depend on no other text."""

    def __init__(self, files: EncoderFiles, recipe: Recipe, cache: StateCache | None = None, *, threads: int = 1) -> None:
        self.files, self.recipe, self.cache, self.threads = files, recipe, cache, threads
        self.encoded = 0
        self._held: dict[bytes, tuple[npt.NDArray[np.float32], Pieces]] = {}

    @cached_property
    def wordpieces(self) -> Wordpieces:
        return Wordpieces.from_file(self.files.path / "tokenizer.json", self.recipe.max_pieces)

    @cached_property
    def module(self) -> torch.nn.Module:
        """The encoder cut to `recipe.depth` blocks, in evaluation mode."""
        import torch
        from transformers import AutoConfig, AutoModel
        from transformers.utils import logging

        torch.set_num_threads(self.threads)
        before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            config = AutoConfig.from_pretrained(self.files.path, local_files_only=True)
            if self.recipe.depth > config.num_hidden_layers:
                problem = f"layer {self.recipe.depth} was asked of an encoder with {config.num_hidden_layers}"
                raise ConfigError(problem, where=self.files.name, remedy="Lower model.sentence_layers and model.word_layers")
            config.num_hidden_layers = self.recipe.depth
            module = AutoModel.from_pretrained(self.files.path, config=config, local_files_only=True, use_safetensors=True, trust_remote_code=False)
        except (OSError, ValueError) as error:
            problem = f"the encoder cannot be loaded ({str(error).splitlines()[0]})"
            raise EncoderError(problem, where=str(self.files.path), remedy="Name a folder of a transformers encoder") from error
        finally:
            logging.set_verbosity(before)
            if bars:
                logging.enable_progress_bar()
        return cast("torch.nn.Module", module.eval())

    def states(self, texts: Sequence[str]) -> States:
        """The states of each text, from the cache where they are known; new ones are kept there."""
        keys = [state_key(self.files.digest, str(self.recipe), text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._held}
        pieces_of = dict(zip(new, self.wordpieces.encode(list(new.values())), strict=True))
        known = self.cache.get_many(list(new)) if self.cache else {}
        todo = [key for key in new if key not in known]
        fresh: dict[bytes, npt.NDArray[np.float32]] = {}
        for key in track(todo, len(todo), "encoding"):
            fresh[key] = known[key] = self._encode(pieces_of[key])
            if len(fresh) == _WRITE_EVERY:
                self._keep(fresh)
        self._keep(fresh)
        here = {key: self._held[key] for key in keys if key in self._held} | {key: (known[key], pieces_of[key]) for key in new}
        self._held |= here
        if sum(row.nbytes for row, _ in self._held.values()) > _HELD_BYTES:
            self._held.clear()
        return self._assembled([here[key] for key in keys])

    def _assembled(self, found: list[tuple[npt.NDArray[np.float32], Pieces]]) -> States:
        """The rows of several texts as tables."""
        sentence_layers, word_layers = len(self.recipe.sentence_layers), len(self.recipe.word_layers)
        # The encoder's hidden size is read off a row, so that a cached corpus never loads the encoder.
        hidden = found[0][0].shape[1] // (sentence_layers + len(found[0][1].words) * word_layers) if found else 1
        width = sentence_layers * hidden
        counts = np.array([len(pieces.words) for _, pieces in found], np.int64)
        words = np.empty((int(counts.sum()), word_layers * hidden), np.float32)
        sentence = np.empty((len(found), width), np.float32)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        for i, (row, _) in enumerate(found):
            sentence[i] = row[0, :width]
            words[offsets[i] : offsets[i + 1]] = row[0, width:].reshape(-1, words.shape[1])
        return States(sentence, words, offsets, [pieces for _, pieces in found])

    def _keep(self, fresh: dict[bytes, npt.NDArray[np.float32]]) -> None:
        if self.cache and fresh:
            self.cache.put_many(fresh)
        self.encoded += len(fresh)
        count_passes(len(fresh))
        fresh.clear()

    def _encode(self, pieces: Pieces) -> npt.NDArray[np.float32]:
        """One row: the sentence's layers, then word after word its layers."""
        import torch

        with torch.inference_mode():
            ids = torch.from_numpy(pieces.ids)[None]
            output = self.module(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
            layers = [layer[0].numpy() for layer in output.hidden_states]
        sentence = np.concatenate([layers[i].mean(axis=0) for i in self.recipe.sentence_layers])
        inside = pieces.word_of >= 0
        tokens = np.concatenate([layers[i][inside] for i in self.recipe.word_layers], axis=1)
        if len(tokens):
            # Pieces of a word stand side by side, so sums over runs are sums over words.
            starts = np.flatnonzero(np.diff(pieces.word_of[inside], prepend=-1))
            lengths = np.diff(starts, append=len(tokens))[:, None]
            tokens = np.add.reduceat(tokens, starts, axis=0) / lengths
        return np.concatenate([sentence, tokens.ravel()]).astype(np.float32)[None]


def open_encoder(
    *,
    sentence_layers: Sequence[int] = (4, 6),
    word_layers: Sequence[int] = (3, 5),
    max_pieces: int = 256,
    name: str | None = None,
    path: str | None = None,
    revision: str | None = None,
    allow_network: bool = False,
    cache: str | None = None,
    cache_bytes: int = 8 * 2**30,
    use_cache: bool = True,
    threads: int = 1,
) -> TextEncoder:
    """Find an encoder and open its cache; what the model group's YAML names.

    Args:
        sentence_layers, word_layers, max_pieces: see `Recipe`.
        name, path, revision, allow_network: see `resolve_encoder`.
        cache: the cache's folder; null is the user's own cache folder.
        cache_bytes: its bound.
        use_cache: false encodes everything anew.
        threads: torch's threads.
    """
    if not sentence_layers or not word_layers or min(*sentence_layers, *word_layers) < 0:
        raise ConfigError("sentence_layers and word_layers must each name a layer", remedy="E.g. encoder.word_layers=[3,5]")
    files = resolve_encoder(name, path=path, revision=revision, allow_network=allow_network)
    store = StateCache(Path(cache) if cache else default_cache_folder(), max_bytes=cache_bytes) if use_cache else None
    return TextEncoder(files, Recipe(tuple(sentence_layers), tuple(word_layers), max_pieces), store, threads=threads)
