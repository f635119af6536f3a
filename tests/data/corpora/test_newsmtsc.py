"""The NewsMTSC adapter, on invented sentences in the official layout and on the official files where they are at hand."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slant.data import Corpus
from slant.data.corpora.newsmtsc import PARTS, load_newsmtsc
from slant.errors import ConfigError, DataError

TEXT = "Mayor Quill praised the vile Ms. Zander."
Write = Callable[..., Path]


def target(gid: str = "allsides_12_5_3_Mayor Quill_0_11", start: int = 0, mention: str = "Mayor Quill", **changes: Any) -> dict[str, Any]:
    return {"Input.gid": gid, "from": start, "to": start + len(mention), "mention": mention, "polarity": 4.0} | changes


def sentence(*targets: dict[str, Any], text: str = TEXT, **changes: Any) -> dict[str, Any]:
    targets = targets or (target(),)
    return {"primary_gid": targets[0].get("Input.gid"), "sentence_normalized": text, "targets": list(targets)} | changes


def lines(*rows: dict[str, Any] | str) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the five files in the official layout, one sentence each, with some otherwise; None leaves a file out."""

    def put(**changes: str | bytes | None) -> Path:
        for number, part in enumerate(PARTS):
            gid = f"polusa_v1_{number}_-1_0_Quill_6_11"
            content = changes.get(part, lines(sentence(target(gid, 6, "Quill"))))
            if content is None:
                (tmp_path / f"{part}.jsonl").unlink(missing_ok=True)
            else:
                (tmp_path / f"{part}.jsonl").write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return put


@pytest.fixture
def read(write: Write) -> Callable[..., Corpus]:
    """Read `train` with these rows, and no other part."""
    return lambda *rows: load_newsmtsc(write(train=lines(*rows)), parts=["train"])


Read = Callable[..., Corpus]


def test_each_target_becomes_an_example(read: Read) -> None:
    second = target("allsides_12_5_3_Zander_29_39", 29, "Ms. Zander", polarity=2.0, further_mentions=[{"from": 0, "to": 1, "mention": "x"}])
    corpus = read(sentence(target(polarity=6), second))
    mayor, zander = corpus.dataset.to_list()
    assert (mayor["id"], zander["id"]) == ("newsmtsc-train-allsides_12_5_3_Mayor Quill_0_11", "newsmtsc-train-allsides_12_5_3_Zander_29_39")
    assert (mayor["text"], mayor["task"], mayor["label"], mayor["part"]) == (TEXT, "stance", "favor", "train")
    assert (mayor["target"], mayor["target_start"], mayor["target_end"]) == ("Mayor Quill", 0, 11)
    assert (zander["target"], zander["target_start"], zander["target_end"], zander["label"]) == ("Ms. Zander", 29, 39, "against")
    assert mayor["group"] == zander["group"] == "allsides-story-5"
    assert mayor["source"] == f"newsmtsc@{corpus.version}"
    nothing = ("spans", "outlet", "leaning", "topic", "voice", "speaker", "label_votes")
    assert [mayor[name] for name in nothing] == [None] * len(nothing)
    assert (corpus.name, corpus.licence, corpus.quarantined) == ("newsmtsc", "MIT", ())
    assert corpus.version.startswith("sha256-")


def test_polarities_are_stances(read: Read) -> None:
    rows = [sentence(target(f"allsides_1_1_{n}_Q_0_11", polarity=polarity)) for n, polarity in enumerate((2.0, 4.0, 6.0, 2, 4, 6))]
    assert read(*rows).dataset["label"][:] == ["against", "neutral", "favor"] * 2


def test_offsets_are_code_points_and_the_text_is_left_as_it_stands(read: Read) -> None:
    text = " 🎉 “cafe\u0301”\n\u00a0Mr. Quill \u2028 "
    row = read(sentence(target("allsides_1_1_0_Q_0_1", text.index("Mr."), "Mr. Quill"), text=text)).dataset[0]
    assert row["text"] == text
    assert row["text"][row["target_start"] : row["target_end"]] == "Mr. Quill"


