"""onnxruntime's sessions, one for each graph however many bundles hold it."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from slant.bundle import Bundle, sha256_file
from slant.bundle.onnx_graph import check_graph

if TYPE_CHECKING:
    import onnxruntime as ort

__all__ = ["file_digest", "open_graph", "open_session"]

_OPEN: WeakValueDictionary[tuple[str, int], ort.InferenceSession] = WeakValueDictionary()
_LOCK = threading.Lock()


def file_digest(bundle: Bundle, file: str) -> str:
    """The sha256 of one of the bundle's files: the one it was read with, or that of a bundle that is still being made."""
    return bundle.manifest.files.get(file) or sha256_file(bundle.folder / file)


def open_session(bundle: Bundle, file: str, threads: int) -> ort.InferenceSession:
    """A session on one of the bundle's graphs; whoever has the same graph open with as many threads shares theirs.

    Raises ValueError for a graph that slant could not have written (`slant.bundle.onnx_graph`), and whatever onnxruntime raises for one that it
    does not take.
    """
    key = file_digest(bundle, file), threads
    with _LOCK:
        session = _OPEN.get(key)
        if session is None:
            check_graph(bundle.folder / file)
            session = _OPEN[key] = open_graph(str(bundle.folder / file), threads)
        return session


def open_graph(graph: str | bytes, threads: int = 1) -> ort.InferenceSession:
    """A session on a graph, by its path or its bytes, that nothing has checked; its library tells nobody of it.

    The builds of onnxruntime that pip installs send telemetry to their maker unless they are told not to before they are loaded.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
