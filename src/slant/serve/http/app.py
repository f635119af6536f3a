"""The application: what answers at which path."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from slant import __version__
from slant.errors import DataError, SlantError
from slant.labels import STANCE
from slant.records import AnnotatedSentence, Annotation, ScoreItem
from slant.serve.http import limits, openapi
from slant.serve.http.auth import require_token
from slant.serve.http.batching import Batcher, FullError, ItemError, StoppedError
from slant.serve.http.gate import Gate
from slant.serve.http.metrics import MEDIA_TYPE, Metrics
from slant.serve.http.page import FILES, answer_file
from slant.serve.http.problems import Problem, problem_of_status, respond
from slant.serve.http.requests import ANNOTATE, SCORE
from slant.serve.http.settings import Settings
from slant.serve.schema import annotation_to_json, sentence_to_json
from slant.text import Target, split_sentences

__all__ = ["Annotates", "create_app"]

T = TypeVar("T")


class Annotates(Protocol):
    """What the server needs of a `slant.serve.Annotator`; it is called from several threads."""

    def annotate(self, text: str, targets: Sequence[Target] | None = None) -> Annotation:
        """A document's annotation; without `targets` those it is mainly about."""

    def score(self, items: Iterable[str | ScoreItem]) -> list[AnnotatedSentence]:
        """Each text as one sentence."""

    def facts(self) -> list[dict[str, Any]]:
        """What an annotation says of each bundle."""


def create_app(annotator: Annotates, settings: Settings | None = None) -> FastAPI:
    """An ASGI application that answers for `annotator` within `settings`.

    Its workers start and stop with its lifespan: whoever serves it must run that (uvicorn does).
    """
    service = _Service(annotator, settings or Settings())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        yield
        await asyncio.to_thread(service.batcher.stop)

    # The pages that FastAPI makes of its OpenAPI load scripts from elsewhere.
    app = _Application(title="Slant", version=__version__, description=openapi.DESCRIPTION, lifespan=lifespan, docs_url=None, redoc_url=None)
    # HTTPBearer only tells OpenAPI of the token; that it is the right one is ours to check.
    guards = [Depends(HTTPBearer(auto_error=False)), Depends(service.check_token)] if service.settings.token else []
    for path, (method, endpoint, guarded) in service.endpoints.items():
        app.add_api_route(path, endpoint, methods=[method], dependencies=guards if guarded else [], **openapi.describe(path, service.settings))
    for path in FILES:
        app.add_route(path, answer_file, methods=["GET"], include_in_schema=False)
    app.add_exception_handler(HTTPException, _answer_problem)
    app.add_middleware(Gate, metrics=service.metrics)
    return app


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        return openapi.with_examples(super().openapi())


async def _answer_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem = problem_of_status(error)
    request.state.told["problem"] = problem.name
    return respond(problem)


class _Service:
    """The endpoints, by path: their method, themselves, and whether they ask for the token."""

    def __init__(self, annotator: Annotates, settings: Settings) -> None:
        self._annotator, self.settings = annotator, settings
        self._facts = annotator.facts()
        self._stances = any(facts["task"] == STANCE.name for facts in self._facts)
        self.endpoints: dict[str, tuple[str, Callable[[Request], Awaitable[Response]], bool]] = {
            "/v1/annotate": ("POST", self.annotate, True),
            "/v1/score": ("POST", self.score, True),
            "/v1/models": ("GET", self.models, True),
            "/healthz": ("GET", self.healthz, False),
            "/readyz": ("GET", self.readyz, False),
            "/metrics": ("GET", self.measure, True),
        }
        self.batcher = Batcher(annotator.score, threads=settings.threads, queue=settings.queue, batch=settings.batch, observe=self._observe)
        self.metrics = Metrics([*self.endpoints, *FILES, "/openapi.json"], lambda: self.batcher.waiting, self._facts)

    def _observe(self, texts: int, requests: int) -> None:
        self.metrics.batched(texts, requests)

    async def check_token(self, request: Request) -> None:
        require_token(request, self.settings.token)

    async def annotate(self, request: Request) -> Response:
        body = await limits.read_body(request, self.settings)
        asked = limits.parse_body(ANNOTATE, body)
        limits.check_annotate(asked, self.settings, stances=self._stances)
        targets = None if asked.targets is None else [Target(target.name, tuple(target.aliases)) for target in asked.targets]
        self._tell(request, texts=[asked.text])

        def work() -> bytes:
            # The annotator splits again; that costs a hundredth of what the model does with the sentences.
            limits.check_sentences(len(split_sentences(asked.text)), self.settings)
            annotation = self._annotator.annotate(asked.text, targets)
            self._tell(request, sentences=len(annotation.sentences))
            return _encode(annotation_to_json(annotation))

        return _json(await self._answer(partial(self.batcher.submit_call, work)))

    async def score(self, request: Request) -> Response:
        body = await limits.read_body(request, self.settings)
        asked = limits.parse_body(SCORE, body)
        limits.check_score(asked, self.settings, stances=self._stances)
        self._tell(request, texts=[item.text for item in asked], sentences=len(asked))
        items = [ScoreItem(item.text, item.target, item.target_start, item.target_end) for item in asked]
        scored = await self._answer(partial(self.batcher.submit_score, items))
        results = [{"id": item.id} | sentence_to_json(sentence) for item, sentence in zip(asked, scored, strict=True)]
        return _json(_encode({"bundles": self._facts, "results": results}))

    async def models(self, request: Request) -> Response:
        return _json(_encode({"models": self._facts}))

    async def healthz(self, request: Request) -> Response:
        return _json(_encode({"status": "ok"}))

    async def readyz(self, request: Request) -> Response:
        if not self.batcher.ready:
            raise Problem("not-ready", "The workers are starting, or have been told to stop.")
        return _json(_encode({"status": "ready"}))

    async def measure(self, request: Request) -> Response:
        return Response(await run_in_threadpool(self.metrics.expose), headers={"Content-Type": MEDIA_TYPE})

    def _tell(self, request: Request, *, texts: list[str] | None = None, **facts: Any) -> None:
        """For the log."""
        request.state.told.update(facts)
        if texts is not None and self.settings.log_texts:
            request.state.told["texts"] = texts

    async def _answer(self, submit: Callable[[], Future[T]]) -> T:
        """What a worker makes of it, in time; raises Problem."""
        try:
            async with asyncio.timeout(self.settings.timeout):
                return await asyncio.wrap_future(submit())
        except FullError as full:
            detail = f"{self.settings.queue} requests wait already. Try again in {full.retry_after} s."
            raise Problem("busy", detail, headers={"Retry-After": str(full.retry_after)}) from None
        except StoppedError:
            raise Problem("not-ready", "The server has been told to stop.", headers={"Retry-After": "5"}) from None
        except TimeoutError:
            detail = f"No answer within {self.settings.timeout:g} seconds. Send less at a time, or try when fewer ask."
            raise Problem("too-slow", detail) from None
        except ItemError as fault:
            raise _refusal(fault.error, f"[{fault.place}]") from fault.error
        except SlantError as error:
            raise _refusal(error, "text") from error


def _refusal(error: SlantError, field: str) -> Exception:
    """A DataError is about what was sent, and its words are for whoever sent it; any other is ours, and for the log."""
    return Problem("cannot-annotate", f"{error.problem}. {error.remedy}".strip(". ") + ".", field=field) if isinstance(error, DataError) else error


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
