"""uvicorn around the application: signals, and connections that take for ever."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from slant.serve.http.logs import start_logging
from slant.serve.http.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["make_server", "run_server"]

_KEEP_ALIVE = 15
#: Open connections, answered or not, above those that may wait in line.
_CONNECTIONS = 256


class _Patient(H11Protocol):
    """uvicorn's own protocol, but for clients that send their headers, or read their answer, a byte now and then: they are cut off."""

    seconds = 30.0
    _headers_due: asyncio.TimerHandle | None = None
    _reading_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._headers_due = self.loop.call_later(self.seconds, self._cut_idle)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._answering:
            self._forget(self._headers_due)
            self._headers_due = None
        elif self._headers_due is None:
            # The first bytes of a next request, which may never become whole: uvicorn's keep-alive clock stops at them.
            self._headers_due = self.loop.call_later(self.seconds, self._cut_idle)

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _cut_idle(self) -> None:
        if not self._answering:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading_due = self.loop.call_later(self.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._forget(self._reading_due)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget(self._headers_due)
        self._forget(self._reading_due)
        super().connection_lost(exc)

    @staticmethod
    def _forget(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


def make_server(app: FastAPI, settings: Settings, *, host: str = "127.0.0.1", port: int = 8000) -> uvicorn.Server:
    """A server that is not running yet; it logs through Python's logging, which is left as it is."""
    protocol = type("Patient", (_Patient,), {"seconds": settings.timeout})
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS + 2 * settings.queue,
        timeout_keep_alive=max(1, min(_KEEP_ALIVE, int(settings.timeout))),
        # What was taken in has this long to be answered; what is left then is given up.
        timeout_graceful_shutdown=int(settings.timeout) + 5,
    )
    return uvicorn.Server(config)


def run_server(app: FastAPI, settings: Settings, *, host: str = "127.0.0.1", port: int = 8000) -> bool:
    """Serve until SIGTERM or SIGINT, and finish what was taken in by then; False where it could not start (the log says why)."""
    start_logging(texts=settings.log_texts)
    server = make_server(app, settings, host=host, port=port)
    # uvicorn raises the signal again when it is done, for the handlers that stood before it: an end in good order is no failure.
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.run()
    except SystemExit:  # a port that is taken
        return False
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return server.started
