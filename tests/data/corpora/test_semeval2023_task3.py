"""The SemEval-2023 Task 3 adapter, on invented paragraphs in the layout of its file and on the file itself where it is at hand."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from slant.data import Corpus
from slant.data.corpora import semeval2023_task3 as adapter
from slant.data.corpora.semeval2023_task3 import COLUMNS, FILE, TECHNIQUES, load_semeval2023_task3
from slant.errors import ConfigError, DataError

PLAIN = dict.fromkeys(TECHNIQUES, "0") | {"text": "The court sat. It rose at noon.", "label": "False"}
LOADED = {"text": "The vile mayor spoke.", "Loaded_Language": "1", "label": "True"}
DOUBT = {"text": "Who would trust the mayor?", "Doubt": "1", "label": "True"}

Write = Callable[[str | bytes], Path]
Read = Callable[..., Corpus]


def render(*changes: dict[str, str], separator: str = ",", columns: tuple[str, ...] = COLUMNS) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[(PLAIN | change)[name] for name in columns] for change in changes])
    return stream.getvalue()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file in the layout of the real one and give its folder."""

    def put(content: str | bytes) -> Path:
        (tmp_path / FILE).write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return put


@pytest.fixture
def read(write: Write) -> Read:
    """Read rows that are `PLAIN` with changes."""
    return lambda *changes, **options: load_semeval2023_task3(write(render(*changes)), **options)


def test_a_row_becomes_an_example(read: Read) -> None:
    corpus = read(LOADED, {})
    first, second = corpus.dataset[0], corpus.dataset[1]
    assert first.pop("id") == first.pop("group")
    assert first == {
        "text": "The vile mayor spoke.",
        "task": "loaded",
        "label": "loaded",
        "target": None,
        "target_start": None,
        "target_end": None,
        "spans": None,
        "outlet": None,
        "leaning": None,
        "topic": None,
        "voice": None,
        "speaker": None,
        "source": f"semeval2023_task3@{corpus.version}",
        "label_votes": None,
        "part": None,
    }
    assert (second["text"], second["label"]) == (PLAIN["text"], "neutral")
    assert second["id"].startswith("semeval2023_task3-")
    assert len(second["id"].rpartition("-")[2]) == 12
    assert (corpus.name, corpus.licence, corpus.quarantined) == ("semeval2023_task3", "unconfirmed: see home", ())
    assert corpus.version.startswith("sha256-")
    assert read({}).version != corpus.version


def test_techniques_choose_the_label(read: Read) -> None:
    rows = (LOADED, DOUBT, {})
    assert read(*rows).dataset["label"] == ["loaded", "neutral", "neutral"]
    assert read(*rows, techniques=["Doubt"]).dataset["label"] == ["neutral", "loaded", "neutral"]
    assert read(*rows, techniques=["Slogans", "Doubt", "Loaded_Language"]).dataset["label"] == ["loaded", "loaded", "neutral"]
    assert read(*rows, techniques=None).dataset["label"] == ["loaded", "loaded", "neutral"]


def test_ids_do_not_depend_on_the_techniques_asked_for(read: Read) -> None:
    assert list(read(LOADED, DOUBT).dataset["id"]) == list(read(LOADED, DOUBT, techniques=None).dataset["id"])


def test_an_unknown_technique_is_refused_with_the_nearest(read: Read) -> None:
    with pytest.raises(ConfigError, match="data.techniques: unknown technique 'Name_Calling,Labeling'. Did you mean 'Name_Calling-Labeling'?"):
        read({}, techniques=["Name_Calling,Labeling"])


def test_text_is_left_as_it_stands(read: Read) -> None:
    text = ' The “vile”,\nmayor\u00a0said "no".\r\n\nIt rose – caf\u00e9, cafe\u0301, 🎉 '
    assert read({"text": text}).dataset[0]["text"] == text


def test_the_file_itself_may_be_named_and_may_have_a_bom(write: Write) -> None:
    assert load_semeval2023_task3(write("\ufeff" + render(LOADED)) / FILE).dataset["label"] == ["loaded"]


def test_rows_that_stand_twice_are_kept_under_two_ids(read: Read) -> None:
    dataset = read(LOADED, LOADED, DOUBT, LOADED).dataset
    first, second, other, third = dataset["id"]
    assert (second, third) == (f"{first}-2", f"{first}-3")
    assert not other.startswith(first)
    assert list(dataset["group"]) == list(dataset["id"])


