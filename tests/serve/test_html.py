"""The page of an annotated article, read as a browser reads it."""

from __future__ import annotations

import html
import json
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.errors import DataError
from slant.records import AnnotatedSentence, AnnotatedSpan, AnnotatedStance, AnnotatedTarget, Annotation, Label
from slant.serve.article import visible
from slant.serve.html import render_html
from slant.serve.schema import annotation_from_json
from slant.text import split_sentences

ROOT = Path(__file__).parents[2]
CASE = json.loads((ROOT / "tests/cases/article.json").read_text(encoding="utf-8"))
TEXT, ANNOTATION = CASE["text"], annotation_from_json(CASE["annotation"])
#: The same article with stances towards two targets, and a third that does not occur.
STANCED = annotation_from_json(json.loads((ROOT / "tests/cases/annotation_3.json").read_text(encoding="utf-8")))
VOID = {"meta", "br", "link", "img", "input", "hr"}
HOSTILE = (
    "<script>document.title='owned'</script> & <img src=x onerror=alert(1)> said \"hello\" 'there'. "
    "{{ 7 * 7 }} {% raw %} </article></p></mark> &lt;b&gt; &#60;.\n\n"
    "\x1b[31mred\x00\x08 \x9b2J \u202eright to left\u2069 שלום عالم 👩‍👩‍👧 Z̷̢. Last\r\none.\x85\ufeff"
)


class Page(HTMLParser):
    """What of a page matters here: its elements with their attributes, what stands in <article>, tags that do not match."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.article = self.styles = ""
        self.mismatched: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.mismatched.append(tag)

    def handle_data(self, data: str) -> None:
        self.article += data if "article" in self.open else ""
        self.styles += data if "style" in self.open else ""

    def of(self, tag: str, name: str | None = None) -> list[dict[str, str]]:
        return [a for found, a in self.elements if found == tag and (name is None or name in a.get("class", "").split())]


def page_of(text: str = TEXT, annotation: Annotation = ANNOTATION, title: str = "Harbour vote") -> Page:
    page = Page(render_html(text, annotation, title=title))
    assert not page.mismatched and not page.open
    return page


def loaded(text: str) -> Annotation:
    """Every sentence judged loaded, abstained from or cut in turn, its first half a loaded span."""
    sentences = []
    for number, place in enumerate(split_sentences(text)):
        middle = (place.start + place.end + 1) // 2
        span = AnnotatedSpan(place.start, middle, text[place.start : middle], 0.9)
        label = Label("loaded", 0.8, abstained=number % 3 == 1)
        words = text[place.start : place.end]
        sentences.append(AnnotatedSentence(place.start, place.end, words, label, [span], truncated=number % 3 == 2))
    return Annotation(sentences, [])


def test_the_article_reads_as_written() -> None:
    assert page_of().article == TEXT


@given(st.text(alphabet=st.characters() | st.sampled_from("<>&\"' .!\n\r\t\x00\x1b\ufeff\u2029"), max_size=80))
def test_any_text_reads_as_written_and_adds_no_element(text: str) -> None:
    page = page_of(text, loaded(text))
    assert page.article == visible(text)
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in page_of().elements}


def test_hostile_text_title_and_names_are_text() -> None:
    annotation = loaded(HOSTILE)
    first = replace(annotation.sentences[0], voice="quoted", speaker='"><script>alert(2)</script>')
    first.stance.append(AnnotatedStance("<script>\u202e", None, None, "against", {}))
    bundles: list[dict[str, object]] = [{"id": "<script>alert(3)</script>\u202e", "threshold": 0.5}]
    targets = [AnnotatedTarget("<script>\u202e", ["<img src=x>\u2066"], 1), AnnotatedTarget("</li><script>alert(5)</script>\u202e\x1b[2J", [], 0)]
    source = render_html(
        HOSTILE, Annotation([first, *annotation.sentences[1:]], bundles, targets=targets), title="</title><script>alert(4)</script>\u202e"
    )
    page = Page(source)
    assert not page.mismatched and not page.of("script") and not page.of("img")
    assert page.article == visible(HOSTILE)
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert not re.search("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]", source)
    assert "\u202e" not in source.split("</title>")[0] + source.split("<footer>")[1]
    source.encode("utf-8")


def test_the_page_needs_nothing_else() -> None:
    page = page_of()
    policy = next(a["content"] for a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & {tag for tag, _ in page.elements}
    assert all(a["href"].startswith("#") for a in page.of("a"))
    assert not re.search(r"url\(|@import|https?:", page.styles)


def test_loaded_words_are_told_by_strength_and_on_hover() -> None:
    marks = [a for a in page_of().of("mark") if "data-p" in a]
    assert [(a["class"], a["data-p"]) for a in marks[:3]] == [("clear", "0.83"), ("strong", "0.95"), ("strong", "0.91")]
    assert len(marks) == 10
    assert all(a["data-p"] in a["title"] for a in marks)
    assert marks[1]["title"] == "loaded, probability 0.95 · in a quotation"


def test_each_strength_has_an_underline_of_its_own_shape() -> None:
    shapes = dict(re.findall(r"mark\.(\w+) \{[^}]*text-decoration: underline (\w+)", page_of().styles))
    assert shapes == {"slight": "dotted", "clear": "dashed", "strong": "solid"}


def test_sentences_that_are_loaded_undecided_or_cut_are_told() -> None:
    page = page_of()
    assert [a["data-p"] for a in page.of("span", "margin") if "loaded" in a["class"]] == ["0.71", "0.97", "0.66", "0.93", "0.88"]
    assert [a["data-p"] for a in page.of("span", "margin") if "abstained" in a["class"]] == ["0.47"]
    assert len(page.of("span", "cut")) == 1
    titles = {a["id"]: a["title"] for a in page.of("span", "s")}
    assert titles["s4"] == "Sentence 4: judged loaded, probability 0.97 · quoted, Mara Lindqvist"
    assert titles["s8"] == "Sentence 8: left undecided, probability 0.47"
    assert titles["s10"].endswith("longer than the model reads")


def plain(source: str) -> str:
    """The words of a page's body, white space and tags made one space each."""
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", source.split("</head>")[1])).split())


