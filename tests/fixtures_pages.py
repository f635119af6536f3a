"""Pages as a browser reads them, and what every page of ours must keep to."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

HOSTILE = '<script>alert("1")</script><img src=https://example.org/x onerror=alert(2)> & "quoted" \'too\' {{ 7 * 7 }}'
RTL = "قال رئيس البلدية إن الميزانية لن تُقر قبل الصيف 🙂👩‍👩‍👧"


class Page(HTMLParser):
    """What a browser would make of a page: its elements with their attributes, and its text; `open` names elements that are not closed."""

    VOID = frozenset(("meta", "br"))

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.script = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.script += data
        elif not self.open or self.open[-1] != "style":
            self.text += data

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def check_closed_page(html: str, *, script: bool) -> Page:
    """The page, once it is seen to be whole, to ask for nothing outside itself, and to allow no script but its own."""
    page = Page(html)
    assert html.startswith("<!doctype html>") and not page.open and '<meta charset="utf-8">' in html
    assert not page.tags() & {"img", "iframe", "object", "embed", "link", "base", "form", "audio", "video", "foreignobject", "image", "use"}
    for tag, attributes in page.elements:
        assert not {"src", "srcset", "action", "data", "poster", "background", "formaction", "xlink:href"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")], tag
        assert (attributes.get("href") or "#").startswith("#")
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert style and "url(" not in style and "@import" not in style
    (policy,) = [a["content"] or "" for a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy and "http" not in policy
    assert len(page.of("script")) == script
    digest = base64.b64encode(hashlib.sha256(page.script.encode()).digest()).decode()
    assert re.findall(r"script-src ([^;]*)", policy) == ([f"'sha256-{digest}'"] if script else [])
    targets = {attributes["id"] for _, attributes in page.elements if attributes.get("id")}
    assert {str(attributes["href"]).removeprefix("#") for attributes in page.of("a")} <= targets
    return page
