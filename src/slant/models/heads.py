"""The light heads as one torch module: trained from cached states, exported with the encoder in front. One code, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

if TYPE_CHECKING:
    from slant.models.encoder import Recipe

__all__ = ["FEATURES", "Flagship", "Heads", "word_features"]

#: What the sentence head reads of its words' scores.
FEATURES = ("top1", "top2", "top3", "logsumexp", "expected_count", "mean", "log_length")

# A logit no word falls below, and the score of a word that is not there.
_FLOOR = -10.0


def word_features(logits: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """`(n, len(FEATURES))` from word logits `(n, w)`; words where `present` `(n, w)` is false do not count, however many there are."""
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

    def word_logits(self, words: torch.Tensor) -> torch.Tensor:
        """Logits `(..., )` of word states `(..., word_width)`."""
        return torch.as_tensor(self.word(words)).squeeze(-1)

    def sentence_logits(self, sentence: torch.Tensor, logits: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Logits `(n,)` of "loaded" from sentence states `(n, sentence_width)` and padded word logits `(n, w)`."""
        joined = torch.cat([sentence, word_features(logits, present)], dim=1) if self.points else sentence
        return torch.as_tensor(self.sentence(joined)).squeeze(-1)


class Flagship(nn.Module):
    """Encoder and heads as the one graph that is exported.

    Inputs, each `(n, t)` int64: `input_ids`, `attention_mask`, `word_of` (for each piece its word's number in the text, else -1).
    Outputs: `sentence_logits` `(n,)`, and `word_logits` `(n, t)` in which column j is the text's j-th word.
    """

    def __init__(self, encoder: nn.Module, heads: Heads, recipe: Recipe) -> None:
        super().__init__()
        self.encoder, self.heads, self.recipe = encoder, heads, recipe

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, word_of: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True).hidden_states
        mask = attention_mask.to(states[0].dtype).unsqueeze(-1)
        pooled = [(states[i] * mask).sum(dim=1) / mask.sum(dim=1) for i in self.recipe.sentence_layers]
        numbers = torch.arange(input_ids.shape[1], device=input_ids.device)
        member = (word_of.unsqueeze(1) == numbers.view(1, -1, 1)).to(states[0].dtype)  # (n, words, pieces)
        size = member.sum(dim=2, keepdim=True)
        pieces = torch.cat([states[i] for i in self.recipe.word_layers], dim=2)
        logits = self.heads.word_logits(torch.matmul(member / size.clamp(min=1.0), pieces))
        return self.heads.sentence_logits(torch.cat(pooled, dim=1), logits, size.squeeze(-1) > 0), logits
