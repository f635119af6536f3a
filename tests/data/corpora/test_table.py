"""Tables of the user's own, in each format; one of 2 GB behind the marker `slow`."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import datasets  # noqa: F401 (imported before memory is traced)
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slant.data import Corpus
from slant.data.corpora.table import COLUMNS, FORMATS, load_table
from slant.data.corpus import data_folder
from slant.errors import ConfigError, DataError

MINIMAL = {"text": "text", "label": "label"}
STANCE = MINIMAL | {"target": "target"}
PLACED = STANCE | {"target_start": "start", "target_end": "end"}

Rows = list[dict[str, Any]]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write rows in a format; in CSV and TSV lists become JSON and None an empty cell."""

    def put(rows: Rows, kind: str = "csv") -> Path:
        path = tmp_path / f"mine.{kind}"
        if kind == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        elif kind == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        else:
            stream = io.StringIO()
            writer = csv.writer(stream, delimiter="\t" if kind == "tsv" else ",", lineterminator="\r\n")
            writer.writerow(rows[0])
            writer.writerows([[json.dumps(cell) if isinstance(cell, list) else cell for cell in row.values()] for row in rows])
            path.write_text(stream.getvalue(), encoding="utf-8-sig", newline="")
        return path

    return put


def read(path: Path, columns: dict[str, str | None] | None = None, **options: Any) -> Corpus:
    return load_table(path, columns=columns or MINIMAL, **options)


# --- what is read


@pytest.mark.parametrize("kind", FORMATS)
def test_every_column_is_read_in_every_format(write: Write, kind: str) -> None:
    text = ' Ann  Poe is "vile",\u00a0café, cafe\u0301 🎉\tvile '
    start = text.rindex("vile")
    row = {
        "satz": text, "urteil": 1, "nr": 17, "artikel": "a", "ziel": "A. Poe", "von": 1, "bis": 9, "wort": "Ann  Poe",
        "stellen": [[start, start + 4], [14, 18]], "blatt": "Gazette", "seite": "left", "thema": "bridges", "stimme": "quoted", "wer": "Ann",
        "teil": "test", "unread": "x",
    }  # fmt: skip
    names = dict(zip(("text", "label", "id", "group", "target", "target_start", "target_end", "mention", "spans"), row, strict=False))
    names |= dict(zip(("outlet", "leaning", "topic", "voice", "speaker", "part"), list(row)[9:], strict=False))
    assert set(names) == set(COLUMNS)
    corpus = read(write([row], kind), names, labels={1: "favor"}, task="stance", name="mine")
    assert corpus.dataset.to_list() == [
        {
            "id": "17",
            "text": text,
            "task": "stance",
            "label": "favor",
            "target": "A. Poe",
            "target_start": 1,
            "target_end": 9,
            "spans": [{"start": 14, "end": 18, "label": "loaded"}, {"start": start, "end": start + 4, "label": "loaded"}],
            "group": "a",
            "outlet": "Gazette",
            "leaning": "left",
            "topic": "bridges",
            "voice": "quoted",
            "speaker": "Ann",
            "source": f"mine@{corpus.version}",
            "label_votes": None,
            "part": "test",
        }
    ]
    assert corpus.version.startswith("sha256-")
    assert (corpus.name, corpus.quarantined) == ("mine", ())


@pytest.mark.parametrize("kind", FORMATS)
def test_empty_cells_are_null(write: Write, kind: str) -> None:
    rows = [{"text": "One.", "label": "loaded", "g": "a", "s": [[0, 1]], "n": 1}, {"text": "Two.", "label": None, "g": None, "s": None, "n": None}]
    columns = PLACED | {"target": "g", "target_start": "n", "target_end": "n", "group": "g", "spans": "s", "outlet": "g"}
    columns |= {"target_start": None, "target_end": None}
    first, second = read(write(rows, kind), columns).dataset.to_list()
    assert (first["label"], first["group"], first["outlet"]) == ("loaded", "a", "a")
    assert (second["label"], second["group"], second["outlet"], second["spans"], second["target"]) == (None, second["id"], None, None, None)


def test_blank_cells_are_empty(write: Write) -> None:
    example = read(write([{"text": "One.", "label": " ", "g": "\t"}]), MINIMAL | {"group": "g", "topic": "g"}).dataset[0]
    assert (example["label"], example["group"], example["topic"]) == (None, example["id"], None)


