"""The SemEval-2016 adapter, on invented tweets in TweetEval's layout and on the official files where they are at hand."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from slant.data import Corpus
from slant.data.corpora.semeval2016 import PARTS, TARGETS, load_semeval2016
from slant.errors import ConfigError, DataError

MAPPING = "0\tnone\n1\tagainst\n2\tfavor"
Files = Mapping[str, str | bytes | None]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the five targets in TweetEval's layout, one tweet a part, with some files otherwise; None leaves a file out."""

    def put(changes: Files | None = None) -> Path:
        root = tmp_path / "stance"
        files: dict[str, str | bytes | None] = {"mapping.txt": MAPPING}
        for number, target in enumerate(TARGETS):
            for part in PARTS:
                files |= {f"{target}/{part}_text.txt": f"A {part} tweet on {target} \n", f"{target}/{part}_labels.txt": f"{number % 3}\n"}
        for name, content in (files | dict(changes or {})).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return put


def climate(texts: str | bytes | None, labels: str | bytes | None) -> Files:
    return {"climate/train_text.txt": texts, "climate/train_labels.txt": labels}


def read(root: Path) -> Corpus:
    return load_semeval2016(root, targets=["climate"])


def test_a_row_becomes_an_example(write: Write) -> None:
    corpus = load_semeval2016(write())
    rows = corpus.dataset.to_list()
    assert [(row["topic"], row["part"]) for row in rows] == [(target, part) for target in TARGETS for part in ("train", "dev", "test")]
    row = rows[7]
    assert (row["text"], row["task"], row["label"]) == ("A val tweet on climate ", "stance", "favor")
    assert (row["target"], row["topic"], row["part"]) == ("Climate Change is a Real Concern", "climate", "dev")
    assert row["group"] == row["id"]
    assert row["id"].startswith("semeval2016-")
    assert row["source"] == f"semeval2016@{corpus.version}"
    nothing = ("target_start", "target_end", "spans", "outlet", "leaning", "voice", "speaker", "label_votes")
    assert [row[name] for name in nothing] == [None] * len(nothing)
    assert (corpus.name, corpus.licence, corpus.quarantined) == ("semeval2016", "unconfirmed: see home", ())


def test_the_numbers_are_the_stances_of_the_mapping(write: Write) -> None:
    corpus = read(write(climate("One\nTwo\nThree\n", "0\n1\n2\n")))
    assert corpus.dataset["label"][:3] == ["neutral", "against", "favor"]
    assert {"Atheism", "Hillary Clinton", "Feminist Movement", "Legalization of Abortion"} < set(TARGETS.values())


def test_a_last_line_may_lack_its_end(write: Write) -> None:
    assert read(write(climate("One\nTwo", "0\n1\n"))).dataset["text"][:2] == ["One", "Two"]
    assert read(write(climate("One\nTwo\n", "0\n1"))).dataset["label"][:2] == ["neutral", "against"]


def test_text_is_left_as_it_stands_and_only_line_feeds_end_a_line(write: Write) -> None:
    text = " @user “it”\rruns\r\u2028on\u0085 \u00a0cafe\u0301 \x0c🎉 #SemST \r"
    assert read(write(climate(f"{text}\nTwo\n", "0\n1\n"))).dataset["text"][:2] == [text, "Two"]


