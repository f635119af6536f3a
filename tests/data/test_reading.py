"""Files of rows: every row with its line, whatever the line ends; and a file of another kind is refused before it fills the memory."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
import subprocess
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slant.data import reading
from slant.data.reading import file_sha256, folder_sha256, read_csv, read_json, read_json_lines, read_lines, read_text
from slant.errors import DataError

BOM = b"\xef\xbb\xbf"

#: Anything that UTF-8 can hold, with line ends of every kind.
TEXT = st.lists(st.characters(codec="utf-8") | st.sampled_from("\r\n\u2028\x85\x0c,\"'\ufeff"), max_size=20).map("".join)
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def rows(path: Path, data: bytes, **options: Any) -> list[dict[str, str]]:
    path.write_bytes(data)
    return [row for _, row in read_csv(path, **options)]


def each(read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Reads to the end, and keeps nothing."""

    def drained(path: Path) -> None:
        found = read(path)
        if isinstance(found, Iterable) and not isinstance(found, str | dict):
            for _ in found:
                pass

    return drained


def refused(read: Callable[[Path], Any], path: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        each(read)(path)
    assert caught.value.where.startswith(str(path))
    assert caught.value.remedy
    return caught.value


# --- lines


@in_one_folder
@given(TEXT, st.booleans())
def test_lines_end_at_line_feeds_only_and_lose_nothing(file: Path, text: str, marked: bool) -> None:
    text = text.lstrip("\ufeff")
    file.write_bytes(BOM * marked + text.encode())
    lines = list(read_lines(file))
    assert "".join(line for _, line in lines) == text
    assert [number for number, _ in lines] == list(range(1, len(lines) + 1))
    assert all("\n" not in line[:-1] for _, line in lines)
    assert all(line.endswith("\n") for _, line in lines[:-1])


def test_only_the_first_byte_order_mark_is_left_out(file: Path) -> None:
    file.write_bytes(BOM + BOM + b"a\n" + BOM + b"b")
    assert list(read_lines(file)) == [(1, "\ufeffa\n"), (2, "\ufeffb")]


def test_a_line_may_be_as_long_as_the_longest(file: Path) -> None:
    file.write_bytes(b"x" * 9 + b"\n" + "é".encode() * 5)
    assert list(read_lines(file, max_line=10)) == [(1, "x" * 9 + "\n"), (2, "é" * 5)]
    error = refused(lambda path: read_lines(path, max_line=9), file)
    assert error.problem == "line 1 is longer than 9 bytes"


def test_a_long_line_is_named_after_those_before_it_are_read(file: Path) -> None:
    file.write_bytes(b"one\ntwo\n" + b"x" * 30)
    lines = read_lines(file, max_line=10)
    assert [next(lines), next(lines)] == [(1, "one\n"), (2, "two\n")]
    with pytest.raises(DataError, match="line 3 is longer than 10 bytes. This is not a file of rows"):
        next(lines)


@in_one_folder
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=8), max_size=6), st.booleans(), st.data())
def test_what_is_not_utf8_is_found_at_its_byte_and_line(file: Path, before: list[str], marked: bool, data: st.DataObject) -> None:
    """0xff stands nowhere in UTF-8; 0xe9 is the é of Windows-1252; 0xc3 begins a character that does not go on."""
    bad = data.draw(st.sampled_from([b"\xff", b"\xe9t\xe9", b"\xc3 ", b"\xed\xa0\xbd"]))
    head = BOM * marked + "".join(line + "\r\n" for line in before).encode() + "Łódź: ".encode()
    file.write_bytes(head + bad + b"\nall well\n")
    problem = f"byte {len(head)} (line {len(before) + 1}) is not UTF-8"
    for read in (read_lines, read_text):
        error = refused(read, file)
        assert (error.problem, error.where) == (problem, str(file))
        assert "WINDOWS-1252" in error.remedy
    lines = read_lines(file)
    assert [next(lines)[0] for _ in before] == list(range(1, len(before) + 1))


# --- CSV


@pytest.mark.parametrize(
    "data",
    [
        b'a,b\n1,"x, y"\n2,z\n',
        b'a,b\r\n1,"x, y"\r\n2,z\r\n',
        BOM + b'a,b\r\n1,"x, y"\r\n2,z',
        BOM + b'"a","b"\n"1","x, y"\n"2","z"',
    ],
    ids=["LF", "CRLF", "BOM and CRLF", "BOM and quotes"],
)
def test_line_ends_quotes_and_byte_order_marks_are_no_matter(file: Path, data: bytes) -> None:
    for columns in (None, ["a", "b"]):
        assert rows(file, data, columns=columns) == [{"a": "1", "b": "x, y"}, {"a": "2", "b": "z"}]


