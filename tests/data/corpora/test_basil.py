"""The BASIL adapter, on invented articles in the layout that its card describes. The real files are not at hand."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets  # noqa: F401 (imported before memory is traced)
import pytest

from slant.data import Corpus
from slant.data.corpora.basil import load_basil
from slant.data.corpus import read_manifest
from slant.errors import ConfigError, DataError

EVENT = "11111111-aaaa"
ARTICLE = {
    "title": "Mayor opens bridge",
    "body-paragraphs": [["The vile mayor opened it.", "“A 🎉 triumph,” Jane Doe said of Ann Poe."], ["Nobody came."], []],
    "source": "fox",
    "uuid": "u-1",
    "triplet-uuid": EVENT,
    "main-event": "Bridge opens",
    "main-entities": ["Ann_Poe"],
    "date": "2015-02-03",
}
MARK = {
    "id": "p0",
    "start": 4,
    "end": 8,
    "txt": "vile",
    "bias": "lex",
    "aim": "dir",
    "target": "Ann_Poe",
    "polarity": "neg",
    "quote": "no",
    "speaker": "",
    "notes": "",
}
QUOTED = MARK | {"id": "p1", "start": 5, "end": 12, "txt": "triumph", "polarity": "pos", "quote": "yes", "speaker": "Jane_Doe"}

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write one article with its annotations and give the root."""

    def put(*marks: dict[str, Any], stem: str = f"{EVENT}_1", year: str = "2015", annotation: dict[str, Any] | None = None, **article: Any) -> Path:
        for folder in ("articles", "annotations"):
            (tmp_path / folder / year).mkdir(parents=True, exist_ok=True)
        content = {key: value for key, value in (ARTICLE | article).items() if value is not None}
        (tmp_path / "articles" / year / f"{stem}.json").write_text(json.dumps(content))
        content = {"phrase-level-annotations": list(marks), "uuid": content.get("uuid")} | (annotation or {})
        (tmp_path / "annotations" / year / f"{stem}_ann.json").write_text(json.dumps(content))
        return tmp_path

    return put


def found(corpus: Corpus, row: int = 0) -> list[str]:
    example = corpus.dataset[row]
    return [example["text"][span["start"] : span["end"]] for span in example["spans"]]


# --- loaded


def test_every_sentence_becomes_an_example(write: Write) -> None:
    corpus = load_basil(write(MARK, QUOTED))
    first, second, third = corpus.dataset.to_list()
    assert first | {"source": "", "id": ""} == {
        "id": "",
        "text": "The vile mayor opened it.",
        "task": "loaded",
        "label": "loaded",
        "target": None,
        "target_start": None,
        "target_end": None,
        "spans": [{"start": 4, "end": 8, "label": "loaded"}],
        "group": EVENT,
        "outlet": "Fox News",
        "leaning": "right",
        "topic": None,
        "voice": "author",
        "speaker": None,
        "source": "",
        "label_votes": None,
        "part": None,
    }
    assert [row["id"] for row in (first, second, third)] == [f"basil-{EVENT}_1-p{n}" for n in range(3)]
    assert (second["label"], second["voice"], second["speaker"], found(corpus, 1)) == ("loaded", "quoted", "Jane Doe", ["triumph"])
    assert (third["text"], third["label"], third["voice"], third["spans"]) == ("Nobody came.", "neutral", None, [])
    assert first["source"] == f"basil@{corpus.version}" and corpus.version.startswith("sha256-")
    assert corpus.quarantined == ()
    assert (corpus.name, corpus.licence) == ("basil", read_manifest("basil")["licence"])


@pytest.mark.parametrize(("bias", "labels"), [("lex", ["loaded", "neutral"]), ("inf", ["neutral", "loaded"]), ("any", ["loaded", "loaded"])])
def test_the_kind_of_bias_can_be_chosen(write: Write, bias: str, labels: list[str]) -> None:
    corpus = load_basil(write(MARK, QUOTED | {"bias": "inf"}), bias=bias)
    assert corpus.dataset["label"][:2] == labels
    assert [len(spans) for spans in corpus.dataset["spans"][:2]] == [int(label == "loaded") for label in labels]


