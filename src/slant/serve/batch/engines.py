"""Where chunks are scored: here, in processes of this machine, or on a Dask cluster. Parts come back in order, few chunks ahead of them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import get_context
from typing import Any, TypeVar

from slant.errors import SlantError
from slant.serve.annotator import Annotator
from slant.serve.batch.extras import need
from slant.serve.batch.rows import Chunk
from slant.serve.batch.worker import Part, Recipe, Scorer, score_anywhere, score_in_process, start_process

__all__ = ["in_process", "on_dask", "over_processes"]

#: Chunks in work or waiting, for each worker: enough that none is ever idle, few enough to hold in memory.
_AHEAD = 2

T = TypeVar("T")


def in_process(chunks: Iterable[Chunk], annotator: Annotator, recipe: Recipe) -> Iterator[Part]:
    """Parts, scored one after the other by an open annotator."""
    yield from map(Scorer(annotator, recipe).score, chunks)


def over_processes(chunks: Iterable[Chunk], recipe: Recipe, workers: int) -> Iterator[Part]:
    """Parts, scored by so many new processes with a session each.

    They are spawned: a forked copy of a loaded onnxruntime has its locks but not its threads. Raises SlantError when one of them dies.
    """
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=start_process, initargs=(recipe,))
    try:
        yield from _in_order(chunks, lambda chunk: pool.submit(score_in_process, chunk), Future.result, _AHEAD * workers)
    except BrokenProcessPool as error:
        remedy = "Run again with --resume, and with fewer --workers if memory is short"
        raise SlantError("a worker process could not start, or died", remedy=remedy) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def on_dask(chunks: Iterable[Chunk], recipe: Recipe, workers: int, scheduler: str | None) -> Iterator[Part]:
    """Parts, scored by the workers of a Dask cluster; those of a worker that died are scored again by another.

    Args:
        workers: processes of a cluster made for this job on this machine, where `scheduler` is None.
        scheduler: the address of a cluster whose workers have slant installed and the bundles at the same paths.

    Raises SlantError when the scheduler does not answer, or a chunk kills worker after worker.
    """
    distributed = need("distributed", "--engine dask")
    with ExitStack() as stack:
        if scheduler is None:
            cluster = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, silence_logs=logging.ERROR
            )
            address: Any = stack.enter_context(cluster)
        else:
            address = scheduler
        try:
            client = stack.enter_context(distributed.Client(address, timeout="10s", set_as_default=False))
        except (OSError, ValueError) as error:
            raise SlantError(f"no Dask scheduler answers ({error})", where=str(scheduler), remedy="Check --scheduler and that it runs") from error
        threads = sum(client.nthreads().values()) or workers

        def submit(chunk: Chunk) -> Any:
            # pure: a name made of the arguments would hash every text.
            return client.submit(score_anywhere, recipe, chunk, pure=False)

        try:
            yield from _in_order(chunks, submit, lambda future: future.result(), _AHEAD * threads)
        except (distributed.KilledWorker, distributed.CancelledError) as error:
            raise SlantError(f"the cluster lost the job ({error})", remedy="See the workers' logs, then run again with --resume") from error


def _in_order(chunks: Iterable[Chunk], submit: Callable[[Chunk], T], result: Callable[[T], Part], ahead: int) -> Iterator[Part]:
    waiting: deque[T] = deque()
    for chunk in chunks:
        waiting.append(submit(chunk))
        if len(waiting) >= ahead:
            yield result(waiting.popleft())
    while waiting:
        yield result(waiting.popleft())
