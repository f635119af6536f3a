"""The page at `/` in a real browser."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slant.serve.http import Settings

from .conftest import FakeAnnotator, running

pytestmark = pytest.mark.browser

ARTICLE = """Orlov tightens his grip

President Ilya Orlov dismissed the council on Monday. The strongman gave no reason. Henchmen of the regime 😀 met, and the vile deed was done.

“It was a vile act,” said Mara Quill. “Orlov is no president.” The heroic clerks stayed until midnight."""
HOSTILE = """<script>document.title = "hacked"</script> The <b>vile</b> <img src=x onerror="document.title='hacked'"> regime met.

😀😀 The vile \u202eregime\u202c 👨‍👩‍👧 won. שלום עולם and the vile \u0007 henchmen.\n\n\u0645\u0631\u062d the vile act &amp; &lt;i&gt;."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        pytest.skip(f"no browser at {chromium}: apt install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(FakeAnnotator(), Settings()) as address:
        yield address


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    yield from opened(browser, address)


def opened(browser: Any, address: str, expected: tuple[str, ...] = (), **options: Any) -> Iterator[Any]:
    """The page, ready to be used; the test fails where it loads anything from elsewhere, or its console shows an error that is not expected."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], **options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith(address) else None)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    yield page
    context.close()
    assert [said for said in complaints if not any(words in said for words in expected)] == []


def until(page: Any, expression: str) -> None:
    """Wait until it holds. Playwright's own wait evaluates strings within the page, which the page's policy forbids."""
    deadline = time.monotonic() + 60
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(20)


def annotate(page: Any, text: str, targets: str = "") -> None:
    page.fill("#text", text)
    if targets:
        page.fill("#targets", targets)
    page.click("#annotate")
    until(page, "document.getElementById('status').textContent.startsWith('Annotated')")


def marks(page: Any) -> list[str]:
    return [found.inner_text() for found in page.query_selector_all("#article mark")]


def slide(page: Any, slider: str, to: float) -> None:
    page.eval_on_selector(slider, f"(it) => {{ it.value = {to}; it.dispatchEvent(new Event('input', {{ bubbles: true }})); }}")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_an_article_is_pasted_and_annotated(page):
    page.evaluate("(text) => navigator.clipboard.writeText(text)", ARTICLE)
    page.focus("#text")
    page.keyboard.press("Control+V")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#result:not([hidden])")
    assert marks(page) == ["strongman", "Henchmen", "regime", "vile", "vile", "heroic"]
    assert page.eval_on_selector("#article", "(it) => it.textContent") == ARTICLE
    assert page.inner_text("#figures .figures").split("\n") == ["sentences", "7", "judged loaded (57%)", "4", "loaded words or phrases", "6"]
    assert page.evaluate("document.activeElement.id") == "result-title"
    quoted = page.query_selector_all("#article mark[data-voice=quoted]")
    assert [found.inner_text() for found in quoted] == ["vile"]
    assert "quoted, Mara Quill" in [found.get_attribute("data-said") for found in page.query_selector_all("#article .said")]
    rows = [row.inner_text().split() for row in page.query_selector_all("#tables section:first-child tbody tr")]
    assert [row[0] for row in rows] == ["vile", "vile", "Henchmen", "regime", "strongman", "heroic"]
    assert "Ilya Orlov" in page.inner_text("#targets-summary")


def test_named_targets_are_those_that_are_summed_up(page):
    annotate(page, ARTICLE, "Mara Quill\nOrlov = the strongman, the man \n\nNobody Here")
    table = page.inner_text("#targets-summary")
    assert "Orlov" in table and "also as the strongman, the man" in table and "Mara Quill" in table
    assert "Nobody Here" not in table
    assert "Not in this text: Nobody Here." in page.inner_text("#notes")


def test_an_article_without_a_name_that_recurs_says_so(page):
    annotate(page, "A vile deed was done. Rain fell on the town.")
    assert "No stances: no name recurs in this text." in page.inner_text("#notes")
    assert page.inner_text("#targets-summary") == ""
    annotate(page, ARTICLE)
    assert "No stances" not in page.inner_text("#notes")


def test_the_sliders_act_on_what_is_shown_and_not_on_the_json(page):
    annotate(page, ARTICLE)
    page.click("#copy")
    until(page, "document.getElementById('status').textContent === 'Copied.'")
    before = json.loads(page.evaluate("navigator.clipboard.readText()"))
    slide(page, "#word-threshold", 0.8)
    assert marks(page) == ["Henchmen", "vile", "vile"]
    assert page.inner_text("#word-shown") == "0.80"
    assert len(page.query_selector_all("#article .s.loaded")) == 4
    slide(page, "#sentence-threshold", 0.75)
    assert len(page.query_selector_all("#article .s.loaded")) == 2
    assert "judged loaded (29%)" in page.inner_text("#figures")
    slide(page, "#sentence-threshold", 0.0)
    assert len(page.query_selector_all("#article .s.loaded")) == 7
    page.click("#copy")
    until(page, "document.getElementById('status').textContent === 'Copied.'")
    after = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert before == after == page.request.post(f"{page.url}v1/annotate", data={"text": ARTICLE}).json()
    page.click("#reset")
    assert len(marks(page)) == 6
    assert len(page.query_selector_all("#article .s.loaded")) == 4


def test_all_of_it_works_from_the_keyboard_in_reading_order(page):
    annotate(page, ARTICLE)
    page.evaluate("document.activeElement.blur(); getSelection().removeAllRanges(); document.body.tabIndex = -1; document.body.focus()")
    order = []
    for _ in range(9):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.closest('[id]').id"))
    assert order[:4] == ["text", "targets", "annotate", "open"]
    rest = order[order.index("strip") :]
    assert rest[:3] == ["strip", "sentence-threshold", "word-threshold"]
    page.focus(".strip a")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#s7"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#s7"
    page.focus("#word-threshold")
    for _ in range(25):
        page.keyboard.press("ArrowRight")
    until(page, "document.querySelectorAll('#article mark').length === 5")  # .65: without "heroic"


def test_hostile_text_is_shown_as_text(page):
    annotate(page, HOSTILE)
    shown = page.eval_on_selector("#article", "(it) => it.textContent")
    assert shown == HOSTILE.replace("\u0007", "\u2407")
    assert page.title() == "Slant: loaded language in an article"
    assert page.query_selector_all("#result script, #result img, #result b:not(.context b), #result i") == []
    assert marks(page) == ["vile", "regime", "vile", "regime", "vile", "henchmen", "vile"]
    annotate(page, "A vile act. <b>Bo</b> saw it.", "<img src=x onerror=alert(1)>=</td><script>")
    assert "Not in this text: <img src" in page.inner_text("#notes")


def test_a_file_is_opened_or_dropped_and_one_that_is_no_text_is_refused(page):
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": "Ein vile Wort – né.".encode()})
    until(page, "document.getElementById('text').value === 'Ein vile Wort – né.'")
    page.evaluate("""() => {
        const brought = new DataTransfer();
        brought.items.add(new File(["Dropped."], "b.txt"));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: brought, bubbles: true, cancelable: true }));
    }""")
    until(page, "document.getElementById('text').value === 'Dropped.'")
    page.set_input_files("#file", {"name": "c.bin", "mimeType": "application/octet-stream", "buffer": b"\xff\xfe\x00"})
    until(page, "document.getElementById('alert').textContent.includes('c.bin is not a text file')")
    assert page.input_value("#text") == "Dropped."


def test_what_the_server_refuses_is_told(browser):
    with running(FakeAnnotator(), Settings(max_sentences=2, token="secret")) as address:
        # The browser itself notes each refusal on the console.
        for page in opened(browser, address, expected=("401", "422")):
            page.wait_for_selector("#token-field:not([hidden])")
            page.fill("#text", "One came. Two left. Three stayed here.")
            page.fill("#token", "wrong")
            page.click("#annotate")
            until(page, "document.getElementById('alert').textContent.includes('Authorization')")
            page.fill("#token", "secret")
            page.click("#annotate")
            until(page, "document.getElementById('alert').textContent.includes('3 sentences; 2 is the most')")
            page.fill("#text", "One came. Two left.")
            page.click("#annotate")
            page.wait_for_selector("#result:not([hidden])")
            assert page.inner_text("#alert") == ""


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 360, "height": 740}}], ids=["light", "dark", "narrow"])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_window(browser, address, options):
    axe_core = pytest.importorskip("axe_core_python.sync_playwright", reason="pip install axe-core-python")
    script = (Path(axe_core.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    # The policy keeps axe's script out as it does a stranger's.
    for page in opened(browser, address, bypass_csp=True, **options):
        for step in ("empty", "annotated"):
            if step == "annotated":
                annotate(page, ARTICLE)
            page.evaluate(script)
            found = page.evaluate("axe.run()")["violations"]
            assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found if one["impact"] in ("serious", "critical")] == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
