"""What a client may send."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

__all__ = ["ANNOTATE", "SCORE", "AnnotateRequest", "ScoreRequestItem", "TargetRequest"]

_MAX_NAME = 200
_MAX_ALIASES = 20

#: Something to be looked for: not blank, and on one line.
_Name = Annotated[str, Field(min_length=1, max_length=_MAX_NAME, pattern=r"[^\s]")]


class _Strict(BaseModel):
    """A misspelt field is an error, and "3" is no number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TargetRequest(_Strict):
    """Somebody or something whose treatment is asked about."""

    name: _Name = Field(description="The name as the text has it; shorter forms of it that news uses are found by themselves.")
    aliases: list[_Name] = Field(default=[], max_length=_MAX_ALIASES, description="Other ways in which the text speaks of it.")


class AnnotateRequest(_Strict):
    """A document."""

    text: str = Field(description="The document, as plain text. Offsets in the answer count its Unicode code points.")
    targets: list[TargetRequest] | None = Field(
        default=None, description="Whose treatment is asked about: none or null asks about the document's own main targets, [] about nobody."
    )


class ScoreRequestItem(_Strict):
    """One sentence."""

    id: str = Field(min_length=1, max_length=_MAX_NAME, description="Yours, given back with the answer; no two of a list may be equal.")
    text: str = Field(min_length=1, description="Scored as one sentence, whatever it holds.")
    target: _Name | None = Field(default=None, description="Whose treatment is asked about.")
    target_start: int | None = Field(default=None, ge=0, le=2**31, description="Where the text mentions it, if you know; needs target_end.")
    target_end: int | None = Field(default=None, ge=1, le=2**31, description="The end of the mention, exclusive, in code points.")


ANNOTATE: TypeAdapter[AnnotateRequest] = TypeAdapter(AnnotateRequest)
SCORE: TypeAdapter[list[ScoreRequestItem]] = TypeAdapter(list[ScoreRequestItem])
