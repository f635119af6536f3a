"""What all pages share: one set of templates with one style sheet, one way to write a number, and no way out of the page."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from slant.serve.article import visible

__all__ = ["chance", "in_words", "number", "plain", "shown", "signed", "template"]

_ACRONYMS = {"f1": "F1", "auroc": "AUROC", "ece": "ECE", "mcc": "MCC", "ap": "AP", "brier": "Brier"}
_FOLDER = Path(__file__).parent / "templates"


@cache
def template(name: str) -> Template:
    """A page's template. Everything put into it is escaped; a name it does not know is an error."""
    environment = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "signed": signed, "chance": chance, "shown": shown, "words": in_words}
    script = (_FOLDER / "sort.js").read_text(encoding="utf-8")
    # The page's policy allows this script by its digest, and no other: what a corpus says cannot run even if it were not escaped.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals |= {"script": Markup(script), "script_source": f"'sha256-{digest}'", "plain": plain}
    return environment.get_template(name)


def number(value: float | None, digits: int = 3) -> str:
    """A figure with so many decimals and a true minus sign; "–" where there is none."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}".replace("-", "−")


def chance(p: float | None) -> str:
    """A p value, which no test knows to more than three decimals."""
    return "–" if p is None or math.isnan(p) else "below 0.001" if p < 0.001 else f"{p:.3f}"


def signed(value: float | None, digits: int = 3) -> str:
    """A difference, always with its sign; "–" where there is none. What rounds to nothing has no sign."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:+.{digits}f}".replace("-", "−") if round(value, digits) else f"{0:.{digits}f}"


def shown(value: object) -> str:
    """Any value as one line of text in which nothing acts; "–" for none."""
    return "–" if value is None else visible(str(value), one_line=True)


def in_words(name: str) -> str:
    """A metric's or floor's name as a heading has it: "macro F1"."""
    return " ".join(_ACRONYMS.get(word, word) for word in name.split("_"))


def plain(value: Any) -> str:
    """A detail in words: lists with commas, mappings as `name number`."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    return "none" if value is None else f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
