"""Tiny corpora on disk, in the layouts of the shipped corpus and of BABE, and a way to run `slant train` on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def tiny_newsroom(tmp_path_factory: pytest.TempPathFactory, tiny_rows: list[dict[str, Any]]) -> Path:
    """A folder with `rows.jsonl` in the shipped corpus's layout."""
    folder = tmp_path_factory.mktemp("newsroom")
    lines = []
    for row in tiny_rows:
        own = {name: row.get(name) for name in ("id", "outlet", "leaning", "topic", "text", "label", "voice", "speaker")}
        own |= {"article": row["group"], "spans": row["spans"] or [], "register": "wire", "section": "body", "stances": [], "pair": None}
        lines.append(json.dumps(own, ensure_ascii=False))
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_babe(tmp_path_factory: pytest.TempPathFactory, tiny_rows: list[dict[str, Any]]) -> Path:
    """A folder with BABE's official file name and layout, filled with the tiny corpus."""
    return write_babe(tmp_path_factory.mktemp("babe"), tiny_rows)


@pytest.fixture(scope="session")
def tiny_other_babe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with other sentences of the same words, for training on one corpus and testing on another."""
    from conftest import make_rows

    return write_babe(tmp_path_factory.mktemp("other-babe"), make_rows(60)[120:])


def write_babe(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """BABE's official file with these rows, in `folder`."""
    lines = ["text;news_link;outlet;topic;type;label_bias;label_opinion;biased_words"]
    for row in rows:
        words = [row["text"][span["start"] : span["end"]].lower() for span in row["spans"] or []]
        label = "Biased" if row["label"] == "loaded" else "Non-biased"
        leaning = {"centre": "center", None: ""}.get(row["leaning"], row["leaning"])
        text = row["text"].replace('"', '""')
        lines.append(f'"{text}";https://{row["group"]}.example;{row["outlet"]};{row["topic"]};{leaning};{label};Entirely factual;{words}')
    (folder / "final_labels_SG2.csv").write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty store to copy: making one takes seconds."""
    from slant.tracking import prepare_store

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    prepare_store(f"sqlite:///{path}")
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where runs and the store go."""
    monkeypatch.setenv("SLANT_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def train(home: Path, tiny_newsroom: Path, tiny_encoder: Path) -> Callable[..., Any]:
    """`train(*overrides)`: one run on the tiny corpus with the tiny encoder; no tracking unless asked for."""
    from slant.pipeline import run_app

    def run(*overrides: str, tracking: str = "none", model: str = "encoder_heads") -> Any:
        places = [f"data.root={tiny_newsroom}", f"model={model}", f"tracking={tracking}"]
        if model == "encoder_heads":
            places.append(f"model.encoder.path={tiny_encoder}")
        return run_app([*places, "evaluation.resamples=100", "publish.int8=false", *overrides])

    return run
