"""The PTC adapter, on invented articles in the official layout and on the official files where they are at hand."""

from __future__ import annotations

import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.data import Corpus, column
from slant.data.corpora import ptc
from slant.data.corpora.ptc import PARTS, TECHNIQUES, load_ptc
from slant.errors import ConfigError, DataError
from slant.text import split_sentences

ARTICLE = "Mayor meets vile court\n\nThe vile mayor spoke. The court sat.\nIt rose at noon.\n"
LOADED = "Loaded_Language"
NAMES = "Name_Calling,Labeling"

Write = Callable[..., Path]


def label(phrase: str, technique: str = LOADED, *, article: str = "1", text: str = ARTICLE) -> str:
    begin = text.index(phrase)
    return f"{article}\t{technique}\t{begin}\t{begin + len(phrase)}\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a corpus of an article a part, changed as asked: `{"train_articles/article1.txt": …}`; None leaves the file out."""

    def put(changes: dict[str, str | bytes | None] | None = None) -> Path:
        files: dict[str, str | bytes | None] = {}
        for number, part in enumerate(PARTS, 1):
            files[f"{part}_articles/article{number}.txt"] = ARTICLE
            files[f"{part}_labels.txt"] = label("vile mayor", article=str(number))
        for name, content in (files | (changes or {})).items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return put


def train(root: Path, **options: Any) -> list[dict[str, Any]]:
    return [row for row in load_ptc(root, **options).dataset if row["part"] == "train"]


