"""The page: the article character by character, every mark told twice (shape and number), and nothing that acts or is fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from slant.errors import DataError
from slant.records import AnnotatedSentence, AnnotatedSpan, AnnotatedStance, AnnotatedTarget, Annotation, Label
from slant.serve.article import context, lay_out, rank_words, strength, visible
from slant.serve.html import render_html
from slant.serve.schema import annotation_from_json
from slant.text import split_sentences

#: An invented article of twelve sentences, annotated by hand: five loaded, one abstained from, one truncated, ten spans.
CASE = json.loads((Path(__file__).parents[1] / "cases" / "article.json").read_text(encoding="utf-8"))
TEXT: str = CASE["text"]
STANCED: dict[str, Any] = json.loads((Path(__file__).parents[1] / "cases" / "annotation_3.json").read_text(encoding="utf-8"))
BUNDLE: dict[str, Any] = CASE["annotation"]["bundles"][0]

CHROMIUM = Path("/usr/bin/chromium")
FETCHING = {"src", "srcset", "srcdoc", "data", "action", "formaction", "poster", "background", "ping", "xlink:href", "manifest"}

HOSTILE = {
    "script": "The vile <script>window.acted = 1</script> mayor left.",
    "image": "The vile <img src=x onerror='window.acted = 1'> mayor left.",
    "quotes": '"The" \'vile\' mayor" onmouseover="window.acted = 1" x=\' left.',
    "entities": "The vile &lt;b&gt; &amp;amp; &#60; mayor left.",
    "closing": "The vile --> </p></article></style></title> mayor left.",
    "template": "The vile {{ 7 * 7 }} {% raw %} mayor left.",
    "override": "The \u202evile\u202c mayor \u2067left.",
    "emoji": "🙂 The vile 👩‍👩‍👧‍👦 mayor 🇫🇷 left.",
    "controls": "The\x07 vile\x08\x1f mayor\x7f\x9f left.",
    "nul": "The\0 vile \0mayor left.",
    "escapes": "The \x1b[31mvile\x1b[0m \x9b2J mayor \x1b]0;owned\x07 left.",
    "surrogate": "The vile \ud83d mayor left.",
}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""
    in_article: bool = False


@dataclass
class Page(HTMLParser):
    """What a browser finds in a page: its elements in order, each with its whole text."""

    source: str
    elements: list[Element] = field(default_factory=list)
    article: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[Element] = []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside = any(element.tag == "article" for element in self.open)
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, in_article=inside))
        if tag not in ("meta", "br", "img", "link"):
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, tag: str, name: str = "", *, in_article: bool | None = None) -> list[Element]:
        """Elements of a tag, of a class, inside or outside the article."""
        return [
            element
            for element in self.elements
            if element.tag == tag and (not name or name in element.attributes.get("class", "").split()) and in_article in (None, element.in_article)
        ]

    def text_of(self, tag: str) -> str:
        (element,) = self.all(tag)
        return element.text


def annotation() -> Annotation:
    """The invented article's annotation; a copy of your own."""
    return annotation_from_json(CASE["annotation"])


def page_of(text: str, said: Annotation, title: str = "An article") -> Page:
    return Page(render_html(text, said, title=title))


def annotated(text: str, *words: str, probability: float = 0.9, **said: Any) -> Annotation:
    """`text` as `slant.text` splits it, each sentence loaded and each of `words` a span where it stands first."""
    sentences = []
    for place in split_sentences(text):
        words_here = [(text.find(word, place.start, place.end), word) for word in words]
        spans = [AnnotatedSpan(at, at + len(word), word, probability) for at, word in sorted(words_here) if at >= 0]
        own = text[place.start : place.end]
        sentences.append(AnnotatedSentence(place.start, place.end, own, Label("loaded", probability), spans, **said))
    return Annotation(sentences, [dict(BUNDLE)])


@pytest.fixture(scope="module")
def page() -> Page:
    return page_of(TEXT, annotation(), "Harbour vote")


# --- self-contained


def test_it_asks_for_nothing_and_runs_nothing(page: Page) -> None:
    assert not re.search(r"https?:|//|url\(|@import|@font-face|javascript:", page.source, re.IGNORECASE)
    assert {element.tag for element in page.elements}.isdisjoint({"script", "link", "iframe", "object", "embed", "img", "form", "base"})
    names = {name for element in page.elements for name in element.attributes}
    assert names.isdisjoint(FETCHING) and not [name for name in names if name.startswith("on")]


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_shown_as_text(kind: str) -> None:
    text = HOSTILE[kind]

    def targets(name: str) -> list[AnnotatedTarget]:
        return [AnnotatedTarget(name, [name], 1), AnnotatedTarget(f"no {name}", [], 0)]

    said = "The vile mayor left."
    hostile = page_of(text, Annotation(hostile_annotation(text), [BUNDLE | {"id": text}], targets=targets(text)), title=text)
    plain = page_of(said, Annotation(hostile_annotation(said), [dict(BUNDLE)], targets=targets(said)), title="Plain")
    assert hostile.text_of("article") == visible(text)
    assert hostile.text_of("h1") == visible(text, one_line=True)
    assert hostile.text_of("title").startswith(visible(text, one_line=True))
    assert hostile.text_of("bdi") == visible(f"no {text}", one_line=True)
    # Nothing in it became an element or an attribute.
    assert [(e.tag, list(e.attributes)) for e in hostile.elements] == [(e.tag, list(e.attributes)) for e in plain.elements]
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", hostile.source)
    # A tooltip has no isolation of its own: an override there would turn what we say.
    assert not [value for e in hostile.elements for value in e.attributes.values() if re.search("[\u202a-\u202e\u2066-\u2069]", value)]
    hostile.source.encode("utf-8")


