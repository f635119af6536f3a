"""`heads.safetensors`: the light heads' weights, checked against what the manifest says of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from slant.bundle.format import HEADS, Manifest
from slant.decode.heads import head_shapes
from slant.errors import BundleError
from slant.files import write_atomic

__all__ = ["Tensors", "read_heads", "write_heads"]

Tensors = dict[str, npt.NDArray[np.floating]]

#: 4,096 targets of three labels over the widest states here stay far below.
_MAX_BYTES = 1 << 30


def write_heads(folder: Path, heads: Mapping[str, Mapping[str, npt.NDArray[np.floating]]]) -> None:
    """Write each head's tensors, by the head's name, as `<head>.<tensor>`."""
    from safetensors.numpy import save_file

    with write_atomic(folder / HEADS) as part:
        save_file({f"{head}.{name}": np.ascontiguousarray(tensor) for head, tensors in heads.items() for name, tensor in tensors.items()}, part)


def read_heads(folder: Path, manifest: Manifest, where: str) -> dict[str, Tensors]:
    """Each head's tensors by name. Raises BundleError unless they are those the manifest's heads need, in shape and type, and all finite."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    def refuse(problem: str) -> BundleError:
        return BundleError(f"{HEADS} {problem}", where=where, remedy="Export the bundle again")

    path = folder / HEADS
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise refuse("is too large to hold light heads")
        found = load_file(path)
    # A type that numpy has not is a KeyError there, a shape that cannot be a ValueError.
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise refuse(f"cannot be read ({type(error).__name__}: {error})"[:300]) from error
    heads: dict[str, Tensors] = {}
    for head, facts in manifest.heads.items():
        heads[head] = {}
        for name, shape in head_shapes(facts, manifest.sentence_width, manifest.word_width).items():
            tensor = found.pop(f"{head}.{name}", None)
            if tensor is None:
                raise refuse(f"has no tensor {f'{head}.{name}'!r}")
            if tensor.shape != shape or tensor.dtype not in (np.float32, np.float64):
                raise refuse(f"has {f'{head}.{name}'!r} as {tensor.dtype} {list(tensor.shape)}, not as floats {list(shape)}")
            if not np.isfinite(tensor).all():
                raise refuse(f"has numbers in {f'{head}.{name}'!r} that are none")
            heads[head][name] = tensor
    if found:
        raise refuse(f"has a tensor that no head reads: {min(found)[:100]!r}")
    return heads
