"""`bundle.json`: what a bundle says of itself. `slant.bundle.parse` reads it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from slant.decode import LightHead

__all__ = [
    "FORMAT_VERSION",
    "GOLDEN",
    "HEADS",
    "KINDS",
    "MANIFEST",
    "PRECISIONS",
    "SIGNATURE",
    "TOKENIZER",
    "WHOLE",
    "Graph",
    "Head",
    "Manifest",
    "bundle_id",
    "manifest_to_json",
]

#: Raised when a reader of the old format would misread the new one. Version 1 is read by `slant.bundle.format_1`.
FORMAT_VERSION = 2
MANIFEST, TOKENIZER, GOLDEN, HEADS = "bundle.json", "tokenizer.json", "golden.jsonl", "heads.safetensors"
#: Over the manifest, and so not in it (`slant.bundle.sign`).
SIGNATURE = "bundle.sig"

#: Kinds of graph: an encoder that onnxruntime runs under light heads; skops and prior are research baselines, whole in themselves.
KINDS = ("encoder", "skops", "prior")
#: A graph of format 1, encoder and heads in one. No bundle of format 2 may name it.
WHOLE = "whole"
PRECISIONS = ("fp32", "int8")


@dataclass(frozen=True)
class Graph:
    """One way to run the bundle's encoder, or its baseline.

    Attributes:
        file: its path in the bundle.
        kind: one of KINDS.
        tolerance: golden probabilities must be met within this.
        macro_f1_loss: for a compressed graph, the macro F1 it lost on the rows it was judged on, against fp32; of several heads the worst; else null.
    """

    file: str
    kind: str
    tolerance: float
    macro_f1_loss: float | None = None


@dataclass(frozen=True)
class Head(LightHead):
    """A head as `bundle.json` tells it: what it reads and how it decides (`slant.decode.LightHead`), and where it comes from.

    Attributes:
        task_version: of its labels and metrics.
        model: the class that was trained.
        corpus: name@version; `corpus_fingerprint` and `split_fingerprint` of what it learned from.
    """

    task_version: int = 0
    model: str = ""
    corpus: str = ""
    corpus_fingerprint: str = ""
    split_fingerprint: str = ""


@dataclass(frozen=True)
class Manifest:
    """The facts of `bundle.json`.

    Attributes:
        id: see `bundle_id`: what the bundle is called in annotations.
        graphs: by precision, one of PRECISIONS.
        precision: the graph that runs unless another is asked for.
        heads: by name, which is their task's.
        max_pieces: longer sentences are cut, and said to be.
        encoder_digest: of the encoder inside, null where there is none.
        recipe: which of its states are taken, null where there is none.
        sentence_width, word_width: lengths of its two outputs, 0 where there is none.
        files: sha256 of every other file.
    """

    format_version: int
    id: str
    name: str
    graphs: dict[str, Graph]
    precision: str
    heads: dict[str, Head]
    max_pieces: int
    encoder_digest: str | None
    recipe: str | None
    sentence_width: int
    word_width: int
    package_version: str
    git_commit: str | None
    git_dirty: bool | None
    licence: str
    files: dict[str, str] = field(default_factory=dict)


def manifest_to_json(manifest: Manifest) -> dict[str, Any]:
    """The manifest as plain JSON values."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(manifest)))
    return found


def bundle_id(facts: Mapping[str, Any]) -> str:
    """The first 16 hex digits of the sha256 over all that `bundle.json` says but its id: the files' digests, and thresholds and labels too, since
    a bundle that decides otherwise is another bundle."""
    return hashlib.sha256(json.dumps(dict(facts) | {"id": ""}, sort_keys=True).encode()).hexdigest()[:16]
