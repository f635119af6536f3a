"""The light heads of loaded language as a torch module, to be trained, and the encoder as the graph that is exported.

`slant.decode.heads` has the same heads in numpy, for whoever serves them; an export compares the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from slant.decode import FEATURES

if TYPE_CHECKING:
    from slant.models.encoder import Recipe

__all__ = ["EncoderStates", "Heads", "word_features"]

# A logit no word falls below, and the score of a word that is not there.
_FLOOR = -10.0


def word_features(logits: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """`slant.decode.heads.word_features`, for gradients to pass through."""
    floored = torch.where(present, logits.clamp(min=_FLOOR), torch.full_like(logits, _FLOOR))
    padding = torch.full_like(logits[:, :1], _FLOOR).expand(-1, 3)
    top = torch.topk(torch.cat([floored, padding], dim=1), 3, dim=1).values
    masked = torch.where(present, floored, torch.full_like(logits, -1e4))
    total = torch.logsumexp(torch.cat([masked, padding[:, :1]], dim=1), dim=1, keepdim=True)
    probability = torch.sigmoid(floored) * present
    count = present.sum(dim=1, keepdim=True).to(logits.dtype)
    expected = probability.sum(dim=1, keepdim=True)
    return torch.cat([top, total, expected, expected / count.clamp(min=1.0), torch.log1p(count)], dim=1)


class Heads(nn.Module):
    """A linear word head and a linear sentence head that also reads the word head's scores.

    Args:
        sentence_width, word_width: lengths of the state vectors.
        points: False leaves the word head out (a corpus without spans).
    """

    def __init__(self, sentence_width: int, word_width: int, *, points: bool) -> None:
        super().__init__()
        self.points = points
        self.word = nn.Linear(word_width, 1)
        self.sentence = nn.Linear(sentence_width + (len(FEATURES) if points else 0), 1)
        for parameter in self.parameters():
            # Zeros, because a word head that is left out is saved and exported all the same.
            parameter.requires_grad_(False).zero_()

    def set_linear(self, layer: str, coefficients: npt.NDArray[np.float64], mean: npt.ArrayLike, scale: npt.ArrayLike) -> None:
        """Put in coefficients `(d + 1,)`, intercept last, that were fitted on `(x - mean) / scale`."""
        weight = coefficients[:-1] / np.asarray(scale, np.float64)
        bias = coefficients[-1] - float(weight @ np.asarray(mean, np.float64))
        linear = getattr(self, layer)
        linear.weight.copy_(torch.from_numpy(weight[None]).to(linear.weight.dtype))
        linear.bias.fill_(bias)

    def tensors(self) -> dict[str, npt.NDArray[np.float32]]:
        """The weights as `slant.decode.heads` reads them."""
        layers = {"sentence": self.sentence} | ({"word": self.word} if self.points else {})
        found = {f"{name}.{part}": getattr(layer, part) for name, layer in layers.items() for part in ("weight", "bias")}
        return {name: tensor.detach().cpu().numpy().reshape(-1).astype(np.float32) for name, tensor in found.items()}

    def word_logits(self, words: torch.Tensor) -> torch.Tensor:
        """Logits `(..., )` of word states `(..., word_width)`."""
        return torch.as_tensor(self.word(words)).squeeze(-1)

    def sentence_logits(self, sentence: torch.Tensor, logits: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Logits `(n,)` of "loaded" from sentence states `(n, sentence_width)` and padded word logits `(n, w)`."""
        joined = torch.cat([sentence, word_features(logits, present)], dim=1) if self.points else sentence
        return torch.as_tensor(self.sentence(joined)).squeeze(-1)


class EncoderStates(nn.Module):
    """An encoder and its recipe as the graph that is exported; the heads stay outside.

    Inputs, each `(n, t)` int64: `input_ids`, `attention_mask`, `word_of` (for each piece its word's number in the text, else -1).
    Outputs: `sentence_states` `(n, ds)`, and `word_states` `(n, t, dw)` in which row j is the text's j-th word.
    """

    def __init__(self, encoder: nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.encoder, self.recipe = encoder, recipe

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, word_of: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True).hidden_states
        mask = attention_mask.to(states[0].dtype).unsqueeze(-1)
        pooled = [(states[i] * mask).sum(dim=1) / mask.sum(dim=1) for i in self.recipe.sentence_layers]
        numbers = torch.arange(input_ids.shape[1], device=input_ids.device)
        member = (word_of.unsqueeze(1) == numbers.view(1, -1, 1)).to(states[0].dtype)  # (n, words, pieces)
        size = member.sum(dim=2, keepdim=True)
        pieces = torch.cat([states[i] for i in self.recipe.word_layers], dim=2)
        return torch.cat(pooled, dim=1), torch.matmul(member / size.clamp(min=1.0), pieces)
