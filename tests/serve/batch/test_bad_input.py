"""What a stranger's table can hold, and where people mean to write."""

from __future__ import annotations

import errno
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from slant.errors import ConfigError, DataError, StorageError
from slant.serve.batch import Columns
from slant.serve.batch import journal as journal_module

from .conftest import read_table, rejected, write_table

GOOD = b'{"text": "The vile mayor opened the bridge."}'


def test_rows_that_cannot_be_scored_are_set_aside_with_reasons(score: Any, tmp_path: Path) -> None:
    lines = [
        GOOD,
        b'{"text": null}',
        b'{"other": 1}',
        b'{"text": 5, "id": "five"}',
        b'{"text": "  "}',
        b'{"text": "caf\xe9"}',
        b'{"text": "x"',
        b"[1]",
        b"",
        b'{"text": "' + b"long " * 2_000_000 + b'"}',
        b'{"text": "half \\ud800 pair"}',
        b'{"id": true, "text": "a"}',
        b'{"text": "x" , "id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"text": "' + b"x" * (16 * 1024 * 1024) + b'"}',
        b'{"id": 7, "text": "A NUL \\u0000 and the vile mayor."}',
    ]
    (tmp_path / "in.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    report = score(tmp_path / "in.jsonl", tmp_path / "out.jsonl", chunk=3)
    told, refused = read_table(tmp_path / "out.jsonl"), rejected(tmp_path / "out.jsonl")
    assert (report.rows, report.rejected) == (2, 12)
    assert [(row["row"], row["id"]) for row in told] == [(1, "1"), (14, "7")] and "\0" in told[1]["text"]
    reasons = {row["row"]: row["reason"] for row in refused}
    expected = {
        2: "text is missing",
        3: "no field 'text'",
        4: "a number, not a string",
        5: "text is empty",
        6: "byte 13 of the line is not UTF-8",
        7: "not JSON",
        8: "no object",
        9: "10,000,000 characters",
        10: "half of a surrogate pair",
        11: "the id is true or false",
        12: "",
        13: "longer than 16,777,216 bytes",
    }
    assert list(reasons) == list(expected)
    assert all(part in reasons[row] for row, part in expected.items()), reasons
    assert refused[2]["id"] == "five"


def test_bad_rows_of_csv(score: Any, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(
        b'id,text\n1,The vile mayor.\n2\n3,caf\xe9\n4,"say ""yes""\nplease"\n5,"so"x\n6,\n\n1,A NUL \0 here.\n8,"unclosed,\n9,lost\n'
    )
    report = score(tmp_path / "in.csv", tmp_path / "out.csv")
    assert [(row["row"], row["id"], row["text"]) for row in read_table(tmp_path / "out.csv")] == [
        ("1", "1", "The vile mayor."),
        ("4", "4", 'say "yes"\nplease'),
        ("7", "1", "A NUL \0 here."),
    ]
    assert report.rejected == 5 and [row["row"] for row in rejected(tmp_path / "out.csv")] == [2, 3, 5, 6, 8]
    assert [row["reason"].split("(")[0] for row in rejected(tmp_path / "out.csv")][-1].startswith("the row is not CSV")


def test_bad_columns_of_parquet(score: Any, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": [1, 2], "body": ["The vile mayor.", None]}), tmp_path / "in.parquet")
    with pytest.raises(DataError, match="column 'text' is int64, not string.*--text-column"):
        score(tmp_path / "in.parquet", tmp_path / "out.csv")
    assert score(tmp_path / "in.parquet", tmp_path / "out.csv", columns=Columns(text="body")).rejected == 1
    broken = pa.array([b"caf\xe9", b"The vile mayor."]).view(pa.string())
    pq.write_table(pa.table({"text": broken}), tmp_path / "bytes.parquet")
    assert score(tmp_path / "bytes.parquet", tmp_path / "bytes.csv").rejected == 1
    (tmp_path / "no.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"no Parquet file"):
        score(tmp_path / "no.parquet", tmp_path / "x.csv")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("in.csv", b"", "it is empty"),
        ("in.jsonl", b"", "it is empty"),
        ("in.csv", b"Texte,id\na,1\n", "no column 'text', did you mean 'Texte'"),
        ("in.csv", b"a,b\na,1\n", "no column 'text', only a, b"),
        ("in.csv", b"text,text\na,1\n", "two columns are named 'text'"),
        ("in.jsonl", b'{"Text": "a"}\n' * 3, "no field 'text', did you mean 'Text'"),
        ("in.jsonl.gz", b"not gzip", "not gzip, or not whole"),
        ("in.csv.gz", gzip.compress(b"text\n" + bytes(range(32, 127)) * 999)[:-9], "not gzip, or not whole"),
        ("in.jsonl.zst", b"not zstd", "not zstd, or not whole"),
    ],
)
def test_an_input_that_is_none_is_one_line(score: Any, tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as raised:
        score(tmp_path / name, tmp_path / "out.jsonl")
    assert problem in str(raised.value) and name in str(raised.value) and "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_header_alone_gives_a_header_alone(score: Any, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\n")
    assert score(tmp_path / "in.csv", tmp_path / "out.csv").rows == 0
    assert (tmp_path / "out.csv").read_text().startswith("row,id,text,label") and not read_table(tmp_path / "out.csv")


def test_places_that_cannot_be_written_are_refused_first(score: Any, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(GOOD)
    (tmp_path / "old.csv").write_text("mine")
    (tmp_path / "link.jsonl").symlink_to(source)
    for output, problem in [
        ("none/out.csv", "there is no folder"),
        ("old.csv", "it exists, and no broken job"),
        ("in.jsonl", "is the input, too"),
        ("link.jsonl", "is the input, too"),
        ("out.txt", "its name does not tell its format"),
        ("out.parquet.gz", "compresses its own columns"),
    ]:
        with pytest.raises(ConfigError, match=problem):
            score(source, tmp_path / output)
    with pytest.raises(DataError, match="there is no such file"):
        score(tmp_path / "absent.csv", tmp_path / "out.csv")
    with pytest.raises(ConfigError, match="no column 'key'.*--id-column"):
        score(write_table(tmp_path / "a.csv", [{"text": "a"}]), tmp_path / "out.csv", columns=Columns(id="key"))
    assert (tmp_path / "old.csv").read_text() == "mine" and source.read_bytes() == GOOD
    score(source, tmp_path / "old.csv", overwrite=True)
    assert len(read_table(tmp_path / "old.csv")) == 1


def test_a_full_disk_keeps_what_was_scored(score: Any, sentences: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_table(tmp_path / "in.jsonl", sentences)
    score(source, tmp_path / "whole.jsonl", chunk=8)
    real, calls = journal_module.os.fsync, []

    def fsync(file: int) -> None:
        calls.append(file)
        if len(calls) == 9:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file)

    with monkeypatch.context() as patch:
        patch.setattr(journal_module.os, "fsync", fsync)
        with pytest.raises(StorageError, match="the disk is full, the rows scored so far are kept.*--resume"):
            score(source, tmp_path / "out.jsonl", chunk=8)
    assert not (tmp_path / "out.jsonl").exists()
    report = score(source, tmp_path / "out.jsonl", chunk=8, resume=True)
    assert report.rows == 60 and 0 < report.resumed < 60
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_settings_that_cannot_be(score: Any, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "a"}))
    for options, problem in [
        ({"workers": 0}, "--workers is 0"),
        ({"chunk": 0}, "--chunk is 0"),
        ({"engine": "ray"}, "--engine is 'ray'"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "--scheduler is Dask's"),
        ({"resume": True, "overwrite": True}, "exclude each other"),
    ]:
        with pytest.raises(ConfigError, match=problem):
            score(tmp_path / "in.jsonl", tmp_path / "out.jsonl", **options)
