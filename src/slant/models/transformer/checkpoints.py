"""A fit's state after each epoch, so that one that was killed goes on where it stood. Tensors in safetensors, the rest in JSON."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slant.errors import StorageError
from slant.files import write_folder_atomic

if TYPE_CHECKING:
    import torch

__all__ = ["Checkpoint", "drop_old", "read_checkpoint", "write_checkpoint"]

#: Finished fits are kept for the run they belong to (a fold of several, when a later one was killed); so many in all.
KEPT = 12

Tensors = dict[str, "torch.Tensor"]


@dataclass
class Checkpoint:
    """Where a fit stands.

    Attributes:
        epoch: how many epochs were trained.
        losses: dev's log loss after each.
        finished: nothing is left to do but to take `best`.
        best: the network of least loss so far.
        network, optimizer: as they stand; empty when finished.
        seconds: what the epochs took, over all processes that worked on them.
    """

    epoch: int
    losses: list[float]
    finished: bool
    best: Tensors
    network: Tensors = field(default_factory=dict)
    optimizer: Tensors = field(default_factory=dict)
    seconds: float = 0.0


_PARTS = ("best", "network", "optimizer")


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Put it beside the one before, which then goes. A kill at any moment leaves one of them whole."""
    from safetensors.torch import save_file

    target = folder / f"epoch-{checkpoint.epoch}{'-done' if checkpoint.finished else ''}"
    if target.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with write_folder_atomic(target) as part:
        for name in _PARTS:
            if tensors := getattr(checkpoint, name):
                save_file({key: tensor.detach().contiguous().clone() for key, tensor in tensors.items()}, part / f"{name}.safetensors")
        state = {"epoch": checkpoint.epoch, "losses": checkpoint.losses, "finished": checkpoint.finished, "seconds": checkpoint.seconds}
        (part / "state.json").write_text(json.dumps(state), encoding="utf-8")
    for other in folder.iterdir():
        if other != target:
            shutil.rmtree(other, ignore_errors=True)


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The last one written, None where there is none.

    Raises StorageError for one that cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    states = sorted(folder.glob("epoch-*/state.json"), key=lambda path: path.stat().st_mtime)
    if not states:
        return None
    home = states[-1].parent
    try:
        state = json.loads(states[-1].read_text(encoding="utf-8"))
        parts: Any = {name: load_file(home / f"{name}.safetensors") for name in _PARTS if (home / f"{name}.safetensors").exists()}
        return Checkpoint(**state, **parts)
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise StorageError(f"the checkpoint cannot be read ({error})", where=str(home), remedy="Remove the folder; the fit begins anew") from error


def drop_old(home: Path, keep: int = KEPT) -> None:
    """Of all fits below `home` the `keep` newest stay."""
    folders: Mapping[Path, float] = {path: path.stat().st_mtime for path in home.iterdir() if path.is_dir()}
    for path in sorted(folders, key=lambda each: folders[each])[: max(len(folders) - keep, 0)]:
        shutil.rmtree(path, ignore_errors=True)
