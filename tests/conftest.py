"""What all tests share: no network, no writing into the user's own cache, a tiny real encoder and a tiny corpus it can learn.

`tiny_encoder` is a folder that `resolve_encoder(path=...)` and `encoder.path=` take; `tiny_rows` and `tiny_dataset` hold the same
invented sentences as mappings and as an Example table; `benchmarks` is the folder of official corpora, where there is one.
"""

from __future__ import annotations

import json
import os
import random
import socket
import string
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from datasets import Dataset

#: `tiny_model`, `tiny_bundle`, `broken`.
pytest_plugins = ["fixtures_bundle", "fixtures_pipeline"]

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # some tests open sessions of their own
LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None}

LOADED_WORDS = ("vile", "heroic", "disgraceful", "monstrous", "glorious", "shameful")
PLAIN_WORDS = ("annual", "second", "local", "final", "regional", "written")
NOUNS = ("minister", "council", "report", "budget", "vote", "bridge", "court", "union", "plan", "mayor")
VERBS = ("presented", "delayed", "discussed", "approved", "rejected", "opened")
DAYS = ("Monday", "Tuesday", "Friday", "Sunday")
OUTLETS = (("Gazette", "left"), ("Courier", "right"), ("Wire", "centre"))
TOPICS = ("transport", "health", "elections", "housing")


# No test asserts seconds, and none leaves a folder behind.
settings.register_profile("slant", deadline=None, database=None, print_blob=True)
settings.load_profile("slant")


# --- no network


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Sockets of this process reach loopback and Unix addresses only.

    Anything else fails the test at once, with an exception that `except Exception` does not catch, so that a client that retries or
    falls back to a cache cannot hide it. Child processes are not held.
    """

    def guard(self: socket.socket, address: Any) -> None:
        if self.family != getattr(socket, "AF_UNIX", None):
            _require_loopback(address[0])

    def connect(self: socket.socket, address: Any) -> None:
        guard(self, address)
        real_connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        guard(self, address)
        return real_connect_ex(self, address)

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        _require_loopback(host)
        return real_getaddrinfo(host, *arguments, **options)

    real_connect, real_connect_ex, real_getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        patch.setattr(socket.socket, "connect_ex", connect_ex)
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield


def _require_loopback(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name not in LOOPBACK and not str(name).startswith("127."):
        pytest.fail(f"a test reached for the network: {name!r}")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that stands in for the user's cache of encoder outputs (`SLANT_CACHE`), for child processes too."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLANT_CACHE", str(folder))
        yield folder


# --- official corpora


@pytest.fixture(scope="session")
def benchmarks() -> Path:
    """The folder of official corpora beside the repository; tests that need it are skipped where there is none."""
    folder = Path(__file__).parents[2] / "shared" / "benchmarks"
    if not folder.is_dir():
        pytest.skip(f"no official corpora at {folder}")
    return folder


# --- a tiny encoder


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT (hidden 32, 6 layers, 2 heads, 512 positions): config.json, tokenizer.json, model.safetensors.

    The weights and so the digest are the same in every session on one version of torch and transformers. Do not write into the folder.
    """
    folder = tmp_path_factory.mktemp("tiny") / "tiny-bert"
    folder.mkdir()
    build_tiny_encoder(folder)
    return folder


def build_tiny_encoder(folder: Path, seed: int = 0) -> None:
    """Write the encoder of `tiny_encoder` into an existing folder; another seed gives other weights and so another digest."""
    import torch
    from transformers import BertConfig, BertModel
    from transformers.utils import logging

    vocabulary = _vocabulary()
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(vocabulary), ensure_ascii=False), encoding="utf-8")
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=6,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
        initializer_range=0.1,
    )
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            BertModel(config).eval().save_pretrained(folder)
    finally:
        if bars:
            logging.enable_progress_bar()


def _vocabulary() -> dict[str, int]:
    """Special pieces, single characters, and most words of the tiny corpus; the others fall into several pieces."""
    characters = [*string.ascii_lowercase, *string.digits]
    whole = ["the", "on", "in", "and", "a", *PLAIN_WORDS, *NOUNS, *VERBS, *(day.lower() for day in DAYS), *LOADED_WORDS[:4]]
    endings = ["##" + ending for ending in ("ing", "ed", "ly", "ful", "ious", "glor", "day", "es", "er")]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.punctuation, "“", "”", "’", "–", *characters]
    pieces += ["##" + c for c in characters] + [*whole, *endings, "glor", "shame", "é", "##é"]
    pieces += [a + b for a in "bcdfgmprst" for b in "aeiou"] + [f"[unused{i}]" for i in range(50)]
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}


def _tokenizer(vocabulary: dict[str, int]) -> dict[str, Any]:
    """BERT's uncased WordPiece, as `tokenizer.json` spells it."""
    special = [
        {"id": vocabulary[s], "content": s, "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        for s in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    ]

    def piece(name: str) -> dict[str, Any]:
        return {"SpecialToken": {"id": name, "type_id": 0}}

    def sequence(name: str, kind: int) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": kind}}

    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [piece("[CLS]"), sequence("A", 0), piece("[SEP]")],
            "pair": [piece("[CLS]"), sequence("A", 0), piece("[SEP]"), sequence("B", 1), piece("[SEP]")],
            "special_tokens": {s: {"id": s, "ids": [vocabulary[s]], "tokens": [s]} for s in ("[CLS]", "[SEP]")},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    }


# --- a tiny corpus


@pytest.fixture(scope="session")
def tiny_rows() -> tuple[dict[str, Any], ...]:
    """120 rows of the task "loaded" in 30 stories of 4, 10 stories an outlet. Copy a row before you change it.

    A row is loaded exactly when it holds a loaded word ("vile", "heroic" …), and `spans` mark those words; neutral rows have plain
    adjectives in the same places, so that only the words tell the labels apart. 60 rows are loaded, 2 in each story.
    """
    return tuple(make_rows())


@pytest.fixture(scope="session")
def tiny_dataset(tiny_rows: tuple[dict[str, Any], ...]) -> Dataset:
    """`tiny_rows` as an Example table."""
    from slant.data import make_dataset

    return make_dataset(tiny_rows, "tiny")


def make_rows(stories: int = 30) -> list[dict[str, Any]]:
    """The rows of `tiny_rows`, or as many stories of four as asked for; the first ones are always the same."""
    chance = random.Random(20)
    rows = []
    for number in range(4 * stories):
        story = number // 4
        outlet, leaning = OUTLETS[story % 3]
        loaded = number % 2 == 1
        first, second = chance.sample(LOADED_WORDS if loaded else PLAIN_WORDS, 2)
        second = second if chance.random() < 0.5 else chance.choice(PLAIN_WORDS)
        subject, thing = chance.sample(NOUNS, 2)
        text = f"The {first} {subject} {chance.choice(VERBS)} the {second} {thing} on {chance.choice(DAYS)}."
        places = [(text.index(f" {word} ") + 1, word) for word in (first, second) if word in LOADED_WORDS]
        rows.append(
            {
                "id": f"tiny-{number:03d}",
                "text": text,
                "task": "loaded",
                "label": "loaded" if loaded else "neutral",
                "spans": [{"start": start, "end": start + len(word), "label": "loaded"} for start, word in sorted(places)],
                "group": f"story-{story:02d}",
                "outlet": outlet,
                "leaning": leaning,
                "topic": TOPICS[story % 4],
                "voice": "author",
                "source": "tiny@1",
            }
        )
    return rows
