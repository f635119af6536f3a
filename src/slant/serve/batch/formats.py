"""Which format and compression a file has, by its name."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import PurePath

from slant.errors import ConfigError
from slant.serve.batch.extras import need

__all__ = ["STANDARD", "Format", "compress", "format_of"]

#: Standard input or output.
STANDARD = "-"
_KINDS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}


@dataclass(frozen=True)
class Format:
    """`kind` is csv, tsv, jsonl or parquet; `compression` gzip, zstd or None."""

    kind: str
    compression: str | None = None


def format_of(name: str) -> Format:
    """The format that a file's name tells; of `-`, plain JSONL. Raises ConfigError for any other name, and for a missing library."""
    if name == STANDARD:
        return Format("jsonl")
    path = PurePath(name.lower())
    compression = _COMPRESSIONS.get(path.suffix)
    kind = _KINDS.get(PurePath(path.stem).suffix if compression else path.suffix)
    if kind is None:
        raise ConfigError(
            "its name does not tell its format", where=name, remedy=f"Name it {', '.join(_KINDS)}; all but Parquet may end in .gz or .zst"
        )
    if kind == "parquet":
        if compression:
            raise ConfigError("a Parquet file compresses its own columns", where=name, remedy=f"Name it {name[: -len(path.suffix)]}")
        need("pyarrow", "Parquet")
    if compression == "zstd":
        need("pyarrow", "zstd")
    return Format(kind, compression)


def compress(data: bytes, compression: str | None) -> bytes:
    """The bytes as a gzip member or zstd frame of their own, which may follow another; always the same for the same bytes."""
    if compression == "gzip":
        return gzip.compress(data, compresslevel=6, mtime=0)
    if compression == "zstd":
        return bytes(need("pyarrow", "zstd").Codec("zstd").compress(data, asbytes=True))
    return data
