"""The published JSON schemas of an annotation (contract 5), and the check that a document keeps one."""

from __future__ import annotations

import copy
import reprlib
from typing import Any

from slant.errors import DataError
from slant.labels import LOADED, STANCE, TASKS
from slant.serve.summary import SENTENCE_VOICES, SPAN_VOICES, UNDECIDED

__all__ = ["READ_VERSIONS", "SCHEMA_ID", "SCHEMA_VERSION", "annotation_schema", "conform"]

SCHEMA_VERSION = 3
#: What `annotation_from_json` reads.
READ_VERSIONS = (1, 2, 3)
SCHEMA_ID = f"urn:slant:annotation:{SCHEMA_VERSION}"

_OFFSET = {"type": "integer", "minimum": 0}
_OFFSET_OR_NULL = {"type": ["integer", "null"], "minimum": 0}
_COUNT = {"type": "integer", "minimum": 0}
_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}
_SPAN_VOICE = {"enum": [*SPAN_VOICES, None], "description": "Whether it stands in direct speech; null where nobody told."}
_VOICE = {
    "enum": [*SENTENCE_VOICES, None],
    "description": "Whose words: the author's (speech reported without quotation marks too), all a quotation, or both; null where nobody told.",
}


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
        "voice": _SPAN_VOICE,
        "speaker": {"type": ["string", "null"], "description": "Whose direct speech it is, where the document names them."},
    },
)
_STANCE = _object(
    "The stance of a sentence towards a target it names.",
    {
        "target": {"type": "string"},
        "start": _OFFSET_OR_NULL | {"description": "Where the target is mentioned."},
        "end": _OFFSET_OR_NULL,
        "label": {"enum": list(STANCE.labels)},
        "probabilities": _object("One for each label.", dict.fromkeys(STANCE.labels, _PROBABILITY)),
        "abstained": {"type": "boolean", "description": "Too unsure to judge; `label` is then the likeliest."},
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
        "speaker": {"type": ["string", "null"], "description": "Who speaks, or is reported, as the document names them."},
        "speaker_start": _OFFSET_OR_NULL | {"description": "Where the document names the speaker; in another sentence, it may be."},
        "speaker_end": _OFFSET_OR_NULL,
        "loaded": _LABEL,
        "spans": {"type": "array", "items": _SPAN},
        "stance": {"type": "array", "items": _STANCE},
        "truncated": {"type": "boolean", "description": "The model did not read the sentence to its end."},
    },
)
_TALLY = _object(
    "Sentences of one voice.",
    {
        "sentences": _COUNT,
        "loaded": _COUNT | {"description": "Judged loaded, and not abstained from."},
        "abstained": _COUNT,
        "loaded_rate": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "loaded / sentences; null without sentences."},
    },
)
_WORD = _object("A loaded span.", {"sentence": _OFFSET | {"description": "The index of its sentence."}} | _SPAN["properties"])
_TARGET = _object(
    "A target that the document was read for.",
    {
        "name": {"type": "string", "minLength": 1},
        "aliases": {"type": "array", "items": {"type": "string"}, "description": "Other names of it that were looked for."},
        "mentions": _COUNT | {"description": "How often the document names it; 0 where it does not occur."},
    },
)
_STANCES = _object("Stances of sentences in one voice: by label, those abstained from apart.", dict.fromkeys((*STANCE.labels, UNDECIDED), _COUNT))
_ABOUT = _object(
    "What follows for one target from the sentences that tell a stance towards it.",
    {
        "name": {"type": "string", "minLength": 1},
        "stance": _object("By the sentence's voice.", dict.fromkeys(("all", *SENTENCE_VOICES), _STANCES)),
        "loaded": _object("Those sentences, by voice.", dict.fromkeys(("all", *SENTENCE_VOICES), _TALLY)),
        "words": {"type": "array", "items": _OFFSET, "description": "Their loaded spans, as indices into the summary's `words`."},
    },
)
_SUMMARY = _object(
    "The document in numbers: all that follows from its sentences. A voice that nobody told is counted under `all` alone.",
    {
        "sentences": _object("By the sentence's voice.", dict.fromkeys(("all", *SENTENCE_VOICES), _TALLY)),
        "spans": _object("The number of loaded spans, by the span's voice.", dict.fromkeys(("all", *SPAN_VOICES), _COUNT)),
        "words": {"type": "array", "items": _WORD, "description": "The loaded spans, the most probable first."},
        "targets": {"type": "array", "items": _ABOUT, "description": "In the order of the document's `targets`."},
    },
)
# A later bundle may say more of itself: readers of this version pass over it.
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
        "targets": {"type": "array", "items": _TARGET, "description": "As they were asked for, or the document's own by frequency."},
        "sentences": {"type": "array", "items": _SENTENCE},
        "summary": _SUMMARY,
    },
)


def _without(schema: dict[str, Any], *later: str) -> None:
    """Take what came later out of an object's schema, in place."""
    for key in later:
        del schema["properties"][key]
        schema["required"].remove(key)


def _second_version() -> dict[str, Any]:
    """The schema of version 2, which told no targets: the present one without what came after."""
    schema = copy.deepcopy(_SCHEMA)
    _without(schema, "targets")
    _without(schema["properties"]["summary"], "targets")
    _without(schema["properties"]["sentences"]["items"]["properties"]["stance"]["items"], "abstained")
    schema["properties"]["schema_version"]["const"] = 2
    return schema | {"$id": "urn:slant:annotation:2"}


def _first_version() -> dict[str, Any]:
    """The schema of version 1, which told no voices: the second without what came after."""
    schema = _second_version()
    sentence = schema["properties"]["sentences"]["items"]
    span = sentence["properties"]["spans"]["items"]
    _without(schema, "summary")
    _without(sentence, "speaker_start", "speaker_end")
    _without(span, "speaker")
    voice = {"enum": ["author", "quoted", None], "description": "Who speaks; null where the bundle does not tell."}
    sentence["properties"] |= {"voice": voice, "speaker": {"type": ["string", "null"]}}
    span["properties"] |= {"voice": voice}
    schema["properties"]["schema_version"]["const"] = 1
    return schema | {"$id": "urn:slant:annotation:1"}


_SCHEMAS = {1: _first_version(), 2: _second_version(), SCHEMA_VERSION: _SCHEMA}


def annotation_schema(version: int = SCHEMA_VERSION) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of what `annotation_to_json` gives, or that of an older one of READ_VERSIONS; a copy of your own."""
    return copy.deepcopy(_SCHEMAS[version])


_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def conform(value: Any, version: int) -> None:
    """Raise DataError, naming the place (as in `annotation.sentences[2].start`), where a document breaks that version's schema.

    Stricter than the standard in two things: 3.0 is no integer (offsets must slice), and NaN is no probability.
    """
    _conform(value, _SCHEMAS[version], "annotation")


def _conform(value: Any, schema: dict[str, Any], where: str) -> None:
    """`value` against the keywords that the schemas use, so that what is published is what is kept."""
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
