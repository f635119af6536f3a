"""The audit as a page: complete in itself, and what the corpus says is only ever text."""

from __future__ import annotations

import re

import pytest
from fixtures_audit import Row, clean_rows, copied, corpus_of
from fixtures_pages import HOSTILE, RTL, Page, check_closed_page

from slant.data import Quarantined
from slant.data.audit import Audit, Finding, audit_corpus
from slant.report import audit_rows, render_audit
from slant.report.audit import SHOWN


def _hostile_rows() -> list[Row]:
    rows = copied(clean_rows()[:40])
    for i, row in enumerate(rows[:10]):
        row |= {
            "text": f"{HOSTILE} {i} {row['text']}",
            "spans": [],
            "id": f"<b>{i}</b>",
            "topic": "<i>a</i>" if i % 2 else "<I>a</I>",
            "part": "<u>test</u>",
        }
    rows[10] |= {"text": RTL, "spans": [{"start": 0, "end": 3, "label": "loaded"}]}
    rows[11] |= {"text": f"{RTL} again", "group": rows[0]["group"], "part": "train"}
    rows[12] |= {"text": rows[0]["text"], "part": "train"}
    return rows


@pytest.fixture(scope="module")
def hostile() -> Audit:
    corpus = corpus_of(_hostile_rows(), name="<em>name</em>", quarantined=(Quarantined("<a> row 1", "<script>x</script>", "</title><script>y"),))
    return audit_corpus(corpus)


@pytest.fixture(scope="module")
def page(hostile: Audit) -> str:
    return render_audit(hostile)


def test_what_the_corpus_says_is_shown_and_never_acts(page: str) -> None:
    seen = Page(page)
    assert not seen.open, "an element is not closed"
    tags = {tag for tag, _ in seen.elements}
    assert not tags & {"script", "img", "b", "i", "u", "em", "iframe", "object", "link", "base", "form", "svg"}
    assert HOSTILE.replace("\n", " ") in seen.text and RTL in seen.text
    for text in ("<em>name</em>", "<b>3</b>", "<i>a</i>", "<u>test</u>", "<script>x</script>", "</title><script>y"):
        assert text in seen.text, text


def test_the_page_needs_nothing_from_outside(page: str) -> None:
    check_closed_page(page, script=False)


def test_links_within_the_page_lead_to_their_findings(page: str) -> None:
    elements = Page(page).elements
    targets = {attributes["id"] for _, attributes in elements if attributes.get("id")}
    links = [attributes["href"] for tag, attributes in elements if tag == "a"]
    assert links and {str(link).removeprefix("#") for link in links} == targets


def test_every_finding_and_every_kind_looked_for_is_on_the_page(hostile: Audit, page: str) -> None:
    text = Page(page).text
    for finding in hostile.findings:
        assert finding.kind in text and finding.what in text
    for kind in hostile.checked:
        assert kind in text
    assert f"{hostile.rows:,} rows" in text


@pytest.mark.parametrize(("n", "more"), [(SHOWN, None), (SHOWN + 1, "1"), (SHOWN + 1500, "1,500")])
def test_of_a_finding_a_hundred_items_are_shown_and_the_others_counted(n: int, more: str | None) -> None:
    items = [{"ids": [f"id-{i}-"], "labels": [None], "texts": [f"text-{i}-"]} for i in range(n)]
    audit = Audit("c", "1", "f" * 64, n, [Finding("urls", "texts hold an address", n, n, items)], ["urls"])
    html = render_audit(audit)
    assert [int(i) for i in re.findall(r"text-(\d+)-", html)] == list(range(SHOWN))
    told = re.findall(r"and ([\d,]+) more in the JSON", html)
    assert told == ([] if more is None else [more])


def test_the_gravest_come_first_on_the_page_and_in_the_table() -> None:
    findings = [Finding(f"kind_{i}", "w", 1234, severity=severity) for i, severity in enumerate(("info", "warn", "stop", "warn"))]
    audit = Audit("c", "1", "f", 3, findings, [])
    header, *rows = audit_rows(audit)
    assert [row[1] for row in rows] == ["kind_2", "kind_1", "kind_3", "kind_0"] and len(header) == len(rows[0])
    assert rows[0] == ["stop", "kind_2", "1,234", "", "w"]
    html = render_audit(audit)
    assert re.findall(r"<h2>(kind_\d)</h2>", html) == ["kind_2", "kind_1", "kind_3", "kind_0"]
    assert re.findall(r'<details id="f(\d)" open>', html) == ["1"]


def test_an_audit_without_findings_says_what_was_looked_for() -> None:
    text = Page(render_audit(Audit("c", "1", "f", 1, [], ["urls", "markup"]))).text
    assert "0 findings" in text and "urls, markup" in text
