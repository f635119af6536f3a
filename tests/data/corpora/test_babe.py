"""The BABE adapter, on invented rows in the official layout and on the official file where it is at hand."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slant.data import Corpus
from slant.data.corpora import babe
from slant.data.corpora.babe import COLUMNS, FILE, load_babe
from slant.errors import DataError

ROW = {
    "text": "The vile mayor spoke to the evil-minded court.",
    "news_link": "https://www.gazette.example/2020/mayor-speaks",
    "outlet": "Gazette",
    "topic": "elections",
    "type": "left",
    "label_bias": "Biased",
    "label_opinion": "Expresses writer's opinion",
    "biased_words": "['vile']",
}

Write = Callable[..., Path]
Read = Callable[..., Corpus]


def render(*changes: dict[str, str], separator: str = ";", columns: tuple[str, ...] = COLUMNS) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([[(ROW | change)[name] for name in columns] for change in changes])
    return stream.getvalue()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file in the official layout (UTF-8 with a BOM) and give its folder."""

    def put(content: str | bytes, bom: bytes = b"\xef\xbb\xbf") -> Path:
        (tmp_path / FILE).write_bytes(bom + (content.encode() if isinstance(content, str) else content))
        return tmp_path

    return put


@pytest.fixture
def read(write: Write) -> Read:
    """Read rows that are `ROW` with changes."""
    return lambda *changes: load_babe(write(render(*changes)))


def found(corpus: Corpus, row: int = 0) -> list[str]:
    example = corpus.dataset[row]
    assert all(span["label"] == "loaded" for span in example["spans"])
    return [example["text"][span["start"] : span["end"]] for span in example["spans"]]


def test_a_row_becomes_an_example(read: Read) -> None:
    corpus = read({}, {"text": "The court sat.", "label_bias": "Non-biased", "biased_words": "[]", "type": "center"})
    first, second = corpus.dataset[0], corpus.dataset[1]
    assert first["text"] == ROW["text"]
    assert (first["task"], first["label"], first["leaning"]) == ("loaded", "loaded", "left")
    assert (first["outlet"], first["topic"], first["group"]) == ("Gazette", "elections", "gazette.example/2020/mayor-speaks")
    assert found(corpus) == ["vile"]
    assert (second["label"], second["leaning"], second["spans"]) == ("neutral", "centre", [])
    assert first["target"] is first["voice"] is first["speaker"] is None
    assert corpus.quarantined == ()
    assert (corpus.name, corpus.licence) == ("babe", "CC-BY-NC-SA-4.0")


def test_a_file_that_is_not_the_official_one_is_named_by_its_digest(read: Read) -> None:
    corpus = read({})
    assert corpus.version.startswith("sha256-")
    assert corpus.dataset[0]["source"] == f"babe@{corpus.version}"
    assert read({"text": "Another."}).version != corpus.version


def test_no_agreement_is_a_null_label(read: Read) -> None:
    assert read({"label_bias": "No agreement"}).dataset[0]["label"] is None


def test_empty_columns_are_null(read: Read) -> None:
    example = read({"outlet": "", "topic": "", "type": ""}).dataset[0]
    assert example["outlet"] is example["topic"] is example["leaning"] is None


def test_the_bom_is_not_needed(write: Write) -> None:
    assert load_babe(write(render({}), bom=b"")).dataset[0]["text"] == ROW["text"]


def test_the_file_itself_may_be_named(write: Write) -> None:
    assert len(load_babe(write(render({})) / FILE).dataset) == 1


def test_text_is_left_as_it_stands(read: Read) -> None:
    text = ' The “vile”;\nmayor\u00a0said "no" – caf\u00e9, cafe\u0301, 🎉 vile '
    corpus = read({"text": text})
    assert corpus.dataset[0]["text"] == text
    assert [(s["start"], s["end"]) for s in corpus.dataset[0]["spans"]] == [(6, 10), (len(text) - 5, len(text) - 1)]


