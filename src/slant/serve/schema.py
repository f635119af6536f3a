"""Annotations as JSON: the way there and back. What it must look like stands in `slant.serve.published`."""

from __future__ import annotations

import copy
import reprlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from slant.errors import DataError
from slant.records import AnnotatedSentence, AnnotatedSpan, AnnotatedStance, AnnotatedTarget, Annotation, Label
from slant.serve.article import DECIMALS
from slant.serve.published import READ_VERSIONS, SCHEMA_ID, SCHEMA_VERSION, annotation_schema, conform
from slant.serve.summary import Tally, TargetSummary, summarise

__all__ = [
    "DECIMALS",
    "READ_VERSIONS",
    "SCHEMA_ID",
    "SCHEMA_VERSION",
    "annotation_from_json",
    "annotation_schema",
    "annotation_to_json",
    "sentence_to_json",
]


def annotation_to_json(annotation: Annotation) -> dict[str, Any]:
    """An annotation as JSON values that `annotation_schema` describes, and its summary; probabilities are rounded to 6 decimals."""
    return {
        "schema_version": annotation.schema_version,
        "bundles": copy.deepcopy(annotation.bundles),
        "targets": [{"name": target.name, "aliases": list(target.aliases), "mentions": target.mentions} for target in annotation.targets],
        "sentences": [sentence_to_json(sentence) for sentence in annotation.sentences],
        "summary": _summary_to_json(annotation),
    }


def sentence_to_json(sentence: AnnotatedSentence) -> dict[str, Any]:
    """A sentence, of a document or scored alone, as an item of the schema's `sentences`; offsets are those of what it was cut from."""
    return {
        "start": sentence.start,
        "end": sentence.end,
        "text": sentence.text,
        "voice": sentence.voice,
        "speaker": sentence.speaker,
        "speaker_start": sentence.speaker_start,
        "speaker_end": sentence.speaker_end,
        "loaded": {
            "label": sentence.loaded.label,
            "probability": _rounded(sentence.loaded.probability),
            "abstained": bool(sentence.loaded.abstained),
        },
        "spans": [_span_to_json(span) for span in sentence.spans],
        "stance": [_stance_to_json(stance) for stance in sentence.stance],
        "truncated": sentence.truncated,
    }


def annotation_from_json(data: object) -> Annotation:
    """The annotation that JSON values tell of: the inverse of `annotation_to_json`, but for rounded probabilities.

    A document of an older version gives an annotation of the present one. One of version 1 has the voices it has: none, as a rule. In
    one of version 1 or 2 nothing is abstained from, and the targets are those its stances name. The summary is not kept: it
    follows from the rest. Raises DataError, naming the place (as in `sentences[2].spans[0].start`), for anything that
    the schema of the document's version does not allow. Needs no JSON-schema library.
    """
    document: Any = data
    version = document.get("schema_version") if isinstance(document, Mapping) else SCHEMA_VERSION
    if type(version) is not int or version not in READ_VERSIONS:
        known = f"{', '.join(map(str, READ_VERSIONS[:-1]))} or {READ_VERSIONS[-1]}"
        problem = f"schema_version {reprlib.repr(version)} is not {known}"
        raise DataError(problem, where="annotation", remedy="Read it with the version of slant that wrote it")
    conform(document, version)
    sentences = [_sentence_from_json(sentence) for sentence in document["sentences"]]
    if version < 3:
        named = Counter(stance.target for sentence in sentences for stance in sentence.stance)
        targets = [AnnotatedTarget(name, [], mentions) for name, mentions in named.items()]
    else:
        targets = [AnnotatedTarget(**(target | {"aliases": list(target["aliases"])})) for target in document["targets"]]
    return Annotation(
        sentences=sentences,
        bundles=[copy.deepcopy(bundle) for bundle in document["bundles"]],
        schema_version=SCHEMA_VERSION,
        targets=targets,
    )


def _rounded(number: float) -> float:
    return round(float(number), DECIMALS)


def _span_to_json(span: AnnotatedSpan) -> dict[str, Any]:
    return {
        "start": span.start,
        "end": span.end,
        "text": span.text,
        "probability": _rounded(span.probability),
        "voice": span.voice,
        "speaker": span.speaker,
    }


def _stance_to_json(stance: AnnotatedStance) -> dict[str, Any]:
    return {
        "target": stance.target,
        "start": stance.start,
        "end": stance.end,
        "label": stance.label,
        "probabilities": {label: _rounded(p) for label, p in stance.probabilities.items()},
        "abstained": bool(stance.abstained),
    }


def _summary_to_json(annotation: Annotation) -> dict[str, Any]:
    summary = summarise(annotation)
    return {
        "sentences": _tallies_to_json(summary.sentences),
        "spans": dict(summary.spans),
        "words": [{"sentence": index} | _span_to_json(span) for span, index in summary.words],
        "targets": [_target_to_json(about) for about in summary.targets],
    }


def _target_to_json(about: TargetSummary) -> dict[str, Any]:
    return {
        "name": about.target.name,
        "stance": {voice: dict(counts) for voice, counts in about.stance.items()},
        "loaded": _tallies_to_json(about.loaded),
        "words": list(about.words),
    }


def _tallies_to_json(tallies: Mapping[str, Tally]) -> dict[str, Any]:
    def told(tally: Tally) -> dict[str, Any]:
        rate = tally.loaded_rate
        counts = {"sentences": tally.sentences, "loaded": tally.loaded, "abstained": tally.abstained}
        return counts | {"loaded_rate": None if rate is None else _rounded(rate)}

    return {voice: told(tally) for voice, tally in tallies.items()}


def _sentence_from_json(data: dict[str, Any]) -> AnnotatedSentence:
    own = {
        "loaded": Label(**data["loaded"]),
        "spans": [AnnotatedSpan(**span) for span in data["spans"]],
        "stance": [AnnotatedStance(**(stance | {"probabilities": dict(stance["probabilities"])})) for stance in data["stance"]],
    }
    return AnnotatedSentence(**(data | own))