def test_the_summary_and_the_table_say_what_was_found() -> None:
    words = plain(render_html(TEXT, ANNOTATION, title="Harbour vote"))
    for said in (
        "sentences 12 judged loaded (42%) 5 loaded words or phrases 10 left undecided 1",
        "Model loaded-words loaded-words-3f9a1c · counts as loaded: sentences from 0.50 and words from 0.42",
        "In 1 sentence the model was too unsure to judge",
        "1 sentence was longer than the model reads",
        "strong 0.85 or more clear 0.70–0.84 slight up to 0.69",
        "Loaded words by weight Word or phrase Probability In its sentence Paragraph shameless giveaway 0.95 “This is a",
        "cronies ,” said Mara Lindqvist, who leads the opposition. quoted from Mara Lindqvist 2 mob 0.89",
        "Trained on babe@1 Slant version 0.1.0",
    ):
        assert said in words


def test_the_loaded_rate_is_told_by_voice() -> None:
    words = plain(render_html(TEXT, ANNOTATION, title="Harbour vote"))
    author = "Author’s words 4 of 11 sentences loaded (36%) 8 loaded words or phrases"
    assert f"{author} Quoted 1 of 1 sentence loaded (100%) 2 loaded words or phrases Model" in words and "in a quotation" in words


def test_each_voice_is_told_by_sign_or_words() -> None:
    page = page_of()
    marks = page.of("mark")
    assert [a["data-voice"] for a in marks if "data-p" in a][:4] == ["author", "quoted", "quoted", "author"]
    assert [a.get("data-voice") for a in marks if a.get("id", "").startswith("w") is False].count("quoted") == 3, "key and table have the sign too"
    assert re.search(r"mark\[data-voice=quoted\]::before \{ content: \"❝\"", page.styles)
    assert [(a["data-said"], a["aria-label"], a["role"]) for a in page.of("span", "said")] == [("quoted, Mara Lindqvist",) * 2 + ("img",)]
    assert re.search(r"\.said::after \{ content: attr\(data-said\)", page.styles)


