"""The log: one JSON object a line, and no text of anybody's in it unless asked."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import Any, TextIO

__all__ = ["LOGGER", "JsonLines", "start_logging"]

LOGGER = logging.getLogger("slant.serve.http")


class JsonLines(logging.Formatter):
    """A record as one line: time (UTC), level, event, and the fields given as `extra={"fields": {...}}`.

    An exception is told by its kind and the places it passed. Its message may quote what was sent, and stands there only with `texts`.
    """

    def __init__(self, *, texts: bool = False) -> None:
        super().__init__()
        self._texts = texts

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {"time": f"{stamp}.{int(record.msecs):03d}Z", "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            frames = traceback.extract_tb(error.__traceback__)
            line["error"] = type(error).__name__
            line["trace"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
            if self._texts:
                line["message"] = str(error)
        # ASCII: no terminal or log reader is moved by what a stranger put in a path.
        return json.dumps(line, ensure_ascii=True, default=str)


def start_logging(*, texts: bool = False, stream: TextIO | None = None) -> None:
    """Send this package's and uvicorn's log to `stream` (standard error) as JSON lines. For a program; a library leaves logging alone."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(texts=texts))
    for name in (LOGGER.name, "uvicorn", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
    # We log each request ourselves, without its query.
    access = logging.getLogger("uvicorn.access")
    access.handlers, access.propagate = [], False