def test_line_ends_within_quotes_stay_and_rows_are_counted_in_lines(file: Path) -> None:
    file.write_bytes(b'id,text\r\n1,"first\r\nsecond\n\nfourth"\r\n2,"a ""quoted"" word"\r\n3,\xe2\x80\xa8\xc2\x85\r\n')
    assert list(read_csv(file)) == [
        (f"{file}, line 5", {"id": "1", "text": "first\r\nsecond\n\nfourth"}),
        (f"{file}, line 6", {"id": "2", "text": 'a "quoted" word'}),
        (f"{file}, line 7", {"id": "3", "text": "\u2028\x85"}),
    ]


@in_one_folder
@given(st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=6), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_what_csv_writes_is_read_back(file: Path, table: list[tuple[str, str, str]], delimiter: str, end: str, marked: bool) -> None:
    text = io.StringIO(newline="")
    # Python 3.11 itself leaves a lone carriage return without quotes.
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b", "c"), *table])
    data = BOM * marked + text.getvalue().encode()
    assert [tuple(row.values()) for row in rows(file, data, columns=["a", "b", "c"], delimiter=delimiter)] == table


@pytest.mark.parametrize(
    ("data", "line", "problem"),
    [
        (b"a,b\n1,2\n3\n", 3, "1 fields instead of 2"),
        (b"a,b\n1,2,\n", 2, "3 fields instead of 2"),
        (b'a,b\n1,"x\ny"\n1,2,3\n', 4, "3 fields instead of 2"),
        (b"a;b\n1,2\n", 2, "2 fields instead of 1"),
        (b'a,b\n1,"never closed\n2,3\n', 3, "not readable as CSV (unexpected end of data)"),
        (b'a,b\n1,"x" y\n', 2, "not readable as CSV (',' expected after '\"')"),
        (b"a,b\n1," + b"x" * 131_073, 2, "not readable as CSV (field larger than field limit (131072))"),
        (b"a,b\r1,2\r", 1, "not readable as CSV (new-line character seen in unquoted field"),
    ],
)
def test_a_row_that_is_none_is_refused_by_its_line(file: Path, data: bytes, line: int, problem: str) -> None:
    file.write_bytes(data)
    error = refused(read_csv, file)
    assert error.where == f"{file}, line {line}"
    assert error.problem.startswith(problem)
    assert refused(lambda path: read_csv(path, remedy="Take the other file"), file).remedy == "Take the other file"


@pytest.mark.parametrize(
    ("data", "columns", "problem"),
    [
        (b"", None, "found an empty file"),
        (BOM, ["a"], "found an empty file; expected a"),
        (b"\n1,2\n", None, "found an empty file"),
        (b"a,b,a\n1,2,3\n", None, "found a header of 3 columns: a, b, a with a column twice"),
        (b"b,a\n1,2\n", ["a", "b"], "found a header of 2 columns: b, a; expected a, b"),
        (b"a,b,c\n1,2,3\n", ["a", "b"], "found a header of 3 columns: a, b, c; expected a, b"),
        (b"a;b\n1;2\n", ["a", "b"], "found a header of 1 columns: a;b; expected a, b"),
    ],
)
def test_another_header_is_refused(file: Path, data: bytes, columns: list[str] | None, problem: str) -> None:
    file.write_bytes(data)
    error = refused(lambda path: read_csv(path, columns), file)
    assert (error.problem, error.where) == (problem, str(file))


def test_a_header_alone_is_a_file_of_no_rows(file: Path) -> None:
    assert rows(file, b"a,b\n") == []


def test_csv_and_json_lines_refuse_a_long_line_and_what_is_not_utf8(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reading.read_lines.__kwdefaults__, "max_line", 20)
    file.write_bytes(b"a,b\n1,2\n3," + b"x" * 30 + b"\n")
    assert refused(read_csv, file).problem == "line 3 is longer than 20 bytes"
    file.write_bytes(b'{"a": 1}\n{"a": "' + b"x" * 30 + b'"}\n')
    assert refused(read_json_lines, file).problem == "line 2 is longer than 20 bytes"
    file.write_bytes(b'a,b\n1,"x\ny"\n2,\xe9\n')
    assert refused(read_csv, file).problem == "byte 14 (line 4) is not UTF-8"


def test_rows_come_before_the_file_is_read_to_its_end(file: Path) -> None:
    file.write_bytes(b"a,b\n1,2\n3,4,5\n")
    found = read_csv(file)
    assert next(found)[1] == {"a": "1", "b": "2"}
    with pytest.raises(DataError, match="line 3: 3 fields instead of 2. Mend the row"):
        next(found)


# --- JSON


def test_json_lines_are_numbered_and_blank_ones_passed_over(file: Path) -> None:
    file.write_bytes(BOM + b'{"a": 1}\r\n\r\n  \n{"a": "\xe2\x80\xa8"}')
    assert list(read_json_lines(file)) == [(f"{file}, line 1", {"a": 1}), (f"{file}, line 4", {"a": "\u2028"})]