def test_the_formats_agree(write: Write) -> None:
    rows = [{"text": f"Sentence {n}.", "label": ["neutral", "loaded"][n % 2], "g": str(n % 3), "s": [[0, n + 1]]} for n in range(5)]
    prints = {read(write(rows, kind), MINIMAL | {"group": "g"}).fingerprint for kind in FORMATS}
    assert len(prints) == 1


@pytest.mark.parametrize(("spans", "found"), [("[]", []), ("", None), (" ", None), ("null", None), ('[{"start": 0, "end": 3}]', [(0, 3)])])
def test_spans_in_a_cell(write: Write, spans: str, found: list[tuple[int, int]] | None) -> None:
    corpus = read(write([{"text": "One.", "label": "loaded", "s": spans}]), MINIMAL | {"spans": "s"})
    read_spans = corpus.dataset["spans"][0]
    assert read_spans == (found and [{"start": start, "end": end, "label": "loaded"} for start, end in found])


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_spans_as_objects_and_numbers_with_a_point(write: Write, kind: str) -> None:
    rows = [
        {"text": "One.", "label": True, "s": [{"start": 0, "end": 3, "label": "loaded"}, {"start": 0, "end": 3, "label": None}], "a": 0.0, "b": 3.0},
        {"text": "Two.", "label": False, "s": [], "a": None, "b": None},
    ]
    columns = PLACED | {"target": "text", "target_start": "a", "target_end": "b", "spans": "s"}
    first, second = read(write(rows, kind), columns, labels={True: "loaded", "false": "neutral"}).dataset.to_list()
    assert (first["label"], first["target_start"], first["target_end"], len(first["spans"])) == ("loaded", 0, 3, 1)
    assert (second["label"], second["target_start"], second["spans"]) == ("neutral", None, [])


def test_labels_are_mapped(write: Write) -> None:
    rows = [{"text": f"{n}.", "label": label} for n, label in enumerate(["B", "loaded", "?", "", "1"])]
    corpus = read(write(rows), labels={"B": "loaded", "?": None, "": "neutral", 1: "neutral"})
    assert corpus.dataset["label"][:] == ["loaded", "loaded", None, "neutral", "neutral"]


def test_a_separator_and_a_format_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("text;label\nOne, two.;loaded\n")
    assert read(path, format="csv", delimiter=";").dataset["text"][:] == ["One, two."]


def test_json_rows_may_leave_out_keys(write: Write) -> None:
    rows = [{"text": "One.", "label": None}, {"text": "Two.", "label": "loaded", "group": "a"}]
    dataset = read(write(rows, "jsonl"), MINIMAL | {"group": "group"}).dataset
    assert dataset["group"][:] == [dataset["id"][0], "a"]


# --- ids and order


def test_ids_are_digests_and_rows_that_stand_twice_keep_both(write: Write) -> None:
    rows = [
        {"text": text, "label": label} for text, label in [("A.", "loaded"), ("B.", "loaded"), ("A.", "loaded"), ("A.", "neutral"), ("A.", "loaded")]
    ]
    ids = read(write(rows), name="mine").dataset["id"][:]
    assert re.fullmatch("mine-[0-9a-f]{16}", ids[0])
    assert ids[2:] == [ids[0] + "-2", ids[3], ids[0] + "-3"]
    assert len(set(ids)) == 5
    assert read(write(rows[::-1]), name="mine").fingerprint == read(write(rows), name="mine").fingerprint
    assert read(write(rows[1:2]), name="mine").dataset["id"][:] == [ids[1]]


def test_without_articles_each_row_is_its_own_group(write: Write) -> None:
    dataset = read(write([{"text": "A.", "label": "loaded"}, {"text": "B.", "label": "loaded"}])).dataset
    assert dataset["group"][:] == dataset["id"][:]


def test_an_id_that_stands_twice_is_refused(write: Write) -> None:
    rows = [{"text": "A.", "label": "loaded", "n": 7}, {"text": "B.", "label": "loaded", "n": 7}]
    with pytest.raises(DataError, match=r"row 2 \(id '7'\): the id stands twice"):
        read(write(rows), MINIMAL | {"id": "n"})


# --- quarantine


@pytest.mark.parametrize("kind", FORMATS)
def test_spans_outside_the_text_are_set_aside(write: Write, kind: str) -> None:
    rows = [{"text": "Vile 🎉", "label": "loaded", "s": [[0, 4], [5, 7], [-1, 2], [3, 3]]}]
    corpus = read(write(rows, kind), MINIMAL | {"spans": "s"})
    assert corpus.dataset["spans"][0] == [{"start": 0, "end": 4, "label": "loaded"}]
    assert corpus.quarantine_counts() == {"span is outside the text": 3}
    assert corpus.quarantined[0].what == "5:7"


