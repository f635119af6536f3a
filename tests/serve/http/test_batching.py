"""The line before the workers: what is scored together, what is refused, what is finished."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.errors import DataError
from slant.records import AnnotatedSentence, Label, ScoreItem
from slant.serve.http.batching import Batcher, FullError, ItemError, StoppedError


class Scorer:
    """Gives each text back; waits for `gate`, and keeps each pass's texts."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.passes: list[list[str]] = []

    def __call__(self, items: Iterable[ScoreItem]) -> list[AnnotatedSentence]:
        texts = [item.text for item in items]
        self.entered.set()
        assert self.gate.wait(30)
        self.passes.append(texts)
        if "bad" in texts:
            raise DataError("it is bad", remedy="Mend it")
        if "broken" in texts:
            raise ZeroDivisionError
        return [AnnotatedSentence(0, len(text), text, Label("neutral", 0.0)) for text in texts]


@pytest.fixture
def scorer() -> Scorer:
    return Scorer()


@pytest.fixture
def make(scorer: Scorer) -> Iterator[Callable[..., Batcher]]:
    made: list[Batcher] = []

    def start(**options: Any) -> Batcher:
        made.append(Batcher(scorer, **options))
        made[-1].start()
        return made[-1]

    yield start
    scorer.gate.set()
    for batcher in made:
        batcher.stop()


def items(*texts: str) -> list[ScoreItem]:
    return [ScoreItem(text) for text in texts]


def texts_of(answers: list[AnnotatedSentence]) -> list[str]:
    return [answer.text for answer in answers]


def hold(scorer: Scorer, batcher: Batcher) -> Any:
    """Keep the worker busy with one request until the gate opens."""
    scorer.gate.clear()
    scorer.entered.clear()
    future = batcher.submit_score(items("first"))
    assert scorer.entered.wait(30)
    return future


def test_an_idle_worker_waits_for_nothing(make, scorer):
    assert texts_of(make(batch=64).submit_score(items("a")).result(30)) == ["a"]
    assert scorer.passes == [["a"]]


def test_texts_of_waiting_requests_are_scored_in_one_pass(make, scorer):
    seen: list[tuple[int, int]] = []
    batcher = make(batch=5, observe=lambda texts, requests: seen.append((texts, requests)))
    first = hold(scorer, batcher)
    futures = [batcher.submit_score(items(f"{n}a", f"{n}b")) for n in range(3)]
    assert batcher.waiting == 3
    scorer.gate.set()
    assert [texts_of(future.result(30)) for future in futures] == [["0a", "0b"], ["1a", "1b"], ["2a", "2b"]]
    assert first.result(30)
    assert scorer.passes == [["first"], ["0a", "0b", "1a", "1b", "2a"], ["2b"]]
    assert seen == [(1, 1), (5, 3), (1, 1)]


def test_a_long_request_gives_way_after_each_pass(make, scorer):
    batcher = make(batch=2)
    hold(scorer, batcher)
    long = batcher.submit_score(items(*"abcdef"))
    short = batcher.submit_score(items("z"))
    scorer.gate.set()
    assert texts_of(long.result(30)) == list("abcdef")
    assert texts_of(short.result(30)) == ["z"]
    assert scorer.passes.index(["z", "c"]) == 2  # right after the long one's first two


@given(sizes=st.lists(st.integers(0, 9), max_size=12), batch=st.integers(1, 7), threads=st.integers(1, 3))
def test_whatever_is_batched_each_request_gets_its_own_answers_in_order(sizes, batch, threads):
    scorer = Scorer()
    batcher = Batcher(scorer, threads=threads, queue=100, batch=batch)
    futures = []
    scorer.gate.clear()
    batcher.start()
    for number, size in enumerate(sizes):
        futures.append(batcher.submit_score(items(*(f"{number}.{place}" for place in range(size)))))
    scorer.gate.set()
    batcher.stop()
    assert [texts_of(future.result(0)) for future in futures] == [[f"{n}.{i}" for i in range(size)] for n, size in enumerate(sizes)]
    assert all(len(texts) <= batch for texts in scorer.passes)


def test_beyond_the_queue_it_is_full_and_says_when_to_come_back(make, scorer):
    batcher = make(queue=2)
    hold(scorer, batcher)
    waiting = [batcher.submit_score(items("a")), batcher.submit_call(lambda: "called")]
    with pytest.raises(FullError) as full:
        batcher.submit_score(items("b"))
    assert 1 <= full.value.retry_after <= 60
    scorer.gate.set()
    assert texts_of(waiting[0].result(30)) == ["a"]
    assert waiting[1].result(30) == "called"


def test_a_request_given_up_is_not_begun(make, scorer):
    batcher = make()
    first = hold(scorer, batcher)
    given_up = batcher.submit_score(items("given up"))
    called: list[int] = []
    call = batcher.submit_call(lambda: called.append(1))
    assert given_up.cancel()
    assert call.cancel()
    scorer.gate.set()
    first.result(30)
    batcher.stop()
    assert scorer.passes == [["first"]]
    assert called == []


@pytest.mark.parametrize("text", ["bad", "broken"])
def test_one_requests_fault_is_not_anothers_and_the_worker_lives(make, scorer, text):
    batcher = make()
    hold(scorer, batcher)
    good, bad = batcher.submit_score(items("good")), batcher.submit_score(items("fine", text))
    scorer.gate.set()
    assert texts_of(good.result(30)) == ["good"]
    with pytest.raises((ItemError, ZeroDivisionError)) as fault:
        bad.result(30)
    if text == "bad":
        assert fault.value.place == 1
        assert fault.value.error.problem == "it is bad"
    assert batcher.ready
    assert texts_of(batcher.submit_score(items("later")).result(30)) == ["later"]


def test_the_place_of_a_fault_counts_from_the_requests_own_first_text(make, scorer):
    with pytest.raises(ItemError) as fault:
        make(batch=2).submit_score(items("a", "b", "c", "d", "bad")).result(30)
    assert fault.value.place == 4


def test_a_call_that_fails_fails_alone(make):
    batcher = make()
    with pytest.raises(KeyError):
        batcher.submit_call(lambda: {}["missing"]).result(30)
    assert batcher.submit_call(lambda: 3).result(30) == 3


def test_stopping_finishes_what_was_taken_in_and_takes_no_more(make, scorer):
    batcher = make(batch=1)
    hold(scorer, batcher)
    futures = [batcher.submit_score(items("a", "b", "c")), batcher.submit_call(lambda: 1)]
    ending = threading.Thread(target=batcher.stop)
    ending.start()
    while batcher.ready:
        time.sleep(0.01)
    with pytest.raises(StoppedError):
        batcher.submit_score(items("late"))
    scorer.gate.set()
    ending.join(30)
    assert texts_of(futures[0].result(0)) == ["a", "b", "c"]
    assert futures[1].result(0) == 1


def test_two_workers_work_at_a_time(make):
    both = threading.Barrier(2, timeout=30)
    batcher = make(threads=2)
    assert all(future.result(30) in (0, 1) for future in [batcher.submit_call(both.wait) for _ in range(2)])