def test_the_parts_are_the_files(write: Write) -> None:
    assert load_newsmtsc(write()).dataset["part"][:] == list(PARTS)
    some = load_newsmtsc(write(mt_dev=None, mt_test=None, rw_dev=None), parts=["rw_test", "train"])
    assert some.dataset["part"][:] == ["train", "rw_test"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [(["test"], "unknown name 'test'"), ("train", "'train' is not a list"), ([], "names nothing"), (["train", "train"], "names the same twice")],
)
def test_other_parts_are_refused(write: Write, parts: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^data.parts: {message}. Give a list of some of train, rw_dev"):
        load_newsmtsc(write(), parts=parts)


# --- groups and identity


@pytest.mark.parametrize(
    ("gid", "group"),
    [
        ("allsides_1000_401_25_Quill_0_11", "allsides-story-401"),
        ("allsides_1001_401_0_He_1_2_3_4", "allsides-story-401"),
        ("polusa_v1_4939835_-1_5_Quill_100_106", "polusa-article-4939835"),
        ("polusa_v1_7_401_5_The\nQuill_100_106", "polusa-story-401"),
    ],
)
def test_groups_are_stories_or_else_articles(read: Read, gid: str, group: str) -> None:
    assert read(sentence(target(gid))).dataset["group"][:] == [group]


def test_an_id_is_one_line(read: Read) -> None:
    gids = ["polusa_v1_7_-1_5_A\nB_1_2", "polusa_v1_7_-1_5_A\\u000aB_1_2", "polusa_v1_7_-1_5_A\u2028B_1_2"]
    ids = read(*(sentence(target(gid)) for gid in gids)).dataset["id"][:]
    assert [name.removeprefix("newsmtsc-train-polusa_v1_7_-1_5_") for name in ids] == ["A\\u000aB_1_2", "A\\u005cu000aB_1_2", "A\\u2028B_1_2"]


def test_row_order_changes_nothing_but_order(read: Read) -> None:
    rows = [sentence(target(f"allsides_{n}_1_0_Q_0_11")) for n in range(5)]
    assert read(*rows).fingerprint == read(*reversed(rows)).fingerprint


def test_a_gid_twice_in_a_file_is_refused_with_its_line(read: Read) -> None:
    message = r"train\.jsonl, line 3: the Input\.gid 'allsides_12_5_3_Mayor Quill_0_11' stands twice, first in line 1\. Take the official"
    with pytest.raises(DataError, match=message):
        read(sentence(), sentence(target("allsides_12_5_3_Q_0_1")), sentence())
    with pytest.raises(DataError, match="line 1: .*stands twice, first in line 1"):
        read(sentence(target(), target()))


def test_a_gid_of_two_files_is_two_rows_of_one_group(write: Write) -> None:
    dataset = load_newsmtsc(write(train=lines(sentence()), mt_dev=lines(sentence())), parts=["train", "mt_dev"]).dataset
    assert len(set(dataset["id"])) == 2
    assert len(set(dataset["group"])) == 1


# --- mentions that are not where they should be


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (1, 12, "target offsets do not hold the mention"),
        (0, 10, "target offsets do not hold the mention"),
        (-40, 11, "target offsets are outside the text"),
        (0, 41, "target offsets are outside the text"),
        (11, 11, "target offsets are outside the text"),
        (11, 0, "target offsets are outside the text"),
        (0, 10**12, "target offsets are outside the text"),
    ],
)
def test_a_target_that_cannot_be_placed_is_quarantined_and_counted(read: Read, start: int, end: int, reason: str) -> None:
    wrong = target("allsides_12_5_3_W_0_1") | {"from": start, "to": end}
    corpus = read(sentence(wrong, target()), sentence(target("allsides_12_5_4_Q_0_1")))
    assert len(corpus.dataset) == 2
    [aside] = corpus.quarantined
    assert (aside.what, aside.reason) == ("newsmtsc-train-allsides_12_5_3_W_0_1", reason)
    assert aside.where.endswith("train.jsonl, line 1")
    assert corpus.quarantine_counts() == {reason: 1}


def test_a_file_whose_targets_cannot_be_placed_is_refused(read: Read) -> None:
    with pytest.raises(DataError, match=r"train\.jsonl: holds no rows whose target can be placed"):
        read(sentence(target() | {"from": 3}))


# --- files that are not the corpus


def test_a_missing_file_says_how_to_name_it(write: Write) -> None:
    with pytest.raises(DataError, match=r"train\.jsonl: there is no such file\. Name the folder with train\.jsonl, .*data\.root=FOLDER"):
        load_newsmtsc(write() / "nowhere")
    with pytest.raises(DataError, match=r"mt_test\.jsonl: there is no such file"):
        load_newsmtsc(write(mt_test=None))
    with pytest.raises(DataError, match="there is no such file"):
        load_newsmtsc(write() / "train.jsonl")


