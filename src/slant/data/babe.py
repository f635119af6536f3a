"""BABE: news sentences with expert labels of bias and the words that carry it (Spinde et al. 2021, Findings of EMNLP).

Reads the official `final_labels_SG2.csv`: `;`-separated, UTF-8 with a BOM. Biased → loaded, Non-biased → neutral; rows on which
the experts found no agreement have a null label. Each of `biased_words` becomes a span wherever it stands in the sentence as a word of
its own; those that do not stand there are quarantined.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from slant.data.corpus import Corpus, Quarantined, read_manifest
from slant.data.examples import make_dataset
from slant.data.groups import join_groups_by_text
from slant.errors import DataError
from slant.files import read_utf8

__all__ = ["FILE", "load_babe"]

FILE = "final_labels_SG2.csv"
COLUMNS = ("text", "news_link", "outlet", "topic", "type", "label_bias", "label_opinion", "biased_words")
LABELS = {"Biased": "loaded", "Non-biased": "neutral", "No agreement": None}
LEANINGS = {"left": "left", "center": "centre", "right": "right", "": None}


def load_babe(root: str | Path) -> Corpus:
    """Read BABE from the folder that holds its official file (or from the file itself).

    Raises DataError, naming file and row, when the file is missing, is not UTF-8, has another header or separator, a row of another
    width, an unknown label or leaning, or an empty text.
    """
    path = Path(root) / FILE if Path(root).is_dir() else Path(root)
    if not path.is_file():
        remedy = f"Name the folder with BABE's {FILE}: data.root=FOLDER (see data/babe/CARD.md)"
        raise DataError("there is no BABE file", where=str(path), remedy=remedy)
    content = read_utf8(path)
    manifest = read_manifest("babe")
    digest = hashlib.sha256(content.encode("utf-8")).hexdigest()
    version = manifest["version"] if digest == manifest["files"][0]["sha256"] else f"sha256-{digest[:12]}"
    quarantined: list[Quarantined] = []
    rows = [_example(row, where, quarantined) | {"source": f"babe@{version}"} for where, row in _rows(content, str(path))]
    seen: Counter[str] = Counter()
    for row in rows:
        # The same sentence of the same article may stand twice; ids stay independent of the order of the others.
        seen[row["id"]] += 1
        if seen[row["id"]] > 1:
            row["id"] += f"-{seen[row['id']]}"
    join_groups_by_text(rows)
    dataset = make_dataset(rows, str(path))
    return Corpus(dataset, "babe", version, str(path), manifest["licence"], tuple(quarantined))


def _rows(content: str, path: str) -> Iterator[tuple[str, dict[str, str]]]:
    reader = csv.reader(io.StringIO(content.removeprefix("\ufeff"), newline=""), delimiter=";", strict=True)
    try:
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            found = "an empty file" if not header else f"a header of {len(header)} columns: {', '.join(header)[:80]}"
            remedy = f"BABE's official file is ;-separated with the header {';'.join(COLUMNS)}"
            raise DataError(f"found {found}", where=path, remedy=remedy)
        for fields in reader:
            where = f"{path}, line {reader.line_num}"
            if len(fields) != len(COLUMNS):
                remedy = "Take the official file again: data/babe/CARD.md says where"
                raise DataError(f"{len(fields)} fields instead of {len(COLUMNS)}", where=where, remedy=remedy)
            yield where, dict(zip(COLUMNS, fields, strict=True))
    except csv.Error as error:
        remedy = "Take the official file again: data/babe/CARD.md says where"
        raise DataError(f"not readable as CSV ({error})", where=f"{path}, line {reader.line_num}", remedy=remedy) from error


def _example(row: dict[str, str], where: str, quarantined: list[Quarantined]) -> dict[str, Any]:
    for column, known in (("label_bias", LABELS), ("type", LEANINGS)):
        if row[column] not in known:
            remedy = f"Known: {', '.join(filter(None, known))}"
            raise DataError(f"unknown {column} {row[column]!r}", where=where, remedy=remedy)
    text = row["text"]
    if not text.strip():
        raise DataError("the text is empty", where=where, remedy="Take the official file again, or remove the row")
    identity = "babe-" + hashlib.sha256(f"{row['news_link']}\n{text}".encode()).hexdigest()[:12]
    return {
        "id": identity,
        "text": text,
        "task": "loaded",
        "label": LABELS[row["label_bias"]],
        "spans": _spans(text, row["biased_words"], where, quarantined),
        "group": _article(row["news_link"]) or identity,
        "outlet": row["outlet"] or None,
        "leaning": LEANINGS[row["type"]],
        "topic": row["topic"] or None,
    }


def _article(link: str) -> str:
    """The article an address names: feeds add parameters and fragments to the address of the same article."""
    parts = urlsplit(link.strip())
    return f"{parts.netloc.lower().removeprefix('www.')}{parts.path.rstrip('/')}"


def _spans(text: str, listed: str, where: str, quarantined: list[Quarantined]) -> list[dict[str, Any]]:
    try:
        words = ast.literal_eval(listed) if listed.strip() else []
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ValueError("not a list of strings")
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:  # what literal_eval's page names
        remedy = "It must read like ['word', 'word']"
        raise DataError(f"biased_words cannot be read ({error})", where=where, remedy=remedy) from error
    found: set[tuple[int, int]] = set()
    for word in dict.fromkeys(word.strip() for word in words):
        # The annotators' words were lower-cased and their quotation marks straightened.
        pattern = re.escape(word).replace("'", "['’‘]").replace('"', '["“”]').replace(r"\ ", r"\s+")
        matches = [m.span() for m in re.finditer(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE)] if word else []
        if not matches:
            reason = "biased word is not a word of its sentence" if word else "biased word is empty"
            quarantined.append(Quarantined(where, word, reason))
        found.update(matches)
    return [{"start": start, "end": end, "label": "loaded"} for start, end in sorted(found)]
