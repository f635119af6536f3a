"""The GWSD adapter, on invented rows in the layout that its card describes. The real file is not at hand."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import datasets  # noqa: F401 (imported before memory is traced)
import pytest

from slant.data import Corpus
from slant.data.corpora.gwsd import FILE, OPTIONAL, REQUIRED, TARGET, load_gwsd
from slant.errors import ConfigError, DataError

ROW = {
    "": "0",
    "sentence": "The glacier of Invented Peak shrinks.",
    **{f"worker_{n}": "agrees" if n < 5 else "neutral" for n in range(8)},
    "round": "1",
    "batch": "0",
    "sent_id": "t0",
    "disagree": "0.01",
    "neutral": "0.19",
    "agree": "0.8",
    "guid": "1_0_t0",
    "in_held_out_test": "False",
}
SCREEN = {"sent_id": "s0", "guid": "1_0_s0", "disagree": "", "neutral": "", "agree": ""}
NO_POSTERIOR = {"disagree": "", "neutral": "", "agree": ""}
NO_VOTES = {f"worker_{n}": "" for n in range(8)}
COLUMNS = tuple(ROW)

Write = Callable[..., Path]
Read = Callable[..., Corpus]


def render(*changes: dict[str, str], columns: tuple[str, ...] = COLUMNS, separator: str = "\t") -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    for number, change in enumerate(changes):
        row = ROW | {"sent_id": f"t{number}", "guid": f"1_0_t{number}"} | change
        writer.writerow([row[name] for name in columns])
    return stream.getvalue()


def votes(disagrees: int, neutral: int, agrees: int) -> dict[str, str]:
    cells = ["disagrees"] * disagrees + ["neutral"] * neutral + ["agrees"] * agrees
    return {f"worker_{n}": cells[n] if n < len(cells) else "" for n in range(8)}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(content: str | bytes) -> Path:
        (tmp_path / FILE).write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return put


@pytest.fixture
def read(write: Write) -> Read:
    return lambda *changes, columns=COLUMNS, **options: load_gwsd(write(render(*changes, columns=columns)), **options)


def test_a_row_becomes_an_example(read: Read) -> None:
    corpus = read({})
    [row] = corpus.dataset.to_list()
    assert row | {"label_votes": None} == {
        "id": "gwsd-1_0_t0",
        "text": ROW["sentence"],
        "task": "stance",
        "label": "favor",
        "target": TARGET,
        "target_start": None,
        "target_end": None,
        "spans": None,
        "group": "gwsd-1_0_t0",
        "outlet": None,
        "leaning": None,
        "topic": None,
        "voice": None,
        "speaker": None,
        "source": f"gwsd@{corpus.version}",
        "label_votes": None,
        "part": "train",
    }
    assert row["label_votes"] == pytest.approx([0.01, 0.19, 0.8])
    assert corpus.version.startswith("sha256-")
    assert corpus.quarantined == ()


@pytest.mark.parametrize(
    ("change", "label", "scores"),
    [
        ({}, "favor", [0.01, 0.19, 0.8]),
        ({"disagree": "0.7", "agree": "0.11"}, "against", [0.7, 0.19, 0.11]),
        ({"disagree": "0.4", "neutral": "0.4", "agree": "0.2"}, None, [0.4, 0.4, 0.2]),
        (NO_POSTERIOR | votes(1, 2, 5), "favor", [0.125, 0.25, 0.625]),
        (NO_POSTERIOR | votes(3, 1, 0), "against", [0.75, 0.25, 0]),
        (NO_POSTERIOR | votes(2, 4, 2), "neutral", [0.25, 0.5, 0.25]),
        (NO_POSTERIOR | votes(4, 0, 4), None, [0.5, 0, 0.5]),
        (NO_POSTERIOR | NO_VOTES, None, None),
        (NO_VOTES, "favor", [0.01, 0.19, 0.8]),
    ],
)
def test_labels_come_from_the_posterior_else_from_votes(read: Read, change: dict[str, str], label: str | None, scores: list[float] | None) -> None:
    row = read(change).dataset[0]
    assert row["label"] == label
    assert row["label_votes"] == (scores and pytest.approx(scores))


def test_labels_may_come_from_votes_alone(read: Read) -> None:
    dataset = read(votes(6, 2, 0), NO_VOTES, labels_from="votes").dataset
    assert dataset["label"][:] == ["against", None]
    assert dataset["label_votes"][:] == [[0.75, 0.25, 0], None]
    with pytest.raises(ConfigError, match="unknown labels_from 'majority'. Choose one of: posterior, votes"):
        read({}, labels_from="majority")


def test_screening_items_are_set_aside_and_may_repeat(read: Read) -> None:
    corpus = read(SCREEN, {}, SCREEN)
    assert corpus.dataset["id"][:] == ["gwsd-1_0_t1"]
    assert corpus.quarantine_counts() == {"screening item": 2}
    assert [q.where.rpartition(", ")[2] for q in corpus.quarantined] == ["line 2", "line 4"]


def test_columns_may_stand_in_any_order_and_some_be_left_out(read: Read) -> None:
    whole, turned = read({}, {}), read({}, {}, columns=COLUMNS[::-1])
    assert whole.fingerprint == turned.fingerprint
    fewer = read({}, {"batch": "7"}, columns=REQUIRED)
    assert fewer.dataset["id"][:] == ["gwsd-1_0_t0", "gwsd-1_7_t1"]
    assert set(fewer.dataset["part"]) == {None}


def test_a_sentence_id_may_stand_in_several_batches(read: Read) -> None:
    same = {"sent_id": "t0"}
    assert len(read(same, same | {"batch": "1"}, same | {"round": "2"}, columns=REQUIRED).dataset) == 3


def test_the_held_out_rows_are_the_test_part(read: Read) -> None:
    assert read({}, {"in_held_out_test": "True"}).dataset["part"][:] == ["train", "test"]


def test_text_is_left_as_it_stands(read: Read) -> None:
    text = ' A “fact”\u00a0and a "tab\t" 🎉 cafe\u0301 '
    assert read({"sentence": text}).dataset["text"][0] == text


def test_the_order_of_rows_changes_nothing(read: Read, write: Write) -> None:
    lines = render({}, SCREEN, {"sentence": "Another."}).splitlines(keepends=True)
    a, b = (load_gwsd(write("".join([lines[0], *body]))) for body in (lines[1:], lines[:0:-1]))
    assert a.fingerprint == b.fingerprint
    assert a.quarantine_counts() == b.quarantine_counts()


@pytest.mark.parametrize("name", ["", FILE])
def test_a_missing_file_says_how_to_name_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"{FILE}: there is no GWSD file. Name the folder .*data.root=FOLDER"):
        load_gwsd(tmp_path / name)


def test_the_file_itself_may_be_named(write: Write) -> None:
    assert len(load_gwsd(write("\ufeff" + render({})) / FILE).dataset) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (render({}, separator=","), "there is no column 'sentence'; the columns are ,sentence"),
        (render({}, columns=COLUMNS[:-3]), "there is no column 'agree'"),
        (render({}).replace("worker_7", "worker_8", 1), "there is no column 'worker_7'"),
        (render({}).replace("in_held_out_test", "stance", 1), "unknown column 'stance'.*and may have guid"),
        (render({}).replace("batch", "round", 1), "with a column twice"),
        ("", "found an empty file"),
        (render(), "holds no rows"),
        (render(SCREEN), "holds no rows"),
        (render({}) + "cut\tin\n", "line 3: 2 fields instead of 18"),
        (render({}, {"sent_id": "t0", "guid": "1_0_t0"}), "line 3: the id '1_0_t0' stands twice, first in line 2"),
        (render({}, {"guid": " "}), "line 3: the id is empty"),
        (render({"sent_id": ""}), "line 2: the id is empty"),
        (render({}, {"worker_3": "agree"}), "line 3: unknown vote 'agree' of worker_3. Known: disagrees, neutral, agrees, or empty"),
        (render({"agree": "0.9"}), "line 2: the posterior 0.01, 0.19, 0.9 is no distribution"),
        (render({"agree": "-0.2", "neutral": "1.19"}), "is no distribution"),
        (render({"agree": "nan"}), "is no distribution"),
        (render({"agree": "inf"}), "is no distribution"),
        (render({"agree": ""}), "is not of three numbers"),
        (render({"agree": "much"}), "is not of three numbers"),
        (render({"sentence": " "}), "line 2: the sentence is empty"),
        (render({"in_held_out_test": "1"}), "unknown in_held_out_test '1'. Known: True, False"),
    ],
)
def test_other_files_are_refused_by_line_and_reason(write: Write, content: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"(?s){FILE}.*{message}") as caught:
        load_gwsd(write(content))
    assert caught.value.remedy


def test_a_posterior_may_miss_one_by_a_little(read: Read) -> None:
    assert len(read({"agree": "0.815"}).dataset) == 1


def test_a_file_in_another_encoding_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match=r"line 2\) is not UTF-8. Convert the file"):
        load_gwsd(write(render({"sentence": "Caf\u00e9."}).encode("cp1252")))


def test_a_huge_file_is_refused_in_little_memory(write: Write) -> None:
    root = write(render({}))
    with (root / FILE).open("r+b") as file:
        file.truncate(2_000_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="longer than 4,000,000 bytes"):
            load_gwsd(root)
        assert tracemalloc.get_traced_memory()[1] < 64_000_000
    finally:
        tracemalloc.stop()


def test_the_columns_are_those_of_the_card() -> None:
    assert set(REQUIRED) | set(OPTIONAL) == set(COLUMNS)
