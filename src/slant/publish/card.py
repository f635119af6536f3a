"""The model card that travels in the bundle, rendered from its manifest and its facts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slant.publish.card_tables import calibration_line, cost_line, leaning_lines, probe_table, score_table, slice_table
from slant.publish.facts import HeadFacts, write_facts

if TYPE_CHECKING:
    from slant.bundle import Head, Manifest

__all__ = ["render_card", "write_card"]

_WHAT = {
    "loaded": "Labels English news sentences as *neutral* or *loaded*{points}.",
    "stance": "Tells whether an English news sentence is *against*, *neutral* towards or in *favor* of a target that {reads}.",
}
_READS = {"mention": "it mentions", "text": "is given by name", "fixed": "is one of those it was trained on", None: "is given"}
_TAGS = {"loaded": ("media-bias", "loaded-language"), "stance": ("stance-detection",)}
#: Licences that the hub knows by these very names; any other is "other" there, with its name beside it.
_LICENCES = {"apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "bsd-3-clause", "gpl-3.0", "openrail"}
#: What the hub's table of results takes: a number each; the intervals and floors stand in the card.
_RESULTS = ("macro_f1", "f_avg_pooled", "f1_loaded", "accuracy", "mcc", "auroc", "brier", "ece", "word_f1", "word_ap", "span_partial_f1")


def write_card(folder: Path, manifest: Manifest, facts: Mapping[str, HeadFacts]) -> None:
    """Write the card and the facts that it is rendered from."""
    write_facts(folder, facts)
    (folder / "MODEL_CARD.md").write_text(render_card(manifest, facts), encoding="utf-8")


def render_card(manifest: Manifest, facts: Mapping[str, HeadFacts], *, extra: str = "") -> str:
    """Markdown with the hub's metadata block. `extra` is a section of its own, put before the others on use."""
    from huggingface_hub import ModelCard

    sections = "\n\n".join(_section(head, facts.get(name, HeadFacts())) for name, head in manifest.heads.items())
    content = f"""---
{_metadata(manifest, facts)}
---

# {manifest.name}

Made with slant {manifest.package_version}, commit {manifest.git_commit or "unknown"}\
{" with uncommitted changes" if manifest.git_dirty else ""}. Sentences are cut after {manifest.max_pieces} word pieces and then say so.

## Intended use

A reading aid, research on the wording of news, and pre-sorting for people who then read. It judges single English sentences by their wording.

## Out of scope

- Judging persons, parties or outlets: a sentence's label says how something is told, and nothing of who tells it.
- Telling what is true: loaded sentences may be true, and neutral ones false.
- Languages other than English, and texts that are not news: neither was tested.
- Moderation, ranking or any decision on people without a human who reads the text.

{sections}

## Graphs

{_graphs(manifest)}

{extra}## How to load it

Check it first: `slant verify FOLDER` (`--key PUB` where it is signed).

Python (`pip install slant`):

```python
from slant.serve import Annotator

annotation = Annotator.open("FOLDER").annotate("The warmonger spoke. Rain fell.")
```

Command line:

```sh
slant annotate article.txt --bundle FOLDER
```

HTTP (`pip install 'slant[serve]'`):

```sh
slant serve FOLDER
curl http://127.0.0.1:8000/v1/annotate -H 'Content-Type: application/json' -d '{{"text": "The warmonger spoke."}}'
```
"""
    return str(ModelCard(content))


def _section(head: Head, facts: HeadFacts) -> str:
    """The head's own sections."""
    decision, scores = head.decision, facts.scores or {}
    words = f", word threshold {decision.word_threshold:.3f}" if head.points else ""
    threshold = f"Threshold {decision.threshold:g}" if len(head.labels) == 2 else "The most probable label wins"
    abstains = f"an answer below {decision.abstain_below:g} is abstained from" if decision.abstain_below else "it abstains from nothing"
    named = f"\n\nTargets with a head of their own: {', '.join(head.targets[1:])}." if len(head.targets) > 1 else ""
    what = _WHAT[head.task].format(points=", and marks the loaded words" if head.points else "", reads=_READS[head.reads])
    return f"""## Head `{head.task}`

{what} Model: {head.model}.{named}

### Data

Trained on {facts.trained_on or "rows that nobody wrote down"}. Corpus {head.corpus} (licence {facts.corpus_licence or "unknown"}), fingerprint \
`{head.corpus_fingerprint[:16]}`. Evaluated on the test rows of its split `{head.split_fingerprint[:16]}`, which cuts no article or story in two.

### Scores

{score_table(scores)}

### Slices

{slice_table(facts.slices)}

### Calibration

Temperature {decision.temperature:.3f}, fitted without test rows. {calibration_line(facts.calibration, scores)}

### Decision

{threshold}{words}; {abstains}.

### Behaviour on probes

{probe_table(facts.probes)}

### Leaning

{leaning_lines(facts.leaning)}

### Cost

{cost_line(scores)}"""


def _graphs(manifest: Manifest) -> str:
    lines = []
    for precision, graph in manifest.graphs.items():
        loss = "" if graph.macro_f1_loss is None else f"; macro F1 {-graph.macro_f1_loss:+.4f} against fp32 on the rows it was judged on"
        lines.append(f"- `{precision}`: `{graph.file}`{' (runs unless another is asked for)' if precision == manifest.precision else ''}{loss}")
    return "\n".join(lines)


def _metadata(manifest: Manifest, facts: Mapping[str, HeadFacts]) -> str:
    """The block that the hub reads, as YAML."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="text-classification",
            task_name=f"{head.task} (English news sentences)",
            dataset_type=head.corpus.partition("@")[0] or "unknown",
            dataset_name=head.corpus or "unknown",
            dataset_split="test",
            metric_type=metric,
            metric_name=metric,
            metric_value=round(float(found["value"]), 4),
        )
        for name, head in manifest.heads.items()
        for metric, found in _metrics(facts.get(name))
    ]
    licence = manifest.licence.lower()
    tags = ["text-classification", "onnx", "slant", *dict.fromkeys(tag for head in manifest.heads.values() for tag in _TAGS[head.task])]
    data = ModelCardData(
        language="en",
        license=licence if licence in _LICENCES else "other",
        license_name=None if licence in _LICENCES else manifest.licence,
        library_name="slant",
        pipeline_tag="text-classification",
        tags=tags,
        model_name=manifest.name if results else None,
        eval_results=results or None,
    )
    return str(data.to_yaml()).strip()


def _metrics(facts: HeadFacts | None) -> list[tuple[str, Mapping[str, Any]]]:
    metrics = ((facts.scores if facts else None) or {}).get("metrics", {})
    return [(name, metrics[name]) for name in _RESULTS if name in metrics and metrics[name].get("value") is not None]