# --- biased words


@pytest.mark.parametrize(
    ("text", "words", "spans"),
    [
        ("A vile, VILE man", "['vile']", ["vile", "VILE"]),
        ("A vile man", "['vile', 'vile', ' vile ']", ["vile"]),
        ("A VILE man", "['Vile', 'vILE']", ["VILE"]),
        ("It isn’t “so-called” aid", "['isn\\'t', '\"so-called\"']", ["isn’t", "“so-called”"]),
        ("A vile  evil\nman", "['vile evil man']", ["vile  evil\nman"]),
        ("Reviled and vilely", "['vile']", []),
        ("(C++) is vile.", "['(C++)', 'vile.']", ["(C++)", "vile."]),
        ("No man", "[]", []),
        ("No man", "", []),
    ],
)
def test_words_are_found_in_the_text(read: Read, text: str, words: str, spans: list[str]) -> None:
    assert found(read({"text": text, "biased_words": words})) == spans


def test_words_that_are_not_in_the_text_are_quarantined_and_counted(read: Read) -> None:
    corpus = read({"biased_words": "['vile', 'dreadful', '']"}, {"text": "Nothing here.", "biased_words": "['vile']"})
    assert found(corpus) == ["vile"]
    assert len(corpus.dataset) == 2
    assert [q.what for q in corpus.quarantined] == ["dreadful", "", "vile"]
    assert [q.where.rpartition(", ")[2] for q in corpus.quarantined] == ["line 2", "line 2", "line 3"]
    assert corpus.quarantine_counts() == {"biased word is not a word of its sentence": 2, "biased word is empty": 1}


@pytest.mark.parametrize(
    "words",
    ["['vile'", "vile", "[1, 2]", "'vile'", "{'vile'}", "[['vile']]", "__import__('os').getcwd()", "[" * 5000, "-" * 100_000 + "1", "['a']\0"],
)
def test_a_malformed_list_is_refused_with_its_line(read: Read, words: str) -> None:
    with pytest.raises(DataError, match=r"line 3: biased_words cannot be read .*It must read like \['word', 'word'\]"):
        read({}, {"biased_words": words})


# --- identity and groups


def test_a_row_that_stands_twice_keeps_both_under_two_ids(read: Read) -> None:
    dataset = read({}, {}, {"text": "Another."}).dataset
    first, second, third = dataset["id"]
    assert second == first + "-2"
    assert third not in (first, second)
    assert len(set(dataset["group"])) == 1


def test_ids_do_not_depend_on_other_rows(read: Read) -> None:
    alone = read({"text": "Another."}).dataset["id"][0]
    assert read({}, {"text": "Another."}).dataset["id"][1] == alone


def test_one_article_under_several_addresses_is_one_group(read: Read) -> None:
    links = ["https://www.a.example/x", "http://A.example/x/?utm_source=feed", " https://a.example/x#top ", "https://a.example/y"]
    groups = read(*({"news_link": link, "text": f"Sentence {n}."} for n, link in enumerate(links))).dataset["group"]
    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_rows_without_a_link_are_groups_of_their_own(read: Read) -> None:
    dataset = read({"news_link": "", "text": "One."}, {"news_link": "", "text": "Two."}).dataset
    assert list(dataset["group"]) == list(dataset["id"])


# --- files that are not BABE