def test_the_order_of_rows_changes_nothing_but_order(read: Read) -> None:
    # The last has the first one's text and other techniques: a conflict that the audit must find, with ids that keep apart.
    rows = (LOADED, DOUBT, {}, LOADED, {"text": LOADED["text"]})
    first, second = read(*rows), read(*rows[::-1])
    assert first.fingerprint == second.fingerprint
    labels = dict(zip(first.dataset["id"], first.dataset["label"], strict=True))
    assert labels == dict(zip(second.dataset["id"], second.dataset["label"], strict=True))
    assert len(labels) == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (render({}, separator=";"), "found a header of 1 columns.*separated by ','"),
        (render({}, columns=COLUMNS[:-1]), "found a header of 20 columns"),
        (render({}, columns=COLUMNS[::-1]), "found a header of 21 columns: label,"),
        ("", "found an empty file"),
        (render(), "holds no rows"),
        (render({}) + "cut,0,0\n", "line 3: 3 fields instead of 21"),
        (render({}) + render({}).splitlines()[1][:-6] + "\n", "line 3: 20 fields instead of 21"),
        (render({}) + '"A quotation that never ends,0,0', "line 3: not readable as CSV"),
        (render({}, {"Doubt": "2"}), "line 3: Doubt is '2'. A technique is 0 or 1"),
        (render({}, {"Doubt": ""}), "line 3: Doubt is ''"),
        (render({"Slogans": "1.0", "label": "True"}), "line 2: Slogans is '1.0'"),
        (render({"label": "0"}), "line 2: label is '0', the techniques say False"),
        (render({"label": "true", "Doubt": "1"}), "line 2: label is 'true', the techniques say True"),
        (render({"label": "False", "Doubt": "1"}), "line 2: label is 'False', the techniques say True"),
        (render({"text": ""}), "line 2: the text is empty"),
        (render({"text": " \u00a0\n"}), "line 3: the text is empty"),
        (render({}, {"text": "a" * 20_001}), r"row 2 .*the text has 20,001 characters, more than 20,000"),
        (render({"text": "Café."}).encode("cp1252"), r"line 2\) is not UTF-8. Convert the file"),
        (render({}).encode("utf-16"), "is not UTF-8"),
    ],
)
def test_other_files_are_refused_by_line_and_reason(write: Write, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=rf"(?s){FILE}.*{message}") as caught:
        load_semeval2023_task3(write(content))
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["", FILE])
def test_a_missing_file_says_how_to_name_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"{FILE}: there is no SemEval-2023 Task 3 file. Name the folder .*data.root=FOLDER"):
        load_semeval2023_task3(tmp_path / name)


def test_a_huge_file_is_refused_in_little_memory(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets  # noqa: F401 (its own memory does not count)

    root = write(render({}))
    monkeypatch.setattr(adapter, "corpus_version", lambda *_: "1")  # the digest of 2 GB takes seconds, and is taken a piece at a time
    with (root / FILE).open("r+b") as file:
        file.truncate(2_000_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="line 3 is longer than 4,000,000"):
            load_semeval2023_task3(root)
        assert tracemalloc.get_traced_memory()[1] < 64_000_000
    finally:
        tracemalloc.stop()


# --- the official file


@pytest.mark.parametrize(("techniques", "loaded"), [(("Loaded_Language",), 1_566), (("Doubt",), 441), (None, 3_337)])
def test_the_official_corpus(benchmarks: Path, techniques: tuple[str, ...] | None, loaded: int) -> None:
    folder = benchmarks / "semeval2023-task3"
    if not (folder / FILE).is_file():
        pytest.skip(f"no {FILE} in {folder}")
    corpus = load_semeval2023_task3(folder, techniques=techniques)
    assert (corpus.version, corpus.quarantined) == ("d9d21648", ())
    labels = list(corpus.dataset["label"])
    assert (len(labels), labels.count("loaded")) == (7_938, loaded)
    texts = list(corpus.dataset["text"])
    assert max(map(len, texts)) == 881
    twice = [text for text, count in Counter(texts).items() if count > 1]
    assert len(twice) == 15
    assert not any(identity.endswith("-2") for identity in corpus.dataset["id"])  # same text, but never the same techniques