def test_titles_are_sentences_when_asked_for(write: Write) -> None:
    root = write(MARK | {"id": "title", "start": 0, "end": 5, "txt": "Mayor"})
    corpus = load_basil(root, titles=True)
    assert (corpus.dataset["id"][0], corpus.dataset["label"][0], found(corpus)) == (f"basil-{EVENT}_1-title", "loaded", ["Mayor"])
    assert len(corpus.dataset) == 4
    corpus = load_basil(root)
    assert len(corpus.dataset) == 3
    assert corpus.quarantine_counts() == {"annotation of a title": 1}


@pytest.mark.parametrize(
    ("changes", "outlet", "leaning"),
    [
        ({"source": "NYT"}, "The New York Times", "centre"),
        ({"source": "hpo"}, "HuffPost", "left"),
        ({"source": "Gazette"}, "Gazette", None),
        ({"source": ""}, None, None),
    ],
)
def test_outlets_have_names_and_leanings(write: Write, changes: dict[str, str], outlet: str | None, leaning: str | None) -> None:
    corpus = load_basil(write(MARK, **changes))
    assert set(corpus.dataset["outlet"]) == {outlet}
    assert set(corpus.dataset["leaning"]) == {leaning}


def test_three_articles_on_an_event_are_one_group_in_any_year(write: Write) -> None:
    write(MARK, stem="a_2", year="2016", source="nyt")
    write(stem="a_3", year="2016", source="hpo", **{"triplet-uuid": None, "main-event": None})
    corpus = load_basil(write(MARK, stem="a_1", **{"triplet-uuid": None, "main-event": EVENT}))
    assert dict(zip(corpus.dataset["outlet"], corpus.dataset["group"], strict=True)) == {
        "Fox News": EVENT,
        "The New York Times": EVENT,
        "HuffPost": "a_3",
    }


def test_voice_and_speaker_are_null_where_spans_disagree(write: Write) -> None:
    inner = QUOTED | {"start": 1, "end": 4, "txt": "A 🎉"}
    voices = []
    for other in ({}, {"speaker": "other_anti"}, {"speaker": "Ann_Poe"}, {"quote": "no"}, {"quote": ""}):
        example = load_basil(write(QUOTED, inner | other)).dataset[1]
        voices.append((example["voice"], example["speaker"]))
    assert voices == [("quoted", "Jane Doe"), ("quoted", None), ("quoted", None), (None, None), (None, None)]
    assert load_basil(write(QUOTED | {"speaker": "other_anti"})).dataset[1]["speaker"] is None


def test_other_spellings_and_places(write: Write, tmp_path: Path) -> None:
    body = ARTICLE["body-paragraphs"]
    root = write(annotation={"phrase-level-annotations": [], "phrase_level_annotations": []}, **{"body-paragraphs": None, "body_paragraphs": body})
    path = next(root.glob("annotations/*/*.json"))
    path.rename(tmp_path / "annotations" / f"{EVENT}_1.json")
    assert len(load_basil(root).dataset) == 3


# --- stance


def test_each_target_becomes_an_example(write: Write) -> None:
    marks = [QUOTED | {"bias": "inf"}, QUOTED | {"target": "Jane_Roe", "polarity": "neg"}, MARK]
    corpus = load_basil(write(*marks), task="stance")
    rows = corpus.dataset.to_list()
    assert [(row["id"].partition("-p")[2], row["target"], row["label"]) for row in rows] == [
        ("0#Ann Poe", "Ann Poe", "against"),
        ("1#Ann Poe", "Ann Poe", "favor"),
        ("1#Jane Roe", "Jane Roe", "against"),
    ]
    assert [row["text"][row["target_start"] : row["target_end"]] if row["target_start"] is not None else None for row in rows] == [
        None,
        "Ann Poe",
        None,
    ]
    assert [(row["voice"], row["speaker"]) for row in rows] == [("author", None), ("quoted", "Jane Doe"), ("quoted", "Jane Doe")]
    assert [len(row["spans"]) for row in rows] == [1, 1, 1]
    assert {row["task"] for row in rows} == {"stance"}


