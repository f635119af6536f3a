"""BABE: news sentences with expert labels of bias and the words that carry it (Spinde et al. 2021, Findings of EMNLP).

Reads the official `final_labels_SG2.csv`: `;`-separated, UTF-8 with a BOM. Biased → loaded, Non-biased → neutral; rows on which
the experts found no agreement have a null label. Each of `biased_words` becomes a span wherever it stands in the sentence as a word of
its own; those that do not stand there are quarantined.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from slant.data.corpus import Corpus, Quarantined, corpus_version, read_manifest
from slant.data.examples import make_dataset
from slant.data.reading import read_csv
from slant.errors import DataError

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
    manifest = read_manifest("babe")
    version = corpus_version(manifest, {FILE: path})
    quarantined: list[Quarantined] = []
    notes: Counter[str] = Counter()
    dataset = make_dataset(_examples(path, f"babe@{version}", quarantined, notes), str(path))
    return Corpus(dataset, "babe", version, str(path), manifest["licence"], tuple(quarantined), dict(notes))


def _examples(path: Path, source: str, quarantined: list[Quarantined], notes: Counter[str]) -> Iterator[dict[str, Any]]:
    remedy = f"BABE's official file is ;-separated with the header {';'.join(COLUMNS)}; data/babe/CARD.md says where it is"
    seen: Counter[str] = Counter()
    for where, row in read_csv(path, COLUMNS, delimiter=";", remedy=remedy):
        example = _example(row, where, quarantined, notes) | {"source": source}
        # The same sentence of the same article may stand twice; ids stay independent of the order of the others.
        seen[example["id"]] += 1
        if seen[example["id"]] > 1:
            example["id"] += f"-{seen[example['id']]}"
        yield example


def _example(row: dict[str, str], where: str, quarantined: list[Quarantined], notes: Counter[str]) -> dict[str, Any]:
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
        "spans": _spans(text, row["biased_words"], where, quarantined, notes),
        "group": _article(row["news_link"]) or identity,
        "outlet": row["outlet"] or None,
        "leaning": LEANINGS[row["type"]],
        "topic": row["topic"] or None,
    }


def _article(link: str) -> str:
    """The article an address names: feeds add parameters and fragments to the address of the same article."""
    parts = urlsplit(link.strip())
    return f"{parts.netloc.lower().removeprefix('www.')}{parts.path.rstrip('/')}"


def _spans(text: str, listed: str, where: str, quarantined: list[Quarantined], notes: Counter[str]) -> list[dict[str, Any]]:
    try:
        words = ast.literal_eval(listed) if listed.strip() else []
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ValueError("not a list of strings")
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:  # what literal_eval's page names
        remedy = "It must read like ['word', 'word']"
        raise DataError(f"biased_words cannot be read ({error})", where=where, remedy=remedy) from error
    notes["biased words listed"] += len(words)
    found: set[tuple[int, int]] = set()
    for word in dict.fromkeys(word.strip() for word in words):
        # The annotators' words were lower-cased and their quotation marks straightened.
        pattern = re.escape(word).replace("'", "['’‘]").replace('"', '["“”]').replace(r"\ ", r"\s+")
        matches = [m.span() for m in re.finditer(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE)] if word else []
        if not matches:
            reason = "biased word is not a word of its sentence" if word else "biased word is empty"
            quarantined.append(Quarantined(where, word, reason))
        notes["biased words that stand more than once in their sentence"] += len(matches) > 1
        found.update(matches)
    return [{"start": start, "end": end, "label": "loaded"} for start, end in sorted(found)]
