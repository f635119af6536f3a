"""The classifier that fine-tunes its encoder."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from slant import __version__
from slant.data import assign_groups, column
from slant.decode import Decision, LightHead, best_word_threshold, calibrate, fit_temperature, sigmoid
from slant.errors import ConfigError
from slant.files import write_atomic
from slant.labels import get_task
from slant.metrics import word_gold
from slant.models.base import ExportParts, label_indices, require_targets
from slant.models.encoder import TextEncoder, encoder_record, recorded_encoder
from slant.models.encoder.cache import default_cache_folder
from slant.models.encoder.passes import count_passes
from slant.models.transformer.inputs import Row, collate, length_buckets, pair_rows, text_rows
from slant.progress import track
from slant.records import WordScores
from slant.seeding import derive_seed

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

__all__ = ["Transformer"]

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]

#: Raised when the same arguments give another network, so that no fit goes on from a checkpoint of the old kind.
_RECIPE = 1
_DEV_SHARE = 0.1
_PREDICT_BATCH = 32
_FACTS = ("task", "blind", "balanced", "word_weight", "dropout", "freeze_embeddings")


class Transformer:
    """An encoder fine-tuned on the task, all its weights but (unless told otherwise) the embeddings.

    Of a task without targets the word loss and the sentence loss are trained jointly, words supervised by `spans`; without spans the sentence loss
    alone. Of a task with targets it is a cross-encoder: the text with its mention marked, and the target's name as a second segment; the head
    reads the mean state and the target's. The epoch is kept whose log loss on dev is least at dev's best temperature; dev also gives
    temperature and word threshold. Without a dev part a tenth of the training groups is set aside for that.

    Args:
        encoder: where fine-tuning begins; its recipe's `max_pieces` bounds a text, and its cache is not used.
        task: the task's name.
        epochs, patience, batch_size, learning_rate, head_learning_rate, warmup, weight_decay, precision, device: see `training.Schedule`.
        word_weight: the word loss counts so many times the sentence loss.
        dropout: on the states that the heads read.
        freeze_embeddings: leave the word piece embeddings as they are.
        balanced: weigh every label alike in the loss, however rare it is (targets only).
        blind: hide the target: the twin that a stance model must beat.
        checkpoints: where fits that were killed are gone on with; null is the user's cache folder, "" keeps none.
        threads: torch's.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        *,
        task: str = "loaded",
        epochs: int = 4,
        patience: int = 2,
        batch_size: int = 16,
        learning_rate: float = 1e-4,
        head_learning_rate: float = 1e-3,
        warmup: float = 0.1,
        weight_decay: float = 0.01,
        word_weight: float = 3.0,
        dropout: float = 0.1,
        freeze_embeddings: bool = True,
        balanced: bool = False,
        blind: bool = False,
        precision: str = "auto",
        device: str = "cpu",
        checkpoints: str | None = None,
        threads: int = 1,
    ) -> None:
        self.labels = get_task(task).labels
        self.encoder, self.task, self.blind, self.balanced = encoder, task, blind, balanced
        self.pairs = get_task(task).positive is None
        if not self.pairs and len(self.labels) != 2:
            raise ConfigError(f"the transformer has no head for the task {task!r}", remedy="Use task=loaded or task=stance")
        self.word_weight, self.dropout, self.freeze_embeddings = word_weight, dropout, freeze_embeddings
        self.schedule: dict[str, Any] = {
            "epochs": epochs, "patience": patience, "batch_size": batch_size, "learning_rate": learning_rate,
            "head_learning_rate": head_learning_rate, "warmup": warmup, "weight_decay": weight_decay, "precision": precision, "device": device,
        }  # fmt: skip
        self.checkpoints, self.threads = checkpoints, threads
        self.decision = Decision()
        self.network: Any = None
        self._points = False
        # Sentences and words are asked for one after the other, of the same rows.
        self._last: tuple[list[str], tuple[Floats, list[Floats], list[Row]]] | None = None

    @property
    def points(self) -> bool:
        return self._points

    # -- learning -------------------------------------------------------------------------------------------------

    def fit(self, train: Dataset, dev: Dataset | None, *, seed: int) -> Self:
        import torch

        from slant.models.transformer.training import Schedule, train_network

        schedule = Schedule(**self.schedule)
        if self.pairs and not self.blind:
            require_targets(train)
        if dev is None:
            parts = assign_groups(column(train, "group"), column(train, "label"), [_DEV_SHARE, 1 - _DEV_SHARE], derive_seed(seed, "own dev"))
            train, dev = train.select(np.flatnonzero(parts == 1)), train.select(np.flatnonzero(parts == 0))
        torch.set_num_threads(self.threads)
        rows, gold = self._rows(train), label_indices(train, self.labels)
        dev_rows, dev_gold = self._rows(dev), label_indices(dev, self.labels)
        words, dev_words = (None, None) if self.pairs else (_word_gold(train, rows), _word_gold(dev, dev_rows))
        self._points = bool(words is not None and any((row == 1).any() for row in words))
        if not self.pairs and not self._points:
            logger.warning("no training row has spans: the transformer goes without its word head and will mark no words")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "heads"))
            self.network = self._new_network(gold).to(schedule.device)

        def batch_of(numbers: list[int]) -> dict[str, torch.Tensor]:
            batch = collate([rows[i] for i in numbers]) | {"gold": torch.from_numpy(gold[numbers])}
            if words is not None:
                batch["word_gold"] = _padded([words[i] for i in numbers])
            return {name: table.to(schedule.device) for name, table in batch.items()}

        def dev_loss() -> float:
            logits = self._run(dev_rows)[0]
            return _log_loss(calibrate(logits, fit_temperature(logits, dev_gold)), dev_gold)

        home = self._checkpoint_folder(train, dev, seed)
        train_network(self.network, batch_of, [len(row.ids) for row in rows], dev_loss, schedule, seed=seed, checkpoints=home)
        logits, scores = self._run(dev_rows)
        threshold = 0.5
        if self._points and dev_words is not None:
            told = np.concatenate(dev_words) >= 0
            if told.any():
                threshold = best_word_threshold(sigmoid(np.concatenate(scores)[told]), np.concatenate(dev_words)[told] == 1)
        self.decision = Decision(word_threshold=threshold, temperature=fit_temperature(logits, dev_gold))
        self._last = None
        return self

    def _new_network(self, gold: npt.NDArray[np.int64] | None) -> torch.nn.Module:
        import torch

        from slant.models.transformer.network import JointNetwork, PairNetwork

        encoder: Any = copy.deepcopy(self.encoder.module).requires_grad_(True)
        if self.freeze_embeddings:
            encoder.embeddings.requires_grad_(False)
        if not self.pairs:
            return JointNetwork(encoder, self.encoder.recipe, points=self._points, word_weight=self.word_weight, dropout=self.dropout)
        weights = torch.ones(len(self.labels))
        if self.balanced and gold is not None:
            counts = np.bincount(gold, minlength=len(self.labels))
            weights = torch.from_numpy(len(gold) / (len(self.labels) * np.maximum(counts, 1))).float()
        return PairNetwork(encoder, len(self.labels), weights=weights, dropout=self.dropout)

    def _checkpoint_folder(self, train: Dataset, dev: Dataset, seed: int) -> Path | None:
        """This fit's own folder, named by all that its outcome follows from."""
        if self.checkpoints == "":
            return None
        names = ("text", "label", "target", "target_start", "target_end", "spans")
        facts = [
            _RECIPE, __version__, encoder_record(self.encoder), {name: getattr(self, name) for name in _FACTS}, self.schedule, seed,
            [[column(part, name) for name in names] for part in (train, dev)],
        ]  # fmt: skip
        key = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:32]
        home = Path(self.checkpoints) if self.checkpoints else default_cache_folder() / "checkpoints"
        return home / key

    # -- answering ------------------------------------------------------------------------------------------------

    def _rows(self, dataset: Dataset) -> list[Row]:
        texts = column(dataset, "text")
        if not self.pairs or self.blind:
            return text_rows(self.encoder.wordpieces, texts)
        return pair_rows(self.encoder.wordpieces, texts, column(dataset, "target"), column(dataset, "target_start"), column(dataset, "target_end"))

    def _run(self, rows: list[Row]) -> tuple[Floats, list[Floats]]:
        """Logits `(n,)` or `(n, k)`, and for each row its words' logits (none of a pair)."""
        import torch

        self.network.eval()
        count_passes(len(rows))
        logits: list[Any] = [None] * len(rows)
        words: list[Floats] = [np.zeros(0)] * len(rows)
        batches = list(length_buckets([len(row.ids) for row in rows], _PREDICT_BATCH, None))
        with torch.inference_mode():
            for numbers in track(batches, len(batches), "reading"):
                batch = {name: table.to(self.schedule["device"]) for name, table in collate([rows[i] for i in numbers]).items()}
                found = self.network(batch)
                sentence, word_logits = (found, None) if self.pairs else found
                for k, i in enumerate(numbers):
                    logits[i] = sentence[k].cpu().numpy()
                    if word_logits is not None:
                        words[i] = word_logits[k, : len(rows[i].pieces.words)].cpu().numpy().astype(np.float64)
        return np.array(logits, np.float64), words

    def _answers(self, dataset: Dataset) -> tuple[Floats, list[Floats], list[Row]]:
        texts = column(dataset, "text")
        if self.pairs or self._last is None or self._last[0] != texts:
            rows = self._rows(dataset)
            self._last = texts, (*self._run(rows), rows)
        return self._last[1]

    def predict_proba(self, dataset: Dataset) -> Floats:
        assert self.network is not None, "fit or load first"
        if not len(dataset):
            return np.zeros((0, len(self.labels)))
        return calibrate(self._answers(dataset)[0], self.decision.temperature)

    def predict_words(self, dataset: Dataset) -> list[WordScores]:
        _, words, rows = self._answers(dataset)
        return [
            WordScores([a for a, _ in row.pieces.words], [b for _, b in row.pieces.words], sigmoid(mine).tolist(), row.pieces.truncated)
            for row, mine in zip(rows, words, strict=True)
        ]

    # -- keeping --------------------------------------------------------------------------------------------------

    def export_parts(self) -> ExportParts | None:
        """The fine-tuned encoder and its two heads; a cross-encoder reads a target in a pass of its own and has no light head."""
        assert self.network is not None, "fit or load first"
        if self.pairs:
            return None
        encoder = self.network.encoder.cpu()
        digest = hashlib.sha256()
        for name, tensor in sorted(encoder.state_dict().items()):
            digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
        head = LightHead(self.task, self.labels, self._points, self.decision, "words")
        tensors = {self.task: self.network.heads.cpu().tensors()}
        tokenizer = self.encoder.files.path / "tokenizer.json"
        return ExportParts(encoder, self.encoder.recipe, tokenizer, digest.hexdigest(), {self.task: head}, tensors)

    def save(self, folder: Path) -> None:
        from safetensors.torch import save_file

        assert self.network is not None, "fit first"
        facts = {name: getattr(self, name) for name in _FACTS}
        state = facts | {"points": self._points, "decision": vars(self.decision)} | encoder_record(self.encoder)
        with write_atomic(folder / "transformer.safetensors") as part:
            save_file({name: tensor.cpu().contiguous() for name, tensor in self.network.state_dict().items()}, part)
        with write_atomic(folder / "transformer.json") as part:
            part.write_text(json.dumps(state, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, encoder: TextEncoder | None = None) -> Self:
        """Read what `save` wrote. Raises ConfigError when the encoder that fine-tuning began with is another one here."""
        from safetensors.torch import load_file

        state: dict[str, Any] = json.loads((folder / "transformer.json").read_text(encoding="utf-8"))
        model = cls(recorded_encoder(state, encoder, folder), **{name: state[name] for name in _FACTS})
        model._points = state["points"]
        model.decision = Decision(**state["decision"])
        model.network = model._new_network(None)
        model.network.load_state_dict(load_file(folder / "transformer.safetensors"))
        model.network.eval()
        return model


def _log_loss(probabilities: Floats, gold: npt.NDArray[np.int64]) -> float:
    return float(-np.log(np.clip(probabilities[np.arange(len(gold)), gold], 1e-12, 1.0)).mean())


def _word_gold(dataset: Dataset, rows: list[Row]) -> list[npt.NDArray[np.int64]]:
    """For each row's words 1 in a gold span, 0 outside, -1 where nobody annotated."""
    found = []
    for row, spans in zip(rows, column(dataset, "spans"), strict=True):
        words = row.pieces.words
        if spans is None or not words:
            found.append(np.full(len(words), -1, np.int64))
            continue
        starts, ends = zip(*words, strict=True)
        found.append(word_gold(starts, ends, [(span["start"], span["end"]) for span in spans]).astype(np.int64))
    return found


def _padded(rows: list[npt.NDArray[np.int64]]) -> torch.Tensor:
    """`(n, w)`, filled up with -1."""
    import torch

    table = np.full((len(rows), max(max(map(len, rows)), 1)), -1, np.int64)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return torch.from_numpy(table)
