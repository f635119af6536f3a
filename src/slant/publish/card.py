"""The model card that travels in the bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slant.bundle import Head, Manifest

__all__ = ["CardPart", "render_card"]

_WHAT = {
    "loaded": "Labels English news sentences as *neutral* or *loaded*{points}.",
    "stance": "Tells whether an English news sentence is *against*, *neutral* towards or in *favor* of a target that {reads}.",
}
_READS = {"mention": "it mentions", "text": "is given by name", "fixed": "is one of those it was trained on", None: "is given"}


@dataclass(frozen=True)
class CardPart:
    """What the card says of one head beyond the manifest.

    Attributes:
        trained_on: which rows, in words.
        rows, groups: the test rows, and the groups that the intervals are drawn over.
        score_table: Markdown.
    """

    trained_on: str
    corpus_licence: str
    rows: int
    groups: int
    score_table: str

    def sections(self, head: Head) -> str:
        """The head's own sections."""
        decision = head.decision
        words = f", word threshold {decision.word_threshold:.3f}" if head.points else ""
        threshold = f"Threshold {decision.threshold:g}" if len(head.labels) == 2 else "The most probable label wins"
        named = f"\n\nTargets with a head of their own: {', '.join(head.targets[1:])}." if len(head.targets) > 1 else ""
        what = _WHAT[head.task].format(points=", and marks the loaded words" if head.points else "", reads=_READS[head.reads])
        return f"""## Head `{head.task}`

{what} Model: {head.model}.{named}

### Data

Trained on {self.trained_on}. Corpus {head.corpus} (licence {self.corpus_licence}), fingerprint `{head.corpus_fingerprint[:16]}`,
split `{head.split_fingerprint[:16]}`.

### Scores

On {self.rows:,} test rows; bootstrap intervals over {self.groups:,} groups.

{self.score_table}

### Decision

{threshold}{words}, temperature {decision.temperature:.3f}; an answer below {decision.abstain_below:g} is abstained from."""


def render_card(manifest: Manifest, heads: Mapping[str, str]) -> str:
    """Markdown with the hub's metadata block: what each head is for, what it learned from, every score beside its floors.

    Args:
        heads: by name each head's own sections, as `CardPart.sections` gives them.
    """
    graphs = [
        f"- `{precision}`: `{graph.file}`"
        + ("" if graph.macro_f1_loss is None else f" (macro F1 {-graph.macro_f1_loss:+.4f} against fp32 on the rows it was judged on)")
        for precision, graph in manifest.graphs.items()
    ]
    sections = "\n\n".join(heads[name] for name in manifest.heads)
    return f"""---
language: en
license: {manifest.licence.lower()}
tags: [{", ".join(["text-classification", *_tags(manifest), "slant"])}]
---

# {manifest.name}

Made with slant {manifest.package_version}, commit {manifest.git_commit or "unknown"}\
{" with uncommitted changes" if manifest.git_dirty else ""}. Sentences are cut after {manifest.max_pieces} word pieces and then say so.

**For:** reading aids, research on wording, pre-sorting for human review. **Not for:** judging persons or outlets, deciding what is true, other
languages than English, moderation without a human.

{sections}

## Graphs

{chr(10).join(graphs)}

## Use

    slant annotate article.txt --bundle THIS_FOLDER
"""


def _tags(manifest: Manifest) -> list[str]:
    tags = {"loaded": ("media-bias", "loaded-language"), "stance": ("stance-detection",)}
    return [tag for head in manifest.heads.values() for tag in tags[head.task]]
