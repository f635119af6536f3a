"""A table of the user's own: CSV, TSV, JSON lines or Parquet, and a word on which of its columns is which. See data/table/CARD.md.

Nothing is guessed: a column is read only when `columns` maps it, and a label that is not one of the task's must stand in `labels`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slant.data.corpora.table_cells import as_offset, as_spans, as_text
from slant.data.corpus import Corpus, Quarantined, corpus_version, read_manifest
from slant.data.examples import make_dataset
from slant.data.reading import read_csv, read_json_lines
from slant.errors import ConfigError, DataError
from slant.labels import STANCE, Task, get_task

__all__ = ["COLUMNS", "FORMATS", "load_table"]

#: What `columns` may map. `mention` is only checked: it is the target's text at its offsets.
COLUMNS = (
    "text", "label", "id", "group", "target", "target_start", "target_end", "mention", "spans",
    "outlet", "leaning", "topic", "voice", "speaker", "part",
)  # fmt: skip

#: The formats, and the endings by which a file's format is known.
FORMATS = {"csv": (".csv",), "tsv": (".tsv", ".tab"), "jsonl": (".jsonl", ".ndjson"), "parquet": (".parquet", ".pq")}

_DESCRIPTIVE = ("outlet", "leaning", "topic", "voice", "speaker", "part")
_BATCH = 1_000

_Rows = Iterator[tuple[str, dict[str, Any]]]


def load_table(
    file: str | Path,
    *,
    columns: Mapping[str, str | None],
    task: str = "loaded",
    labels: Mapping[Any, str | None] | None = None,
    format: str | None = None,
    delimiter: str | None = None,
    name: str = "table",
) -> Corpus:
    """Read a table of labelled sentences, a row an Example.

    Args:
        columns: for each of `COLUMNS` the name of the file's column; null or left out is not read. `text` and `label` are required, and
            `target` for stance. Without `id` a row's id is a digest of its mapped cells. Without `group` every row is a group of its
            own, and splits cannot keep articles whole: map the article wherever you have it.
        task: "loaded" or "stance".
        labels: for each label of the file the task's label, or null for none. The task's own labels need no entry. Labels are compared
            as text: 1 is "1", true is "true".
        format: "csv", "tsv", "jsonl" or "parquet"; null takes it from the file's ending.
        delimiter: what separates the cells of a CSV file; null is the comma, for TSV the tabulator.
        name: the corpus's name, in ids and `source`.

    An empty cell is null; so is an empty label, and empty spans are "not annotated" ("[]" is "annotated, and none"). A span outside its
    text is quarantined; so is a whole row whose target is outside the text or is not the text of `mention`.

    Raises ConfigError for an impossible configuration, with the nearest name; DataError, naming file and line (in Parquet the row), for a
    file that is missing or not of its format, a mapped column that is not there, a cell of another kind, an unknown label, and all
    that `make_dataset` refuses.
    """
    path, known = Path(file), get_task(task)
    kind = _format(path, format)
    layout = _Layout(path, kind, _delimiter(kind, delimiter), _columns(columns, known), _labels(labels, known), known, name)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ConfigError(f"{name!r} cannot name a corpus", where="data.name", remedy="Use letters, digits, '.', '_' and '-'")
    if not path.is_file():
        problem = "is a folder and no file" if path.is_dir() else "there is no such file"
        raise DataError(problem, where=str(path), remedy="Name one file: data.file=FILE; join the parts of a Parquet folder first")
    repeated = frozenset() if "id" in layout.columns else _repeated(layout)
    manifest = read_manifest("table")
    version = corpus_version(manifest, {path.name: path})
    quarantined: list[Quarantined] = []
    rows = (example | {"source": f"{name}@{version}"} for example in _examples(layout, repeated, quarantined))
    return Corpus(make_dataset(rows, str(path)), name, version, str(path), manifest["licence"], tuple(quarantined))


@dataclass(frozen=True)
class _Layout:
    """The file, and what its columns and labels mean."""

    path: Path
    format: str
    delimiter: str
    columns: dict[str, str]
    labels: dict[str, str | None]
    task: Task
    name: str
    wanted: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wanted", tuple(dict.fromkeys(self.columns.values())))


# --- the configuration


def _format(path: Path, given: str | None) -> str:
    known = f"The formats are {', '.join(FORMATS)}"
    if given is not None:
        if given not in FORMATS:
            raise ConfigError(f"unknown format {given!r}", where="data.format", remedy=_near(given, FORMATS) or known)
        return given
    ending = path.suffix.lower()
    for name, endings in FORMATS.items():
        if ending in endings:
            return name
    remedy = "Unpack it first (gunzip, unzip …)" if ending in (".gz", ".zip", ".bz2", ".xz", ".zst") else f"Give data.format=FORMAT. {known}"
    raise ConfigError(f"the ending {ending!r} tells no format", where=str(path), remedy=remedy)


def _delimiter(kind: str, given: str | None) -> str:
    if given is None:
        return "\t" if kind == "tsv" else ","
    if kind not in ("csv", "tsv") or len(given) != 1 or given in '\r\n" ':
        remedy = "It is one character, such as ';', and for CSV and TSV only"
        raise ConfigError(f"{given!r} cannot separate the cells of a {kind} file", where="data.delimiter", remedy=remedy)
    return given


def _columns(given: Mapping[str, str | None], task: Task) -> dict[str, str]:
    for key in given:
        if key not in COLUMNS:
            remedy = _near(key, COLUMNS) or f"Columns that can be mapped: {', '.join(COLUMNS)}"
            raise ConfigError(f"unknown column {key!r}", where="data.columns", remedy=remedy)
    mapped = {key: str(value) for key, value in given.items() if value is not None}
    required = ["text", "label", *(["target"] if task is STANCE else [])]
    required += ["target_start", "target_end"] if mapped.keys() & {"target_start", "target_end", "mention"} else []
    for key in required:
        if key not in mapped:
            remedy = f"Name the file's column: data.columns.{key}=COLUMN"
            raise ConfigError(f"the column {key!r} is not mapped", where="data.columns", remedy=remedy)
    return mapped


def _labels(given: Mapping[Any, str | None] | None, task: Task) -> dict[str, str | None]:
    labels: dict[str, str | None] = {label: label for label in task.labels}
    for key, value in (given or {}).items():
        if value is not None and value not in task.labels:
            remedy = _near(str(value), task.labels) or f"The labels of {task.name} are {', '.join(task.labels)}, or null"
            raise ConfigError(f"{key!r} is mapped to {value!r}, which is no label", where="data.labels", remedy=remedy)
        labels[as_text(key, "data.labels") or ""] = value
    return labels


def _near(wanted: object, known: Any) -> str:
    close = difflib.get_close_matches(str(wanted), list(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else ""


# --- the file


def _rows(layout: _Layout) -> _Rows:
    """The file's rows, each with where it stands. Raises DataError for a mapped column that is not there."""
    if layout.format == "jsonl":
        yield from _json_rows(layout)
    elif layout.format == "parquet":
        yield from _parquet_rows(layout)
    else:
        checked = False
        for where, row in read_csv(layout.path, delimiter=layout.delimiter):
            if not checked:
                _require(layout, list(row))
                checked = True
            yield where, row