@pytest.mark.parametrize("name", ["", FILE])
def test_a_missing_file_says_how_to_name_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"{FILE}: there is no BABE file. Name the folder .*data.root=FOLDER"):
        load_babe(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (render({}, separator=","), "found a header of 1 columns: text,news_link.*;-separated"),
        (render({}, separator="\t"), "found a header of 1 columns"),
        (render({}, columns=COLUMNS[:-1]), "found a header of 7 columns"),
        (render({}, columns=COLUMNS[::-1]), "found a header of 8 columns"),
        ("", "found an empty file"),
        ("\r\n", "found an empty file"),
        (render(), "holds no rows"),
        (render({}) + "cut;in\r\n", "line 3: 2 fields instead of 8"),
        (render({}) + ROW["text"] + ";https://a.example;Gazette;x;left;Bia", "line 3: 6 fields instead of 8"),
        (render({}) + ";".join(ROW.values())[:-2], "line 3: biased_words cannot be read"),
        (render({}) + '"A quotation that never ends;x;y', "line 3: not readable as CSV"),
        (render({}) + 'one;"two" three;x;x;x;x;x;x\r\n', "line 3: not readable as CSV"),
        (render({}, {"text": "a" * 100_000}), r"row 2 \(id 'babe-\w+'\): the text has 100,000 characters, more than 20,000"),
        (render({}, {"text": "a" * 200_000}), "line 3: not readable as CSV .field larger"),
        (render({}, {"label_bias": "biased"}), "line 3: unknown label_bias 'biased'. Known: Biased, Non-biased, No agreement"),
        (render({}, {"type": "centre"}), "line 3: unknown type 'centre'. Known: left, center, right"),
        (render({}, {"text": ""}), "line 3: the text is empty"),
        (render({}, {"text": " \u00a0\n"}), "line 4: the text is empty"),
    ],
)
def test_other_files_are_refused_by_line_and_reason(write: Write, content: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"(?s){FILE}.*{message}") as caught:
        load_babe(write(content))
    assert caught.value.remedy


def test_a_file_in_another_encoding_is_refused(write: Write) -> None:
    content = render({"text": "Caf\u00e9."}).encode("cp1252")
    with pytest.raises(DataError, match=r"line 2\) is not UTF-8. Convert the file"):
        load_babe(write(content, bom=b""))
    with pytest.raises(DataError, match="is not UTF-8"):
        load_babe(write(render({}).encode("utf-16"), bom=b""))


# --- the official file


@pytest.fixture(scope="module")
def official(benchmarks: Path) -> Corpus:
    folder = benchmarks / "babe"
    if not (folder / FILE).is_file():
        pytest.skip(f"no {FILE} in {folder}")
    return load_babe(folder)


def test_the_official_file_is_known_and_counted(official: Corpus) -> None:
    """Counts of Spinde et al. 2021's SG2: 3,674 sentences, 1,810 biased, 1,863 non-biased, one without agreement."""
    assert official.version == "fb79f646"
    assert Counter(official.dataset["label"]) == {"loaded": 1810, "neutral": 1863, None: 1}
    assert len(set(official.dataset["id"])) == 3674
    assert Counter(official.dataset["leaning"]) == {"left": 989, "centre": 692, "right": 993, None: 1000}


def test_the_official_words_are_nearly_all_found(official: Corpus) -> None:
    rows: list[dict[str, Any]] = official.dataset.to_list()
    spans = [row["text"][span["start"] : span["end"]] for row in rows for span in row["spans"]]
    assert all(text and text == text.strip() for text in spans)
    assert set(official.quarantine_counts()) == {"biased word is not a word of its sentence"}
    assert len(official.quarantined) < 0.01 * len(spans)


def test_a_huge_file_is_refused_in_little_memory(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(babe, "corpus_version", lambda *_: "1")  # the digest of 2 GB takes seconds, and is taken a piece at a time
    path = write(render({}, {"text": "Another."}))
    path = path / FILE if path.is_dir() else path
    with path.open("ab") as file:
        file.truncate(2_000_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="longer than 4,000,000 bytes"):
            load_babe(path)
        assert tracemalloc.get_traced_memory()[1] < 64_000_000
    finally:
        tracemalloc.stop()


def test_an_empty_file_with_its_header_holds_no_rows(write: Write) -> None:
    with pytest.raises(DataError, match="holds no rows"):
        load_babe(write(render()))
