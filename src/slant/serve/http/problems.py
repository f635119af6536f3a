"""What went wrong with a request, as RFC 9457 `application/problem+json`: one line for people, and the field for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

__all__ = ["MEDIA_TYPE", "PROBLEMS", "Problem", "problem_of_status", "problem_schema", "respond"]

MEDIA_TYPE = "application/problem+json"

#: name: (status, title). The name is the last part of the problem's `type`.
PROBLEMS = {
    "bad-json": (400, "The body is not JSON"),
    "no-token": (401, "A bearer token is needed"),
    "not-found": (404, "There is nothing at this path"),
    "bad-method": (405, "This path does not answer to this method"),
    "slow-body": (408, "The body took too long to arrive"),
    "too-large": (413, "The body is too large"),
    "not-json": (415, "The body must be application/json in UTF-8"),
    "bad-field": (422, "A field is not what it must be"),
    "too-many": (422, "More than one request may hold"),
    "cannot-annotate": (422, "This cannot be annotated"),
    "busy": (429, "Too many requests are waiting"),
    "failed": (500, "The server failed"),
    "not-ready": (503, "The server is not ready"),
    "too-slow": (504, "The answer took too long"),
}
_OF_STATUS = {404: "not-found", 405: "bad-method"}
#: Of a request with more wrong fields than this the first ones are told.
_MOST_ERRORS = 20


class Problem(HTTPException):
    """A request that cannot be answered.

    Args:
        name: one of PROBLEMS.
        detail: what was found and what to do, in a sentence or two; never a trace, never the text.
        field: where, as in `targets[0].name`; "" for the request as a whole.
        errors: further fields with what is wrong with each; the first is `field` again.
        headers: of the response.
    """

    def __init__(
        self, name: str, detail: str, *, field: str = "", errors: Sequence[tuple[str, str]] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.field = name, field
        self.errors = list(errors) or ([(field, detail)] if field else [])
        super().__init__(PROBLEMS[name][0], detail, dict(headers or {}))

    def to_json(self) -> dict[str, Any]:
        """The members of RFC 9457, `field` and, where a field is at fault, `errors` [{field, detail}]."""
        status, title = PROBLEMS[self.name]
        told: dict[str, Any] = {"type": f"urn:slant:problem:{self.name}", "title": title, "status": status, "detail": self.detail}
        if self.errors:
            shown = [{"field": field, "detail": detail} for field, detail in self.errors[:_MOST_ERRORS]]
            told |= {"field": self.field, "errors": shown}
        return told


def respond(problem: Problem) -> Response:
    """The problem as a response."""
    content = json.dumps(problem.to_json(), ensure_ascii=True).encode()
    return Response(content, problem.status_code, headers=dict(problem.headers or {}), media_type=MEDIA_TYPE)


def problem_of_status(error: HTTPException) -> Problem:
    """What the framework itself found: an unknown path, a method that a path does not know."""
    if isinstance(error, Problem):
        return error
    name = _OF_STATUS.get(error.status_code, "failed" if error.status_code >= 500 else "bad-json")
    remedy = {"not-found": "What there is stands in /openapi.json.", "bad-method": f"Use {(error.headers or {}).get('Allow', 'another')}."}
    return Problem(name, f"{PROBLEMS[name][1]}. {remedy.get(name, '')}".strip(), headers=error.headers)


def problem_schema() -> dict[str, Any]:
    """The JSON schema of a problem, for OpenAPI."""
    wrong = {
        "type": "object",
        "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
        "required": ["field", "detail"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "title": "Problem",
        "description": "RFC 9457: what went wrong, and with which field.",
        "properties": {
            "type": {"enum": [f"urn:slant:problem:{name}" for name in PROBLEMS]},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What was found and what to do."},
            "field": {"type": "string", "description": "The first field at fault, as in `targets[0].name`; absent where none is."},
            "errors": {"type": "array", "items": wrong, "maxItems": _MOST_ERRORS},
        },
        "required": ["type", "title", "status", "detail"],
        "additionalProperties": False,
    }
