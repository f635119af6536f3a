"""The networks that are trained: an encoder under word and sentence heads, and an encoder under a stance head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from slant.models.heads import Heads

if TYPE_CHECKING:
    from slant.models.encoder import Recipe

__all__ = ["JointNetwork", "PairNetwork"]

_SPREAD = 0.02


class JointNetwork(nn.Module):
    """Encoder, word head and sentence head of `slant.models.heads.Heads`.

    Args:
        encoder: a transformers encoder.
        recipe: the layers whose states the heads read.
        points: False leaves the word head out.
        word_weight: the word loss counts so many times the sentence loss.
        dropout: on the states that the heads read, in training.
    """

    def __init__(self, encoder: nn.Module, recipe: Recipe, *, points: bool, word_weight: float, dropout: float) -> None:
        super().__init__()
        width = int(encoder.config.hidden_size)
        self.encoder, self.recipe, self.word_weight, self.dropout = encoder, recipe, word_weight, nn.Dropout(dropout)
        self.heads = Heads(width * len(recipe.sentence_layers), width * len(recipe.word_layers), points=points)
        for parameter in self.heads.parameters():
            parameter.requires_grad_(True)
        nn.init.normal_(self.heads.word.weight, std=_SPREAD)
        nn.init.normal_(self.heads.sentence.weight, std=_SPREAD)

    def forward(self, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Sentence logits `(n,)` of "loaded", and word logits `(n, w)` in which column j is the text's j-th word."""
        mask, word_of = batch["attention_mask"], batch["word_of"]
        layers = self.encoder(input_ids=batch["input_ids"], attention_mask=mask, output_hidden_states=True).hidden_states
        sentence = _mean(torch.cat([layers[i] for i in self.recipe.sentence_layers], dim=2).float(), mask)
        states = torch.cat([layers[i] for i in self.recipe.word_layers], dim=2).float()
        numbers = torch.arange(max(int(word_of.max()) + 1, 1), device=word_of.device)
        member = (word_of.unsqueeze(1) == numbers.view(1, -1, 1)).to(states.dtype)
        size = member.sum(dim=2, keepdim=True)
        words = torch.matmul(member / size.clamp(min=1.0), states)
        logits = self.heads.word_logits(self.dropout(words))
        return self.heads.sentence_logits(self.dropout(sentence), logits, size.squeeze(-1) > 0), logits

    def loss(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Mean log loss of the sentences plus `word_weight` times that of the annotated words.

        Reads `gold` `(n,)` and `word_gold` `(n, w)`, the latter 1, 0, or -1 where nobody annotated.
        """
        sentence, words = self(batch)
        total = functional.binary_cross_entropy_with_logits(sentence, batch["gold"].to(sentence.dtype))
        gold = batch["word_gold"]
        told = gold >= 0
        if self.heads.points and bool(told.any()):
            total = total + self.word_weight * functional.binary_cross_entropy_with_logits(words[told], gold[told].to(words.dtype))
        return total


class PairNetwork(nn.Module):
    """Encoder and a linear head over the mean state of all pieces and that of the target's.

    Args:
        encoder: a transformers encoder.
        k: labels.
        weights: what each label counts in the loss, `(k,)`.
        dropout: on the states that the head reads, in training.
    """

    weights: torch.Tensor

    def __init__(self, encoder: nn.Module, k: int, *, weights: torch.Tensor, dropout: float) -> None:
        super().__init__()
        width = int(encoder.config.hidden_size)
        self.encoder, self.dropout = encoder, nn.Dropout(dropout)
        self.segmented = int(getattr(encoder.config, "type_vocab_size", 1)) > 1
        self.stance = nn.Linear(2 * width, k)
        self.register_buffer("weights", weights)
        nn.init.normal_(self.stance.weight, std=_SPREAD)
        nn.init.zeros_(self.stance.bias)

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Logits `(n, k)` in label order."""
        mask, target = batch["attention_mask"], batch["target"]
        inputs = {"input_ids": batch["input_ids"], "attention_mask": mask}
        if self.segmented:
            inputs["token_type_ids"] = batch["segments"]
        states = self.encoder(**inputs).last_hidden_state.float()
        # Without a target (the blind twin) its place is taken by the mean of all.
        target = torch.where(target.any(dim=1, keepdim=True), target, mask)
        return torch.as_tensor(self.stance(self.dropout(torch.cat([_mean(states, mask), _mean(states, target)], dim=1))))

    def loss(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Weighted mean log loss; reads `gold` `(n,)`."""
        return functional.cross_entropy(self(batch), batch["gold"], weight=self.weights)


def _mean(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """`(n, d)`: the mean of the states `(n, t, d)` where `mask` `(n, t)` is 1."""
    weight = mask.to(states.dtype).unsqueeze(-1)
    return (states * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1.0)
