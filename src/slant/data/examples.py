"""The Example table (contract 1 of docs/design.md): its columns, its checks, its fingerprint."""

from __future__ import annotations

import hashlib
import json
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from slant.errors import DataError
from slant.labels import TASKS
from slant.records import EXAMPLE_COLUMNS

if TYPE_CHECKING:
    from datasets import Dataset, Features

__all__ = ["MAX_CHARACTERS", "column", "corpus_fingerprint", "features", "make_dataset", "without_nulls"]

#: A sentence longer than this is a file read with the wrong separator or line ends, not a sentence.
MAX_CHARACTERS = 20_000

#: Rows a batch, and the bytes of a table above which it goes to disk.
_BATCH, _IN_MEMORY = 5_000, 256_000_000

_TEXTS = frozenset(EXAMPLE_COLUMNS) - {"target_start", "target_end", "spans", "label_votes"}

_FINGERPRINTED = ("id", "text", "task", "label", "target", "target_start", "target_end", "spans", "group")


def features() -> Features:
    """The table's types. Offsets are int32, half-open, in Unicode code points of `text`."""
    from datasets import Features, List, Value

    types: dict[str, Any] = dict.fromkeys(EXAMPLE_COLUMNS, Value("string"))
    types |= {"target_start": Value("int32"), "target_end": Value("int32")}
    types["spans"] = List({"start": Value("int32"), "end": Value("int32"), "label": Value("string")})
    types["label_votes"] = List(Value("float32"))
    return Features(types)


def make_dataset(rows: Iterable[Mapping[str, Any]], where: str) -> Dataset:
    """The rows as a checked `datasets.Dataset` with exactly the Example columns; those a row leaves out are null.

    The rows are read one at a time; above 256 MB the table lies in a temporary file and not in memory.

    Args:
        rows: mappings with at least id, text, task and group.
        where: the file the rows came from, for messages.

    Raises DataError, naming the row by number and id, for: no rows, an unknown column, a missing or repeated id, an empty or
    over-long text, half a surrogate pair, an unknown task or label, a span or target mention that is none, is empty or is not within the text.
    """
    seen: set[int] = set()
    table = _Table()
    for number, row in enumerate(rows, 1):
        _check(row, f"{where}, row {number} (id {row.get('id')!r})", seen)
        table.add(row)
    if not seen:
        raise DataError("holds no rows", where=where, remedy="Name the corpus's own file, with its rows")
    return table.dataset()


class _Table:
    """Rows on their way into a Dataset: in memory, or in a temporary file once they are many."""

    def __init__(self) -> None:
        self.schema = features().arrow_schema
        self.rows: list[Mapping[str, Any]] = []
        self.batches: list[Any] = []
        self.bytes = 0
        self.writer: Any = None
        self.file: Any = None

    def add(self, row: Mapping[str, Any]) -> None:
        self.rows.append(row)
        if len(self.rows) >= _BATCH:
            self._flush()

    def dataset(self) -> Dataset:
        import pyarrow as pa
        from datasets import Dataset, DatasetInfo

        self._flush()
        if self.writer is not None:
            self.writer.close()
            self.file.flush()
            # Closed and removed already, the file lives for as long as the table that is mapped from it.
            table = pa.ipc.open_stream(pa.memory_map(self.file.name)).read_all()
            self.file.close()
        else:
            table = pa.Table.from_batches(self.batches, self.schema)
        # Left to itself, datasets makes up a fingerprint by pickling the whole table into memory.
        return Dataset(table, info=DatasetInfo(features=features()), fingerprint=uuid.uuid4().hex)

    def _flush(self) -> None:
        import pyarrow as pa

        if not self.rows:
            return
        columns = {name: [row.get(name) for row in self.rows] for name in EXAMPLE_COLUMNS}
        batch = pa.RecordBatch.from_pydict(columns, schema=self.schema)
        self.rows = []
        self.bytes += batch.nbytes
        self.batches.append(batch)
        if self.bytes > _IN_MEMORY:
            if self.writer is None:
                self.file = tempfile.NamedTemporaryFile(prefix="slant-", suffix=".arrow")  # noqa: SIM115 (open as long as rows come)
                self.writer = pa.ipc.new_stream(self.file, self.schema)
            for waiting in self.batches:
                self.writer.write_batch(waiting)
            self.batches = []


