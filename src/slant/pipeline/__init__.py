"""Composing the rooms below into runs. The only place that knows Hydra. Parts are loaded when first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = [
    "ProbeReport",
    "ReplayResult",
    "SearchResult",
    "TrainResult",
    "audit_named",
    "compose_config",
    "configs_folder",
    "corpus_names",
    "describe",
    "known_flaws",
    "load_named",
    "probe_model",
    "read_camps",
    "replay",
    "run_app",
    "run_report",
    "run_search",
    "train",
]

_HOMES = {
    "ProbeReport": "slant.pipeline.probe",
    "probe_model": "slant.pipeline.probe",
    "read_camps": "slant.pipeline.probe",
    "ReplayResult": "slant.pipeline.rerun",
    "replay": "slant.pipeline.rerun",
    "run_report": "slant.pipeline.report_run",
    "SearchResult": "slant.pipeline.search",
    "run_search": "slant.pipeline.search",
    "TrainResult": "slant.pipeline.train",
    "train": "slant.pipeline.train",
    "audit_named": "slant.pipeline.corpora",
    "corpus_names": "slant.pipeline.corpora",
    "describe": "slant.pipeline.corpora",
    "known_flaws": "slant.pipeline.corpora",
    "load_named": "slant.pipeline.corpora",
    "compose_config": "slant.pipeline.app",
    "configs_folder": "slant.pipeline.app",
    "run_app": "slant.pipeline.app",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
