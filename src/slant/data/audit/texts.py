"""Texts that are no clean English sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from slant.data.audit.findings import Finding, Rows

__all__ = ["LONG", "empty_texts", "leftover_markup", "long_texts", "mojibake", "other_languages", "urls"]

#: Characters above which a row is hardly one sentence.
LONG = 1_000
#: Letters below which no language can be told.
_ENOUGH = 25
#: A text is called foreign when English is less likely than this.
_UNLIKELY = 0.01

_URL = re.compile(r"https?://|www\.\w|\b(?:pic\.twitter\.com|t\.co|bit\.ly)/\w", re.IGNORECASE)
_MARKUP = re.compile(
    r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>"  # tags
    r"|&(?:[a-z]{2,8}|#\d{2,6}|#x[0-9a-f]{2,6});"  # entities
    r"|\[[^\]\n]{1,80}\]\([^)\s]{1,200}\)"  # Markdown links
    r"|\{\{[^{}\n]{1,80}\}\}"  # templates
    r"|\b(?:font-(?:size|family)|margin-(?:left|top))\s*:"  # style
    r"|<!--|-->|\]\]>",
    re.IGNORECASE,
)


def empty_texts(rows: Rows) -> Finding | None:
    """Texts without a letter or a digit."""
    return _texts("empty_texts", "texts have neither letter nor digit", rows, lambda text: not any(c.isalnum() for c in text), "Remove the rows")


def long_texts(rows: Rows) -> Finding | None:
    """Texts of more than 1,000 characters."""
    remedy = "Cut them into sentences, or check the file's separator and line ends"
    return _texts("long_texts", f"texts have more than {LONG:,} characters", rows, lambda text: len(text) > LONG, remedy)


def mojibake(rows: Rows) -> Finding | None:
    """Texts that were decoded with the wrong encoding, by ftfy's measure, or that hold the replacement character."""
    from ftfy.badness import is_bad

    def bad(text: str) -> bool:
        return "\ufffd" in text or bool(is_bad(text)) or _was_utf8(text)

    remedy = "Read the file in the encoding it was written in"
    return _texts("mojibake", "texts were decoded with a wrong encoding", rows, bad, remedy)


def _was_utf8(text: str) -> bool:
    """Whether the text's bytes in Windows-1252 are UTF-8 beyond ASCII: by chance hardly ever. ftfy takes "Ã…" (from "Å") for fair."""
    try:
        return text.encode("cp1252").decode("utf-8") != text
    except UnicodeError:
        return False


def urls(rows: Rows) -> Finding | None:
    """Texts with an address in them."""
    return _texts("urls", "texts hold an address", rows, lambda text: bool(_URL.search(text)), "Remove addresses if a model should not read them")


def leftover_markup(rows: Rows) -> Finding | None:
    """Texts with tags, entities, Markdown links, templates or style sheets in them."""
    return _texts("markup", "texts hold markup", rows, lambda text: bool(_MARKUP.search(text)), "Take the text out of its markup first")


def other_languages(rows: Rows) -> Finding | None:
    """Texts of at least 25 letters in which English has a probability below .01 (py3langid)."""
    items = []
    for i, text in enumerate(rows.text):
        found = _language(text)
        if found is not None:
            items.append(rows.item(i, language=found))
    remedy = "Slant's encoder and its models are for English: remove them"
    return Finding("other_languages", "texts are not in English", len(items), len(rows), items, remedy=remedy) if items else None


def _language(text: str) -> str | None:
    """The most likely language of a text that is hardly English, else None."""
    plain = _URL.split(text)[0] if text.startswith(("http", "www")) else text
    if sum(c.isalpha() for c in plain) < _ENOUGH:
        return None
    best, probability = _identifier().classify(plain)
    # Most sentences are plain English, and a second ranking would be wasted on them.
    if best == "en" or (probability < 0.5 and plain.isascii()):
        return None
    english = dict(_identifier().rank(plain)).get("en", 0.0)
    return str(best) if english < _UNLIKELY else None


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _texts(kind: str, what: str, rows: Rows, bad: Callable[[str], bool], remedy: str) -> Finding | None:
    found: Iterable[int] = [i for i, text in enumerate(rows.text) if bad(text)]
    items = rows.items(found)
    return Finding(kind, what, len(items), len(rows), items, remedy=remedy) if items else None
