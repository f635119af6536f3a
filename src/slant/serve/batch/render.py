"""Scored rows as the bytes of an output's part."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from slant.labels import STANCE
from slant.records import AnnotatedSentence
from slant.serve.batch.extras import need
from slant.serve.batch.formats import Format, compress
from slant.serve.batch.rows import Rejected, Row
from slant.serve.schema import sentence_to_json

__all__ = ["COLUMNS", "STANCE_COLUMNS", "arrow_schema", "header", "render_rejected", "render_rows"]

#: The columns of CSV and Parquet, and their Arrow types; `spans` is JSON in CSV.
COLUMNS = {
    "row": "int64",
    "id": "string",
    "text": "string",
    "label": "string",
    "probability": "float64",
    "abstained": "bool",
    "voice": "string",
    "speaker": "string",
    "speaker_start": "int64",
    "speaker_end": "int64",
    "spans": "spans",
    "truncated": "bool",
}
#: More of them where targets are asked about.
STANCE_COLUMNS = {
    "target": "string",
    "stance": "string",
    "stance_abstained": "bool",
    "stance_start": "int64",
    "stance_end": "int64",
} | {f"stance_p_{label}": "float64" for label in STANCE.labels}
_SPAN = {"start": "int64", "end": "int64", "text": "string", "probability": "float64", "voice": "string", "speaker": "string"}

Scored = Sequence[tuple[Row, AnnotatedSentence]]


def header(how: Format, *, stance: bool) -> bytes:
    """What stands before the first part."""
    return compress(_csv_lines([_names(stance)], how), how.compression) if how.kind in ("csv", "tsv") else b""


def render_rows(scored: Scored, how: Format, *, stance: bool) -> bytes:
    """A part of the output. Parts of CSV and JSONL may follow one another; one of Parquet is an Arrow stream, to be joined with the others."""
    if how.kind == "jsonl":
        return compress(b"".join(_json_line(_object(row, sentence, stance)) for row, sentence in scored), how.compression)
    flat = [_flat(row, sentence, stance) for row, sentence in scored]
    if how.kind == "parquet":
        return _arrow_stream(flat, stance)
    return compress(_csv_lines(([_cell(value) for value in cells.values()] for cells in flat), how), how.compression) if flat else b""


def render_rejected(rejected: Iterable[Rejected]) -> bytes:
    """Lines of JSON, in the order of the rows."""
    return b"".join(_json_line(row._asdict()) for row in sorted(rejected))


def arrow_schema(*, stance: bool) -> Any:
    """The pyarrow schema of the Parquet output."""
    pa = need("pyarrow", "Parquet")
    spans = pa.list_(pa.struct([(name, pa.type_for_alias(kind)) for name, kind in _SPAN.items()]))
    columns = COLUMNS | (STANCE_COLUMNS if stance else {})
    return pa.schema([(name, spans if kind == "spans" else pa.type_for_alias(kind)) for name, kind in columns.items()])


def _names(stance: bool) -> list[str]:
    return [*COLUMNS, *(STANCE_COLUMNS if stance else ())]


def _object(row: Row, sentence: AnnotatedSentence, stance: bool) -> dict[str, Any]:
    asked = {"target": row.target} if stance else {}
    return {"row": row.number, "id": row.id} | asked | sentence_to_json(sentence)


def _flat(row: Row, sentence: AnnotatedSentence, stance: bool) -> dict[str, Any]:
    """A value for each column; where no stance is told, those of the stance are None."""
    told = sentence_to_json(sentence)
    cells: dict[str, Any] = {name: told.get(name) for name in COLUMNS} | told["loaded"] | {"row": row.number, "id": row.id}
    if stance:
        found = told["stance"][0] if told["stance"] else {}
        cells |= {"target": row.target, "stance": found.get("label")}
        cells |= {f"stance_{name}": found.get(name) for name in ("abstained", "start", "end")}
        cells |= {f"stance_p_{label}": found.get("probabilities", {}).get(label) for label in STANCE.labels}
    return cells


def _json_line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8") + b"\n"


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _csv_lines(records: Iterable[Sequence[Any]], how: Format) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter="\t" if how.kind == "tsv" else ",", lineterminator="\n").writerows(records)
    return buffer.getvalue().encode("utf-8")


def _arrow_stream(flat: list[dict[str, Any]], stance: bool) -> bytes:
    pa = need("pyarrow", "Parquet")
    schema = arrow_schema(stance=stance)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(pa.Table.from_pylist(flat, schema=schema))
    return bytes(sink.getvalue())