@pytest.mark.parametrize(
    ("told", "label"),
    [
        ({"voice": "mixed", "speaker": "Felix\n Grau"}, "partly quoted, Felix Grau"),
        ({"voice": "quoted"}, "quoted"),
        ({"voice": "author", "speaker": "Mara Lindqvist", "speaker_start": 267, "speaker_end": 281}, "reports Mara Lindqvist"),
        ({"voice": "author", "speaker": "Councillors", "speaker_start": 0, "speaker_end": 11}, None),
        ({"voice": "author"}, None),
        ({"voice": None, "speaker": "Felix Grau"}, None),
    ],
)
def test_a_sentence_that_is_not_all_the_authors_has_a_label(told: dict[str, Any], label: str | None) -> None:
    first, *rest = (replace(s, voice="author", speaker=None, speaker_start=None, speaker_end=None) for s in ANNOTATION.sentences)
    page = page_of(TEXT, Annotation([replace(first, **told), *rest], []))
    assert [a["data-said"] for a in page.of("span", "said")] == ([label] if label else [])
    title = next(a["title"] for a in page.of("span", "s") if a["id"] == "s1")
    assert title == "Sentence 1: judged neutral, probability 0.08" + (f" · {label}" if label else "")
    assert page.article == TEXT


def test_a_quoted_word_is_its_own_speakers_not_its_sentences() -> None:
    fourth = ANNOTATION.sentences[3]
    other = replace(fourth, spans=[replace(fourth.spans[0], speaker="an aide"), replace(fourth.spans[1], speaker=None)])
    words = plain(render_html(TEXT, Annotation([*ANNOTATION.sentences[:3], other, *ANNOTATION.sentences[4:]], []), title="x"))
    table = words.split("Loaded words by weight")[1]
    assert "quoted from an aide 2" in table and "leads the opposition. quoted 2" in table and "quoted from Mara" not in table


def test_where_no_voice_is_told_the_page_tells_none() -> None:
    untold = [
        replace(s, voice=None, speaker=None, speaker_start=None, spans=[replace(x, voice=None, speaker=None) for x in s.spans])
        for s in ANNOTATION.sentences
    ]
    page = page_of(TEXT, Annotation(untold, []))
    assert not page.of("span", "said") and not page.of("dl", "voices")
    assert not [a for a in page.of("mark") if "data-voice" in a]
    assert "quot" not in plain(render_html(TEXT, Annotation(untold, []), title="x")).split("The marks are")[0].replace("quoted word", "")


def test_table_links_lead_somewhere() -> None:
    assert {a["href"][1:] for a in page_of(TEXT, STANCED).of("a")} <= {a["id"] for _, a in page_of(TEXT, STANCED).elements if "id" in a}
    page = page_of()
    targets = {a["id"] for _, a in page.elements if "id" in a}
    assert len([1 for _, a in page.elements if "id" in a]) == len(targets)
    assert {a["href"][1:] for a in page.of("a")} <= targets
    assert sum(a["href"].startswith("#w") for a in page.of("a")) == 10


def test_stances_are_listed_with_every_probability() -> None:
    words = plain(render_html(TEXT, STANCED, title="x"))
    assert "Target Stance p(against) p(neutral) p(favor) Voice Sentence Mara Lindqvist ○ neutral 0.10 0.70 0.20 Quoted 4" in words
    assert "the mayor ▼ against 0.82 0.13 0.05 Author’s words 5 the mayor ? undecided 0.20 0.42 0.38 Author’s words 7" in words
    assert "Target Stance" not in plain(render_html(TEXT, ANNOTATION, title="x"))


def test_each_targets_stances_are_told_by_voice_with_its_loaded_words() -> None:
    words = plain(render_html(TEXT, STANCED, title="x"))
    table = words.split("Stances towards each target, by voice")[1].split("Model loaded-words")[0]
    assert table == (
        " Voice ▼ against ○ neutral ▲ in favor ? undecided "
        "the mayor 3 mentions · also as the Mayor Author’s words 2 0 0 1 "
        "2 of 3 sentences loaded (67%), with catastrophic , strongman , bitter war , humiliating "
        "Mara Lindqvist 1 mention Quoted 0 1 0 0 1 of 1 sentence loaded (100%), with shameless giveaway , cronies "
    )
    assert "Not in this text: Port Union ." in words
    assert "stance" in words and "stance" not in plain(render_html(TEXT, ANNOTATION, title="x")).lower()


