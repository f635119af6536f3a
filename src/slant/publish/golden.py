"""The rows whose answers are recorded in every bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from slant.bundle import Bundle, Manifest
from slant.bundle.format import GOLDEN
from slant.serve.runtime import open_runtime
from slant.serve.verify import recorded

__all__ = ["GOLDEN_TEXTS", "golden_rows", "record_golden"]

#: Invented sentences, with characters that offsets stumble over, and whom each is about.
GOLDEN_TEXTS = (
    ("The council approved the budget by nine votes to four on Tuesday.", "council"),
    ("The reckless minister rammed his disastrous plan through a spineless council.", "minister"),
    ("“She is a warmonger,” said the opposition’s leader; the ministry did not comment.", "ministry"),
    ("Eleven people died when the ferry sank off the northern coast, the coastguard said.", None),
    ("Our heroic nurses – 🏥 tireless, as ever – saved the day once more!", "nurses"),
    ("Café prices rose 3.5% in São Orlando\r\nlast year", "São Orlando"),
    ("So-called reformers", "reformers"),
    ("No", None),
)


def golden_rows(manifest: Manifest) -> list[dict[str, Any]]:
    """The rows to be recorded: a head with targets of its own is asked about them in turn, any other about what the sentence mentions."""
    own = [target for head in manifest.heads.values() for target in head.targets if target]
    rows: list[dict[str, Any]] = []
    for i, (text, mentioned) in enumerate(GOLDEN_TEXTS):
        row: dict[str, Any] = {"text": text, "target": mentioned, "target_start": None, "target_end": None}
        if own:
            row["target"] = own[i % len(own)]
        elif mentioned is not None:
            row |= {"target_start": text.index(mentioned), "target_end": text.index(mentioned) + len(mentioned)}
        rows.append(row)
    return rows


def record_golden(folder: Path, manifest: Manifest) -> None:
    """Write `golden.jsonl` with what the folder's graphs answer now."""
    rows = golden_rows(manifest)
    bundle = Bundle(folder, manifest, str(folder))
    tasks = {name: head.task for name, head in manifest.heads.items()}
    for precision in manifest.graphs:
        for row, heads in zip(rows, recorded(rows, open_runtime(bundle, precision=precision), tasks), strict=True):
            row[precision] = {
                name: None if found is None else {kind: np.round(values, 7).tolist() for kind, values in found.items()}
                for name, found in heads.items()
            }  # fmt: skip
    (folder / GOLDEN).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
