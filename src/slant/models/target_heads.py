"""Stance heads on a frozen encoder: linear, over the states at the target, around it and of the sentence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from slant.data import column
from slant.decode import READS, Decision, LightHead, calibrate, fit_temperature
from slant.decode.heads import mention_features, name_features, words_inside
from slant.errors import ConfigError
from slant.files import write_atomic
from slant.labels import get_task
from slant.models.base import ExportParts, label_indices, require_targets
from slant.models.encoder import TextEncoder, encoder_record, recorded_encoder

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["TargetHeads"]

Floats = npt.NDArray[np.float64]


class TargetHeads:
    """Multinomial logistic regressions on states of the same pass that serves loaded language.

    With `reads="mention"` a row's features are the mean state of the mention's words, of the words within `window` of them, and of the sentence;
    with "text" the sentence's state, the target name's own, their product and their distance, so that a target never met can be asked about; with
    "fixed" the sentence's state, and each target has a head of its own (a target not met in training gets one fitted on all rows).

    Args:
        encoder: gives the states.
        task: a task whose rows have targets.
        reads: one of `slant.decode.READS`.
        window: words on either side of a mention.
        C: inverse strengths of the regularisation, on standardised features; of several the one of least log loss on dev is taken, without a dev
            part the first.
        balanced: weigh every label alike in training, however rare it is.
        blind: hide the target: the sentence's state alone, one head. The twin that a stance model must beat.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        *,
        task: str = "stance",
        reads: str = "mention",
        window: int = 6,
        C: Sequence[float] = (0.001,),
        balanced: bool = False,
        blind: bool = False,
    ) -> None:
        if reads not in READS:
            raise ConfigError(f"model.reads is {reads!r}", remedy=f"Choose one of: {', '.join(READS)}")
        if not C or min(C) <= 0:
            raise ConfigError(f"model.C is {list(C)}", remedy="Give one or more numbers above 0")
        self.labels = get_task(task).labels
        self.encoder, self.task, self.reads, self.window, self.C, self.blind = encoder, task, reads, window, tuple(C), blind
        self.balanced = balanced
        self.decision = Decision()
        #: By target, "" for all: weights `(k, d)` and biases `(k,)`.
        self.heads: dict[str, tuple[Floats, Floats]] = {}

    # -- learning -------------------------------------------------------------------------------------------------

    def fit(self, train: Dataset, dev: Dataset | None, *, seed: int) -> Self:
        if not self.blind:
            require_targets(train)
        features, gold, keys = self._features(train), label_indices(train, self.labels), self._keys(train)
        held = (self._features(dev), label_indices(dev, self.labels), self._keys(dev)) if dev is not None else None
        candidates = []
        for strength in self.C if held else self.C[:1]:
            heads = self._fit_heads(features, gold, keys, strength, seed)
            loss = _log_loss(self._logits(heads, held[0], held[2]), held[1]) if held else 0.0
            candidates.append((loss, heads))
        self.heads = min(candidates, key=lambda found: found[0])[1]
        temperature = fit_temperature(self._logits(self.heads, held[0], held[2]), held[1]) if held else 1.0
        self.decision = Decision(temperature=temperature)
        return self

    def _fit_heads(self, features: Floats, gold: npt.NDArray[np.int64], keys: list[str], C: float, seed: int) -> dict[str, tuple[Floats, Floats]]:
        named = np.array(keys, object)
        heads = {"": _fit(features, gold, len(self.labels), C, seed, self.balanced)}
        for key in sorted(set(keys) - {""}):
            rows = named == key
            if len(set(gold[rows].tolist())) > 1:
                heads[key] = _fit(features[rows], gold[rows], len(self.labels), C, seed, self.balanced)
        return heads

    # -- answering ------------------------------------------------------------------------------------------------

    def predict_proba(self, dataset: Dataset) -> Floats:
        return calibrate(self._logits(self.heads, self._features(dataset), self._keys(dataset)), self.decision.temperature)

    def _logits(self, heads: dict[str, tuple[Floats, Floats]], features: Floats, keys: list[str]) -> Floats:
        logits = np.empty((len(features), len(self.labels)))
        named = np.array([key if key in heads else "" for key in keys], object)
        for key in sorted(set(named.tolist())):
            rows = named == key
            weight, bias = heads[key]
            logits[rows] = features[rows] @ weight.T + bias
        return logits

    def _keys(self, dataset: Dataset) -> list[str]:
        if self.blind or self.reads != "fixed":
            return [""] * len(dataset)
        return [target or "" for target in column(dataset, "target")]

    def _features(self, dataset: Dataset) -> Floats:
        """`(n, d)`: what the heads read of each row."""
        texts = column(dataset, "text")
        states = self.encoder.states(texts)
        sentence = states.sentence.astype(np.float64)
        if self.blind or self.reads == "fixed":
            return sentence
        if self.reads == "text":
            names = [target or "" for target in column(dataset, "target")]
            known = sorted(set(names))
            described = dict(zip(known, self.encoder.states(known).sentence.astype(np.float64), strict=True))
            return name_features(sentence, np.stack([described[name] for name in names]))
        rows = []
        for i, (start, end) in enumerate(zip(column(dataset, "target_start"), column(dataset, "target_end"), strict=True)):
            words = states.words[states.offsets[i] : states.offsets[i + 1]]
            rows.append(mention_features(words, sentence[i], words_inside(states.pieces[i].words, start, end), self.window))
        return np.stack(rows)

    def export_parts(self) -> ExportParts | None:
        """None for the blind twin, which is a floor and no answer to a question about a target."""
        if self.blind:
            return None
        files, weights = self.encoder.files, list(self.heads.values())
        window = self.window if self.reads == "mention" else 0
        head = LightHead(self.task, self.labels, False, self.decision, "target", self.reads, window, tuple(self.heads))
        tensors = {"weight": np.stack([weight for weight, _ in weights]), "bias": np.stack([bias for _, bias in weights])}
        tokenizer = files.path / "tokenizer.json"
        return ExportParts(self.encoder.module, self.encoder.recipe, tokenizer, files.digest, {self.task: head}, {self.task: tensors})

    # -- keeping --------------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        from safetensors.numpy import save_file

        state = {
            "task": self.task, "reads": self.reads, "window": self.window, "blind": self.blind, "targets": list(self.heads),
            "decision": vars(self.decision),
        } | encoder_record(self.encoder)  # fmt: skip
        tensors = {f"{part}.{n}": both[i] for n, both in enumerate(self.heads.values()) for i, part in enumerate(("weight", "bias"))}
        with write_atomic(folder / "target_heads.safetensors") as part:
            save_file(tensors, part)
        with write_atomic(folder / "target_heads.json") as part:
            part.write_text(json.dumps(state, indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, encoder: TextEncoder | None = None) -> Self:
        """Read what `save` wrote. Raises ConfigError when the encoder is not the recorded one, or reads other layers."""
        from safetensors.numpy import load_file

        state: dict[str, Any] = json.loads((folder / "target_heads.json").read_text(encoding="utf-8"))
        encoder = recorded_encoder(state, encoder, folder)
        model = cls(encoder, task=state["task"], reads=state["reads"], window=state["window"], blind=state["blind"])
        tensors = load_file(folder / "target_heads.safetensors")
        model.heads = {target: (tensors[f"weight.{n}"], tensors[f"bias.{n}"]) for n, target in enumerate(state["targets"])}
        model.decision = Decision(**state["decision"])
        return model


def _fit(features: Floats, gold: npt.NDArray[np.int64], k: int, C: float, seed: int, balanced: bool) -> tuple[Floats, Floats]:
    """Weights `(k, d)` and biases `(k,)` on the features as they are; a label that does not occur gets a bias that rules it out."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    logistic = LogisticRegression(C=C, max_iter=300, random_state=seed, class_weight="balanced" if balanced else None)
    fitted = logistic.fit(((features - mean) / scale).astype(np.float32), gold)
    coefficients, intercepts = fitted.coef_.astype(np.float64), fitted.intercept_.astype(np.float64)
    if len(fitted.classes_) == 2:
        # Two labels have one row of coefficients, for the second.
        coefficients, intercepts = np.concatenate([-coefficients, coefficients]) / 2, np.concatenate([-intercepts, intercepts]) / 2
    weight, bias = np.zeros((k, features.shape[1])), np.full(k, -30.0)
    weight[fitted.classes_] = coefficients / scale
    bias[fitted.classes_] = intercepts - (coefficients / scale) @ mean
    return weight, bias


def _log_loss(logits: Floats, gold: npt.NDArray[np.int64]) -> float:
    probabilities = calibrate(logits)
    return float(-np.log(np.clip(probabilities[np.arange(len(gold)), gold], 1e-12, 1.0)).mean())
