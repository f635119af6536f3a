"""What OpenAPI says of each path: schemas that are those the server itself checks and answers by, with examples."""

from __future__ import annotations

import copy
from typing import Any

from pydantic import TypeAdapter
from starlette.responses import PlainTextResponse

from slant.labels import LOADED, STANCE
from slant.records import AnnotatedSentence, AnnotatedSpan, AnnotatedStance, AnnotatedTarget, Annotation, Label
from slant.serve.http.problems import MEDIA_TYPE, PROBLEMS, problem_schema
from slant.serve.http.requests import ANNOTATE, SCORE
from slant.serve.http.settings import Settings
from slant.serve.schema import SCHEMA_VERSION, annotation_schema, annotation_to_json, sentence_to_json

__all__ = ["DESCRIPTION", "describe", "with_examples"]

DESCRIPTION = """Loaded language, and the stance towards named targets, in English news text: sentence by sentence.

Offsets are half-open and count Unicode code points. Whatever cannot be answered is an RFC 9457 problem that names the field at fault."""

_TEXT = "The regime’s henchmen silenced the council. “It was a quiet vote,” said Mayor Ada Quill."
_ITEMS = [
    {"id": "a-1", "text": "The regime’s henchmen silenced the council."},
    {"id": "a-2", "text": "Quill is a disgrace to the city.", "target": "Quill", "target_start": 0, "target_end": 5},
]
_OF_BODY = ("bad-json", "slow-body", "too-large", "not-json", "bad-field", "too-many", "cannot-annotate", "busy", "not-ready", "too-slow")


def describe(path: str, settings: Settings) -> dict[str, Any]:
    """What `FastAPI.add_api_route` is told of a path of the API, beside what answers at it."""
    return _DESCRIBE[path](settings)


