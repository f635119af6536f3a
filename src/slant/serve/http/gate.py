"""Around every request: its number, its log line, what is counted of it, headers, and an answer whatever fails."""

from __future__ import annotations

import itertools
import time
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slant.serve.http.logs import LOGGER
from slant.serve.http.metrics import Metrics
from slant.serve.http.problems import Problem, respond

__all__ = ["Gate"]

#: nginx's number for a client that left before it was answered.
_GONE = 499
_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}


class Gate:
    """ASGI middleware. An endpoint leaves what the log shall say of its request in `request.state.told`.

    Headers that an endpoint sets itself stay as they are. An exception becomes a `failed` problem, and its trace stays in the log.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = next(self._numbers)
        told: dict[str, Any] = {}
        scope.setdefault("state", {})["told"] = told
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                names = {name.lower() for name, _ in message["headers"]}
                headers = [(name, value) for name, value in _HEADERS.items() if name not in names]
                message["headers"] = [*message["headers"], *headers, (b"x-request-id", str(number).encode())]
            await send(message)

        self._metrics.began()
        began = time.perf_counter()
        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            pass
        except Exception:
            LOGGER.error("request failed", exc_info=True, extra={"fields": {"request": number}})
            if not status:
                await respond(Problem("failed", f"This is a fault of the server's. Its log has it under request {number}."))(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - began
            path, method = scope["path"], scope["method"]
            self._metrics.ended(path, method, status or _GONE, seconds, told.get("sentences", 0))
            # A path that is not ours may hold anything.
            fields = {"request": number, "method": method[:20], "path": self._metrics.path(path), "status": status or _GONE}
            LOGGER.info("request", extra={"fields": fields | {"seconds": round(seconds, 4)} | told})
