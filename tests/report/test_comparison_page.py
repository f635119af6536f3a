"""The page of a comparison: whole, small, readable, and deaf to what its runs say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures_pages import HOSTILE, RTL, Page, check_closed_page

from slant.evaluation import Predictions
from slant.evaluation.comparison import Comparison, compare
from slant.report import render_comparison

Hostile = Callable[..., Predictions]


@pytest.fixture(scope="module")
def comparison(hostile: Hostile) -> Comparison:
    found = compare({"<b>old</b>": [hostile(skill=0.3)], "new": [hostile(skill=2.5, seed=2), hostile(skill=2.5, seed=3)]}, resamples=200)
    found["warnings"] = ["<script>a dirty tree</script>"]
    found["config"] = {"model.<i>C</i>": {"<b>old</b>": "</td><script>x</script>", "new": None}}
    found["runs"] = {"new": [{"id": "f" * 32, "name": "<i>run</i>", "folder": None, "git_commit": "abc", "git_dirty": True, "package_version": "1"}]}
    return found


@pytest.fixture(scope="module")
def html(comparison: Comparison) -> str:
    return render_comparison(comparison)


def test_the_page_is_whole_and_nothing_in_it_acts(html: str) -> None:
    page = check_closed_page(html, script=True)
    assert not page.tags() & {"b", "i", "u", "em"}
    told = [HOSTILE, RTL, "<b>old</b>", "<script>a dirty tree</script>", "</td><script>x</script>", "model.<i>C</i>", "<b>00", "</script><i>1</i>"]
    for text in told:
        assert text in page.text, text
    assert "49" not in re.findall(r"too' (\S+)", page.text), "a template's own language was obeyed"


def test_all_that_was_asked_for_is_there(comparison: Comparison, html: str) -> None:
    page = Page(html)
    (pair,) = comparison["pairs"]
    rows = re.findall(r'<th scope="row" class="key">([a-z_0-9]+)[ <].*?<span class="(better|worse|cannot-tell|not-judged)">([a-z ]+)</span>', html)
    assert {name: verdict for name, _, verdict in rows} == {entry["metric"]: entry["verdict"] for entry in pair["metrics"]}
    assert len(page.of("div")) and html.count('class="example"') == len(pair["changed"]) == 20
    for changed in pair["changed"]:
        assert changed["id"] in page.text
    for words in ("McNemar", "Holm", "detectable", "Reliability of the answer", "Coverage against risk", "uncertainty", "moved towards it"):
        assert words in page.text, words
    for note in comparison["notes"]:
        assert note in page.text
    # One picture a row of the differences and of the slices, and three charts.
    slices = {(one["column"], one["value"]) for one in pair["slices"]}
    assert html.count('<svg class="forest"') == len(pair["metrics"]) + len(slices) and html.count('role="img"') == 3


def test_a_slice_that_moves_against_the_total_is_named(comparison: Comparison) -> None:
    flagged: Any = {**comparison, "pairs": [dict(pair) for pair in comparison["pairs"]]}
    slices = [dict(one) for one in comparison["pairs"][0]["slices"]]
    slices[0]["flag"], slices[-1]["flag"] = "against", "apart"
    flagged["pairs"][0]["slices"] = slices
    text = " ".join(Page(render_comparison(flagged)).text.split())
    assert f"Against the total: {slices[0]['column']} {slices[0]['value']} (" in text and "(“apart”): 1." in text
    assert text.count("against the total in ") == 1 and text.count("apart in macro F1") + text.count("apart in accuracy") == 1
    assert "No slice is shown to move against the total" in Page(render_comparison(comparison)).text


def test_ten_runs_of_long_sentences_stay_under_three_megabytes(hostile: Hostile) -> None:
    sides = {f"side {i}": [hostile(1600, skill=i / 5, seed=i + 1, length=40)] for i in range(10)}
    page = render_comparison(compare(sides, resamples=100))
    assert len(page.encode()) < 3_000_000
    check_closed_page(page, script=True)


def test_stance_and_tables_without_gold_or_words(hostile: Hostile) -> None:
    sides = {"a": [hostile(task="stance")], "b": [hostile(task="stance", seed=2, skill=0)]}
    page = check_closed_page(render_comparison(compare(sides, resamples=100)), script=True)
    assert "<em>target 1</em>" in page.text and "strongest words" not in page.text
    bare = {name: [hostile(gold=[None] * 120, seed=i)] for i, name in enumerate("ab")}
    check_closed_page(render_comparison(compare(bare, resamples=100)), script=True)


# --- in a browser: pytest -m browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    import shutil

    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if chromium is None:
        pytest.skip("no chromium")
    with sync_api.sync_playwright() as play:
        running = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "script"), [(360, True), (1100, True), (360, False)])
def test_a_browser_shows_it_without_overflow_or_complaint_and_sorts(browser: Any, html: str, tmp_path: Path, width: int, script: bool) -> None:
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    page = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=script, color_scheme="dark").new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append("a dialog"))
    page.on("request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(f"file://{tmp_path / 'page.html'}")
    if script:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.body.textContent.length") > 1000
    if script and width > 600:
        table = page.locator("table.sortable").first
        for order, reverse in (("descending", True), ("ascending", False)):
            # Numbers begin with the greatest; pressed again, the least comes first.
            table.locator("thead th:nth-child(2) button").click()
            found = [float(text) for text in table.locator("tbody td:nth-child(2)").all_inner_texts() if text != "–"]
            assert found == sorted(found, reverse=reverse) and len(set(found)) > 3
            assert table.locator("thead th:nth-child(2)").get_attribute("aria-sort") == order
    assert said == []
