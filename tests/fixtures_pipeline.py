"""Tiny corpora on disk, in the layouts of the shipped corpus, of BABE and of two stance corpora, and a way to run `slant train` on them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

#: What an adjective before a target's name says; any other is neutral.
STANCES = {"heroic": "favor", "glorious": "favor"} | dict.fromkeys(("vile", "disgraceful", "monstrous", "shameful"), "against")

# Many of each, so that no two invented sentences are near duplicates.
PEOPLE = (
    "Senator Quill", "Governor Zander", "Mayor Ito", "Judge Halloran", "Ms. Okafor", "Mr. Brandt", "Dr. Velez", "Chancellor Pym", "Sheriff Amundsen",
    "President Orlov", "Congresswoman Tate", "Secretary Nakamura", "Bishop Lucero", "General Kwan", "Professor Abara", "Colonel Fitch",
    "Speaker Rowntree", "Ambassador Diaz", "Councilman Egede", "Attorney Moss",
)  # fmt: skip
PLACES = (
    "Ashford", "Belmonte", "Corvallis", "Dunmore", "Eskilstuna", "Fairhaven", "Gloucester", "Harrowgate", "Inverness", "Jamestown", "Kilkenny",
    "Lindenhurst", "Montrose", "Northampton", "Oakville", "Pawtucket", "Queensbury", "Rotherham", "Saskatoon", "Truckee",
)  # fmt: skip
ACTS = (
    "vetoed a fisheries bill", "toured flooded suburbs", "signed new pension rules", "paused talks over tariffs", "reopened a harbour inquiry",
    "greeted striking nurses", "audited school lunches", "froze hiring at clinics", "sued two chemical firms", "backed cheaper rail fares",
    "swore in deputies", "quit a weapons panel", "mailed ballots overseas", "cancelled a dam contract", "banned diesel ferries",
    "hosted exiled poets", "rewrote zoning law", "sold surplus trucks", "visited orphaned farms", "lost a recount",
)  # fmt: skip
TIMES = (
    "before dawn", "during Lent", "after heavy snow", "amid protests", "last winter", "at noon", "under oath", "without warning", "this quarter",
    "on live radio", "over the weekend", "since March", "through an aide", "behind closed doors", "by decree", "in late August",
)  # fmt: skip


@pytest.fixture(scope="session")
def tiny_newsroom(tmp_path_factory: pytest.TempPathFactory, tiny_rows: list[dict[str, Any]]) -> Path:
    """A folder with `rows.jsonl` in the shipped corpus's layout; the adjective before a noun is the stance towards it."""
    folder = tmp_path_factory.mktemp("newsroom")
    lines = []
    for row in tiny_rows:
        own = {name: row.get(name) for name in ("id", "outlet", "leaning", "topic", "text", "label", "voice", "speaker")}
        own |= {"article": row["group"], "spans": row["spans"] or [], "register": "wire", "section": "body"}
        own |= {"stances": _stances(row["text"]), "pair": None}
        lines.append(json.dumps(own, ensure_ascii=False))
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _stances(text: str) -> list[dict[str, Any]]:
    """The two nouns of a sentence of the tiny corpus, each with what the adjective before it says."""
    nouns = re.finditer(r"\b[Tt]he (\w+) (\w+)", text)
    return [{"target": m[2], "start": m.start(2), "end": m.end(2), "label": STANCES.get(m[1], "neutral")} for m in nouns]


@pytest.fixture(scope="session")
def tiny_newsmtsc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with NewsMTSC's five files: two targets a sentence, two sentences an article, no article in two files.

    The adjective before a name is the stance towards it, and the two of a sentence are drawn apart from each other.
    """
    folder = tmp_path_factory.mktemp("newsmtsc")
    sizes = {"train": 100, "rw_dev": 20, "rw_test": 40, "mt_dev": 20, "mt_test": 40}
    polarity = {"against": 2.0, "neutral": 4.0, "favor": 6.0}
    chance, number = random.Random(21), 0
    for part, size in sizes.items():
        lines = []
        for _ in range(size):
            text, placed = mention_sentence(chance)
            targets = [
                {
                    "Input.gid": f"allsides_{number // 2}_{number // 2}_{number}_{text[start:end]}_{start}_{end}",
                    "from": start,
                    "to": end,
                    "mention": text[start:end],
                    "polarity": polarity[label],
                }
                for start, end, label in placed
            ]
            lines.append(json.dumps({"primary_gid": targets[0]["Input.gid"], "sentence_normalized": text, "targets": targets}))
            number += 1
        (folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def mention_sentence(chance: random.Random) -> tuple[str, list[tuple[int, int, str]]]:
    """An invented sentence about two persons, and each one's start, end and stance."""
    people, places = chance.sample(PEOPLE, 2), chance.sample(PLACES, 2)
    acts, times = chance.sample(ACTS, 2), chance.sample(TIMES, 2)
    words = [adjective(chance, label) for label in chance.choices(("against", "neutral", "favor"), k=2)]
    text = chance.choice(
        (
            "The {w[0]} {p[0]} of {l[0]} {a[0]} {t[0]}, while the {w[1]} {p[1]} {a[1]} in {l[1]}.",
            "In {l[0]} the {w[0]} {p[0]} {a[0]}; {t[0]} the {w[1]} {p[1]} {a[1]}.",
            "{l[0]}: the {w[0]} {p[0]} {a[0]} and, {t[0]}, met the {w[1]} {p[1]}, who {a[1]} {t[1]}.",
        )
    ).format(w=words, p=people, l=places, a=acts, t=times)
    starts = [text.index(name) for name in people]
    return text, [(start, start + len(name), STANCES.get(word, "neutral")) for start, name, word in zip(starts, people, words, strict=True)]


def adjective(chance: random.Random, label: str) -> str:
    """An adjective that says this stance."""
    from conftest import LOADED_WORDS, PLAIN_WORDS

    return chance.choice([word for word in (*LOADED_WORDS, *PLAIN_WORDS) if STANCES.get(word, "neutral") == label])


@pytest.fixture(scope="session")
def tiny_semeval2016(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in TweetEval's layout, with `mapping.txt` and all five targets: a tweet's three adjectives are its stance."""
    from slant.data.corpora.semeval2016 import TARGETS

    folder = tmp_path_factory.mktemp("semeval2016")
    (folder / "mapping.txt").write_text("0\tnone\n1\tagainst\n2\tfavor", encoding="utf-8")
    chance = random.Random(22)
    for target in TARGETS:
        (folder / target).mkdir()
        for part, size in {"train": 60, "val": 12, "test": 24}.items():
            labels = [("neutral", "against", "favor")[i % 3] for i in range(size)]
            (folder / target / f"{part}_text.txt").write_text("".join(f"{tweet(chance, label)}\n" for label in labels), encoding="utf-8")
            numbers = "".join(f"{i % 3}\n" for i in range(size))
            (folder / target / f"{part}_labels.txt").write_text(numbers, encoding="utf-8")
    return folder


def tweet(chance: random.Random, label: str) -> str:
    """An invented tweet of this stance."""
    words = [adjective(chance, label) for _ in range(3)]
    return chance.choice(
        (
            "The {w[0]} {w[1]} {w[2]} {l[0]} {a[0]} {t[0]} #SemST",
            "{w[0]}! {l[0]} {w[1]} {a[0]}, {l[1]} {w[2]} #SemST",
            "so {w[0]} {t[0]}, {w[1]}, {l[0]} {a[0]}. {w[2]} #SemST",
        )
    ).format(w=words, l=chance.sample(PLACES, 2), a=chance.sample(ACTS, 1), t=chance.sample(TIMES, 1))


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
