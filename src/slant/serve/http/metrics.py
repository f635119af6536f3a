"""What a server counts, for Prometheus. Each application has a registry of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

__all__ = ["MEDIA_TYPE", "Metrics"]

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
#: Anything else a stranger makes up counts as "other", lest each be a time series.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """Requests, their seconds, the line, and the passes of the model.

    Args:
        paths: the paths that are counted by name.
        waiting: tells the requests in line.
        bundles: what `Annotator.facts` says.
    """

    def __init__(self, paths: Iterable[str], waiting: Callable[[], int], bundles: Iterable[Mapping[str, Any]]) -> None:
        self.registry = CollectorRegistry()
        self._paths = frozenset(paths)
        names = ["path", "method", "status"]
        self._requests = Counter("slant_http_requests", "Requests answered", names, registry=self.registry)
        self._seconds = Histogram("slant_http_request_seconds", "From request to answer", ["path"], buckets=_SECONDS, registry=self.registry)
        self._in_flight = Gauge("slant_http_requests_in_flight", "Requests not answered yet", registry=self.registry)
        depth = Gauge("slant_queue_depth", "Requests that wait for a worker", registry=self.registry)
        depth.set_function(waiting)
        self._texts = Histogram("slant_batch_sentences", "Texts of /v1/score in one pass", buckets=_SIZES, registry=self.registry)
        self._together = Histogram("slant_batch_requests", "Requests of /v1/score in one pass", buckets=_SIZES, registry=self.registry)
        self._sentences = Counter("slant_sentences", "Sentences answered", ["path"], registry=self.registry)
        bundle = Gauge("slant_bundle_info", "What answers", ["id", "name", "package_version"], registry=self.registry)
        for facts in bundles:
            bundle.labels(*(str(facts.get(key, "")) for key in ("id", "name", "package_version"))).set(1)
        ProcessCollector(registry=self.registry)

    def path(self, path: str) -> str:
        """The path as it is counted."""
        return path if path in self._paths else "other"

    def began(self) -> None:
        """A request came."""
        self._in_flight.inc()

    def ended(self, path: str, method: str, status: int, seconds: float, sentences: int) -> None:
        """A request was answered, or given up (status 499)."""
        self._in_flight.dec()
        known = self.path(path)
        self._requests.labels(known, method if method in _METHODS else "other", str(status)).inc()
        self._seconds.labels(known).observe(seconds)
        if sentences:
            self._sentences.labels(known).inc(sentences)

    def batched(self, texts: int, requests: int) -> None:
        """The model made a pass over texts of so many requests."""
        self._texts.observe(texts)
        self._together.observe(requests)

    def expose(self) -> bytes:
        """All of it, as MEDIA_TYPE."""
        return generate_latest(self.registry)