@pytest.mark.parametrize(
    ("start", "end", "mention", "reason"),
    [
        (0, 3, "", None),
        (0, 3, "Ann", None),
        ("", "", "Ann", None),
        (0, 3, "ann", "offsets do not match the mention"),
        (0, 4, "Ann", "offsets do not match the mention"),
        (-3, 99, "Ann", "target is outside the text"),
        (3, 3, "", "target is outside the text"),
    ],
)
def test_targets_that_cannot_be_placed_are_set_aside(write: Write, start: Any, end: Any, mention: str, reason: str | None) -> None:
    row = {"text": "Ann sat.", "label": "favor", "target": "A. Poe", "start": start, "end": end, "m": mention}
    other = row | {"text": "Other.", "start": "", "end": ""}
    corpus = read(write([other, row]), PLACED | {"mention": "m"}, task="stance")
    assert len(corpus.dataset) == (1 if reason else 2)
    assert corpus.quarantine_counts() == ({reason: 1} if reason else {})
    assert all(q.where.endswith("mine.csv, line 3") for q in corpus.quarantined)


# --- configurations that are refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": MINIMAL | {"grup": "a"}}, "data.columns: unknown column 'grup'. Did you mean 'group'?"),
        ({"columns": MINIMAL | {"label_votes": "a"}}, "unknown column 'label_votes'"),
        ({"columns": {"text": "text", "label": None}}, "the column 'label' is not mapped. .*data.columns.label=COLUMN"),
        ({"columns": MINIMAL, "task": "stance"}, "the column 'target' is not mapped"),
        ({"columns": STANCE | {"target_start": "start"}}, "the column 'target_end' is not mapped"),
        ({"columns": STANCE | {"mention": "m"}}, "the column 'target_start' is not mapped"),
        ({"columns": MINIMAL, "task": "bias"}, "unknown task 'bias'"),
        ({"columns": MINIMAL, "labels": {"B": "laoded"}}, "'B' is mapped to 'laoded', which is no label. Did you mean 'loaded'?"),
        ({"columns": MINIMAL, "labels": {"B": "favor"}}, "which is no label. The labels of loaded are neutral, loaded"),
        ({"columns": MINIMAL, "format": "parket"}, "unknown format 'parket'. Did you mean 'parquet'?"),
        ({"columns": MINIMAL, "delimiter": ";;"}, "';;' cannot separate"),
        ({"columns": MINIMAL, "delimiter": '"'}, "cannot separate"),
        ({"columns": MINIMAL, "delimiter": ";", "format": "jsonl"}, "';' cannot separate the cells of a jsonl file"),
        ({"columns": MINIMAL, "name": "my corpus"}, "'my corpus' cannot name a corpus"),
    ],
)
def test_impossible_configurations_are_refused(write: Write, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_table(write([{"text": "A.", "label": "loaded"}]), **options)
    assert caught.value.remedy


@pytest.mark.parametrize(("name", "remedy"), [("mine.csv.gz", "Unpack it first"), ("mine.xlsx", "Give data.format"), ("mine", "Give data.format")])
def test_unknown_endings_are_refused(tmp_path: Path, name: str, remedy: str) -> None:
    with pytest.raises(ConfigError, match=f"tells no format. {remedy}"):
        read(tmp_path / name)


# --- files that are refused


@pytest.mark.parametrize("kind", FORMATS)
def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        read(tmp_path / f"none.{kind}")
    (tmp_path / f"folder.{kind}").mkdir()
    with pytest.raises(DataError, match="is a folder and no file"):
        read(tmp_path / f"folder.{kind}")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_column_that_is_not_there_is_named_with_those_that_are(write: Write, kind: str) -> None:
    path = write([{"text": "A.", "label": "loaded", "article": "a"}], kind)
    with pytest.raises(DataError, match="there is no column 'artcle' for group; the columns are text, label, article. Did you mean 'article'"):
        read(path, MINIMAL | {"group": "artcle"})
    with pytest.raises(DataError, match="there is no .*'sentence'.* (columns|keys) are text, label, article"):
        read(path, {"text": "sentence", "label": "label"})


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "biased"}, r"unknown label 'biased'. Known: neutral, loaded, B. Map it .*data.labels=\{'biased': LABEL\}"),
        ({"text": " "}, "the text is empty"),
        ({"text": "a" * 20_001}, "the text has 20,001 characters"),
        ({"start": "x"}, "'x' is no offset"),
        ({"start": "1.5"}, "'1.5' is no offset"),
        ({"start": ""}, "only one of target_start and target_end is given"),
        ({"spans": "[[0]]"}, r"\[0\] is no span. Spans are a list"),
        ({"spans": '[[0, "1"]]'}, "is no span"),
        ({"spans": "[[true, false]]"}, "is no span"),
        ({"spans": '[{"start": 0}]'}, "is no span"),
        ({"spans": '[{"start": 0, "end": 1, "label": "vile"}]'}, "unknown label of a span 'vile'"),
        ({"spans": '{"start": 0}'}, "the spans are no list"),
        ({"spans": "4-9"}, "the spans cannot be read"),
        ({"spans": "[" * 100_000}, "the spans cannot be read|exceeds|not readable as CSV"),
    ],
)
def test_cells_of_another_kind_are_refused_by_line(write: Write, kind: str, change: dict[str, Any], message: str) -> None:
    row = {"text": "One.", "label": "B", "target": "x", "start": "0", "end": "1", "spans": "[]"}
    unit = "row 2" if kind == "parquet" or "characters" in message else "line 2" if kind == "jsonl" else "line 3"
    with pytest.raises(DataError, match=f"mine.{kind}, {unit}.*: .*({message})") as caught:
        read(write([row, row | {"text": "Two."} | change], kind), PLACED | {"spans": "spans"}, labels={"B": "loaded"})
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": 3, "label": "loaded"}, "the text is no text"),
        ({"text": None, "label": "loaded"}, "the text is empty"),
        ({"text": "A.", "label": {"a": 1}}, "is neither text nor a number"),
        ({"text": "A.", "label": "loaded", "target": ["a"]}, "is neither text nor a number"),
        ({"text": "A.", "label": "loaded", "start": True, "end": 2}, "'true' is no offset"),
        ({"text": "A."}, "there is no 'label'; the keys are text"),
        ({"text": "A.\ud83d", "label": "loaded"}, "half a character"),
    ],
)
def test_json_of_another_kind_is_refused(write: Write, row: dict[str, Any], message: str) -> None:
    first = {"text": "One.", "label": "loaded", "target": None, "start": None, "end": None}
    with pytest.raises(DataError, match=message):
        read(write([first, row], "jsonl"), PLACED)