def marked(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    assert all(span["label"] == "loaded" for row in rows for span in row["spans"])
    assert all(row["label"] == ("loaded" if row["spans"] else "neutral") for row in rows)
    return [[row["text"][span["start"] : span["end"]] for span in row["spans"]] for row in rows]


def test_a_sentence_becomes_an_example(write: Write) -> None:
    corpus = load_ptc(write())
    rows = [dict(row) for row in corpus.dataset]
    assert [row["part"] for row in rows] == ["train"] * 4 + ["dev"] * 4 + ["test"] * 4
    assert [row["group"] for row in rows] == ["1"] * 4 + ["2"] * 4 + ["3"] * 4
    assert [row["text"] for row in rows[:4]] == ["Mayor meets vile court", "The vile mayor spoke.", "The court sat.", "It rose at noon."]
    assert rows[1] == {
        "id": "ptc-1-24",
        "text": "The vile mayor spoke.",
        "task": "loaded",
        "label": "loaded",
        "target": None,
        "target_start": None,
        "target_end": None,
        "spans": [{"start": 4, "end": 14, "label": "loaded"}],
        "group": "1",
        "outlet": None,
        "leaning": None,
        "topic": None,
        "voice": None,
        "speaker": None,
        "source": f"ptc@{corpus.version}",
        "label_votes": None,
        "part": "train",
    }
    assert (rows[0]["label"], rows[0]["spans"]) == ("neutral", [])
    assert (corpus.name, corpus.licence, corpus.quarantined) == ("ptc", "unconfirmed: see home", ())
    assert corpus.version.startswith("sha256-")


def test_another_text_is_another_version(write: Write) -> None:
    version = load_ptc(write()).version
    assert load_ptc(write({"dev_articles/article2.txt": ARTICLE + "More."})).version != version
    assert load_ptc(write({"dev_labels.txt": label("court", article="2")})).version != version


def test_techniques_choose_the_spans(write: Write) -> None:
    lines = label("vile mayor") + label("court", NAMES) + label("noon", "Doubt")
    root = write({"train_labels.txt": lines})
    assert marked(train(root)) == [[], ["vile mayor"], [], []]
    assert marked(train(root, techniques=[NAMES, "Doubt"])) == [["court"], [], [], ["noon"]]
    assert marked(train(root, techniques=None)) == [["court"], ["vile mayor"], [], ["noon"]]


def test_an_unknown_technique_is_refused_with_the_nearest(write: Write) -> None:
    with pytest.raises(ConfigError, match="data.techniques: unknown technique 'Loaded-Language'. Did you mean 'Loaded_Language'?"):
        load_ptc(write(), techniques=["Loaded-Language"])


# --- spans and sentences


@pytest.mark.parametrize(
    ("phrases", "expected"),
    [
        (["The vile mayor spoke."], [[], ["The vile mayor spoke."], [], []]),
        (["mayor spoke. The court"], [[], ["mayor spoke."], ["The court"], []]),
        (["court\n\nThe vile"], [["court"], ["The vile"], [], []]),
        ([ARTICLE], [["Mayor meets vile court"], ["The vile mayor spoke."], ["The court sat."], ["It rose at noon."]]),
        (["court\n\n"], [["court"], [], [], []]),
        ([" The court sat.\n"], [[], [], ["The court sat."], []]),
        ([". The"], [[], ["."], ["The"], []]),
        ([" mayor "], [[], [" mayor "], [], []]),  # inside a sentence a span stays as it is
        (["vile mayor", "mayor spoke"], [[], ["vile mayor spoke"], [], []]),
        (["The vile mayor spoke", "mayor", "vile mayor"], [[], ["The vile mayor spoke"], [], []]),
        (["vile mayor", "vile mayor"], [[], ["vile mayor"], [], []]),
        (["The vile", " mayor"], [[], ["The vile", " mayor"], [], []]),
        (["mayor spoke. The court", "spoke. The court sat"], [[], ["mayor spoke."], ["The court sat"], []]),
    ],
)
def test_spans_stay_where_they_are(write: Write, phrases: list[str], expected: list[list[str]]) -> None:
    lines = "".join(map(label, phrases))
    assert marked(train(write({"train_labels.txt": lines}))) == expected
    assert marked(train(write({"train_labels.txt": "".join(map(label, phrases[::-1]))}))) == expected


def test_spans_that_cross_sentences_are_counted(write: Write) -> None:
    lines = label("spoke. The") + label("mayor") + label("vile court\n\n") + label("meets vile court\n\nThe", NAMES)
    root = write({"train_labels.txt": lines})
    assert load_ptc(root).quarantined == ()
    assert list(load_ptc(root).notes.values()) == [5, 1]
    assert list(load_ptc(root, techniques=None).notes.values()) == [6, 2]


def test_offsets_are_code_points_of_the_file_as_it_stands(write: Write) -> None:
    text = "\ufeff🎉 Café\u0301 opens\r\n\r\nThe \u2028vile\u00a0mayor spoke.\r\nIt rose."
    lines = label("Café\u0301", text=text) + label("vile\u00a0mayor", text=text) + label("rose", text=text) + label("\ufeff🎉", text=text)
    rows = train(write({"train_articles/article1.txt": text, "train_labels.txt": lines.replace("\n", "\r\n")}))
    assert [span for spans in marked(rows) for span in spans] == ["🎉", "Café\u0301", "vile\u00a0mayor", "rose"]
    assert rows[0]["id"] == "ptc-1-1"
    for row in rows:
        start = int(row["id"].rpartition("-")[2])
        assert text[start : start + len(row["text"])] == row["text"]


@pytest.mark.parametrize(
    ("begin", "end", "reason"),
    [
        (0, len(ARTICLE) + 1, "span is outside the text"),
        (len(ARTICLE), len(ARTICLE) + 5, "span is outside the text"),
        (-1, 5, "span is outside the text"),
        (5, 5, "span offsets mark no text"),
        (9, 5, "span offsets mark no text"),
        (22, 24, "span offsets mark no text"),
        (5, 6, "span offsets mark no text"),
    ],
)
def test_spans_that_cannot_be_placed_are_quarantined(write: Write, begin: int, end: int, reason: str) -> None:
    root = write({"train_labels.txt": label("noon") + f"1\t{LOADED}\t{begin}\t{end}\n1\tDoubt\t{begin}\t{end}\n"})
    corpus = load_ptc(root)
    assert [(q.where, q.what, q.reason) for q in corpus.quarantined] == [(f"{root / 'train_labels.txt'}, line 2", f"{begin}:{end}", reason)]
    assert marked(train(root)) == [[], [], [], ["noon"]]


def test_a_mark_before_the_first_sentence_is_no_text(write: Write) -> None:
    root = write({"train_articles/article1.txt": "\ufeff" + ARTICLE, "train_labels.txt": f"1\t{LOADED}\t0\t1\n"})
    assert load_ptc(root).quarantine_counts() == {"span offsets mark no text": 1}


def lost_or_moved(texts: dict[str, str], official: dict[str, list[tuple[int, int]]], corpus: Corpus) -> list[tuple[str, int]]:
    """The characters that are in official spans and not in exactly one span of the rows, or the other way round.

    White space counts only where a sentence holds it; a byte order mark at the start is in no sentence.
    """
    covered = {article: bytearray(len(text)) for article, text in texts.items()}  # spans over each character
    held = {article: bytearray(len(text)) for article, text in texts.items()}  # sentences over each character
    for identity, group, sentence, spans in zip(*(column(corpus.dataset, name) for name in ("id", "group", "text", "spans")), strict=True):
        _, article, offset = identity.split("-")
        start = int(offset)
        assert texts[article][start : start + len(sentence)] == sentence
        assert group == article
        for i in range(start, start + len(sentence)):
            held[article][i] += 1
        for span in spans:
            for i in range(start + span["start"], start + span["end"]):
                covered[article][i] += 1
    wrong = []
    for article, text in texts.items():
        expected = bytearray(len(text))
        for begin, end in official.get(article, ()):
            expected[begin:end] = b"\1" * (end - begin)
        for i, character in enumerate(text):
            assert held[article][i] == 1 or character.isspace() or (i, character) == (0, "\ufeff")
            if covered[article][i] != expected[i] and (covered[article][i] or held[article][i]):
                wrong.append((article, i))
    return wrong


@st.composite
def annotated(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    pieces = st.sampled_from(["The mayor spoke.", " ", "\n", "\n\n", "“Vile!” he said.", "Mr. ", "court", "\r\n", "\u00a0", "🎉", "\ufeff"])
    text = draw(st.lists(pieces, min_size=1, max_size=20).map("".join).filter(split_sentences))
    offset = st.integers(0, len(text))
    return text, draw(st.lists(st.tuples(offset, offset).map(lambda pair: (min(pair), max(pair))), max_size=6))


@given(drawn=annotated())
def test_no_character_of_a_span_is_lost_or_moved(tmp_path_factory: pytest.TempPathFactory, drawn: tuple[str, list[tuple[int, int]]]) -> None:
    text, spans = drawn
    root = tmp_path_factory.getbasetemp() / "drawn"
    for number, part in enumerate(PARTS, 1):
        (root / f"{part}_articles").mkdir(parents=True, exist_ok=True)
        (root / f"{part}_articles" / f"article{number}.txt").write_bytes((text if number == 1 else ARTICLE).encode())
        lines = [f"1\t{LOADED}\t{begin}\t{end}\n" for begin, end in spans] if number == 1 else [label("noon", article=str(number))]
        (root / f"{part}_labels.txt").write_text("".join(lines) or "1\tDoubt\t0\t1\n")
    corpus = load_ptc(root)
    noon = ARTICLE.index("noon")
    official = {"1": spans, "2": [(noon, noon + 4)], "3": [(noon, noon + 4)]}
    assert lost_or_moved({"1": text, "2": ARTICLE, "3": ARTICLE}, official, corpus) == []
    assert len(corpus.quarantined) == sum(not text[b:e].removeprefix("" if b else "\ufeff").strip() for b, e in spans)


def test_the_order_of_label_lines_changes_nothing(write: Write) -> None:
    lines = [label("vile mayor"), label("mayor spoke. The"), label("noon"), label("court")]
    first = list(load_ptc(write({"train_labels.txt": "".join(lines)}), techniques=None).dataset)
    second = list(load_ptc(write({"train_labels.txt": "".join(lines[::-1])}), techniques=None).dataset)
    assert [row | {"source": ""} for row in first] == [row | {"source": ""} for row in second]


# --- files that are not PTC


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dev_articles/article2.txt": None}, "dev_articles: holds no articles"),
        ({"dev_labels.txt": None}, "dev_labels.txt: there is no such file"),
        ({"dev_labels.txt": ""}, "dev_labels.txt: holds no spans"),
        ({"train_articles/notes.txt": "x"}, "notes.txt: is not named as an article is"),
        ({"train_articles/article1.txt~": "x"}, "article1.txt~: is not named"),
        ({"train_articles/articleone.txt": "x"}, "articleone.txt: is not named"),
        ({"test_articles/article1.txt": "Again."}, r"test_articles/article1.txt: the article 1 stands twice, first as .*train_articles/article1.txt"),
        ({"train_articles/article1.txt": " \r\n"}, "article1.txt: the article is empty"),
        ({"train_articles/article1.txt": ""}, "article1.txt: the article is empty"),
        ({"train_articles/article1.txt": "Caf\u00e9.".encode("cp1252")}, r"article1.txt: byte 3 \(line 1\) is not UTF-8. Convert"),
        ({"train_articles/article1.txt": ARTICLE.encode("utf-16")}, "article1.txt: byte 0 .* is not UTF-8"),
        ({"train_articles/article1.txt": "word " * 10_000}, r"the text has [\d,]+ characters, more than 20,000"),
        ({"train_labels.txt": label("noon").encode("utf-16")}, "train_labels.txt: byte 0 .* is not UTF-8"),
        ({"train_labels.txt": label("noon") + "\n"}, "train_labels.txt, line 2: not of the form article, technique, begin, end"),
        ({"train_labels.txt": label("noon").replace("\t", ",")}, "line 1: not of the form"),
        ({"train_labels.txt": "1\t5\t9\n"}, "line 1: not of the form"),
        ({"train_labels.txt": label("noon")[:-1] + "\tx\n"}, "line 1: not of the form"),
        ({"train_labels.txt": f"1\t{LOADED}\t5\t9.0\n"}, "line 1: not of the form"),
        ({"train_labels.txt": f"1\t{LOADED}\t5\t\u0663\n"}, "line 1: not of the form"),
        ({"train_labels.txt": f"1\t{LOADED}\t5\t{'9' * 5000}\n"}, "line 1: not of the form"),
        (
            {"train_labels.txt": label("noon") + label("noon", "loaded_language")},
            "line 2: unknown technique 'loaded_language'. Known: Loaded_Language, ",
        ),
        ({"train_labels.txt": label("noon", "Straw_Men")}, "line 1: unknown technique 'Straw_Men'"),
        ({"train_labels.txt": label("noon", article="2")}, "train_labels.txt, line 1: there is no article '2' in this part"),
        ({"train_labels.txt": label("noon", "Doubt", article="01")}, "line 1: there is no article '01' in this part"),
    ],
)
def test_other_files_are_refused_by_name_and_reason(write: Write, changes: dict[str, str | bytes | None], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load_ptc(write(changes))
    assert caught.value.remedy


def test_a_missing_folder_says_how_to_name_it(write: Write, tmp_path: Path) -> None:
    message = "train_articles: there is no such folder. Name the folder with .*data.root=FOLDER"
    for root in (tmp_path / "none", write() / "train_articles", write() / "train_labels.txt"):
        with pytest.raises(DataError, match=message):
            load_ptc(root)


@pytest.mark.parametrize(
    ("name", "message"), [("train_labels.txt", "line 2 is longer than 4,000,000"), ("train_articles/article1.txt", "is larger than 16,000,000")]
)
def test_a_huge_file_is_refused_in_little_memory(write: Write, monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    import datasets  # noqa: F401 (its own memory does not count)

    root = write()
    monkeypatch.setattr(ptc, "corpus_version", lambda *_: "1")  # the digest of 2 GB takes seconds, and is taken a piece at a time
    with (root / name).open("r+b") as file:
        file.truncate(2_000_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message):
            load_ptc(root)
        assert tracemalloc.get_traced_memory()[1] < 64_000_000
    finally:
        tracemalloc.stop()


# --- the official files


@pytest.fixture(scope="module")
def folder(benchmarks: Path) -> Path:
    if not (benchmarks / "ptc").is_dir():
        pytest.skip(f"no PTC in {benchmarks}")
    return benchmarks / "ptc"


@pytest.fixture(scope="module")
def texts(folder: Path) -> dict[str, str]:
    paths = (path for part in PARTS for path in (folder / f"{part}_articles").iterdir())
    return {path.stem.removeprefix("article"): path.read_bytes().decode("utf-8") for path in paths}


@pytest.fixture(scope="module")
def lines(folder: Path) -> list[tuple[str, str, str, int, int]]:
    """Part, article, technique, begin and end of every official span, read without the adapter."""
    found = []
    for part in PARTS:
        for line in (folder / f"{part}_labels.txt").read_text(encoding="utf-8").splitlines():
            article, technique, begin, end = line.split("\t")
            found.append((part, article, technique, int(begin), int(end)))
    return found


@pytest.mark.parametrize(
    ("techniques", "rows", "loaded", "spans", "crossing"),
    [
        ((LOADED,), (12_906, 4_039, 3_647), (1_216, 368, 339), (1_383, 402, 380), [2_146, 16]),
        (None, (12_906, 4_039, 3_647), (3_504, 1_142, 943), (4_250, 1_351, 1_171), [6_469, 219]),
    ],
)
def test_the_official_corpus(
    folder: Path,
    texts: dict[str, str],
    lines: list[tuple[str, str, str, int, int]],
    techniques: tuple[str, ...] | None,
    rows: tuple[int, ...],
    loaded: tuple[int, ...],
    spans: tuple[int, ...],
    crossing: list[int],
) -> None:
    corpus = load_ptc(folder, techniques=techniques)
    assert list(corpus.notes.values()) == crossing
    assert (corpus.version, corpus.quarantined) == ("7427dc6b", ())
    parts, labels, found = (column(corpus.dataset, name) for name in ("part", "label", "spans"))
    assert tuple(parts.count(part) for part in PARTS) == rows
    assert tuple(list(zip(parts, labels, strict=True)).count((part, "loaded")) for part in PARTS) == loaded
    assert tuple(sum(len(spans) for at, spans in zip(parts, found, strict=True) if at == part) for part in PARTS) == spans
    assert set(column(corpus.dataset, "group")) == set(texts)
    assert len(texts) == 446
    # Every character of every official span of these techniques is in exactly one span of one row, and no other character is.
    official: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for _, article, technique, begin, end in lines:
        if techniques is None or technique in techniques:
            official[article].append((begin, end))
    assert lost_or_moved(texts, official, corpus) == []


def test_the_official_techniques(lines: list[tuple[str, str, str, int, int]]) -> None:
    counts = Counter(technique for _, _, technique, _, _ in lines)
    assert [counts[name] for name in TECHNIQUES] == [2_146, 1_111, 714, 490, 482, 299, 277, 214, 169, 144, 131, 125, 92, 75]
    assert sum(counts.values()) == 6_469


def test_the_scorers_articles_are_in_dev(benchmarks: Path, lines: list[tuple[str, str, str, int, int]]) -> None:
    path = benchmarks / "scorer-cases" / "gold.tsv"
    if not path.is_file():
        pytest.skip(f"no {path}")
    gold = [tuple(map(int, line.split("\t"))) for line in path.read_text().splitlines()]
    articles = {str(article) for article, _, _ in gold}
    assert (len(gold), len(articles)) == (54, 13)
    official = Counter((int(a), b, e) for part, a, technique, b, e in lines if part == "dev" and a in articles and technique == LOADED)
    assert Counter(gold) == official
