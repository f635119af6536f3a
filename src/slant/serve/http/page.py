"""The page at `/` and its files. They come with the package, and are all the page loads."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

import slant.serve

__all__ = ["FILES", "answer_file"]

_FOLDER = Path(__file__).parent / "page"
_ARTICLE = Path(slant.serve.__file__).parent / "templates" / "article.html.j2"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_NAMES = ("page.css", "page.js", "article.js", "dom.js", "judge.js", "tables.js", "icon.svg", "article.css")
#: The file that each path shows.
FILES = {"/": "index.html"} | {f"/{name}": name for name in _NAMES}
#: Nothing inline, nothing from elsewhere, nobody's frame; what the page sends goes to this server.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


def answer_file(request: Request) -> Response:
    """The file of FILES that this path shows; 304 for a browser that has it."""
    name = FILES[request.url.path]
    content, tag = _read(name)
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": _POLICY, "Cross-Origin-Opener-Policy": "same-origin"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=f"{_TYPES[Path(name).suffix]}; charset=utf-8")


@cache
def _read(name: str) -> tuple[bytes, str]:
    content = _article_style() if name == "article.css" else (_FOLDER / name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def _article_style() -> bytes:
    """The style sheet of the HTML view, so that there is one look and one place where it is set."""
    template = _ARTICLE.read_text(encoding="utf-8")
    return template.partition("<style>")[2].partition("</style>")[0].encode()