def test_stance_needs_a_target_in_every_row(write: Write) -> None:
    with pytest.raises(DataError, match="line 2: the target is empty"):
        read(write([{"text": "A.", "label": "favor", "target": ""}]), STANCE, task="stance")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "found an empty file"),
        ("text,label\n", "holds no rows"),
        ("text,text,label\nA.,B.,loaded\n", "with a column twice"),
        ("text;label\nA.;loaded\n", "there is no column 'text' for text; the columns are text;label.*check data.delimiter"),
        ("text,label\nA.,loaded,x\n", "line 2: 3 fields instead of 2"),
        ('text,label\n"A.,loaded\n', "not readable as CSV"),
        ("text,label\nA.\0,loaded\nB.,loa\0ded", "unknown label|not readable as CSV"),
    ],
)
def test_corrupt_csv_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read(path)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_another_encoding_is_refused(write: Write, kind: str) -> None:
    path = write([{"text": "Cafe.", "label": "loaded"}], kind)
    path.write_bytes(path.read_bytes().replace(b"Cafe", b"Caf\xe9"))
    with pytest.raises(DataError, match="is not UTF-8. Convert the file"):
        read(path)


@pytest.mark.parametrize("content", ["", "[]\n", '{"text": "A.",\n', "text,label\n"])
def test_corrupt_json_lines_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match="holds no rows|not a JSON object"):
        read(path)


