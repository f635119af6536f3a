"""Requests wait in one bounded line; worker threads take what waits, and score sentences of several requests in one pass."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import Any

from slant.errors import SlantError
from slant.records import AnnotatedSentence, ScoreItem

__all__ = ["Batcher", "FullError", "ItemError", "StoppedError"]

#: The longest wait that a client is told.
_MOST_SECONDS = 60


class FullError(Exception):
    """The line is full; `retry_after` is the guess, in whole seconds, of when it is not."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"try again in {retry_after} s")


class StoppedError(Exception):
    """Nothing new is taken any more."""


class ItemError(Exception):
    """One text of a `score` request, the one at `place`, cannot be scored; `error` says why."""

    def __init__(self, place: int, error: SlantError) -> None:
        self.place, self.error = place, error
        super().__init__(f"item {place}: {error}")


@dataclass(eq=False)
class _Job:
    """One request: either `call`, or `items` of which the first `taken` are with a worker and `left` are not answered yet."""

    future: Future[Any]
    call: Callable[[], Any] | None = None
    items: Sequence[ScoreItem] = ()
    taken: int = 0
    left: int = 0
    answers: list[AnnotatedSentence | None] = field(default_factory=list)


class Batcher:
    """A bounded line of requests before `threads` worker threads.

    Idle workers take a request the moment it comes: nothing ever waits for a batch to fill. While they are busy, texts of waiting
    `score` requests gather, and are scored together, at most `batch` a pass; a request with more gives way to the next in line after
    each pass. `stop` finishes whatever was taken in.

    Args:
        score: what scores texts; called from several threads.
        observe: is told each pass's number of texts and of requests.
    """

    def __init__(
        self,
        score: Callable[[Iterable[ScoreItem]], list[AnnotatedSentence]],
        *,
        threads: int = 1,
        queue: int = 64,
        batch: int = 64,
        observe: Callable[[int, int], None] = lambda texts, requests: None,
    ) -> None:
        self._score, self._queue, self._batch, self._observe = score, queue, batch, observe
        self._line: deque[_Job] = deque()
        self._change = threading.Condition()
        self._stopping = False
        self._pass_seconds = 0.0
        self._threads = [threading.Thread(target=self._work, name=f"slant-{number}", daemon=True) for number in range(threads)]

    def start(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take nothing new, finish what waits, and return when all of it is done."""
        with self._change:
            self._stopping = True
            self._change.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    @property
    def waiting(self) -> int:
        """Requests in line."""
        return len(self._line)

    @property
    def ready(self) -> bool:
        """Whether it takes requests and all workers live."""
        return not self._stopping and all(thread.is_alive() for thread in self._threads)

    def submit_score(self, items: Sequence[ScoreItem]) -> Future[list[AnnotatedSentence]]:
        """Score these texts; raises FullError or StoppedError. Cancelling the future keeps what is not yet begun from being done."""
        job = _Job(Future(), items=items, left=len(items), answers=[None] * len(items))
        if not items:
            job.future.set_result([])
            return job.future
        return self._submit(job)

    def submit_call(self, call: Callable[[], Any]) -> Future[Any]:
        """Let a worker make this call; raises FullError or StoppedError."""
        return self._submit(_Job(Future(), call=call))

    def _submit(self, job: _Job) -> Future[Any]:
        with self._change:
            if self._stopping:
                raise StoppedError
            if len(self._line) >= self._queue:
                seconds = len(self._line) * self._pass_seconds / len(self._threads)
                raise FullError(min(max(math.ceil(seconds), 1), _MOST_SECONDS))
            self._line.append(job)
            self._change.notify()
        return job.future

    def _work(self) -> None:
        while True:
            with self._change:
                while not self._line and not self._stopping:
                    self._change.wait()
                if not self._line:
                    return
                taken = self._take()
            began = time.perf_counter()
            if taken and taken[0][0].call is not None:
                _settle(taken[0][0].future, taken[0][0].call)
            elif taken:
                self._score_together(taken)
            seconds = time.perf_counter() - began
            # A mean that forgets: what it says is only ever a guess.
            self._pass_seconds = 0.8 * self._pass_seconds + 0.2 * seconds if self._pass_seconds else seconds

    def _take(self) -> list[tuple[_Job, int, int]]:
        """The next pass: one call, or stretches `items[start:end]` of several score jobs. Called with the lock held."""
        taken: list[tuple[_Job, int, int]] = []
        room = self._batch
        unfinished: list[_Job] = []
        while self._line and room and (not taken or self._line[0].call is None):
            job = self._line.popleft()
            if job.future.done():
                continue
            if job.call is not None:
                return [(job, 0, 0)]
            start, end = job.taken, min(job.taken + room, len(job.items))
            taken.append((job, start, end))
            room -= end - start
            job.taken = end
            if end < len(job.items):
                unfinished.append(job)
        self._line.extend(unfinished)
        if self._line:
            self._change.notify()
        return taken

    def _score_together(self, taken: list[tuple[_Job, int, int]]) -> None:
        texts = [item for job, start, end in taken for item in job.items[start:end]]
        self._observe(len(texts), len(taken))
        try:
            answers = self._score(texts)
        except BaseException as error:  # a panic of a library's is no Exception, and a dead worker answers nobody
            if len(taken) == 1:
                job, start, end = taken[0]
                _fail(job.future, self._blame(job.items, start, end) if isinstance(error, SlantError) else error)
                return
            # One request's fault must not be another's.
            for part in taken:
                self._score_together([part])
            return
        place = 0
        for job, start, end in taken:
            job.answers[start:end] = answers[place : place + end - start]
            place += end - start
            with self._change:
                job.left -= end - start
                done = job.left == 0
            if done:
                _settle(job.future, lambda job=job: job.answers)  # type: ignore[misc]

    def _blame(self, items: Sequence[ScoreItem], start: int, end: int) -> BaseException:
        """What the first text of the stretch that cannot be scored by itself raises: its number in a pass says nothing to whoever sent it."""
        for place in range(start, end):
            try:
                self._score([items[place]])
            except SlantError as error:
                return ItemError(place, error)
        return RuntimeError("texts that can be scored one by one cannot be scored together")


def _settle(future: Future[Any], call: Callable[[], Any]) -> None:
    """Give the call's result to whoever waits; nobody may, any more."""
    try:
        result = call()
    except BaseException as error:
        _fail(future, error)
        return
    try:
        future.set_result(result)
    except InvalidStateError:
        pass


def _fail(future: Future[Any], error: BaseException) -> None:
    try:
        future.set_exception(error)
    except InvalidStateError:
        pass