def _check(row: Mapping[str, Any], where: str, seen: set[int]) -> None:
    def refuse(problem: str, remedy: str) -> None:
        raise DataError(problem, where=where, remedy=remedy)

    unknown = sorted(set(row) - set(EXAMPLE_COLUMNS))
    if unknown:
        refuse(f"unknown column {unknown[0]!r}", f"The columns are {', '.join(EXAMPLE_COLUMNS)}")
    for name in ("id", "text", "task", "group"):
        if not isinstance(row.get(name), str) or not row[name].strip():
            refuse(f"the {name} is missing or empty", "Give every row one, or remove the row")
    # Eight bytes of a digest are enough to tell ids apart, and small enough for millions of rows.
    identity = int.from_bytes(hashlib.blake2b(row["id"].encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    if identity in seen:
        refuse("the id stands twice", "Give every row its own id")
    seen.add(identity)
    text = row["text"]
    if len(text) > MAX_CHARACTERS:
        refuse(f"the text has {len(text):,} characters, more than {MAX_CHARACTERS:,}", "Cut it into sentences; check the separator")
    for name, value in row.items():
        if name in _TEXTS and value is not None and not isinstance(value, str):
            refuse(f"the {name} {value!r} is no text", "Write it as a text")
        # JSON can spell half a surrogate pair; no file or tokenizer can hold it.
        if isinstance(value, str) and not _is_whole(value):
            refuse(f"the {name} holds half a character (a lone surrogate)", "Mend the text where it was cut")
    if row["task"] not in TASKS:
        refuse(f"unknown task {row['task']!r}", f"Choose one of: {', '.join(TASKS)}")
    task = TASKS[row["task"]]
    if row.get("label") is not None and row["label"] not in task.labels:
        refuse(f"unknown label {row['label']!r}", f"The labels of {task.name} are {', '.join(task.labels)}")
    spans, votes = row.get("spans"), row.get("label_votes")
    for name, value in (("spans", spans), ("label_votes", votes)):
        if value is not None and not isinstance(value, list | tuple):
            refuse(f"the {name} are no list", "Give a list, or nothing where there are none")
    for span in spans or ():
        if not _is_span(span):
            refuse(f"{span!r} is no span", "A span is {start: whole number, end: whole number, label: text}")
        if not 0 <= span["start"] < span["end"] <= len(text):
            refuse(f"the span {span['start']}:{span['end']} is not within the text's {len(text)} characters", "Mend its offsets")
    start, end = row.get("target_start"), row.get("target_end")
    mentioned = type(start) is int and type(end) is int and 0 <= start < end <= len(text)
    if not mentioned and (start, end) != (None, None):
        refuse(f"the target mention {start}:{end} is not within the text", "Mend its offsets or leave both out")


def _is_whole(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_span(span: object) -> bool:
    if not isinstance(span, Mapping) or type(span.get("start")) is not int or type(span.get("end")) is not int:
        return False
    return isinstance(span.get("label"), str) and _is_whole(span["label"])


def column(dataset: Dataset, name: str) -> list[Any]:
    """A column's values, read in one go: iterating a `datasets` column converts value by value, a hundred times slower."""
    return list(dataset[name][:])


def without_nulls(dataset: Dataset, name: str = "label") -> Dataset:
    """The rows where the column `name` is not null, in order."""
    return dataset.select([i for i, value in enumerate(column(dataset, name)) if value is not None])


def corpus_fingerprint(dataset: Dataset) -> str:
    """sha256 over what a model can learn from, in the order of ids: row order and descriptive columns do not change it."""
    columns = {name: column(dataset, name) for name in _FINGERPRINTED}
    digest = hashlib.sha256()
    for i in sorted(range(len(dataset)), key=columns["id"].__getitem__):
        row = [columns[name][i] for name in _FINGERPRINTED]
        digest.update(json.dumps(row, ensure_ascii=False, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()
