"""Writing a bundle."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slant import __version__
from slant.bundle import FORMAT_VERSION, Graph, Manifest, read_bundle, write_manifest
from slant.bundle.format import GOLDEN, TOKENIZER
from slant.data import column
from slant.decode import decide
from slant.errors import BundleError, ConfigError
from slant.files import write_folder_atomic
from slant.metrics import confusion_counts, f1_macro
from slant.models import Classifier, EncoderHeads, Linear, Prior, label_indices
from slant.publish.card import render_card
from slant.publish.onnx import export_onnx, quantise
from slant.serve.runtime import Answers, open_runtime

if TYPE_CHECKING:
    from datasets import Dataset

    from slant.bundle import Bundle

__all__ = ["GOLDEN_TEXTS", "Origin", "export_bundle"]

logger = logging.getLogger(__name__)

FP32_TOLERANCE = 1e-4
#: int8 kernels round differently from one processor to the next.
INT8_TOLERANCE = 0.05

#: Sentences whose answers are recorded in every bundle; invented, with characters that offsets stumble over.
GOLDEN_TEXTS = (
    "The council approved the budget by nine votes to four on Tuesday.",
    "The reckless minister rammed his disastrous plan through a spineless council.",
    "“She is a warmonger,” said the opposition’s leader; the ministry did not comment.",
    "Eleven people died when the ferry sank off the northern coast, the coastguard said.",
    "Our heroic nurses – 🏥 tireless, as ever – saved the day once more!",
    "Café prices rose 3.5% in São Orlando\r\nlast year",
    "So-called reformers",
    "No",
)


@dataclass(frozen=True)
class Origin:
    """Where a model came from, as its bundle tells it."""

    name: str
    model: str
    corpus: str
    corpus_licence: str
    corpus_fingerprint: str
    split_fingerprint: str
    licence: str
    git_commit: str | None
    git_dirty: bool | None
    trained_on: str


def export_bundle(
    model: Classifier,
    folder: Path,
    origin: Origin,
    scores: Mapping[str, Any],
    score_table: str,
    judged: Dataset,
    *,
    int8: bool = True,
    int8_max_loss: float = 0.005,
) -> Bundle:
    """Write the model as a bundle that has been read back and checked.

    Args:
        folder: must not hold anything yet; it appears whole or not at all.
        scores: what `slant.evaluation.score` gave, for `metrics.json`.
        score_table: the same as a Markdown table, for the card.
        judged: labelled rows, none of them test rows, on which the graph is compared with the model and int8 with fp32.
        int8: also make an int8 graph, and keep it when it loses at most `int8_max_loss` of macro F1 on `judged`.

    Raises BundleError when the exported graph's probabilities differ from the model's by more than 1e-4, ConfigError for a model that
    has no export, StorageError when the disk does not take it.
    """
    with write_folder_atomic(folder) as part:
        graphs, encoder = _write_graphs(model, part)
        points = bool(getattr(model, "points", False))
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            id="",
            name=origin.name,
            model=origin.model,
            task=column(judged, "task")[0],
            task_version=int(scores["task_version"]),
            labels=model.labels,
            points=points,
            decision=model.decision,
            graphs=graphs,
            precision="fp32",
            max_pieces=encoder.recipe.max_pieces if encoder else 512,
            encoder_digest=encoder.files.digest if encoder else None,
            corpus=origin.corpus,
            corpus_fingerprint=origin.corpus_fingerprint,
            split_fingerprint=origin.split_fingerprint,
            package_version=__version__,
            git_commit=origin.git_commit,
            git_dirty=origin.git_dirty,
            licence=origin.licence,
        )
        _record_golden(part, manifest)
        bundle = read_bundle_of(part, manifest)
        exact = _check_against_model(model, bundle, judged)
        if int8 and encoder:
            graphs = graphs | _write_int8(part, bundle, judged, exact, int8_max_loss)
        manifest = Manifest(**vars(manifest) | {"graphs": graphs})
        _record_golden(part, manifest)
        (part / "metrics.json").write_text(json.dumps(scores, indent=1, ensure_ascii=False), encoding="utf-8")
        (part / "MODEL_CARD.md").write_text(render_card(manifest, origin, scores, score_table), encoding="utf-8")
        write_manifest(part, manifest)
    return read_bundle(folder)


def _write_graphs(model: Classifier, folder: Path) -> tuple[dict[str, Graph], Any]:
    if isinstance(model, EncoderHeads):
        export_onnx(model, folder / "model.onnx")
        shutil.copyfile(model.encoder.files.path / "tokenizer.json", folder / TOKENIZER)
        return {"fp32": Graph("model.onnx", "onnx", FP32_TOLERANCE)}, model.encoder
    if isinstance(model, Linear | Prior):
        model.save(folder)
        file, kind = ("linear.skops", "skops") if isinstance(model, Linear) else ("prior.json", "prior")
        return {"fp32": Graph(file, kind, FP32_TOLERANCE)}, None
    remedy = "Set publish.enabled=false, or teach slant.publish.export its graph"
    raise ConfigError(f"{type(model).__name__} cannot be exported", remedy=remedy)


def read_bundle_of(folder: Path, manifest: Manifest) -> Bundle:
    """Seal the folder as it stands and read it back."""
    write_manifest(folder, manifest)
    return read_bundle(folder)


def _record_golden(folder: Path, manifest: Manifest) -> None:
    from slant.bundle import Bundle

    rows: list[dict[str, Any]] = [{"text": text} for text in GOLDEN_TEXTS]
    bundle = Bundle(folder, manifest, str(folder))
    for precision in manifest.graphs:
        answers = open_runtime(bundle, precision=precision)(GOLDEN_TEXTS)
        for i, row in enumerate(rows):
            row[precision] = {"probabilities": np.round(answers.probabilities[i], 7).tolist()}
            if answers.words is not None:
                row[precision]["word_scores"] = np.round(answers.words[i].scores, 7).tolist()
    (folder / GOLDEN).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _check_against_model(model: Classifier, bundle: Bundle, judged: Dataset) -> Answers:
    """The fp32 graph's answers on `judged`, once they are seen to be the model's."""
    texts: Sequence[str] = column(judged, "text")
    answers = open_runtime(bundle, precision="fp32")(texts)
    expected = answers.probabilities if isinstance(model, Prior) and model.by else model.predict_proba(judged)
    worst = float(np.abs(answers.probabilities - expected).max(initial=0.0))
    if not worst <= FP32_TOLERANCE:
        problem = f"the exported graph's probabilities differ from the model's by up to {worst:.2g}"
        raise BundleError(problem, where=bundle.where, remedy="This is a fault in slant's export; please report it")
    logger.info("exported graph agrees with the model to %.1e on %d rows", worst, len(texts))
    return answers


def _write_int8(folder: Path, bundle: Bundle, judged: Dataset, exact: Answers, max_loss: float) -> dict[str, Graph]:
    """The int8 graph, if its macro F1 on `judged` is not more than `max_loss` below fp32's; else nothing, and a line that says so."""
    quantise(folder / "model.onnx", folder / "model.int8.onnx")
    graph = Graph("model.int8.onnx", "onnx", INT8_TOLERANCE)
    trial = type(bundle)(folder, Manifest(**vars(bundle.manifest) | {"graphs": {"int8": graph}, "precision": "int8"}), bundle.where)
    answers = open_runtime(trial, precision="int8")(column(judged, "text"))
    gold = label_indices(judged, bundle.manifest.labels)
    k = len(bundle.manifest.labels)
    f1 = [float(f1_macro(confusion_counts(gold, decide(a.probabilities, bundle.manifest.decision)[0], k))) for a in (exact, answers)]
    loss = f1[0] - f1[1]
    if loss > max_loss:
        logger.warning("no int8 graph: it loses %.4f of macro F1 on %d rows, more than %.4f", loss, len(gold), max_loss)
        (folder / "model.int8.onnx").unlink()
        return {}
    logger.info("int8 graph kept: macro F1 %.4f against %.4f in fp32 on %d rows", f1[1], f1[0], len(gold))
    return {"int8": Graph(**asdict(graph) | {"macro_f1_loss": round(loss, 6)})}
