"""Calibration, thresholds and abstention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Decision", "calibrate", "decide", "fit_temperature", "sigmoid"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Decision:
    """How probabilities become an answer.

    Attributes:
        threshold: with two labels, the second is chosen when its probability is at least this; with more, the greatest wins.
        abstain_below: an answer whose probability is below this is marked as abstained (0 never abstains).
        word_threshold: a word at or above this is loaded.
        temperature: logits are divided by it before they become probabilities (Guo et al. 2017).
    """

    threshold: float = 0.5
    abstain_below: float = 0.0
    word_threshold: float = 0.5
    temperature: float = 1.0

    def __post_init__(self) -> None:
        for name in ("threshold", "abstain_below", "word_threshold"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} must lie in [0, 1], not {value}")
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"temperature must be positive, not {self.temperature}")


def sigmoid(logits: npt.ArrayLike) -> Floats:
    """The logistic function, without overflow for any finite input."""
    z = np.asarray(logits, np.float64)
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0 / (1.0 + e), e / (1.0 + e))


def calibrate(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Probabilities `(n, k)`. Logits `(n,)` are those of the second of two labels; logits `(n, k)` are one a label."""
    z = np.asarray(logits, np.float64) / temperature
    if z.ndim == 1:
        positive = sigmoid(z)
        return np.stack([1.0 - positive, positive], axis=1)
    z = z - z.max(axis=1, keepdims=True)
    e = np.exp(z)
    return np.asarray(e / e.sum(axis=1, keepdims=True), np.float64)


def decide(probabilities: npt.ArrayLike, decision: Decision) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The label index of each row `(n,)`, and whether the answer is abstained from `(n,)`."""
    p = np.asarray(probabilities, np.float64)
    if p.shape[1] == 2:
        chosen = (p[:, 1] >= decision.threshold).astype(np.int64)
    else:
        chosen = p.argmax(axis=1)
    return chosen, np.take_along_axis(p, chosen[:, None], axis=1)[:, 0] < decision.abstain_below


def fit_temperature(logits: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """The temperature that minimises the negative log likelihood of `gold` (label indices), by golden-section search in [0.2, 5].

    It never moves the most probable label. Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2.
    """
    z, y = np.asarray(logits, np.float64), np.asarray(gold, np.int64)
    if len(y) == 0 or len(set(y.tolist())) < 2:
        return 1.0

    def loss(log_t: float) -> float:
        p = calibrate(z, float(np.exp(log_t)))
        return float(-np.log(np.clip(p[np.arange(len(y)), y], 1e-12, 1.0)).mean())

    low, high = np.log(0.2), np.log(5.0)
    ratio = (np.sqrt(5.0) - 1.0) / 2.0
    for _ in range(40):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.exp((low + high) / 2.0))