def test_a_stance_stands_behind_its_sentence_by_sign_and_words_and_with_probabilities_on_hover() -> None:
    page = page_of(TEXT, STANCED)
    marks = page.of("span", "toward")
    assert [(a["class"].split()[-1], a["data-said"], a["data-p"]) for a in marks] == [
        ("neutral", "○ neutral on Mara Lindqvist", "0.70"),
        ("against", "▼ against the mayor", "0.82"),
        ("abstained", "? undecided on the mayor", "0.42"),
        ("against", "▼ against the mayor", "0.91"),
    ]
    assert marks[1]["title"] == marks[1]["aria-label"]
    assert marks[1]["title"] == "Sentence 5, stance towards the mayor: against (against 0.82, neutral 0.13, favor 0.05)"
    assert page.article == TEXT, "what we add to the article is no text of it"
    assert re.search(r"\.toward::after \{ content: attr\(data-said\)", page.styles)
    assert re.search(r"@media print.*\.toward::after \{ content: attr\(data-said\) \" \" attr\(data-p\)", page.styles, re.DOTALL)


def test_of_targets_that_a_sentence_does_not_name_only_sides_are_marked() -> None:
    chances = {"against": 0.2, "neutral": 0.2, "favor": 0.6}
    told = [AnnotatedStance("ferries", None, None, label, chances, label == "against") for label in ("favor", "neutral", "against")]
    first = replace(ANNOTATION.sentences[0], stance=told)
    said = Annotation([first, *ANNOTATION.sentences[1:]], [], targets=[AnnotatedTarget("ferries", [], 0)])
    page = page_of(TEXT, said)
    assert [(a["data-said"], a["title"].split(" · ")[-1]) for a in page.of("span", "toward")] == [("▲ in favor of ferries", "not named here")]
    words = plain(render_html(TEXT, said, title="x"))
    assert "ferries 0 mentions Author’s words 0 1 1 1" in words and "Not in this text: ferries" in words
    assert words.split("Stances by sentence")[1].count("ferries") == 3, "the table has them all"


@pytest.mark.parametrize(("count", "above"), [(12, True), (13, False)])
def test_a_long_table_of_targets_stands_below_the_article(count: int, above: bool) -> None:
    names = [f"Target {i}" for i in range(count)]
    first = replace(ANNOTATION.sentences[0], stance=[AnnotatedStance(name, 0, 11, "neutral", {"neutral": 1.0}) for name in names])
    targets = [AnnotatedTarget(name, [], 1) for name in names]
    source = render_html(TEXT, Annotation([first, *ANNOTATION.sentences[1:]], [], targets=targets), title="x")
    assert (source.index('<table class="sums">') < source.index("<article>")) == above
    assert source.count('<table class="sums">') == 1 and ('href="#targets"' in source) != above


def test_a_stance_model_without_a_target_says_so() -> None:
    said = Annotation(ANNOTATION.sentences, STANCED.bundles)
    assert "No stances: no name recurs in this text" in plain(render_html(TEXT, said, title="x"))
    assert "No stances" not in plain(render_html(TEXT, STANCED, title="x")) + plain(render_html(TEXT, ANNOTATION, title="x"))


def test_targets_of_which_none_occurs_are_told_without_a_table() -> None:
    source = render_html(TEXT, Annotation(ANNOTATION.sentences, [], targets=[AnnotatedTarget("Ilya Orlov", [], 0)]), title="x")
    assert "Not in this text: Ilya Orlov ." in plain(source) and 'class="sums"' not in source and "Stances by sentence" not in source


@pytest.mark.parametrize("text", ["", " \n\n "])
def test_a_text_without_sentences_has_a_page(text: str) -> None:
    page = page_of(text, Annotation([], []))
    assert page.article == text
    assert "The model marks no words" in render_html(text, Annotation([], []), title="Empty")


@pytest.mark.parametrize(("of_loaded", "said"), [(0, "(0%)"), (1, "(<1%)"), (399, "(>99%)"), (400, "(100%)")])
def test_a_rate_says_none_or_all_only_where_it_is_so(of_loaded: int, said: str) -> None:
    sentences = [AnnotatedSentence(i * 2, i * 2 + 1, "a", Label("loaded" if i < of_loaded else "neutral", 0.5)) for i in range(400)]
    assert f"judged loaded {said}" in plain(render_html("a " * 400, Annotation(sentences, []), title="Many"))


