"""Annotations as JSON: the published schema (contract 5), and the way there and back."""

from __future__ import annotations

import copy
import reprlib
from collections.abc import Mapping
from typing import Any

from slant.errors import DataError
from slant.labels import LOADED, STANCE, TASKS
from slant.records import AnnotatedSentence, AnnotatedSpan, Annotation, Label

__all__ = ["DECIMALS", "SCHEMA_ID", "SCHEMA_VERSION", "annotation_from_json", "annotation_schema", "annotation_to_json"]

SCHEMA_VERSION = 1
SCHEMA_ID = f"urn:slant:annotation:{SCHEMA_VERSION}"
#: Probabilities carry this many decimals.
DECIMALS = 6

_OFFSET = {"type": "integer", "minimum": 0}
_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}
_VOICE = {"enum": ["author", "quoted", None], "description": "Who speaks; null where the bundle does not tell."}


def _object(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema of an object that has these properties, all of them and no others."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_SPAN = _object(
    "A stretch of loaded words.",
    {
        "start": _OFFSET,
        "end": _OFFSET,
        "text": {"type": "string", "minLength": 1},
        "probability": _PROBABILITY | {"description": "The mean of its words' probabilities of being loaded."},
        "voice": _VOICE,
    },
)
_STANCE = _object(
    "The stance of a sentence towards a target it names.",
    {
        "target": {"type": "string"},
        "start": {"type": ["integer", "null"], "minimum": 0, "description": "Where the target is mentioned."},
        "end": {"type": ["integer", "null"], "minimum": 0},
        "label": {"enum": list(STANCE.labels)},
        "probabilities": _object("One for each label.", dict.fromkeys(STANCE.labels, _PROBABILITY)),
    },
)
_LABEL = _object(
    "Whether the sentence is loaded.",
    {
        "label": {"enum": list(LOADED.labels)},
        "probability": _PROBABILITY | {"description": "Of `loaded`, whatever the label."},
        "abstained": {"type": "boolean"},
    },
)
_SENTENCE = _object(
    "A sentence, in reading order.",
    {
        "start": _OFFSET,
        "end": _OFFSET,
        "text": {"type": "string", "minLength": 1},
        "voice": _VOICE,
        "speaker": {"type": ["string", "null"]},
        "loaded": _LABEL,
        "spans": {"type": "array", "items": _SPAN},
        "stance": {"type": "array", "items": _STANCE},
        "truncated": {"type": "boolean", "description": "The model did not read the sentence to its end."},
    },
)
# A later bundle may say more of itself: readers of version 1 pass over it.
_BUNDLE = {
    "type": "object",
    "description": "What said it.",
    "properties": {
        "id": {"type": "string"},
        "task": {"enum": list(TASKS)},
        "package_version": {"type": "string"},
        "threshold": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "word_threshold": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "corpus": {"type": ["string", "null"]},
    },
    "required": ["id", "task", "package_version", "threshold", "word_threshold", "corpus"],
}
_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": SCHEMA_ID,
    "title": "Slant annotation",
} | _object(
    "What Slant says of one document. Offsets are half-open and count Unicode code points of the document as it was given.",
    {
        "schema_version": {"const": SCHEMA_VERSION},
        "bundles": {"type": "array", "items": _BUNDLE},
        "sentences": {"type": "array", "items": _SENTENCE},
    },
)


def annotation_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of `annotation_to_json`'s result; a copy of your own."""
    return copy.deepcopy(_SCHEMA)


def annotation_to_json(annotation: Annotation) -> dict[str, Any]:
    """An annotation as JSON values that `annotation_schema` describes; probabilities are rounded to 6 decimals."""
    return {
        "schema_version": annotation.schema_version,
        "bundles": copy.deepcopy(annotation.bundles),
        "sentences": [_sentence_to_json(sentence) for sentence in annotation.sentences],
    }


