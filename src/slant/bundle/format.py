"""`bundle.json`: what a bundle says of itself, and the checks on how it says it."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_type_hints

from slant.decode import Decision
from slant.errors import BundleError
from slant.labels import TASKS

__all__ = ["FORMAT_VERSION", "GOLDEN", "MANIFEST", "TOKENIZER", "Graph", "Manifest", "bundle_id", "manifest_from_json", "manifest_to_json"]

#: Raised when a reader of the old format would misread the new one.
FORMAT_VERSION = 1
MANIFEST, TOKENIZER, GOLDEN = "bundle.json", "tokenizer.json", "golden.jsonl"

#: Kinds of graph: ONNX by onnxruntime; skops and prior are research baselines.
KINDS = ("onnx", "skops", "prior")
PRECISIONS = ("fp32", "int8")

#: A graph that states a wider tolerance than this would prove nothing by its golden rows.
_MAX_TOLERANCE = 0.1
#: A hostile manifest must not print a page; so much of a problem is told.
_MAX_PROBLEM = 300


@dataclass(frozen=True)
class Graph:
    """One way to run the bundle's model.

    Attributes:
        file: its path in the bundle.
        kind: one of KINDS.
        tolerance: golden probabilities must be met within this.
        macro_f1_loss: for a compressed graph, the macro F1 it lost on the rows it was judged on, against fp32; else null.
    """

    file: str
    kind: str
    tolerance: float
    macro_f1_loss: float | None = None


@dataclass(frozen=True)
class Manifest:
    """The facts of `bundle.json`.

    Attributes:
        id: see `bundle_id`: what the bundle is called in annotations.
        labels: in column order; must be the task's own.
        points: whether the graph says which words carry its answer.
        decision: thresholds and temperature.
        graphs: by precision, one of PRECISIONS.
        precision: the graph that runs unless another is asked for.
        max_pieces: longer sentences are cut, and said to be.
        encoder_digest: of the encoder inside; bundles with the same one may share it.
        files: sha256 of every other file.
    """

    format_version: int
    id: str
    name: str
    model: str
    task: str
    task_version: int
    labels: tuple[str, ...]
    points: bool
    decision: Decision
    graphs: dict[str, Graph]
    precision: str
    max_pieces: int
    encoder_digest: str | None
    corpus: str
    corpus_fingerprint: str
    split_fingerprint: str
    package_version: str
    git_commit: str | None
    git_dirty: bool | None
    licence: str
    files: dict[str, str] = field(default_factory=dict)


def manifest_to_json(manifest: Manifest) -> dict[str, Any]:
    """The manifest as plain JSON values."""
    return asdict(manifest) | {"labels": list(manifest.labels)}


def bundle_id(manifest: Manifest) -> str:
    """The first 16 hex digits of the sha256 over all the manifest says but its id: the files' digests, and thresholds and labels too, since a
    bundle that decides otherwise is another bundle."""
    facts = manifest_to_json(manifest) | {"id": ""}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def manifest_from_json(found: Any, where: str) -> Manifest:
    """A manifest from parsed JSON. Raises BundleError for another format version, a missing, unknown or ill-typed key, and for
    values that contradict one another; nothing in it is trusted before that."""

    def refuse(problem: str, remedy: str = "Export the bundle again") -> BundleError:
        short = problem if len(problem) <= _MAX_PROBLEM else problem[:_MAX_PROBLEM] + "…"
        return BundleError(short, where=where, remedy=remedy)

    if not isinstance(found, dict) or not isinstance(found.get("format_version"), int):
        raise refuse("this is no bundle manifest", "Name a bundle that slant wrote")
    if found["format_version"] > FORMAT_VERSION:
        raise refuse(f"format version {found['format_version']} is newer than {FORMAT_VERSION}, the newest this slant reads", "Update slant")
    if found["format_version"] < 1:
        raise refuse(f"there is no format version {found['format_version']}")
    try:
        decision = Decision(**_typed(found.get("decision"), Decision, "decision", refuse))
        graphs = found.get("graphs")
        if not isinstance(graphs, dict) or not graphs:
            raise refuse("names no graph")
        graphs = {k: Graph(**_typed(v, Graph, f"graphs.{k}", refuse)) for k, v in graphs.items()}
        values = _typed(found | {"decision": decision, "graphs": graphs}, Manifest, "", refuse)
    except (TypeError, ValueError) as error:
        raise refuse(f"a value is impossible ({error})") from error
    manifest = Manifest(**values | {"labels": tuple(values["labels"])})
    task = TASKS.get(manifest.task)
    if task is None or task.labels != manifest.labels:
        raise refuse(f"its task {manifest.task!r} with labels {list(manifest.labels)} is not known here", "Update slant")
    if task.version != manifest.task_version:
        raise refuse(f"task version {manifest.task_version} is not {task.version}, this slant's", "Train again, or use the slant that made it")
    if manifest.precision not in manifest.graphs:
        raise refuse(f"its own precision {manifest.precision!r} has no graph")
    for precision, graph in manifest.graphs.items():
        if precision not in PRECISIONS or graph.kind not in KINDS:
            raise refuse(f"unknown graph {precision!r} of kind {graph.kind!r}", "Update slant")
        if not 0 < graph.tolerance <= _MAX_TOLERANCE:
            raise refuse(f"the tolerance of its {precision} graph is {graph.tolerance}, not in (0, {_MAX_TOLERANCE}]")
        if graph.kind == "onnx" and len(manifest.labels) != 2:
            raise refuse(f"it has an onnx graph for {len(manifest.labels)} labels, and slant runs those of two", "Update slant")
    if not 8 <= manifest.max_pieces <= 8192:
        raise refuse(f"max_pieces is {manifest.max_pieces}")
    for value in _strings(found):
        # What a bundle says of itself is printed to terminals and written as UTF-8.
        if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in value):
            raise refuse(f"a text in it holds a control character: {value!r}")
    return manifest


def _typed(found: Any, kind: type, path: str, refuse: Any) -> dict[str, Any]:
    """The mapping, when it has exactly the dataclass's keys with values of their types."""
    if not isinstance(found, Mapping):
        raise refuse(f"{path or 'the manifest'} is not a mapping")
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind)]
    for name in (*names, *found):
        if name not in found or name not in names:
            raise refuse(f"the key {f'{path}.{name}'.strip('.')!r} is {'missing' if name in names else 'unknown'}")
        if not _fits(found[name], hints[name]):
            raise refuse(f"the value of {f'{path}.{name}'.strip('.')!r} is not of type {getattr(hints[name], '__name__', hints[name])}")
    return dict(found)


def _strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings(key)
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a JSON value has the type; lists stand for tuples, whole numbers for floats, and no boolean is a number."""
    text = str(hint)
    if hint is bool or isinstance(value, bool):
        return isinstance(value, bool) and "bool" in text
    if hint is float or text == "float | None":
        return isinstance(value, int | float) or (value is None and "None" in text)
    if text.startswith("tuple[str"):
        return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    if text == "dict[str, str]":
        return isinstance(value, dict) and all(isinstance(k, str) and isinstance(v, str) for k, v in value.items())
    if text.startswith("dict["):
        return isinstance(value, dict)
    return isinstance(value, hint)
