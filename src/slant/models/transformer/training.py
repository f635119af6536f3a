"""Fine-tuning: AdamW, a linear schedule with warm-up, dev's log loss after each epoch, and a checkpoint to go on from."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from slant.errors import ConfigError
from slant.models.encoder.passes import count_passes
from slant.models.transformer.checkpoints import Checkpoint, drop_old, read_checkpoint, write_checkpoint
from slant.models.transformer.inputs import length_buckets
from slant.progress import track
from slant.seeding import derive_seed

__all__ = ["PRECISIONS", "Schedule", "autocast", "train_network"]

logger = logging.getLogger(__name__)

PRECISIONS = ("auto", "fp32", "bfloat16")


@dataclass(frozen=True)
class Schedule:
    """How a network is trained.

    Attributes:
        epochs: at most; the learning rate falls to 0 at their end.
        patience: so many epochs without a better dev loss end the training.
        batch_size: rows a step.
        learning_rate, head_learning_rate: at their highest, of the encoder and of the new heads.
        warmup: share of all steps in which they rise.
        weight_decay: AdamW's, on matrices.
        precision: "bfloat16" computes forward passes in it; "auto" where the processor has instructions for it, without them it is slower.
        device: torch's name.
    """

    epochs: int = 4
    patience: int = 2
    batch_size: int = 16
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 0.01
    precision: str = "auto"
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ConfigError(f"model.precision is {self.precision!r}", remedy=f"Choose one of: {', '.join(PRECISIONS)}")
        for name in ("epochs", "patience", "batch_size", "learning_rate", "head_learning_rate"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"model.{name} is {getattr(self, name)}", remedy="Give a number above 0")
        if not 0 <= self.warmup < 1:
            raise ConfigError(f"model.warmup is {self.warmup}", remedy="Give a share of all steps, below 1")


def autocast(schedule: Schedule) -> AbstractContextManager[Any]:
    """The context of a forward pass. Whether "auto" is bfloat16 hangs on the device alone, never on a clock: a run repeats."""
    device = torch.device(schedule.device)
    chosen = schedule.precision == "bfloat16"
    if schedule.precision == "auto":
        chosen = torch.cuda.is_bf16_supported() if device.type == "cuda" else _has_bfloat16()
    return torch.autocast(device.type, torch.bfloat16) if chosen else nullcontext()


def _has_bfloat16() -> bool:
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def train_network(
    network: nn.Module,
    batch_of: Callable[[list[int]], Mapping[str, torch.Tensor]],
    lengths: Sequence[int],
    dev_loss: Callable[[], float],
    schedule: Schedule,
    *,
    seed: int,
    checkpoints: Path | None,
) -> Checkpoint:
    """Train `network` in place; on return it is as it was after the epoch of least dev loss.

    Args:
        network: has `loss(batch)` and a part `encoder`.
        batch_of: the batch of these row numbers.
        lengths: pieces of each row.
        dev_loss: called in evaluation mode after each epoch.
        checkpoints: this fit's own folder; a fit found there is gone on with, a finished one taken as it is. None keeps nothing.
    """
    optimizer = _optimizer(network, schedule)
    state = (read_checkpoint(checkpoints) if checkpoints else None) or Checkpoint(0, [], False, {})
    if state.epoch:
        logger.info("fine-tuning %s epoch %d, from %s", "had ended with" if state.finished else "goes on after", state.epoch, checkpoints)
    if not state.finished:
        if state.epoch:
            network.load_state_dict(state.network)
            _load_moments(optimizer, network, state.optimizer)
        steps = -(-len(lengths) // schedule.batch_size)
        with torch.random.fork_rng(devices=[]):
            while not state.finished:
                _train_epoch(network, optimizer, batch_of, lengths, dev_loss, schedule, state, steps, seed)
                if checkpoints:
                    write_checkpoint(checkpoints, state)
    if checkpoints:
        drop_old(checkpoints.parent)
    network.load_state_dict(state.best)
    network.eval()
    return state


def _train_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch_of: Callable[[list[int]], Mapping[str, torch.Tensor]],
    lengths: Sequence[int],
    dev_loss: Callable[[], float],
    schedule: Schedule,
    state: Checkpoint,
    steps: int,
    seed: int,
) -> None:
    started = time.perf_counter()
    # Order and dropout follow from seed and epoch alone, so that a fit gone on with is the fit that was never broken off.
    epoch_seed = derive_seed(seed, "epoch", state.epoch)
    torch.manual_seed(epoch_seed)
    network.train()
    total, warm = steps * schedule.epochs, schedule.warmup * steps * schedule.epochs
    batches = list(length_buckets(lengths, schedule.batch_size, epoch_seed))
    losses = []
    for i, rows in enumerate(track(batches, len(batches), f"epoch {state.epoch + 1} of {schedule.epochs}")):
        step = state.epoch * steps + i
        share = min((step + 1) / warm if warm else 1.0, (total - step) / max(total - warm, 1.0))
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * share
        with autocast(schedule):
            loss = network.loss(batch_of(rows))
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(float(loss.detach()))
    network.eval()
    count_passes(len(lengths))
    found = dev_loss()
    state.epoch += 1
    if not state.losses or found < min(state.losses):
        state.best = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
    state.losses.append(found)
    state.seconds += time.perf_counter() - started
    logger.info("epoch %d: training loss %.4f, dev log loss %.4f, %.0f s", state.epoch, float(np.mean(losses)), found, state.seconds)
    best = int(np.argmin(state.losses)) + 1
    state.finished = state.epoch == schedule.epochs or state.epoch - best >= schedule.patience
    state.network = {} if state.finished else network.state_dict()
    state.optimizer = {} if state.finished else _moments(optimizer, network)


def _optimizer(network: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            peak = schedule.learning_rate if name.startswith("encoder.") else schedule.head_learning_rate
            decay = schedule.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((peak, decay), []).append(parameter)
    return torch.optim.AdamW([{"params": found, "peak": peak, "lr": peak, "weight_decay": decay} for (peak, decay), found in groups.items()])


_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def _moments(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, torch.Tensor]:
    """AdamW's moments by the names of their parameters."""
    names = {parameter: name for name, parameter in network.named_parameters()}
    return {f"{names[parameter]}|{key}": moments[key] for parameter, moments in optimizer.state.items() for key in _MOMENTS}


def _load_moments(optimizer: torch.optim.Optimizer, network: nn.Module, found: Mapping[str, torch.Tensor]) -> None:
    parameters = dict(network.named_parameters())
    for name in {key.rsplit("|", 1)[0] for key in found}:
        optimizer.state[parameters[name]] = {key: found[f"{name}|{key}"].clone() for key in _MOMENTS}
