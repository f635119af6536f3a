"""A weight matrix in whole numbers: how its inputs are scaled before, and which way each weight is rounded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["LARGEST", "find_outliers", "round_columns", "round_rows", "smooth"]

Floats = npt.NDArray[np.floating]
Whole = npt.NDArray[np.int8]

#: The largest weight. Where a processor has no VNNI, two products of an activation (at most 255) and a weight are added in 16 bits: with 128 they
#: would saturate, and they did so in one answer of forty.
LARGEST = 64
#: How much of the unevenness of a product's inputs goes over to its weights; 1 would be all.
_SHARE = 0.75
#: So many features are computed apart where all others then have at most this part of the range.
_APART, _PART = 4, 0.5
_BLOCK = 128


def smooth(weight: Floats, greatest: Floats) -> npt.NDArray[np.float32]:
    """By what each input is divided, and each row of the weights multiplied, so that both are easy to round `(d,)`.

    Few features of a transformer are a hundred times greater than the others, and the one scale that all activations of a pass share is
    theirs (Xiao et al. 2022, SmoothQuant, arXiv:2211.10438, equation 4).

    Args:
        weight: `(d, k)`.
        greatest: the greatest magnitude of each input in some texts `(d,)`.
    """
    rows = np.maximum(np.abs(weight).max(axis=1), 1e-5)
    scales = np.maximum(greatest, 1e-5) ** _SHARE / rows ** (1 - _SHARE)
    centred: npt.NDArray[np.float32] = np.maximum(scales / np.exp(np.log(scales).mean()), 1e-3).astype(np.float32)
    return centred


def find_outliers(scales: Floats, greatest: Floats) -> npt.NDArray[np.int64]:
    """The features `(n,)`, in order, that are better computed apart in fp32, for what is left then has less than half of the range; often none.

    In the products after a GELU one feature of 1,536 is five times as great as the next on a few word pieces (Dettmers et al. 2022, LLM.int8(),
    arXiv:2208.07339), whatever is evened out.

    Args:
        scales: of `smooth` `(d,)`.
        greatest: as there.
    """
    even = greatest / scales
    order = np.argsort(-even, kind="stable")
    worth = len(even) > _APART and even[order[_APART]] < _PART * even[order[0]]
    return np.sort(order[:_APART]) if worth else order[:0]


def round_columns(weight: Floats, gram: Floats) -> tuple[Whole, npt.NDArray[np.float32]]:
    """Whole weights `(d, k)` of at most `LARGEST`, and each column's scale `(k,)`.

    Rows are rounded one after the other, and what a row's rounding does to the products is made up for by the rows not yet rounded, as far as
    their inputs go together (Frantar et al. 2022, GPTQ, arXiv:2210.17323; its blocked form, without grouping).

    Args:
        weight: `(d, k)`.
        gram: `x.T @ x` `(d, d)` of inputs of some texts.
    """
    d = len(weight)
    scale = np.abs(weight).max(axis=0) / LARGEST
    scale[scale == 0] = 1
    damped = gram + np.eye(d) * max(0.01 * np.diag(gram).mean(), 1e-9)
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T
    left, whole = weight.astype(np.float64), np.empty(weight.shape, np.int8)
    for first in range(0, d, _BLOCK):
        after = min(first + _BLOCK, d)
        missed = np.empty((after - first, weight.shape[1]))
        for row in range(first, after):
            whole[row] = np.clip(np.round(left[row] / scale), -LARGEST, LARGEST)
            missed[row - first] = (left[row] - whole[row] * scale) / upper[row, row]
            left[row + 1 : after] -= np.outer(upper[row, row + 1 : after], missed[row - first])
        left[after:] -= upper[first:after, after:].T @ missed
    return whole, scale.astype(np.float32)


def round_rows(table: Floats) -> tuple[Whole, npt.NDArray[np.float32]]:
    """A table of vectors `(n, d)` in whole numbers of at most 127, and each row's scale `(n, 1)`."""
    scale = np.abs(table).max(axis=1, keepdims=True) / 127
    scale[scale == 0] = 1
    return np.round(table / scale).astype(np.int8), scale.astype(np.float32)