def _json_rows(layout: _Layout) -> _Rows:
    """A key may be missing in some rows, but not `text` or `label`, and not in all."""
    always = {layout.columns["text"], layout.columns["label"]}
    unseen = set(layout.wanted)
    present: list[str] = []
    for where, row in read_json_lines(layout.path):
        if unseen:
            unseen -= row.keys()
            present = list(dict.fromkeys([*present, *row]))[:100]
        for key in layout.wanted:
            if key in always and key not in row:
                raise DataError(f"there is no {key!r}; the keys are {_list(list(row))}", where=where, remedy="Map columns to keys that are there")
        yield where, row
    if unseen and present:
        _require(layout, present)


def _parquet_rows(layout: _Layout) -> _Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        # Without a buffer size a whole column of a row group is read at once, and a row group may be the whole file.
        with pq.ParquetFile(layout.path, pre_buffer=False, buffer_size=1_000_000) as file:
            names = list(file.schema_arrow.names)
            _require(layout, names)
            if twice := [name for name in layout.wanted if names.count(name) > 1]:
                raise DataError(f"the column {twice[0]!r} stands twice", where=str(layout.path), remedy="Give each column its own name")
            for batch in file.iter_batches(_BATCH, columns=list(layout.wanted), use_threads=False):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{layout.path}, row {number}", row
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        problem = f"not readable as Parquet after row {number} ({' '.join(str(error).split())[:200]})"
        raise DataError(problem, where=str(layout.path), remedy="Write or copy the file again, or name its format: data.format=FORMAT") from error


