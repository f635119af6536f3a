"""Writing, reading and naming predictions tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from slant.errors import DataError
from slant.evaluation.checks import check_table
from slant.evaluation.schema import KEY, LATER, REMEDY, REQUIRED, PredictionsMeta, arrow_schema, footer_of, meta_from_footer
from slant.files import write_atomic
from slant.records import Span

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Predictions", "make_predictions", "predictions_hash", "read_predictions", "write_predictions"]


@dataclass(frozen=True)
class Predictions:
    """A predictions table that was found acceptable.

    Attributes:
        table: a `pyarrow.Table` with the columns of `arrow_schema(meta.labels)`.
        meta: what its footer says.
        where: the file it came from, or a name for one that was never written.
    """

    table: pa.Table
    meta: PredictionsMeta
    where: str = "predictions"

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def column(self, name: str) -> npt.NDArray[Any]:
        """A flat column as a numpy array, strings as objects with None for null."""
        return np.asarray(self.table[name].to_numpy())

    def label_index(self, name: str) -> npt.NDArray[np.int64]:
        """`gold` or `pred` as label indices `(n,)`, -1 for null."""
        numbers = {label: index for index, label in enumerate(self.meta.labels)}
        return np.array([numbers.get(label, -1) for label in self.table[name].to_pylist()], np.int64)

    def probabilities(self) -> npt.NDArray[np.float64]:
        """Probabilities `(n, k)` in label order."""
        return np.stack([self.column(f"p_{label}") for label in self.meta.labels], axis=1)

    def select(self, mask: npt.ArrayLike) -> Predictions:
        """The rows where the true/false `mask` `(n,)` is true."""
        import pyarrow as pa

        return Predictions(self.table.filter(pa.array(np.asarray(mask, bool))), self.meta, self.where)


def make_predictions(columns: Mapping[str, Sequence[Any]], meta: PredictionsMeta, *, where: str = "predictions") -> Predictions:
    """A predictions table from columns of equal length, checked but not written.

    `gold`, spans, words, votes and descriptive columns may be left out and are then null; `truncated` and `abstained` are then False.
    Spans are mappings or `slant.records.Span`. Raises DataError for an unknown, missing or unequal column, and for everything
    that `check_table` refuses.
    """
    import pyarrow as pa

    schema = arrow_schema(meta.labels)
    unknown = sorted(set(columns) - set(schema.names))
    if unknown:
        raise DataError(f"unknown column {unknown[0]!r}", where=where, remedy=f"The columns are {', '.join(schema.names)}")
    missing = [name for name in (*REQUIRED, *(f"p_{label}" for label in meta.labels)) if name not in columns]
    if missing:
        raise DataError(f"the column {missing[0]!r} is missing", where=where, remedy="Give one value for each row")
    rows = len(columns["id"])
    arrays = []
    for field in schema:
        values = columns.get(field.name, [False if field.name in ("truncated", "abstained") else None] * rows)
        if len(values) != rows:
            problem = f"the column {field.name!r} has {len(values)} values for {rows} ids"
            raise DataError(problem, where=where, remedy="Give one value for each row")
        if field.name.startswith("spans_"):
            values = [_span_mappings(spans) for spans in values]
        try:
            arrays.append(pa.array(values, type=field.type))
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            problem = f"the column {field.name!r} cannot hold its values as {field.type}: {error}"
            raise DataError(problem, where=where, remedy="Mend the values") from error
    table = pa.Table.from_arrays(arrays, schema=schema)
    check_table(table, meta, where)
    return Predictions(table, meta, where)


def _span_mappings(spans: Iterable[object] | None) -> list[object] | None:
    return None if spans is None else [vars(span) if isinstance(span, Span) else span for span in spans]


def write_predictions(path: str | Path, columns: Mapping[str, Sequence[Any]], meta: PredictionsMeta) -> Predictions:
    """Write a predictions table as Parquet and return it; the file appears whole or not at all.

    Takes and refuses what `make_predictions` does. Raises StorageError when the disk is full or cannot be written.
    """
    import pyarrow.parquet as pq

    target = Path(path)
    predictions = make_predictions(columns, meta, where=str(target))
    with write_atomic(target) as part:
        pq.write_table(predictions.table.replace_schema_metadata(footer_of(meta)), part, compression="zstd")
    return predictions


def read_predictions(path: str | Path) -> Predictions:
    """Read a predictions table. Columns it does not know are ignored, and those that came later than the table are null.

    Raises DataError, naming file, row, column and remedy, for a file that is missing, cut short or not Parquet, lacks a column
    or footer key, is empty, or holds what `check_table` refuses.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = str(path)
    if not Path(path).is_file():
        raise DataError("there is no such predictions file", where=where, remedy="Check the path, or run the evaluation first")
    try:
        # Arrow's own file, so that none of its threads ever waits for Python's lock: not while the process ends, either.
        with pa.OSFile(where, "rb") as file:
            table = pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        problem = f"not a readable Parquet file, perhaps cut short ({str(error).splitlines()[0]})"
        raise DataError(problem, where=where, remedy="Run the evaluation again") from error
    meta = meta_from_footer(table.schema.metadata, where)
    schema = arrow_schema(meta.labels)
    for name in schema.names:
        if name not in table.column_names and name in LATER:
            table = table.append_column(schema.field(name), pa.nulls(table.num_rows, schema.field(name).type))
        if name not in table.column_names:
            raise DataError(f"the column {name!r} is missing", where=where, remedy=REMEDY)
        if not table.schema.field(name).type.equals(schema.field(name).type):
            problem = f"the column {name!r} is {table.schema.field(name).type}, not {schema.field(name).type}"
            raise DataError(problem, where=where, remedy=REMEDY)
    table = table.select(schema.names).replace_schema_metadata(None)
    check_table(table, meta, where)
    return Predictions(table, meta, where)


def predictions_hash(predictions: Predictions | str | Path) -> str:
    """The sha256 of what was predicted: keys, labels and probabilities to 6 decimals, whatever the order of rows or the run id.

    Two runs of one command have the same hash. Raises DataError as `read_predictions` when given a path.
    """
    read = predictions if isinstance(predictions, Predictions) else read_predictions(predictions)
    keys = list(zip(*(read.table[name].to_pylist() for name in (*KEY, "pred")), strict=True))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    digest = hashlib.sha256(json.dumps([read.meta.task, read.meta.labels, [keys[row] for row in order]]).encode())
    digest.update(np.rint(read.probabilities()[order] * 1e6).astype("<i8").tobytes())
    return digest.hexdigest()
