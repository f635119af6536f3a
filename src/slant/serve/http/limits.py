"""From bytes that anybody may have sent to a request that can be answered, or the Problem that says why not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from slant.serve.http.problems import Problem
from slant.serve.http.requests import AnnotateRequest, ScoreRequestItem
from slant.serve.http.settings import Settings
from slant.text.spellings import LONGEST, pieces_of

__all__ = ["check_annotate", "check_score", "check_sentences", "parse_body", "read_body"]

T = TypeVar("T")

#: Of a body that is too large so many bytes are read and dropped: a client that is still sending would not hear the answer.
_DRAIN_BYTES = 16_000_000
_DRAIN_SECONDS = 2.0
#: Said for pydantic's own words, by its kinds of error.
_WORDS = {"string_pattern_mismatch": "Must not be blank.", "extra_forbidden": "There is no such field."}
_NO_STANCE = "No bundle here tells stances. Name no target, or ask a server that has one (/v1/models says what answers)."
_CLOSE = {"Connection": "close"}


async def read_body(request: Request, settings: Settings) -> bytes:
    """The body of a JSON request, at most `max_bytes` in at most `timeout` seconds.

    Raises Problem: not-json for another content type, too-large, slow-body.
    """
    _check_content_type(request)
    parts: list[bytes] = []
    size = 0
    stream = request.stream()
    try:
        async with asyncio.timeout(settings.timeout):
            declared = request.headers.get("content-length", "")
            if declared.isdecimal() and int(declared) > settings.max_bytes:
                # Who asks first whether to send it has not sent it.
                await _refuse_large(None if "100-continue" in request.headers.get("expect", "").lower() else stream, settings)
            async for part in stream:
                size += len(part)
                if size > settings.max_bytes:
                    parts.clear()
                    await _refuse_large(stream, settings)
                parts.append(part)
    except TimeoutError as error:
        detail = f"The body must arrive within {settings.timeout:g} seconds; {size:,} bytes did."
        raise Problem("slow-body", detail, headers=_CLOSE) from error
    return b"".join(parts)


def _check_content_type(request: Request) -> None:
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace('"', "").replace(" ", "")
    # A page of another site may send text/plain without asking its reader; application/json makes the browser ask us first.
    if kind.strip() != "application/json" or charset not in ("", "charset=utf-8", "charset=utf8"):
        # Unread bytes would be taken for the next request's.
        raise Problem("not-json", "Send the body as JSON in UTF-8, with the header Content-Type: application/json.", headers=_CLOSE)


async def _refuse_large(rest: AsyncIterator[bytes] | None, settings: Settings) -> None:
    size = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while rest is not None and size <= _DRAIN_BYTES:
                size += len(await anext(rest))
    except (TimeoutError, StopAsyncIteration):
        pass
    detail = f"A body may have {settings.max_bytes:,} bytes at most. Send it in parts."
    raise Problem("too-large", detail, field="body", headers=_CLOSE)


def parse_body(adapter: TypeAdapter[T], body: bytes) -> T:
    """The request that the body spells.

    Raises Problem: bad-json for what is not JSON in UTF-8 (half of a surrogate pair and brackets too deep among it), bad-field naming
    each field for what breaks the schema.
    """
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        # What was sent stands in neither: the answer may be logged by whoever asked.
        found = error.errors(include_url=False, include_context=False, include_input=False)
        if found[0]["type"] == "json_invalid":
            raise Problem("bad-json", f"{found[0]['msg']}.", field="body") from None
        errors = [(_field(problem["loc"]), _WORDS.get(problem["type"], f"{problem['msg']}.")) for problem in found]
        raise Problem("bad-field", f"{errors[0][0]}: {errors[0][1]}", field=errors[0][0], errors=errors) from None


def _field(location: tuple[Any, ...]) -> str:
    """`targets[0].name`; a strange key is cut short, and the body itself is called body."""
    spelled = ""
    for part in location:
        name = ascii(part)[1:-1][:60] if isinstance(part, str) else f"[{part}]"
        spelled += name if isinstance(part, int) or not spelled else f".{name}"
    return spelled or "body"


def check_annotate(request: AnnotateRequest, settings: Settings, *, stances: bool) -> None:
    """Raises Problem for too many targets, two of one name, a name that is too long to be looked for, and any where nothing tells `stances`."""
    targets = request.targets or []
    if targets and not stances:
        raise Problem("cannot-annotate", _NO_STANCE, field="targets")
    if len(targets) > settings.max_targets:
        raise Problem("too-many", f"{len(targets)} targets; {settings.max_targets} is the most.", field="targets")
    seen: dict[str, int] = {}
    for place, target in enumerate(targets):
        if target.name in seen:
            raise Problem("bad-field", f"The same name as targets[{seen[target.name]}].", field=f"targets[{place}].name")
        seen[target.name] = place
        spellings = [("name", target.name), *((f"aliases[{number}]", alias) for number, alias in enumerate(target.aliases))]
        for key, spelling in spellings:
            _check_name(spelling, f"targets[{place}].{key}")


def check_score(items: list[ScoreRequestItem], settings: Settings, *, stances: bool) -> None:
    """Raises Problem for too many items, two of one id, a mention that is not in its text, and a target where nothing tells `stances`."""
    if len(items) > settings.max_sentences:
        raise Problem("too-many", f"{len(items):,} texts; {settings.max_sentences:,} is the most. Send several lists.", field="body")
    seen: dict[str, int] = {}
    for place, item in enumerate(items):
        if item.id in seen:
            raise Problem("bad-field", f"The same id as [{seen[item.id]}].", field=f"[{place}].id")
        seen[item.id] = place
        if item.target is not None and not stances:
            raise Problem("cannot-annotate", _NO_STANCE, field=f"[{place}].target")
        _check_mention(item, f"[{place}]")


def _check_mention(item: ScoreRequestItem, where: str) -> None:
    if item.target is not None:
        _check_name(item.target, f"{where}.target")
    start, end = item.target_start, item.target_end
    if start is None and end is None:
        return
    if item.target is None:
        raise Problem("bad-field", "There is no target for this mention. Give target, too.", field=f"{where}.target")
    if start is None or end is None:
        missing = "target_start" if start is None else "target_end"
        raise Problem("bad-field", "Give target_start and target_end, or neither.", field=f"{where}.{missing}")
    if end <= start:
        raise Problem("bad-field", f"{end} is not beyond target_start, {start}.", field=f"{where}.target_end")
    if end > len(item.text):
        raise Problem("bad-field", f"{end} lies beyond the text's {len(item.text)} code points.", field=f"{where}.target_end")


def _check_name(name: str, where: str) -> None:
    if len(pieces_of(name)) > LONGEST:
        raise Problem("bad-field", f"A name of more than {LONGEST} words and marks. Give the name alone.", field=where)


def check_sentences(count: int, settings: Settings) -> None:
    """Raises Problem for a document of too many sentences."""
    if count > settings.max_sentences:
        raise Problem("too-many", f"{count:,} sentences; {settings.max_sentences:,} is the most. Send the document in parts.", field="text")