def test_targets_are_read_as_asked_and_in_one_order(write: Write) -> None:
    root = write(
        {f"{target}/{part}_{kind}.txt": None for target in ("abortion", "atheism", "feminist") for part in PARTS for kind in ("text", "labels")}
    )
    for target in ("abortion", "atheism", "feminist"):
        (root / target).rmdir()
    corpus = load_semeval2016(root, targets=["hillary", "climate"])
    assert list(dict.fromkeys(corpus.dataset["topic"])) == ["climate", "hillary"]
    assert read(root).version != corpus.version
    with pytest.raises(DataError, match=r"abortion: there is no folder of the target abortion\. .*data\.root=FOLDER.*data\.targets="):
        load_semeval2016(root)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["hilary"], "unknown name 'hilary'"),
        ("climate", "'climate' is not a list"),
        ([], "names nothing"),
        (["climate", "climate"], "names the same twice"),
        ([1], "unknown name 1"),
    ],
)
def test_other_targets_are_refused(write: Write, targets: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^data.targets: {message}. Give a list of some of abortion, atheism"):
        load_semeval2016(write(), targets=targets)


# --- identity


def test_row_order_changes_nothing_but_order(write: Write) -> None:
    one = read(write(climate("One\nTwo\nOne\nThree\n", "0\n1\n0\n2\n")))
    two = read(write(climate("Three\nOne\nOne\nTwo\n", "2\n0\n0\n1\n")))
    assert one.fingerprint == two.fingerprint
    rows = [sorted((row | {"source": None} for row in corpus.dataset.to_list()), key=lambda row: row["id"]) for corpus in (one, two)]
    assert rows[0] == rows[1]


def test_a_tweet_that_stands_twice_keeps_both_under_two_ids(write: Write) -> None:
    first, second, third = read(write(climate("One\nOne\nOne\n", "0\n0\n0\n"))).dataset["id"][:3]
    assert (second, third) == (f"{first}-2", f"{first}-3")


def test_the_same_tweet_of_another_part_or_target_is_another_row(write: Write) -> None:
    files = {f"{target}/{part}_text.txt": "The same\n" for target in TARGETS for part in PARTS}
    ids = load_semeval2016(write(files)).dataset["id"][:]
    assert len(set(ids)) == 15
    assert not any(name.count("-") > 1 for name in ids)


# --- files that are not the corpus


def test_a_missing_folder_or_file_says_how_to_name_it(write: Write) -> None:
    root = write({"climate/val_labels.txt": None})
    with pytest.raises(DataError, match=r"nowhere: there is no such folder\. Name the folder with abortion, .*data\.root=FOLDER"):
        read(root / "nowhere")
    with pytest.raises(DataError, match=r"val_labels\.txt: there is no such file\. Name the folder"):
        read(root)
    with pytest.raises(DataError, match=r"mapping\.txt: there is no such file"):
        read(write({"mapping.txt": None, "climate/val_labels.txt": "0\n"}))
    # One folder too deep.
    with pytest.raises(DataError, match="climate.climate: there is no folder of the target climate"):
        read(root / "climate")


@pytest.mark.parametrize(
    "mapping",
    [
        "",
        "0\tagainst\n1\tnone\n2\tfavor",
        "0\tnone\n1\tagainst",
        "0 none\n1 against\n2 favor",
        "0\tnone\n1\tagainst\n2\tfavor\n3\tother",
        b"0\tnone\xff",
    ],
)
def test_another_mapping_is_refused(write: Write, mapping: str | bytes) -> None:
    with pytest.raises(DataError, match=r"mapping\.txt: (maps .* instead of '0\\tnone; 1\\tagainst; 2\\tfavor'|.*not UTF-8)"):
        read(write({"mapping.txt": mapping}))


def test_the_mapping_may_end_its_lines_as_it_likes(write: Write) -> None:
    assert len(read(write({"mapping.txt": MAPPING.replace("\n", "\r\n") + "\r\n"})).dataset) == 3


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        ("One\nTwo\n", "0\n", r"train_labels\.txt: has 1 lines, and train_text\.txt has more"),
        ("One\n", "0\n1\n2\n", r"train_text\.txt: has 1 lines, and train_labels\.txt has more"),
        ("", "0\n", r"train_text\.txt: has 0 lines"),
        ("One\n", "", r"train_labels\.txt: has 0 lines"),
        ("", "", r"train_text\.txt: holds no rows"),
        ("One\n\nThree\n", "0\n1\n2\n", r"train_text\.txt, line 2: the text is empty"),
        ("One\n \u00a0\r\n", "0\n1\n", r"train_text\.txt, line 2: the text is empty"),
        ("One\n\n", "0\n\n", r"train_text\.txt, line 2: the text is empty"),
        ("One\nTwo\n", "0\n3\n", r"train_labels\.txt, line 2: unknown label '3'\. Known: 0, 1, 2"),
        ("One\n", "favor\n", r"train_labels\.txt, line 1: unknown label 'favor'"),
        ("One\n", "0\r\n", r"train_labels\.txt, line 1: unknown label '0\\r'"),
        ("One\nTwo\n", "0\n\n", r"train_labels\.txt, line 2: unknown label ''"),
        ("Caf\u00e9\n".encode("cp1252"), "0\n", r"line 1\) is not UTF-8\. Convert the file"),
        ("One\n".encode("utf-16"), "0\n", "is not UTF-8"),
        ("One\n", "0\n".encode("utf-16"), "is not UTF-8"),
        ("a" * 20_001, "0\n", "the text has 20,001 characters"),
    ],
)
def test_other_files_are_refused_by_line_and_reason(write: Write, texts: str | bytes, labels: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(write(climate(texts, labels)))
    assert caught.value.remedy


def test_a_huge_file_is_refused_in_little_memory(write: Write) -> None:
    root = write()
    import datasets  # noqa: F401 (its own memory does not count)

    with (root / "climate" / "train_text.txt").open("r+b") as file:
        file.truncate(2_000_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="line 2 is longer than"):
            read(root)
        assert tracemalloc.get_traced_memory()[1] < 64_000_000
    finally:
        tracemalloc.stop()


# --- the official files


@pytest.fixture(scope="module")
def official(benchmarks: Path) -> Corpus:
    folder = benchmarks / "tweeteval-stance"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return load_semeval2016(folder)


def test_the_official_files_are_known_and_counted(official: Corpus) -> None:
    """Counts of Mohammad et al. 2016, Table 2: 2,914 training tweets (here train and dev) and 1,249 test tweets."""
    assert official.version == "4fbd22cd"
    assert Counter(official.dataset["part"]) == {"train": 2620, "dev": 294, "test": 1249}
    assert Counter(official.dataset["label"]) == {"against": 2110, "favor": 1057, "neutral": 996}
    assert Counter(official.dataset["topic"]) == {"abortion": 933, "atheism": 733, "climate": 564, "feminist": 949, "hillary": 984}
    assert len(set(official.dataset["id"])) == 4163
    test = [row["label"] for row in official.dataset if row["part"] == "test" and row["topic"] == "climate"]
    assert Counter(test) == {"favor": 123, "neutral": 35, "against": 11}


def test_some_of_the_official_targets_are_of_the_same_version(benchmarks: Path, official: Corpus) -> None:
    some = load_semeval2016(Path(official.path), targets=["atheism"])
    assert (some.version, len(some.dataset)) == (official.version, 733)