def annotation_from_json(data: object) -> Annotation:
    """The annotation that JSON values tell of: the inverse of `annotation_to_json`, but for rounded probabilities.

    Raises DataError, naming the place (as in `sentences[2].spans[0].start`), for anything `annotation_schema` does not allow.
    Needs no JSON-schema library.
    """
    if isinstance(data, Mapping) and data.get("schema_version") != SCHEMA_VERSION:
        problem = f"schema_version {reprlib.repr(data.get('schema_version'))} is not {SCHEMA_VERSION}"
        raise DataError(problem, where="annotation", remedy="Read it with the version of slant that wrote it")
    document: Any = data
    _conform(document, _SCHEMA, "annotation")
    return Annotation(
        sentences=[_sentence_from_json(sentence) for sentence in document["sentences"]],
        bundles=[copy.deepcopy(bundle) for bundle in document["bundles"]],
        schema_version=SCHEMA_VERSION,
    )


def _sentence_to_json(sentence: AnnotatedSentence) -> dict[str, Any]:
    return {
        "start": sentence.start,
        "end": sentence.end,
        "text": sentence.text,
        "voice": sentence.voice,
        "speaker": sentence.speaker,
        "loaded": {
            "label": sentence.loaded.label,
            "probability": round(float(sentence.loaded.probability), DECIMALS),
            "abstained": bool(sentence.loaded.abstained),
        },
        "spans": [
            {
                "start": span.start,
                "end": span.end,
                "text": span.text,
                "probability": round(float(span.probability), DECIMALS),
                "voice": span.voice,
            }
            for span in sentence.spans
        ],
        "stance": [_stance_to_json(stance) for stance in sentence.stance],
        "truncated": sentence.truncated,
    }


def _stance_to_json(stance: dict[str, Any]) -> dict[str, Any]:
    rounded = {label: round(float(p), DECIMALS) for label, p in stance["probabilities"].items()}
    return stance | {"probabilities": rounded}


def _sentence_from_json(data: dict[str, Any]) -> AnnotatedSentence:
    own = {
        "loaded": Label(**data["loaded"]),
        "spans": [AnnotatedSpan(**span) for span in data["spans"]],
        "stance": copy.deepcopy(data["stance"]),
    }
    return AnnotatedSentence(**(data | own))


_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def _conform(value: Any, schema: dict[str, Any], where: str) -> None:
    """Raise DataError where `value` breaks `schema`: the keywords that `_SCHEMA` uses, so that what is published is what is kept.

    Stricter than the standard in two things: 3.0 is no integer (offsets must slice), and NaN is no probability.
    """
    if problem := _breach(value, schema):
        raise DataError(problem, where=where, remedy="Compare it with slant.serve.schema.annotation_schema()")
    if isinstance(value, dict):
        for key, item in value.items():
            if key in schema.get("properties", {}):
                _conform(item, schema["properties"][key], f"{where}.{key}")
    if isinstance(value, list):
        for index, item in enumerate(value):
            _conform(item, schema["items"], f"{where}[{index}]")


def _breach(value: Any, schema: dict[str, Any]) -> str:
    """What is wrong with `value` itself, its items and properties left aside; "" where nothing is."""
    if "const" in schema and (isinstance(value, bool) or value != schema["const"]):
        return f"must be {schema['const']!r}, not {reprlib.repr(value)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"must be one of {schema['enum']}, not {reprlib.repr(value)}"
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        # bool is a kind of int to Python, not to JSON.
        if not any(isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names):
            return f"must be {' or '.join(names)}, not {type(value).__name__}"
    if isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return f"{value} lies outside [{schema.get('minimum', '')}, {schema.get('maximum', '')}]"
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        return "must not be empty"
    if isinstance(value, dict):
        if missing := [key for key in schema.get("required", ()) if key not in value]:
            return f"{missing[0]!r} is missing"
        if schema.get("additionalProperties") is False and (strange := [key for key in value if key not in schema["properties"]]):
            return f"has an unknown key {strange[0]!r}"
    return ""