def test_corrupt_parquet_is_refused_wherever_it_is_cut_or_spoilt(write: Write) -> None:
    path = write([{"text": f"Sentence {n} of many.", "label": "loaded", "g": str(n)} for n in range(3_000)], "parquet")
    whole = path.read_bytes()
    spoilt = [b"", b"PAR1", b"text,label\nA.,loaded\n", whole[:-1], whole[: len(whole) // 2], whole[:4] + b"\xff" * 2_000 + whole[2_004:]]
    for content in spoilt:
        path.write_bytes(content)
        with pytest.raises(DataError, match="mine.parquet: not readable as Parquet after row 0") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_parquet_with_text_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    array = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\4\0\0\0"), pa.py_buffer(b"Caf\xe9")])
    pq.write_table(pa.table({"text": array, "label": ["loaded"]}), path)
    with pytest.raises(DataError, match="not readable as Parquet"):
        read(path)
    pq.write_table(pa.table({"text": [b"A."], "label": ["loaded"]}), path)
    with pytest.raises(DataError, match="row 1: the text is no text"):
        read(path)


def test_empty_parquet_holds_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({"text": pa.array([], pa.string()), "label": pa.array([], pa.string())}), path)
    with pytest.raises(DataError, match="holds no rows"):
        read(path)


def test_parquet_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["A."])] * 3, names=["text", "label", "label"]), path)
    with pytest.raises(DataError, match="the column 'label' stands twice"):
        read(path)


# --- size


def test_a_parquet_file_of_one_row_group_is_not_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.parquet"
    texts = [f"Sentence {n}: {'a long one ' * 50}" for n in range(50_000)]
    pq.write_table(pa.table({"text": texts, "label": ["loaded"] * 50_000}), path, row_group_size=50_000, compression="none", use_dictionary=False)
    assert path.stat().st_size > 25_000_000
    before = pa.total_allocated_bytes()
    peaks = []

    def count(rows: Iterable[Any], where: str) -> None:
        peaks.append(max(pa.total_allocated_bytes() - before for _ in rows))

    monkeypatch.setattr("slant.data.corpora.table.make_dataset", count)
    read(path)
    assert peaks[0] < 10_000_000


@pytest.mark.parametrize("kind", FORMATS)
def test_a_huge_file_is_refused_in_little_memory(write: Write, kind: str) -> None:
    path = write([{"text": "A.", "label": "loaded"}], kind)
    with path.open("r+b") as file:
        file.truncate(2_000_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="longer than 4,000,000 bytes|not readable as Parquet"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 64_000_000
    finally:
        tracemalloc.stop()
        path.unlink()


MEASURED = """
import json, resource, sys, time
from slant.data.corpora.table import load_table
began = time.monotonic()
corpus = load_table(sys.argv[1], columns={"text": "sentence", "label": "y"}, labels={"0": "neutral", "1": "loaded"})
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"rows": len(corpus.dataset), "last": corpus.dataset[-1]["text"], "bytes": peak, "seconds": time.monotonic() - began}))
"""


@pytest.mark.slow
def test_two_gigabytes_are_read_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real CSV of 8 million rows: the process that reads it stays under 1.5 GB."""
    if shutil.disk_usage(tmp_path).free < 8_000_000_000:
        pytest.skip("less than 8 GB free")
    path, rows, filler = tmp_path / "big.csv", 8_000_000, "the council of the second district opened its annual report on the bridge; " * 3
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write("sentence,y\n")
            for start in range(0, rows, 20_000):
                file.write("".join(f"Sentence {n:07d}: {filler}end.,{n % 2}\n" for n in range(start, start + 20_000)))
        assert path.stat().st_size > 2_000_000_000
        result = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=False)
    finally:
        path.unlink(missing_ok=True)
    assert result.returncode == 0, result.stderr[-2_000:]
    measured = json.loads(result.stdout)
    print(measured)
    assert measured["rows"] == rows
    assert measured["last"].startswith(f"Sentence {rows - 1}: ")
    assert measured["bytes"] < 1_500_000_000


# --- the card and the configuration


def test_the_cards_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (data_folder() / "table" / "CARD.md").read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "CARD.md", "exec"), {})


def test_the_cards_command_composes(write: Write) -> None:
    from slant.pipeline.app import compose_config
    from slant.pipeline.build import build

    path = write([{"sentence": "Vile.", "verdict": "biased", "url": "a"}])
    overrides = ["data.columns.text=sentence", "data.columns.label=verdict", "data.columns.group=url"]
    cfg = compose_config(["data=table", f"data.file={path}", *overrides, "data.labels={biased: loaded, 0: neutral, unclear: null}"])
    corpus = build(cfg.data, "data")
    assert corpus.dataset["label"][:] == ["loaded"]
    assert corpus.dataset["group"][:] == ["a"]
    cfg = compose_config(["data=table", f"data.file={path}", "+data.columns.grup=url"])
    with pytest.raises(ConfigError, match="Did you mean 'group'"):
        build(cfg.data, "data")