@pytest.mark.parametrize("line", ["[1]", '"a"', "null", "{", '{"a": 1} {"b": 2}', "[" * 100_000, "9" * 5_000], ids=lambda line: line[:16])
def test_what_is_no_object_is_refused(file: Path, line: str) -> None:
    file.write_text('{"a": 1}\n' + line + "\n")
    error = refused(read_json_lines, file)
    assert error.where == f"{file}, line 2"
    assert error.problem.startswith("not a JSON object")
    file.write_text(line)
    assert refused(read_json, file).problem.startswith("not a JSON object")


def test_a_document(file: Path) -> None:
    file.write_bytes(BOM + b'{\r\n"a": [1]\r\n}\n')
    assert read_json(file) == {"a": [1]}
    assert read_text(file) == '\ufeff{\r\n"a": [1]\r\n}\n'
    size = file.stat().st_size
    assert read_text(file, max_bytes=size)
    assert refused(lambda path: read_text(path, max_bytes=size - 1), file).problem == f"is larger than {size - 1} bytes"


# --- files that cannot be read, or are of another kind


READERS = [read_lines, read_text, read_csv, read_json_lines, read_json]


@pytest.mark.parametrize("read", [*READERS, file_sha256])
def test_missing_files_and_folders_are_refused(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    with pytest.raises(DataError, match="nowhere.csv: there is no such file. Check the path"):
        each(read)(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\). Name a readable file"):
        each(read)(tmp_path)


@pytest.mark.parametrize("read", READERS)
def test_a_file_of_two_gigabytes_is_refused_in_little_memory(file: Path, read: Callable[[Path], Any]) -> None:
    """Of nothing but zeros, and so without a line end; it takes no room on the disk."""
    with file.open("wb") as sparse:
        sparse.truncate(2 * 1024**3)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="(longer|larger) than"):
            each(read)(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        file.unlink()
    assert peak < 32_000_000


def test_memory_does_not_grow_with_the_file(file: Path) -> None:
    with file.open("wb") as large:
        large.write(b"id,text\n")
        large.write(b"1,A plain sentence of some words.\n" * 40_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_csv(file)) == 40_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 400_000 < file.stat().st_size


# --- digests


def composed(files: dict[str, bytes]) -> str:
    lines = [hashlib.sha256(data).hexdigest().encode() + b"  " + os.fsencode(name) + b"\n" for name, data in files.items()]
    return hashlib.sha256(b"".join(lines)).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    (folder / "within").mkdir(parents=True)
    (folder / "within" / "d.json").write_bytes(b"not looked for")
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    return folder


#: In the order of their names' code points.
FILES = {"B.json": b"", "a.json": b"\x00\xff" * 100_000, "b.json": b"two\n", "c.txt": b"three", "é.json": b"x"}


def test_digests_are_composed_as_the_docstring_says(folder: Path) -> None:
    assert file_sha256(folder / "a.json") == hashlib.sha256(FILES["a.json"]).hexdigest()
    assert folder_sha256(folder) == composed(FILES)
    assert folder_sha256(folder, "*.json") == composed({name: data for name, data in FILES.items() if name != "c.txt"})
    assert folder_sha256(folder, "*.none") == hashlib.sha256(b"").hexdigest()


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no sha256sum here")
@pytest.mark.parametrize("pattern", ["*.json", "*.*"])
def test_digests_are_those_of_sha256sum(folder: Path, pattern: str) -> None:
    command = f"LC_ALL=C; export LC_ALL; sha256sum {pattern} | sha256sum"
    printed = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert folder_sha256(str(folder), pattern) == printed.split()[0]


@pytest.mark.parametrize("change", [{"a.json": b"other"}, {"new.json": b""}])
def test_a_folder_with_other_files_has_another_digest(folder: Path, change: dict[str, bytes]) -> None:
    before = folder_sha256(folder)
    for name, data in change.items():
        (folder / name).write_bytes(data)
    assert folder_sha256(folder) == composed(dict(sorted((FILES | change).items()))) != before


def test_a_renamed_file_changes_the_digest_and_a_name_need_not_be_utf8(folder: Path) -> None:
    before = folder_sha256(folder)
    try:
        (folder / "é.json").rename(folder / os.fsdecode(b"\xff.json"))
    except OSError:
        pytest.skip("this file system takes no such name")
    renamed = {os.fsdecode(b"\xff.json") if name == "é.json" else name: data for name, data in FILES.items()}
    assert folder_sha256(folder) == composed(renamed) != before


def test_a_digest_of_a_large_file_takes_little_memory(file: Path) -> None:
    with file.open("wb") as sparse:
        sparse.truncate(64_000_000)
    tracemalloc.start()
    try:
        digest = file_sha256(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert digest == hashlib.sha256(bytes(64_000_000)).hexdigest()
    assert peak < 4_000_000