def test_hard_wrapped_paragraphs_flow_and_others_keep_their_line_ends() -> None:
    text = "One line\nand on.\n\nOne.\nTwo."
    sentences = [AnnotatedSentence(a, b, text[a:b], Label("neutral", 0.1)) for a, b in ((0, 16), (18, 22), (23, 27))]
    page = page_of(text, Annotation(sentences, []))
    assert [a.get("class") for a in page.of("p") if "dir" in a] == ["wrapped", None]


def test_an_annotation_of_another_text_is_refused() -> None:
    with pytest.raises(DataError, match="does not fit the text"):
        render_html(TEXT[1:], ANNOTATION, title="x")


# --- in a browser: pytest -m browser

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="the playwright package is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def open_page(browser: Any, path: Path, source: str, width: int, scheme: str = "light") -> tuple[Any, list[str], list[str]]:
    """The page in a window, with the list of what its console said and of what it asked the network for."""
    path.write_bytes(source.encode("utf-8"))
    page = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    return page, said, asked


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1200])
def test_a_browser_shows_the_text_without_overflow_network_or_complaint(browser: Any, tmp_path: Path, width: int) -> None:
    text = HOSTILE + "\n\n" + "Rindfleischetikettierungsüberwachung" * 12 + "."
    page, said, asked = open_page(browser, tmp_path / "hostile.html", render_html(text, loaded(text), title="x" * 300), width)
    assert page.evaluate("document.querySelector('article').textContent") == visible(text)
    assert page.title() != "owned"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert (said, len(asked)) == ([], 1)


MARGINS = """[...document.querySelectorAll('.margin')].map(mark => {
    const box = mark.getBoundingClientRect(), lines = mark.closest('.s').getClientRects();
    const line = [...lines].find(line => line.width > 6);
    return {top: box.top, bottom: box.bottom, left: box.left, lineTop: line.top, lineBottom: line.bottom, text: line.left};
})"""


@pytest.mark.browser
def test_a_margin_mark_stands_beside_its_sentences_first_line(browser: Any, tmp_path: Path) -> None:
    page, *_ = open_page(browser, tmp_path / "page.html", render_html(TEXT, ANNOTATION, title="Harbour vote"), 1200)
    for width in [*range(320, 800, 12), 1200]:
        page.set_viewport_size({"width": width, "height": 800})
        places = page.evaluate(MARGINS)
        assert len(places) == 6
        assert all(0 <= place["left"] < place["text"] for place in places)
        assert all(before["bottom"] <= after["top"] + 1 for before, after in pairwise(places))
        # The second of two that begin on one line has to stand below the first.
        alone = [after for before, after in pairwise([{"lineTop": -99}, *places]) if after["lineTop"] - before["lineTop"] > 5]
        assert len(alone) >= 4
        assert all(place["lineTop"] - 2 <= place["top"] <= place["lineBottom"] - 8 for place in alone), (width, alone)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_are_readable_on_their_marks(browser: Any, tmp_path: Path, scheme: str) -> None:
    page, *_ = open_page(browser, tmp_path / "page.html", render_html(TEXT, STANCED, title="Harbour vote"), 1200, scheme)
    pairs = page.evaluate(
        """[...document.querySelectorAll('article mark, article .s.loaded'), document.body].map(
             e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor])"""
    )
    # WCAG 2.2, 1.4.6: 7 to 1.
    assert min(contrast(*pair) for pair in pairs) >= 7
    dark = luminance(pairs[-1][1]) < 0.1
    assert dark == (scheme == "dark")


def luminance(color: str) -> float:
    """Relative luminance of `rgb(r, g, b)` as WCAG 2.2 defines it."""
    channels = [int(value) / 255 for value in re.findall(r"\d+", color)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.browser
def test_the_script_takes_three_pictures(browser: Any, tmp_path: Path) -> None:
    page = tmp_path / "article.html"
    page.write_text(render_html(TEXT, ANNOTATION, title="Harbour vote"), encoding="utf-8")
    command = [sys.executable, ROOT / "scripts/shoot_article.py", page, "-o", tmp_path / "shots"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    widths = {path.name: struct.unpack(">I", path.read_bytes()[16:20])[0] for path in (tmp_path / "shots").iterdir()}
    assert widths == {"article-1200-light.png": 1200, "article-1200-dark.png": 1200, "article-360-light.png": 720}
    missing = subprocess.run([*command[:2], tmp_path / "none.html"], capture_output=True, text=True, check=False)
    assert missing.returncode == 1 and "no such file" in missing.stderr
