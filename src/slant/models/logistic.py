"""Several logistic regressions over one matrix at once.

Cross-fitting needs k + 1 fits on the same rows with different rows left out. The time goes into reading the matrix, so that all fits read it
together: one product with a matrix of weights in place of k + 1 with a vector. Each fit keeps its own L-BFGS memory and step, and no number of
one fit enters another: the held-out rows of a fold stay unseen by it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slant.progress import track

__all__ = ["fit_logistic"]

Floats32 = npt.NDArray[np.float32]
Floats64 = npt.NDArray[np.float64]


def fit_logistic(
    features: Floats32,
    gold: npt.NDArray[np.bool_],
    weights: npt.NDArray[np.floating],
    *,
    l2: float,
    iterations: int = 100,
    tolerance: float = 1e-5,
    memory: int = 10,
) -> Floats64:
    """Coefficients `(m, d + 1)` of m L2-regularised binary logistic regressions, the intercept (not regularised) last.

    Minimises for each column of `weights` the weighted mean of the log loss plus `l2 / 2` times the squared norm, by L-BFGS (Nocedal 1980)
    with Armijo backtracking, in lock-step.

    Args:
        features: `(n, d)` float32.
        gold: `(n,)` true where positive.
        weights: `(n, m)` non-negative row weights, a column a fit; 0 leaves a row out.
        l2: strength of the regularisation.
        iterations: at most so many steps.
        tolerance: a fit stands still once its largest gradient component is below this.
    """
    d = features.shape[1]
    m = weights.shape[1]
    w = (weights / np.maximum(weights.sum(axis=0), 1e-12)).astype(np.float32)
    y = gold.astype(np.float32)[:, None]

    def evaluate(x: Floats64) -> tuple[Floats64, Floats64]:
        z = features @ x[:, :d].T.astype(np.float32) + x[:, d].astype(np.float32)
        e = np.exp(-np.abs(z))
        loss = (w * (np.maximum(z, 0) + np.log1p(e) - y * z)).sum(axis=0, dtype=np.float64)
        residual = w * (np.where(z >= 0, 1, e) / (1 + e) - y)
        gradient = np.empty_like(x)
        gradient[:, :d] = residual.T @ features
        gradient[:, d] = residual.sum(axis=0)
        gradient[:, :d] += l2 * x[:, :d]
        return loss + l2 / 2 * (x[:, :d] ** 2).sum(axis=1), gradient

    x = np.zeros((m, d + 1))
    share = np.clip((w * y).sum(axis=0), 1e-6, 1 - 1e-6)
    x[:, d] = np.log(share / (1 - share))
    loss, gradient = evaluate(x)
    steps: list[Floats64] = []
    changes: list[Floats64] = []
    for _ in track(range(iterations), iterations, "fitting"):
        moving = np.abs(gradient).max(axis=1) > tolerance
        if not moving.any():
            break
        direction = -_two_loop(gradient, steps, changes)
        slope = (direction * gradient).sum(axis=1)
        uphill = slope >= 0
        direction[uphill] = -gradient[uphill]
        slope[uphill] = -(gradient[uphill] ** 2).sum(axis=1)
        size = np.where(moving, 1.0 if steps else np.minimum(1.0, 1.0 / np.maximum(np.abs(gradient).sum(axis=1), 1e-12)), 0.0)
        new_x = x + size[:, None] * direction
        new_loss, new_gradient = evaluate(new_x)
        for _ in range(20):
            # 1e-7: float32 sums cannot tell smaller falls from noise.
            poor = moving & (new_loss > loss + 1e-4 * size * slope + 1e-7)
            if not poor.any():
                break
            size[poor] /= 2
            new_x = x + size[:, None] * direction
            new_loss, new_gradient = evaluate(new_x)
        steps.append(new_x - x)
        changes.append(new_gradient - gradient)
        del steps[:-memory], changes[:-memory]
        x, loss, gradient = new_x, new_loss, new_gradient
    return x


def _two_loop(gradient: Floats64, steps: list[Floats64], changes: list[Floats64]) -> Floats64:
    """The L-BFGS direction (negated) of each fit: Nocedal and Wright 2006, algorithm 7.4, row by row."""
    q = gradient.copy()
    kept = []
    for s, c in zip(reversed(steps), reversed(changes), strict=True):
        curvature = (s * c).sum(axis=1)
        # A fit that stood still, or met noise, has no usable curvature in this step: it is passed over for that fit.
        rho = np.where(curvature > 1e-12, 1 / np.maximum(curvature, 1e-12), 0.0)
        alpha = rho * (s * q).sum(axis=1)
        q -= alpha[:, None] * c
        kept.append((s, c, rho, alpha))
    if steps:
        curvature = (steps[-1] * changes[-1]).sum(axis=1)
        square = (changes[-1] ** 2).sum(axis=1)
        q *= np.where((curvature > 1e-12) & (square > 0), curvature / np.maximum(square, 1e-30), 1.0)[:, None]
    for s, c, rho, alpha in reversed(kept):
        beta = rho * (c * q).sum(axis=1)
        q += (alpha - beta)[:, None] * s
    return q