def _require(layout: _Layout, present: list[str]) -> None:
    for key, column in layout.columns.items():
        if column not in present:
            near = _near(column, present)
            other = "; check data.delimiter" if layout.format in ("csv", "tsv") and len(present) == 1 else ""
            remedy = f"{near or f'Map data.columns.{key} to one of them'}{other}"
            raise DataError(f"there is no column {column!r} for {key}; the columns are {_list(present)}", where=str(layout.path), remedy=remedy)


def _list(names: list[str]) -> str:
    shown = ", ".join(name[:60] for name in names[:30])
    return f"{shown} and {len(names) - 30} more" if len(names) > 30 else shown


# --- rows to Examples


def _examples(layout: _Layout, repeated: frozenset[int], quarantined: list[Quarantined]) -> Iterator[dict[str, Any]]:
    seen: Counter[int] = Counter()
    for where, row in _rows(layout):
        cells = {key: row.get(column) for key, column in layout.columns.items()}
        if "id" in cells:
            identity = as_text(cells["id"], where) or ""
        else:
            digest = _digest(layout, row)
            identity = f"{layout.name}-{digest:016x}"
            if digest in repeated:
                seen[digest] += 1
                identity += f"-{seen[digest]}" if seen[digest] > 1 else ""
        example = _example(cells, identity, where, layout, quarantined)
        if example is not None:
            yield example


def _repeated(layout: _Layout) -> frozenset[int]:
    """The digests that stand twice or more. The file is read for them once more, since eight bytes a row are little and a set of ids is not."""
    import numpy as np

    digests = array("Q", (_digest(layout, row) for _, row in _rows(layout)))
    ordered = np.sort(np.frombuffer(digests, dtype=np.uint64)) if digests else np.empty(0, dtype=np.uint64)
    return frozenset(ordered[1:][ordered[1:] == ordered[:-1]].tolist())


def _digest(layout: _Layout, row: Mapping[str, Any]) -> int:
    """Of the row's mapped cells, so that rows of one id are the same in all that is read of them."""
    values = (row.get(column) for column in layout.wanted)
    cells = [value if isinstance(value, str) else "" if value is None else json.dumps(value, sort_keys=True, default=str) for value in values]
    return int.from_bytes(hashlib.sha256("\x1f".join(cells).encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _example(cells: Mapping[str, Any], identity: str, where: str, layout: _Layout, quarantined: list[Quarantined]) -> dict[str, Any] | None:
    text = cells["text"]
    if not isinstance(text, str) or not text.strip():
        raise DataError("the text is empty" if text is None or isinstance(text, str) else "the text is no text", where=where, remedy="Mend the row")
    target, start, end = (
        as_text(cells.get("target"), where),
        as_offset(cells.get("target_start"), where),
        as_offset(cells.get("target_end"), where),
    )
    if layout.task is STANCE and target is None:
        raise DataError("the target is empty", where=where, remedy="Name the target, or remove the row")
    if (start is None) != (end is None):
        raise DataError("only one of target_start and target_end is given", where=where, remedy="Give both or none")
    if start is not None and end is not None:
        mention = cells.get("mention")
        if not 0 <= start < end <= len(text):
            quarantined.append(Quarantined(where, identity, "target is outside the text"))
            return None
        if mention not in (None, "") and text[start:end] != mention:
            quarantined.append(Quarantined(where, identity, "offsets do not match the mention"))
            return None
    return {
        "id": identity,
        "text": text,
        "task": layout.task.name,
        "label": _label(cells["label"], where, layout),
        "target": target,
        "target_start": start,
        "target_end": end,
        "spans": as_spans(cells.get("spans"), text, where, quarantined),
        "group": as_text(cells.get("group"), where) or identity,
    } | {key: as_text(cells[key], where) for key in _DESCRIPTIVE if key in cells}


def _label(value: Any, where: str, layout: _Layout) -> str | None:
    found = as_text(value, where)
    if found is None:
        return layout.labels.get("")
    if found not in layout.labels:
        known = ", ".join(label for label in layout.labels if label)
        remedy = f"Known: {known}. Map it to a label of {layout.task.name} ({', '.join(layout.task.labels)}): data.labels={{'{found[:40]}': LABEL}}"
        raise DataError(f"unknown label {found[:200]!r}", where=where, remedy=remedy)
    return layout.labels[found]