def hostile_annotation(text: str) -> list[AnnotatedSentence]:
    """The whole text as one quoted sentence, loaded from "vile" to its end, with one stance; every string of it hostile."""
    at = text.index("vile")
    stance = AnnotatedStance(text, at, at + 4, "against", {"against": 0.8, "neutral": 0.1, "favor": 0.1})
    span = AnnotatedSpan(at, len(text), text[at:], 0.9, "quoted")
    return [AnnotatedSentence(0, len(text), text, Label("loaded", 0.9), [span], "quoted", text, [stance])]


# Line ends of every kind, white space, marks of direction, controls, markup.


# --- the marks


def test_every_span_is_marked_by_shape_and_has_its_probability(page: Page) -> None:
    spans = [span for sentence in annotation().sentences for span in sentence.spans]
    marks = page.all("mark", in_article=True)
    assert [mark.text for mark in marks] == [span.text for span in spans]
    assert [mark.attributes["class"] for mark in marks] == [strength(span.probability) for span in spans]
    assert [mark.attributes["data-p"] for mark in marks] == [f"{span.probability:.2f}" for span in spans]
    for mark, span in zip(marks, spans, strict=True):
        assert f"probability {span.probability:.2f}" in mark.attributes["title"]
        assert ("in a quotation" in mark.attributes["title"]) == (span.voice == "quoted")


def test_an_article_read_to_its_end_and_judged_has_no_notes() -> None:
    assert not page_of("The vile mayor left.", annotated("The vile mayor left.", "vile")).all("ul", "notes")


def test_one_bar_a_sentence_as_high_as_its_probability(page: Page) -> None:
    bars = [a for a in page.all("a") if "--p" in a.attributes.get("style", "")]
    assert [bar.attributes["style"] for bar in bars] == [f"--p:{s.loaded.probability:.2f}" for s in annotation().sentences]
    assert all(bar.attributes["aria-label"].startswith(f"Sentence {n}:") for n, bar in enumerate(bars, start=1))


# --- the table


def rows(page: Page) -> list[list[str]]:
    """The cells of each row of the first table's body."""
    cells: list[list[str]] = []
    for element in page.elements:
        if element.tag == "tr":
            cells.append([])
        elif element.tag == "td":
            cells[-1].append(element.text)
    return [row for row in cells if row]


def test_the_table_lists_the_words_by_weight(page: Page) -> None:
    table = rows(page)
    spans = sorted((s for x in annotation().sentences for s in x.spans), key=lambda span: -span.probability)
    assert [(row[0], row[1]) for row in table] == [(span.text, f"{span.probability:.2f}") for span in spans]
    quotation = "“This is a shameless giveaway to cronies,” said Mara Lindqvist, who leads the opposition."
    assert any(cell.startswith(quotation) for cell in table[0]) and table[0][-1] == "2"
    assert [row[0] for row in table if "quoted" in " ".join(row)] == ["shameless giveaway", "cronies"]
    marks = {mark.attributes["id"]: mark.text for mark in page.all("mark", in_article=True)}
    assert [marks[f"w{rank}"] for rank in range(1, 11)] == [row[0] for row in table], "a row leads to its own word"


def test_the_context_of_a_word_is_cut_at_spaces() -> None:
    text = "Alpha beta gamma delta vile epsilon zeta eta theta."
    (word,) = rank_words(lay_out(text, annotated(text, "vile")))
    assert context(word, 100) == ("Alpha beta gamma delta ", " epsilon zeta eta theta.")
    assert context(word, 14) == ("…gamma delta ", " epsilon zeta…")
    joined = "漢" * 20 + "悪" + "字" * 20
    (word,) = rank_words(lay_out(joined, annotated(joined, "悪")))
    assert context(word, 5) == ("…" + "漢" * 5, "字" * 5 + "…")


def test_the_page_says_which_model_said_so(page: Page) -> None:
    def facts(shown: Page) -> dict[str, str]:
        return dict(zip([dt.text for dt in shown.all("dt")], [dd.text for dd in shown.all("dd")], strict=True))

    told = {"Sentence threshold": "0.50", "Word threshold": "0.42", "Trained on": "babe@1", "Slant version": "0.1.0", "Task": "loaded"}
    assert told.items() <= facts(page).items() and BUNDLE["id"] in facts(page).values()
    partial = facts(page_of("Hm.", Annotation([], [BUNDLE | {"corpus": None, "word_threshold": None}])))
    assert "Slant version" in partial and {"Trained on", "Word threshold"}.isdisjoint(partial)


