"""A server over an annotator that needs no model: words of a short list are loaded, and stances follow from words beside the target."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from slant.errors import DataError
from slant.records import AnnotatedSentence, AnnotatedSpan, AnnotatedStance, AnnotatedTarget, Annotation, Label, ScoreItem
from slant.serve.http import Settings, create_app
from slant.serve.http.server import make_server
from slant.serve.voices import tell_voices
from slant.text import Target, find_mentions, find_targets, split_sentences

_LOADED = {"vile": 0.95, "henchmen": 0.91, "regime": 0.78, "strongman": 0.72, "heroic": 0.6}
_AGAINST = ("against", {"against": 0.7, "neutral": 0.2, "favor": 0.1})
_NEUTRAL = ("neutral", {"against": 0.1, "neutral": 0.8, "favor": 0.1})
_WORD = re.compile("|".join(_LOADED), re.IGNORECASE)


class FakeAnnotator:
    """Answers by rules, and as fast or slowly as it is told; keeps the sizes of the passes it was asked for."""

    def __init__(self) -> None:
        self.passes: list[int] = []
        self.seconds = 0.0
        #: Where set, nothing is answered before it is.
        self.gate: threading.Event | None = None
        self.entered = threading.Event()

    def annotate(self, text: str, targets: Sequence[Target] | None = None) -> Annotation:
        self._wait()
        wanted = find_targets(text) if targets is None else list(targets)
        mentions = find_mentions(text, wanted)
        sentences = [self._sentence(text, place.start, place.end, mentions) for place in split_sentences(text)]
        told = [AnnotatedTarget(target.name, list(target.aliases), sum(m.target == target.name for m in mentions)) for target in wanted]
        return Annotation(tell_voices(text, sentences), self.facts(), targets=told)

    def score(self, items: Iterable[str | ScoreItem]) -> list[AnnotatedSentence]:
        listed = [ScoreItem(item) if isinstance(item, str) else item for item in items]
        self._wait()
        self.passes.append(len(listed))
        for item in listed:
            if "UNREADABLE" in item.text:
                raise DataError("nobody can read this", where="item 1 of some pass", remedy="Write it again")
            if "CRASH" in item.text:
                raise ZeroDivisionError("secret words of the text")
        return [self._sentence(item.text, 0, len(item.text), []) for item in listed]

    def facts(self) -> list[dict[str, Any]]:
        own = {"id": "0123456789abcdef", "name": "fake", "task_version": 1, "package_version": "0.1.0", "corpus": "fake@1"}
        return [
            own | {"task": "loaded", "threshold": 0.5, "word_threshold": 0.4},
            own | {"task": "stance", "threshold": None, "word_threshold": None},
        ]

    def _wait(self) -> None:
        self.entered.set()
        if self.gate is not None:
            self.gate.wait(60)
        if self.seconds:
            time.sleep(self.seconds)

    def _sentence(self, text: str, start: int, end: int, mentions: Sequence[Any]) -> AnnotatedSentence:
        found = list(_WORD.finditer(text, start, end))
        spans = [AnnotatedSpan(m.start(), m.end(), m.group(), _LOADED[m.group().lower()]) for m in found]
        p = max([0.1, *(span.probability for span in spans)])
        stance = [AnnotatedStance(m.target, m.start, m.end, *(_AGAINST if found else _NEUTRAL)) for m in mentions if start <= m.start < m.end <= end]
        return AnnotatedSentence(start, end, text[start:end], Label("loaded" if p >= 0.5 else "neutral", p), spans, stance=stance)


@pytest.fixture
def annotator() -> FakeAnnotator:
    return FakeAnnotator()


@contextmanager
def running(annotator: Any, settings: Settings) -> Iterator[str]:
    """A real server over `annotator` on loopback, in a thread; gives its address."""
    with serving(create_app(annotator, settings), settings) as address:
        yield address


@contextmanager
def serving(app: Any, settings: Settings) -> Iterator[str]:
    """The same of any ASGI application."""
    server = make_server(app, settings, port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(60)


@pytest.fixture
def serve(annotator: FakeAnnotator) -> Iterator[Callable[..., httpx.Client]]:
    """`serve(**settings)` starts a server over `annotator` and gives a client of it; all end with the test."""
    ends = []

    def start(**settings: Any) -> httpx.Client:
        context = running(annotator, Settings(**settings))
        address = context.__enter__()
        client = httpx.Client(base_url=address, timeout=60)
        ends.append((client, context))
        return client

    yield start
    if annotator.gate is not None:
        annotator.gate.set()
    for client, context in ends:
        client.close()
        context.__exit__(None, None, None)
