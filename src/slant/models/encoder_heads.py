"""The flagship: one frozen encoder, a word head supervised by spans, and a sentence head that reads the words' scores."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from slant.data import assign_groups, column
from slant.decode import Decision, LightHead, best_word_threshold, calibrate, fit_temperature, sigmoid
from slant.errors import ConfigError
from slant.files import write_atomic
from slant.labels import get_task
from slant.metrics import word_gold
from slant.models.base import ExportParts, label_indices
from slant.models.encoder import States, TextEncoder, encoder_record, recorded_encoder
from slant.models.logistic import fit_logistic
from slant.records import WordScores
from slant.seeding import derive_seed

if TYPE_CHECKING:
    from datasets import Dataset

    from slant.models.heads import Heads

__all__ = ["EncoderHeads"]

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]


class EncoderHeads:
    """Linear heads on a frozen encoder's states (docs/design.md, "The flagship model").

    The sentence head is trained on word scores from heads that never saw the sentence's article: the word head is fitted once on all training
    rows and once for each of `folds` groups of articles left out. Word threshold and temperature are chosen on such out-of-fold scores, so
    that dev is not needed and not read. Where no row has spans there is no word head, and a warning says so.

    Args:
        encoder: gives the states.
        task: a task with two labels and a positive one.
        word_l2, sentence_l2: strength of regularisation on standardised states (mean log loss plus l2/2 times the squared norm).
        word_feature_scale: the words' features count so many times a pooled state's component, so that the penalty falls on them less.
        folds: for the out-of-fold word scores.
        calibrated: fit a temperature on the training rows' out-of-fold logits (more rows than dev has).
    """

    def __init__(
        self,
        encoder: TextEncoder,
        *,
        task: str = "loaded",
        word_l2: float = 1e-3,
        sentence_l2: float = 0.3,
        word_feature_scale: float = 4.0,
        folds: int = 5,
        word_iterations: int = 20,
        calibrated: bool = True,
    ) -> None:
        self.labels = get_task(task).labels
        if len(self.labels) != 2:
            raise ConfigError(f"encoder_heads has no head for the task {task!r} yet", remedy="Use model=target_heads, or task=loaded")
        if folds < 2:
            raise ConfigError(f"model.folds is {folds}", remedy="Take at least 2: word scores must come from heads that did not see them")
        self.encoder, self.task = encoder, task
        self.word_l2, self.sentence_l2, self.word_feature_scale = word_l2, sentence_l2, word_feature_scale
        self.folds, self.word_iterations, self.calibrated = folds, word_iterations, calibrated
        self.decision = Decision()
        self.heads: Heads | None = None
        # Sentences and words are asked for one after the other, of the same rows.
        self._last: tuple[list[str], tuple[Floats, Floats, States]] | None = None

    @property
    def points(self) -> bool:
        return self.heads is not None and self.heads.points

    # -- learning -------------------------------------------------------------------------------------------------

    def fit(self, train: Dataset, dev: Dataset | None, *, seed: int) -> Self:
        import torch

        from slant.models.heads import Heads, word_features

        self._last = None
        states = self.encoder.states(column(train, "text"))
        gold = label_indices(train, self.labels)
        words_gold, annotated = _word_gold(train, states)
        points = bool(words_gold.any())
        if not points:
            logger.warning("no training row has spans: encoder_heads goes without its word head and will mark no words")
        self.heads = Heads(states.sentence.shape[1], states.words.shape[1], points=points)
        inputs, scale = states.sentence, np.ones(states.sentence.shape[1])
        folds = assign_groups(column(train, "group"), column(train, "label"), [1 / self.folds] * self.folds, derive_seed(seed, "inner folds"))
        threshold = 0.5
        if points:
            logits = self._fit_words(states, words_gold, annotated, folds)
            threshold = best_word_threshold(sigmoid(logits[annotated]), words_gold[annotated])
            features = word_features(*_padded(torch.from_numpy(logits.astype(np.float32)), states.offsets)).numpy()
            inputs = np.concatenate([inputs, features], axis=1)
            scale = np.concatenate([scale, np.full(features.shape[1], 1 / self.word_feature_scale)])
        mean, deviation = inputs.mean(axis=0), inputs.std(axis=0) + 1e-6
        scale = scale * deviation
        standard = ((inputs - mean) / scale).astype(np.float32)
        found = fit_logistic(standard, gold == 1, self._leaving_out(folds), l2=self.sentence_l2, iterations=300)
        self.heads.set_linear("sentence", found[-1], mean, scale)
        temperature = fit_temperature(_own_logits(standard, found, folds), gold) if self.calibrated else 1.0
        self.decision = Decision(word_threshold=threshold, temperature=temperature)
        return self

    def _leaving_out(self, folds: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Row weights `(n, folds + 1)`: column f leaves fold f out, the last leaves none out."""
        weights = np.ones((len(folds), self.folds + 1), np.float32)
        for fold in range(self.folds):
            weights[folds == fold, fold] = 0
        return weights

    def _fit_words(self, states: States, gold: npt.NDArray[np.bool_], annotated: npt.NDArray[np.bool_], folds: npt.NDArray[np.int64]) -> Floats:
        """Sets the word head, and returns for every training word the logit `(N,)` of a head that did not see its article."""
        assert self.heads is not None
        mean, deviation = states.words.mean(axis=0), states.words.std(axis=0) + 1e-6
        standard = states.words - mean
        standard /= deviation
        fold_of_word = np.repeat(folds, np.diff(states.offsets))
        weights = self._leaving_out(fold_of_word) * annotated[:, None]
        found = fit_logistic(standard, gold, weights, l2=self.word_l2, iterations=self.word_iterations)
        self.heads.set_linear("word", found[-1], mean, deviation)
        return _own_logits(standard, found, fold_of_word)

    # -- answering ------------------------------------------------------------------------------------------------

    def _logits(self, dataset: Dataset) -> tuple[Floats, Floats, States]:
        """Sentence logits `(n,)`, word logits `(N,)` and the states."""
        import torch

        assert self.heads is not None, "fit or load first"
        texts = column(dataset, "text")
        if self._last is not None and self._last[0] == texts:
            return self._last[1]
        states = self.encoder.states(texts)
        with torch.inference_mode():
            words = self.heads.word_logits(torch.from_numpy(states.words))
            sentences = self.heads.sentence_logits(torch.from_numpy(states.sentence), *_padded(words, states.offsets))
        found = sentences.numpy().astype(np.float64), words.numpy().astype(np.float64), states
        self._last = texts, found
        return found

    def predict_proba(self, dataset: Dataset) -> Floats:
        return calibrate(self._logits(dataset)[0], self.decision.temperature)

    def predict_words(self, dataset: Dataset) -> list[WordScores]:
        _, logits, states = self._logits(dataset)
        scores = sigmoid(logits)
        found = []
        for i, pieces in enumerate(states.pieces):
            mine = scores[states.offsets[i] : states.offsets[i + 1]]
            starts, ends = [start for start, _ in pieces.words], [end for _, end in pieces.words]
            found.append(WordScores(starts, ends, mine.tolist(), pieces.truncated))
        return found

    def export_parts(self) -> ExportParts:
        assert self.heads is not None, "fit or load first"
        head = LightHead(self.task, self.labels, self.heads.points, self.decision, "words")
        files = self.encoder.files
        tensors = {self.task: self.heads.tensors()}
        return ExportParts(self.encoder.module, self.encoder.recipe, files.path / "tokenizer.json", files.digest, {self.task: head}, tensors)

    # -- keeping --------------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        from safetensors.torch import save_file

        assert self.heads is not None, "fit first"
        state = {
            "task": self.task,
            "points": self.heads.points,
            "decision": vars(self.decision),
        } | encoder_record(self.encoder)
        with write_atomic(folder / "heads.safetensors") as part:
            save_file({k: v.contiguous() for k, v in self.heads.state_dict().items()}, part)
        with write_atomic(folder / "encoder_heads.json") as part:
            part.write_text(json.dumps(state, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, encoder: TextEncoder | None = None) -> Self:
        """Read what `save` wrote; the encoder is looked for again by name unless given.

        Raises ConfigError when the encoder has not the recorded digest or gives states by another recipe.
        """
        from safetensors.torch import load_file

        from slant.models.heads import Heads

        state: dict[str, Any] = json.loads((folder / "encoder_heads.json").read_text(encoding="utf-8"))
        encoder = recorded_encoder(state, encoder, folder)
        weights = load_file(folder / "heads.safetensors")
        model = cls(encoder, task=state["task"])
        width = weights["word.weight"].shape[1]
        sentence = len(encoder.recipe.sentence_layers) * (width // len(encoder.recipe.word_layers))
        model.heads = Heads(sentence, width, points=state["points"])
        model.heads.load_state_dict(weights)
        model.decision = Decision(**state["decision"])
        return model


def _own_logits(rows: npt.NDArray[np.float32], coefficients: Floats, folds: npt.NDArray[np.int64]) -> Floats:
    """For each row `(n, d)` the logit `(n,)` of the fit that left its fold out."""
    logits = rows @ coefficients[:, :-1].T.astype(np.float32) + coefficients[:, -1]
    return np.asarray(logits[np.arange(len(rows)), folds], np.float64)


def _word_gold(dataset: Dataset, states: States) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """For each word `(N,)`: whether it lies in a gold span, and whether its row's spans were annotated at all."""
    gold = np.zeros(int(states.offsets[-1]), bool)
    annotated = np.zeros_like(gold)
    for i, (pieces, spans) in enumerate(zip(states.pieces, column(dataset, "spans"), strict=True)):
        if spans is None or not pieces.words:
            continue
        rows = slice(states.offsets[i], states.offsets[i + 1])
        starts, ends = zip(*pieces.words, strict=True)
        gold[rows] = word_gold(starts, ends, [(span["start"], span["end"]) for span in spans])
        annotated[rows] = True
    return gold, annotated


def _padded(logits: Any, offsets: npt.NDArray[np.int64]) -> tuple[Any, Any]:
    """Word logits `(N,)` as a padded table `(n, w)`, and which of its places are words."""
    import torch

    counts = torch.from_numpy(np.diff(offsets))
    present = torch.arange(max(int(counts.max()), 1))[None] < counts[:, None]
    table = torch.zeros(present.shape, dtype=logits.dtype)
    table[present] = logits
    return table, present
