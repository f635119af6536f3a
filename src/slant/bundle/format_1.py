"""Format version 1, still read: one task, encoder and heads in one graph. Nothing writes it any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slant.bundle.format import WHOLE, Graph, Head, Manifest
from slant.bundle.typed import Refuse, typed
from slant.decode import Decision

__all__ = ["read_first"]

#: What its kinds of graph are called now.
_KINDS = {"onnx": WHOLE, "skops": "skops", "prior": "prior"}


@dataclass(frozen=True)
class _First:
    """`bundle.json` as version 1 had it."""

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
    files: dict[str, str]


def read_first(found: dict[str, Any], refuse: Refuse) -> Manifest:
    """The manifest that a `bundle.json` of version 1 tells, whose one head is its graph's own. Raises what `refuse` makes."""
    decision = Decision(**typed(found.get("decision"), Decision, "decision", refuse))
    graphs = found.get("graphs")
    if not isinstance(graphs, dict) or not graphs:
        raise refuse("names no graph")
    graphs = {name: Graph(**typed(value, Graph, f"graphs.{name}", refuse)) for name, value in graphs.items()}
    old = _First(**typed(found | {"decision": decision, "graphs": graphs}, _First, "", refuse))
    for precision, graph in graphs.items():
        if graph.kind not in _KINDS:
            raise refuse(f"unknown graph {precision!r} of kind {graph.kind!r}", "Update slant")
        if graph.kind == "onnx" and len(old.labels) != 2:
            raise refuse(f"it has an onnx graph for {len(old.labels)} labels, and slant runs those of two", "Update slant")
    head = Head(
        task=old.task,
        labels=tuple(old.labels),
        points=old.points,
        decision=decision,
        kind="graph",
        task_version=old.task_version,
        model=old.model,
        corpus=old.corpus,
        corpus_fingerprint=old.corpus_fingerprint,
        split_fingerprint=old.split_fingerprint,
    )
    return Manifest(
        format_version=1,
        id=old.id,
        name=old.name,
        graphs={precision: Graph(g.file, _KINDS[g.kind], g.tolerance, g.macro_f1_loss) for precision, g in graphs.items()},
        precision=old.precision,
        heads={old.task: head},
        max_pieces=old.max_pieces,
        encoder_digest=old.encoder_digest,
        recipe=None,
        sentence_width=0,
        word_width=0,
        package_version=old.package_version,
        git_commit=old.git_commit,
        git_dirty=old.git_dirty,
        licence=old.licence,
        files=old.files,
    )