def test_a_target_named_twice_or_within_a_word_has_no_mention(write: Write) -> None:
    for text, start in (("Ann Poe and Ann Poe, vile", None), ("Ann Poems are vile", None), ("O Ann Poe’s vile", 2)):
        place = text.index("vile")
        root = write(MARK | {"start": place, "end": place + 4}, **{"body-paragraphs": [[text]]})
        assert load_basil(root, task="stance").dataset[0]["target_start"] == start


def test_disagreeing_polarities_have_a_null_label_and_are_counted(write: Write) -> None:
    corpus = load_basil(write(MARK, MARK | {"polarity": "pos"}), task="stance")
    assert corpus.dataset["label"][:] == [None]
    assert corpus.quarantine_counts() == {"polarities of one target disagree": 1}


def test_annotations_without_target_are_counted(write: Write) -> None:
    corpus = load_basil(write(MARK, QUOTED | {"target": ""}, QUOTED | {"polarity": ""}), task="stance")
    assert len(corpus.dataset) == 1
    assert corpus.quarantine_counts() == {"annotation names no target or no polarity": 2}


# --- what cannot be aligned


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"start": 5, "end": 9}, "offsets do not match the text"),
        ({"txt": "Vile"}, "offsets do not match the text"),
        ({"end": 400}, "span is outside the text"),
        ({"start": -21, "end": -17}, "span is outside the text"),
        ({"start": 8, "end": 4}, "span is outside the text"),
    ],
)
def test_spans_that_do_not_fit_are_set_aside_and_leave_no_label(write: Write, changes: dict[str, Any], reason: str) -> None:
    corpus = load_basil(write(MARK | changes))
    assert (corpus.dataset[0]["label"], corpus.dataset[0]["spans"]) == (None, [])
    assert corpus.quarantine_counts() == {reason: 1}
    assert corpus.quarantined[0].where.endswith("_ann.json, annotation 1")
    corpus = load_basil(write(MARK | changes, MARK))
    assert (corpus.dataset[0]["label"], found(corpus)) == ("loaded", ["vile"])
    corpus = load_basil(write(MARK | changes, QUOTED), task="stance")
    assert len(corpus.dataset) == 1


@pytest.mark.parametrize("key", ["p3", "p", "p00", "q0", ""])
def test_ids_of_no_sentence_are_set_aside(write: Write, key: str) -> None:
    corpus = load_basil(write(MARK | {"id": key}))
    assert corpus.quarantine_counts() == {"sentence id is not in the article": 1}
    assert set(corpus.dataset["label"]) == {"neutral"}


def test_an_empty_sentence_keeps_its_number(write: Write) -> None:
    corpus = load_basil(write(MARK | {"id": "p1"}, **{"body-paragraphs": [[" "], ["The vile mayor."]]}))
    assert (corpus.dataset["id"][:], found(corpus)) == ([f"basil-{EVENT}_1-p1"], ["vile"])
    assert corpus.quarantine_counts() == {"sentence is empty": 1}


def test_a_pair_with_two_uuids_is_set_aside(write: Write) -> None:
    write(MARK)
    corpus = load_basil(write(MARK, stem="b_1", annotation={"uuid": "u-2"}))
    assert len(corpus.dataset) == 3
    assert corpus.quarantine_counts() == {"article and annotation bear different uuids": 1}


# --- what is refused