@pytest.mark.parametrize("content", ["", "\n\n"])
@pytest.mark.parametrize("part", ["train", "rw_test"])
def test_an_empty_part_is_refused(write: Write, part: str, content: str) -> None:
    with pytest.raises(DataError, match=rf"{part}\.jsonl: holds no rows"):
        load_newsmtsc(write(**{part: content}))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("id,text", "not a JSON object"),
        ("[]", "not a JSON object"),
        ('{"primary_gid": ', "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        (sentence(extra=1), "other keys than the corpus's own. The keys are primary_gid, sentence_normalized, targets"),
        ({"mention": "Quill", "polarity": 1, "from": 0, "to": 5, "sentence": TEXT, "id": "x"}, "other keys than the corpus's own"),
        (sentence(text=""), "sentence_normalized is empty or no text"),
        (sentence(text=" \u00a0"), "sentence_normalized is empty or no text"),
        (sentence(sentence_normalized=None), "sentence_normalized is empty or no text"),
        (sentence(primary_gid=7), "unknown form of primary_gid 7"),
        (sentence(primary_gid="Mayor Quill"), "unknown form of primary_gid 'Mayor Quill'. A gid reads SOURCE_ARTICLE"),
        (sentence(primary_gid="allsides_12_-5_3_Q_0_1"), "unknown form of primary_gid"),
        (sentence(primary_gid="allsides_12_5_4_Q_0_1"), "the Input.gid 'allsides_12_5_3_Mayor Quill_0_11' names another sentence than primary_gid"),
        (sentence(targets=[]), "targets is no list, or an empty one"),
        (sentence(targets={"0": target()}), "targets is no list, or an empty one"),
        (sentence(targets=["Mayor Quill"]), "a target has other keys"),
        (sentence(target(weight=1)), "a target has other keys than the corpus's own. The keys are Input.gid, from, mention"),
        (sentence(target() | {"to": 11.0}), "the offsets from and to are not whole numbers"),
        (sentence(target() | {"from": False}), "the offsets from and to are not whole numbers"),
        (sentence(target() | {"mention": ""}), "the mention is empty or no text"),
        (sentence(target() | {"mention": None}), "the mention is empty or no text"),
        (sentence(target(polarity=3.0)), "unknown polarity 3.0. Known: 2, 4, 6"),
        (sentence(target(polarity="4")), "unknown polarity '4'"),
        (sentence(target(polarity=-1)), "unknown polarity -1"),
        (sentence(target(polarity=None)), "unknown polarity None"),
        (sentence(target(polarity=float("nan"))), "unknown polarity nan"),
        (sentence(target(polarity=[4])), r"unknown polarity \[4\]"),
        (sentence(target(), target("Q")), "unknown form of Input.gid 'Q'"),
        (sentence(target(), target() | {"Input.gid": None}), "unknown form of Input.gid None"),
    ],
)
def test_other_rows_are_refused_by_line_and_reason(read: Read, row: dict[str, Any] | str, message: str) -> None:
    with pytest.raises(DataError, match=rf"train\.jsonl, line 2: {message}") as caught:
        read(sentence(target("allsides_1_1_0_Q_0_11")), row)
    assert caught.value.remedy


def test_half_a_character_and_a_long_text_are_refused(read: Read) -> None:
    row = json.dumps(sentence(text=TEXT + "@")).replace("@", "\\ud83c")
    with pytest.raises(DataError, match="the text holds half a character"):
        read(row)
    with pytest.raises(DataError, match="the text has 20,040 characters"):
        read(sentence(text=TEXT + "a" * 20_000))


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_file_in_another_encoding_is_refused(write: Write, encoding: str) -> None:
    content = lines(sentence(), sentence(text=TEXT + " Café.")).encode(encoding)
    with pytest.raises(DataError, match=r"train\.jsonl: byte \d+ \(line \d\) is not UTF-8\. Convert the file"):
        load_newsmtsc(write(train=content))


def test_a_huge_file_is_refused_in_little_memory(write: Write) -> None:
    root = write()
    import datasets  # noqa: F401 (its own memory does not count)

    with (root / "train.jsonl").open("r+b") as file:
        file.truncate(2_000_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="line 2 is longer than"):
            load_newsmtsc(root, parts=["train"])
        assert tracemalloc.get_traced_memory()[1] < 64_000_000
    finally:
        tracemalloc.stop()


# --- the official files


@pytest.fixture(scope="module")
def official(benchmarks: Path) -> Corpus:
    folder = benchmarks / "newsmtsc"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return load_newsmtsc(folder)


def test_the_official_files_are_known_and_counted(official: Corpus) -> None:
    """Counts of Hamborg and Donnay 2021: 11,361 targets."""
    assert official.version == "b9d9b797"
    assert Counter(official.dataset["part"]) == {"train": 8739, "rw_dev": 343, "rw_test": 803, "mt_dev": 442, "mt_test": 1034}
    assert Counter(official.dataset["label"]) == {"against": 4227, "neutral": 4231, "favor": 2903}
    assert len(set(official.dataset["id"])) == 11361
    assert official.quarantined == ()
    rows = official.dataset.to_list()
    assert all(row["text"][row["target_start"] : row["target_end"]] == row["target"] for row in rows)
    assert all("\n" not in row["id"] for row in rows)


def test_the_official_split_cuts_groups(official: Corpus) -> None:
    parts: dict[str, set[str]] = {}
    for group, part in zip(official.dataset["group"], official.dataset["part"], strict=True):
        parts.setdefault(group, set()).add(part)
    assert len(parts) == 5379
    assert sum(len(found) > 1 for found in parts.values()) == 777
    assert sum({"train", "rw_test"} <= found for found in parts.values()) == 371


def test_some_of_the_official_parts_are_of_the_same_version(official: Corpus) -> None:
    some = load_newsmtsc(official.path, parts=["rw_dev"])
    assert (some.version, len(some.dataset)) == ("b9d9b797", 343)