# --- what is refused


def edited(number: int, **changes: Any) -> Annotation:
    """The invented annotation with another sentence in the place of one of its own."""
    said = annotation()
    said.sentences[number] = replace(said.sentences[number], **changes)
    return said


def another() -> Iterator[tuple[str, Annotation, str]]:
    first, second = annotation().sentences[3].spans
    yield TEXT.replace("sell", "give"), annotation(), "sentence 1"
    yield TEXT[:-20], annotation(), "sentence 12"
    yield "", annotation(), "sentence 1"
    yield TEXT, edited(0, end=0, text=""), "sentence 1"
    yield TEXT, edited(1, **vars(annotation().sentences[0])), "sentence 2"
    yield TEXT, edited(3, spans=[second, first]), f"sentence 4, span {first.start}:{first.end}"
    yield TEXT, edited(3, spans=[first, first]), f"sentence 4, span {first.start}:{first.end}"
    yield TEXT, edited(2, spans=[first]), f"sentence 3, span {first.start}:{first.end}"
    yield TEXT, edited(3, loaded=Label("loaded", float("nan"))), "sentence 4"
    yield TEXT, edited(3, spans=[replace(first, probability=-0.1)]), "sentence 4"
    yield TEXT, edited(3, stance=[AnnotatedStance("x", 0, 5, "against", {})]), "sentence 4, stance 0:5"
    yield TEXT, edited(3, stance=[AnnotatedStance("x", 230, 230, "against", {})]), "sentence 4, stance 230:230"
    yield TEXT, edited(3, stance=[AnnotatedStance("x", None, None, "against", {"against": 1.1})]), "sentence 4"


@pytest.mark.parametrize(("text", "said", "where"), list(another()))
def test_an_annotation_of_another_text_is_refused(text: str, said: Annotation, where: str) -> None:
    with pytest.raises(DataError) as caught:
        render_html(text, said, title="x")
    assert caught.value.where.startswith(where) and "nnotate" in caught.value.remedy


# --- in a browser

LUMINANCE = """
() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).slice(0, 3).map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (channels(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (element, pseudo) => {
    const [a, b] = [luminance(getComputedStyle(element, pseudo).color), luminance(ground(element))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const all = (selector, pseudo) => [...document.querySelectorAll(selector)].map((element) => contrast(element, pseudo));
  return {
    paper: luminance(getComputedStyle(document.body).backgroundColor),
    contrasts: {
      text: all("article p, .s, h1, .caption, .notes li, td, th, dt, dd, footer p"),
      marks: all("mark"),
      margins: all(".margin", "::before"),
      stances: all(".toward", "::after").concat(all(".stance, .sums td, .sums th")),
    },
    shapes: [...document.querySelectorAll("article mark")].map((m) => [m.className, getComputedStyle(m).textDecorationStyle]),
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    article: document.querySelector("article").textContent,
    acted: window.acted === undefined ? null : window.acted,
  };
}
"""


@pytest.mark.browser
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    """Light and dark, on a telephone too: nothing fetched, nothing complained of, nothing cut off, all text legible."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no chromium at {CHROMIUM}")
    hostile = "\n\n".join([*HOSTILE.values(), "The " + "vile" * 80 + " mayor.", "<script>window.acted = 1</script>"])
    told = annotated(hostile, "vile")
    names = [*HOSTILE.values(), "東京" * 200, "<script>window.acted = 1</script>", "\u202eright to left"]
    told.sentences[0].stance.extend(AnnotatedStance(name, 0, 3, "favor", {"favor": 1.0}) for name in names)
    told.targets.extend(AnnotatedTarget(name, [name], number % 3) for number, name in enumerate(names))
    articles = {"invented": (TEXT, annotation_from_json(STANCED)), "hostile": (hostile, told)}
    cases = [("invented", "light", 360), ("invented", "dark", 360), ("invented", "dark", 1280), ("hostile", "dark", 360)]
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        for case in cases:
            name, scheme, width = case
            text, said = articles[name]
            path = tmp_path / f"{name}.html"
            path.write_text(render_html(text, said, title=text if name == "hostile" else name), encoding="utf-8")
            seen = _look(browser, path, scheme, width)
            assert seen["complaints"] == [] and seen["asked"] == [path.as_uri()] and seen["acted"] is None, case
            assert seen["wide"] <= 0, case
            assert seen["article"] == visible(text), case
            assert (seen["paper"] > 0.8) if scheme == "light" else (seen["paper"] < 0.05), case
            assert {tuple(pair) for pair in seen["shapes"]} <= {("slight", "dotted"), ("clear", "dashed"), ("strong", "solid")}, case
            for what, contrasts in seen["contrasts"].items():
                # WCAG 2.2, 1.4.3: 4.5 to 1 for text.
                assert contrasts and min(contrasts) >= 4.5, f"{case}: {what}"
        browser.close()


def _look(browser: Any, path: Path, scheme: str, width: int) -> dict[str, Any]:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    opened = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(path.as_uri())
    seen: dict[str, Any] = opened.evaluate(LUMINANCE)
    context.close()
    return seen | {"complaints": complaints, "asked": asked}