def with_examples(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with an example of each answer: FastAPI leaves every null out of those that it is given."""
    annotation = _annotation()
    examples = {
        "/v1/annotate": annotation_to_json(annotation),
        "/v1/score": {"bundles": annotation.bundles, "results": [{"id": "a-1"} | sentence_to_json(annotation.sentences[0])]},
        "/v1/models": {"models": annotation.bundles},
        "/healthz": {"status": "ok"},
        "/readyz": {"status": "ready"},
    }
    for path, example in examples.items():
        for operation in document["paths"][path].values():
            operation["responses"]["200"]["content"]["application/json"]["example"] = example
    return document


def _annotate(settings: Settings) -> dict[str, Any]:
    schema = _inline(ANNOTATE)
    listed = next(kind for kind in schema["properties"]["targets"]["anyOf"] if kind.get("type") == "array")
    listed["maxItems"] = settings.max_targets
    examples = {
        "document": {"summary": "A document, and whom it is mainly about", "value": {"text": _TEXT}},
        "targets": {"summary": "A document, and two named targets", "value": {"text": _TEXT, "targets": _TARGETS}},
        "nobody": {"summary": "Loaded language alone", "value": {"text": _TEXT, "targets": []}},
    }
    answer = annotation_schema()
    for key in ("$schema", "$id"):  # a schema of its own within a document of another name would not be found
        del answer[key]
    return _operation("Annotate a document", _body(schema, examples), answer, _OF_BODY, settings)


def _score(settings: Settings) -> dict[str, Any]:
    schema = _inline(SCORE) | {"maxItems": settings.max_sentences}
    sentence = annotation_schema()["properties"]["sentences"]["items"]
    result = copy.deepcopy(sentence) | {"description": "The text as one sentence, and whose it is."}
    result["properties"] = {"id": {"type": "string"}} | result["properties"]
    result["required"] = ["id", *result["required"]]
    bundles = annotation_schema()["properties"]["bundles"]
    answer = _object({"bundles": bundles, "results": {"type": "array", "items": result, "description": "In the order they were sent."}})
    return _operation("Score texts, each as one sentence", _body(schema, {"two": {"value": _ITEMS}}), answer, _OF_BODY, settings)


def _models(settings: Settings) -> dict[str, Any]:
    answer = _object({"models": annotation_schema()["properties"]["bundles"]})
    return _operation("What answers here", {}, answer, (), settings)


def _health(settings: Settings) -> dict[str, Any]:
    return _operation("Whether the server runs", {}, _object({"status": {"const": "ok"}}), (), None)


def _ready(settings: Settings) -> dict[str, Any]:
    return _operation("Whether it takes requests", {}, _object({"status": {"const": "ready"}}), ("not-ready",), None)


def _measure(settings: Settings) -> dict[str, Any]:
    told = _operation("Counters, for Prometheus", {}, {}, (), settings)
    told["responses"][200] = {"description": "Prometheus's text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    return told | {"response_class": PlainTextResponse}


_DESCRIBE = {
    "/v1/annotate": _annotate,
    "/v1/score": _score,
    "/v1/models": _models,
    "/healthz": _health,
    "/readyz": _ready,
    "/metrics": _measure,
}


def _operation(summary: str, extra: dict[str, Any], schema: dict[str, Any], problems: tuple[str, ...], settings: Settings | None) -> dict[str, Any]:
    """`settings` are those of a guarded path; None for one that asks for no token."""
    guarded = settings is not None and settings.token is not None
    named = [*problems, "failed", *(["no-token"] if guarded else [])]
    responses: dict[int | str, dict[str, Any]] = {200: {"description": "The answer.", "content": {"application/json": {"schema": schema}}}}
    for status in sorted({PROBLEMS[name][0] for name in named}):
        titles = [PROBLEMS[name][1] for name in named if PROBLEMS[name][0] == status]
        responses[status] = {"description": ". ".join(titles) + ".", "content": {MEDIA_TYPE: {"schema": problem_schema()}}}
    if 429 in responses:
        after = {"description": "Seconds after which to try again.", "schema": {"type": "integer", "minimum": 1}}
        responses[429]["headers"] = {"Retry-After": after}
    return {"summary": summary, "responses": responses, "openapi_extra": extra}


def _body(schema: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}}}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _inline(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """The adapter's schema with each `$ref` replaced by what it names: none refers to itself."""
    schema = adapter.json_schema()
    named = schema.pop("$defs", {})

    def resolve(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                return resolve(named[value["$ref"].rpartition("/")[2]])
            return {key: resolve(item) for key, item in value.items()}
        return [resolve(item) for item in value] if isinstance(value, list) else value

    resolved: dict[str, Any] = resolve(schema)
    return resolved


_TARGETS = [{"name": "Ada Quill", "aliases": ["the mayor"]}, {"name": "the council"}]


def _annotation() -> Annotation:
    """An example, made by hand; it goes through the same functions as an answer does, so that it has an answer's form."""
    first, second = _TEXT[:43], _TEXT[44:]
    start = _TEXT.index("henchmen")
    speaker = _TEXT.index("Ada Quill")
    probabilities = dict(zip(STANCE.labels, (0.05, 0.85, 0.1), strict=True))
    bundle: dict[str, object] = {
        "id": "0123456789abcdef",
        "name": "example",
        "task": LOADED.name,
        "task_version": LOADED.version,
        "package_version": "0.1.0",
        "threshold": 0.5,
        "word_threshold": 0.4,
        "corpus": "example@1",
    }
    return Annotation(
        [
            AnnotatedSentence(0, 43, first, Label("loaded", 0.93), [AnnotatedSpan(start, start + 8, "henchmen", 0.91, "author")], voice="author"),
            AnnotatedSentence(
                44,
                len(_TEXT),
                second,
                Label("neutral", 0.08),
                voice="mixed",
                speaker="Ada Quill",
                stance=[AnnotatedStance("Ada Quill", speaker, speaker + 9, "neutral", probabilities)],
                speaker_start=speaker,
                speaker_end=speaker + 9,
            ),
        ],
        [bundle],
        SCHEMA_VERSION,
        [AnnotatedTarget("Ada Quill", ["the mayor"], 1)],
    )
