"""onnxruntime's sessions, one for each graph however many bundles hold it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from slant.bundle import Bundle, sha256_file
from slant.bundle.onnx_graph import check_graph

if TYPE_CHECKING:
    import onnxruntime as ort

__all__ = ["file_digest", "open_session"]

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
            session = _OPEN[key] = _open(bundle.folder / file, threads)
        return session


def _open(path: Path, threads: int) -> ort.InferenceSession:
    import onnxruntime as ort

    check_graph(path)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
