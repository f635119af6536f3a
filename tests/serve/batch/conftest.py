"""A job on a small table, and what a table of each format holds."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from slant.serve.batch import Job, Report, score_table

Score = Callable[..., Report]


@pytest.fixture
def score(tiny_bundle: Path) -> Score:
    """`score_table` with the tiny bundle and options of `Job`."""

    def call(source: object, output: object, bundles: Sequence[Path] = (tiny_bundle,), **options: Any) -> Report:
        return score_table(Job(str(source), str(output), tuple(map(str, bundles)), **options))

    return call


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """The rows in the format that the name tells."""
    data = b""
    if ".jsonl" in path.name:
        data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    elif ".csv" in path.name:
        text = io.StringIO()
        writer = csv.DictWriter(text, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
        data = text.getvalue().encode()
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
        return path
    if path.suffix == ".zst":
        import pyarrow as pa

        data = pa.Codec("zstd").compress(data, asbytes=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read_table(path: Path) -> list[dict[str, Any]]:
    """The rows of an output, with JSON cells of CSV read."""
    data = b"" if path.suffix == ".parquet" else path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".zst":
        import pyarrow as pa

        data = pa.input_stream(pa.BufferReader(data), compression="zstd").read()
    if ".jsonl" in path.name:
        return [json.loads(line) for line in data.splitlines()]
    if ".csv" in path.name:
        return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))
    import pyarrow.parquet as pq

    return list(pq.read_table(path).to_pylist())


def rejected(output: Path) -> list[dict[str, Any]]:
    return read_table(Path(f"{output}.rejected.jsonl"))


@pytest.fixture(scope="session")
def sentences(tiny_rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """60 rows with ids and texts."""
    return [{"id": row["id"], "text": row["text"]} for row in tiny_rows[:60]]
