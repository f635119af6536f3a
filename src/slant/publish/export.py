"""Writing a bundle."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from slant import __version__
from slant.bundle import FORMAT_VERSION, Graph, Head, Manifest, read_bundle, write_heads, write_manifest
from slant.bundle.format import TOKENIZER
from slant.data import column
from slant.decode import LightHead, decide
from slant.errors import BundleError, ConfigError
from slant.files import write_folder_atomic
from slant.labels import get_task
from slant.metrics import confusion_counts, f1_macro
from slant.models import Classifier, ExportsHeads, Linear, Prior, label_indices
from slant.publish.card import write_card
from slant.publish.facts import HeadFacts
from slant.publish.golden import record_golden
from slant.publish.onnx import export_onnx
from slant.publish.quantise import quantise
from slant.serve.answers import Asked, reads_targets
from slant.serve.runtime import open_runtime
from slant.text.wordpieces import Wordpieces

if TYPE_CHECKING:
    from datasets import Dataset

    from slant.bundle import Bundle

__all__ = ["Origin", "export_bundle", "exportable"]

logger = logging.getLogger(__name__)

FP32_TOLERANCE = 1e-4
#: int8 kernels round differently from one processor to the next.
INT8_TOLERANCE = 0.05

#: The file and the kind of graph of models that are whole in themselves.
_WHOLE: dict[type, tuple[str, str]] = {Linear: ("linear.skops", "skops"), Prior: ("prior.json", "prior")}


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


@dataclass(frozen=True)
class _Answered:
    """Probabilities `(n, k)` on the judged rows; those where `rows` is False are no answers (a mention beyond what was read)."""

    probabilities: npt.NDArray[np.float64]
    rows: npt.NDArray[np.bool_]


def exportable(model: Classifier) -> bool:
    """Whether `export_bundle` takes a fitted model: a baseline that is whole in itself, or light heads over an encoder."""
    return type(model) in _WHOLE or (isinstance(model, ExportsHeads) and model.export_parts() is not None)


def export_bundle(
    model: Classifier,
    folder: Path,
    origin: Origin,
    scores: Mapping[str, Any],
    judged: Dataset,
    *,
    int8: bool = True,
    int8_max_loss: float = 0.005,
) -> Bundle:
    """Write the model as a bundle that has been read back and checked.

    Args:
        folder: must not hold anything yet; it appears whole or not at all.
        scores: what `slant.evaluation.score` gave, for `metrics.json` and the card.
        judged: labelled rows, none of them test rows, on which the graph is compared with the model and int8 with fp32.
        int8: also make an int8 graph, and keep it when it loses at most `int8_max_loss` of macro F1 on `judged`.

    Raises BundleError when the exported bundle's probabilities differ from the model's by more than 1e-4, ConfigError for a model that
    has no export, StorageError when the disk does not take it.
    """
    with write_folder_atomic(folder) as part:
        manifest = _write_model(model, part, get_task(column(judged, "task")[0]).name, origin)
        (name,) = manifest.heads
        record_golden(part, manifest)
        bundle = read_bundle_of(part, manifest)
        exact = _check_against_model(model, bundle, judged)
        graphs = manifest.graphs
        if int8 and manifest.encoder_digest:
            graphs = graphs | _write_int8(part, bundle, judged, exact, int8_max_loss)
        manifest = replace(manifest, graphs=graphs)
        record_golden(part, manifest)
        write_card(part, manifest, {name: HeadFacts(origin.trained_on, origin.corpus_licence, scores)})
        write_manifest(part, manifest)
    return read_bundle(folder)


def _write_model(model: Classifier, folder: Path, task: str, origin: Origin) -> Manifest:
    """Write the graph, and heads and tokenizer where there are any; the manifest as far as it is known then."""
    if type(model) in _WHOLE:
        file, kind = _WHOLE[type(model)]
        model.save(folder)
        heads = {task: LightHead(task, model.labels, False, model.decision, "graph")}
        encoder: dict[str, Any] = {"max_pieces": 512, "encoder_digest": None, "recipe": None, "sentence_width": 0, "word_width": 0}
    else:
        parts = model.export_parts() if isinstance(model, ExportsHeads) else None
        if parts is None:
            remedy = "Set publish.enabled=false, or give the model an export_parts (slant.models.ExportsHeads)"
            raise ConfigError(f"{type(model).__name__} cannot be exported", remedy=remedy)
        file, kind = "model.onnx", "encoder"
        widths = export_onnx(parts, folder / file)
        shutil.copyfile(parts.tokenizer_file, folder / TOKENIZER)
        write_heads(folder, parts.tensors)
        heads = dict(parts.heads)
        encoder = {"max_pieces": parts.recipe.max_pieces, "encoder_digest": parts.encoder_digest, "recipe": str(parts.recipe)}
        encoder |= {"sentence_width": widths[0], "word_width": widths[1]}
    about = {name: getattr(origin, name) for name in ("model", "corpus", "corpus_fingerprint", "split_fingerprint")}
    return Manifest(
        format_version=FORMAT_VERSION,
        id="",
        name=origin.name,
        graphs={"fp32": Graph(file, kind, FP32_TOLERANCE)},
        precision="fp32",
        heads={name: Head(**vars(head), **about, task_version=get_task(name).version) for name, head in heads.items()},
        package_version=__version__,
        git_commit=origin.git_commit,
        git_dirty=origin.git_dirty,
        licence=origin.licence,
        **encoder,
    )


def read_bundle_of(folder: Path, manifest: Manifest) -> Bundle:
    """Seal the folder as it stands and read it back."""
    write_manifest(folder, manifest)
    return read_bundle(folder)


def _answers(bundle: Bundle, precision: str, judged: Dataset) -> _Answered:
    """What the bundle's one head answers to each judged row, asked about the row's own target."""
    ((name, head),) = bundle.manifest.heads.items()
    asked: list[Asked] = []
    if reads_targets(head.task):
        columns = (column(judged, which) for which in ("target", "target_start", "target_end"))
        asked = [Asked(i, target or "", start, end) for i, (target, start, end) in enumerate(zip(*columns, strict=True))]
    found = open_runtime(bundle, precision=precision)(column(judged, "text"), asked).heads[name]
    return _Answered(found.probabilities, np.ones(len(judged), bool) if found.answered is None else found.answered)


def _check_against_model(model: Classifier, bundle: Bundle, judged: Dataset) -> _Answered:
    """The fp32 graph's answers on `judged`, once they are seen to be the model's."""
    answers = _answers(bundle, "fp32", judged)
    if not answers.rows.any():
        raise BundleError(f"none of {len(judged)} judged rows mentions its target", where=bundle.where, remedy="Give rows with target offsets")
    expected = answers.probabilities if isinstance(model, Prior) and model.by else model.predict_proba(judged)
    worst = float(np.abs(answers.probabilities - expected)[answers.rows].max(initial=0.0))
    if not worst <= FP32_TOLERANCE:
        problem = f"the exported graph's probabilities differ from the model's by up to {worst:.2g}"
        raise BundleError(problem, where=bundle.where, remedy="This is a fault in slant's export; please report it")
    logger.info("exported graph agrees with the model to %.1e on %d rows", worst, int(answers.rows.sum()))
    return answers


def _write_int8(folder: Path, bundle: Bundle, judged: Dataset, exact: _Answered, max_loss: float) -> dict[str, Graph]:
    """The int8 graph, if its macro F1 on `judged` is not more than `max_loss` below fp32's; else nothing, and a line that says so."""
    wordpieces = Wordpieces.from_file(folder / TOKENIZER, bundle.manifest.max_pieces)
    quantise(folder / "model.onnx", folder / "model.int8.onnx", wordpieces)
    graph = Graph("model.int8.onnx", "encoder", INT8_TOLERANCE)
    trial = type(bundle)(folder, replace(bundle.manifest, graphs={"int8": graph}, precision="int8"), bundle.where)
    answers = _answers(trial, "int8", judged)
    (head,) = bundle.manifest.heads.values()
    gold = label_indices(judged, head.labels)[exact.rows]
    k = len(head.labels)
    f1 = [float(f1_macro(confusion_counts(gold, decide(a.probabilities[exact.rows], head.decision)[0], k))) for a in (exact, answers)]
    loss = f1[0] - f1[1]
    if loss > max_loss:
        logger.warning("no int8 graph: it loses %.4f of macro F1 on %d rows, more than %.4f", loss, len(gold), max_loss)
        (folder / "model.int8.onnx").unlink()
        return {}
    logger.info("int8 graph kept: macro F1 %.4f against %.4f in fp32 on %d rows", f1[1], f1[0], len(gold))
    return {"int8": Graph(**asdict(graph) | {"macro_f1_loss": round(loss, 6)})}