@pytest.mark.parametrize(
    ("marks", "article", "message"),
    [
        ([MARK | {"bias": "lexical"}], {}, r"annotation 1: unknown bias 'lexical'. Known: lex, inf"),
        ([MARK, MARK | {"polarity": "neu"}], {}, r"annotation 2: unknown polarity 'neu'. Known: neg, pos"),
        ([MARK | {"quote": "maybe"}], {}, "unknown quote 'maybe'. Known: yes, no"),
        ([MARK | {"start": "4"}], {}, "start is no whole number"),
        ([MARK | {"end": True}], {}, "end is no whole number"),
        ([MARK | {"txt": None}], {}, "txt is no text"),
        ([{"id": "p0"}], {}, "there is no key 'txt'; the keys are id"),
        (["p0"], {}, "are not a list of objects"),
        ([], {"body-paragraphs": None}, "there is no key 'body-paragraphs'; the keys are title, source, uuid"),
        ([], {"body-paragraphs": ["One."]}, "not a list of paragraphs, each a list of sentences"),
        ([], {"body-paragraphs": [["One.", 2]]}, "not a list of paragraphs, each a list of sentences"),
        ([], {"body-paragraphs": [[]]}, "holds no sentence"),
        ([], {"source": None}, "there is no key 'source'"),
        ([], {"title": 3}, "title is no text"),
        ([], {"body-paragraphs": [["a" * 20_001]]}, "the text has 20,001 characters"),
        ([], {"body-paragraphs": [["half \ud83d"]]}, "half a character"),
    ],
)
def test_other_content_is_refused(write: Write, marks: list[Any], article: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load_basil(write(*marks, **article), task="stance" if marks else "loaded")
    assert caught.value.where and caught.value.remedy


def test_missing_folders_and_files_are_refused(write: Write, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no folder articles. Name the folder .*data.root=FOLDER"):
        load_basil(tmp_path)
    (tmp_path / "articles").mkdir()
    with pytest.raises(DataError, match="there is no folder annotations"):
        load_basil(tmp_path)
    (tmp_path / "annotations").mkdir()
    with pytest.raises(DataError, match="articles: holds no articles"):
        load_basil(tmp_path)
    root = write(MARK)
    annotation = root / "annotations" / "2015" / f"{EVENT}_1_ann.json"
    other = annotation.with_name("other_ann.json")
    annotation.rename(other)
    with pytest.raises(DataError, match=r"_1.json: there is no annotations to it"):
        load_basil(root)
    write(MARK)
    with pytest.raises(DataError, match="other_ann.json: there is no article to it"):
        load_basil(root)
    other.rename(root / "annotations" / f"{EVENT}_1.json")
    with pytest.raises(DataError, match="stands twice, first in"):
        load_basil(root)


def test_an_article_that_stands_twice_is_refused(write: Write) -> None:
    write(MARK)
    with pytest.raises(DataError, match=f"the stem '{EVENT}_1' stands twice"):
        load_basil(write(MARK, year="2016"))


@pytest.mark.parametrize("content", ["[]", "{", '"x"', "", "Caf\u00e9"])
@pytest.mark.parametrize("folder", ["articles", "annotations"])
def test_files_that_are_no_json_are_refused(write: Write, folder: str, content: str) -> None:
    root = write(MARK)
    next(root.glob(f"{folder}/*/*")).write_bytes(content.encode("cp1252"))
    with pytest.raises(DataError, match="not a JSON object|UTF-8"):
        load_basil(root)


def test_impossible_options_are_refused(write: Write) -> None:
    with pytest.raises(ConfigError, match="unknown bias 'lexical'. Choose one of: lex, inf, any"):
        load_basil(write(MARK), bias="lexical")
    with pytest.raises(ConfigError, match="unknown task"):
        load_basil(write(MARK), task="bias")


def test_no_example_at_all_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match="holds no rows"):
        load_basil(write(), task="stance")


# --- order and size


def test_the_order_of_annotations_changes_nothing(write: Write) -> None:
    marks = [MARK, *(QUOTED | {"target": f"Jane_{name}"} for name in "FEDCBA"), QUOTED | {"start": 1, "end": 4, "txt": "A 🎉"}]
    for task in ("loaded", "stance"):
        a, b = (load_basil(write(*order), task=task) for order in (marks, marks[::-1]))
        assert a.fingerprint == b.fingerprint
        assert a.dataset["id"][:] == b.dataset["id"][:] == sorted(a.dataset["id"])


def test_a_huge_file_is_refused_in_little_memory(write: Write) -> None:
    root = write(MARK)
    path = next(root.glob("articles/*/*"))
    with path.open("r+b") as file:
        file.truncate(2_000_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="larger than 16,000,000 bytes"):
            load_basil(root)
        assert tracemalloc.get_traced_memory()[1] < 64_000_000
    finally:
        tracemalloc.stop()
