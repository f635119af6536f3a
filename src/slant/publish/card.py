"""The model card that travels in the bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slant.bundle import Manifest
    from slant.publish.export import Origin

__all__ = ["render_card"]


def render_card(manifest: Manifest, origin: Origin, scores: Mapping[str, Any], score_table: str) -> str:
    """Markdown with the hub's metadata block: what the model is for, what it learned from, every score beside its floors."""
    graphs = [
        f"- `{precision}`: `{graph.file}`"
        + ("" if graph.macro_f1_loss is None else f" (macro F1 {-graph.macro_f1_loss:+.4f} against fp32 on the rows it was judged on)")
        for precision, graph in manifest.graphs.items()
    ]
    decision = manifest.decision
    return f"""---
language: en
license: {manifest.licence.lower()}
tags: [text-classification, media-bias, loaded-language, slant]
---

# {manifest.name}

Labels English news sentences as {" or ".join(f"*{label}*" for label in manifest.labels)}{", and marks the loaded words" if manifest.points else ""}.
Model: {manifest.model}. Made with slant {manifest.package_version}, commit {manifest.git_commit or "unknown"}\
{" with uncommitted changes" if manifest.git_dirty else ""}.

**For:** reading aids, research on wording, pre-sorting for human review. **Not for:** judging persons or outlets, deciding what is true, other
languages than English, moderation without a human.

## Data

Trained on {origin.trained_on}. Corpus {origin.corpus} (licence {origin.corpus_licence}), fingerprint `{manifest.corpus_fingerprint[:16]}`,
split `{manifest.split_fingerprint[:16]}`.

## Scores

On {scores["rows"]:,} test rows; bootstrap intervals over {scores["metrics"]["accuracy"]["groups"]:,} groups.

{score_table}

## Decision

Threshold {decision.threshold:g}, word threshold {decision.word_threshold:.3f}, temperature {decision.temperature:.3f}; an answer below
{decision.abstain_below:g} is abstained from. Sentences are cut after {manifest.max_pieces} word pieces and then say so.

## Graphs

{chr(10).join(graphs)}

## Use

    slant annotate article.txt --bundle THIS_FOLDER
"""
