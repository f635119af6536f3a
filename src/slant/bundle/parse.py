"""From the JSON of a `bundle.json` to a manifest, with nothing taken on trust."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slant.bundle.format import FORMAT_VERSION, KINDS, PRECISIONS, WHOLE, Graph, Head, Manifest
from slant.bundle.format_1 import read_first
from slant.bundle.typed import Refuse, check_texts, typed
from slant.decode import READS, Decision
from slant.decode.heads import KINDS as HEAD_KINDS
from slant.errors import BundleError
from slant.labels import TASKS

__all__ = ["manifest_from_json"]

#: A graph that states a wider tolerance than this would prove nothing by its golden rows.
_MAX_TOLERANCE = 0.1
_MAX_WIDTH, _MAX_WINDOW, _MAX_TARGETS = 1 << 16, 1 << 10, 1 << 12
#: A hostile manifest must not print a page; so much of a problem is told.
_MAX_PROBLEM = 300


def manifest_from_json(found: Any, where: str) -> Manifest:
    """A manifest from parsed JSON, of this format or the older one. Raises BundleError for another format version, a missing, unknown or ill-typed
    key, and for values that contradict one another; nothing in it is trusted before that."""

    def refuse(problem: str, remedy: str = "Export the bundle again") -> BundleError:
        short = problem if len(problem) <= _MAX_PROBLEM else problem[:_MAX_PROBLEM] + "…"
        return BundleError(short, where=where, remedy=remedy)

    if not isinstance(found, dict) or type(found.get("format_version")) is not int:
        raise refuse("this is no bundle manifest", "Name a bundle that slant wrote")
    version = found["format_version"]
    if version > FORMAT_VERSION:
        raise refuse(f"format version {version} is newer than {FORMAT_VERSION}, the newest this slant reads", "Update slant")
    if version < 1:
        raise refuse(f"there is no format version {version}")
    try:
        manifest = read_first(found, refuse) if version == 1 else _read(found, refuse)
    except (TypeError, ValueError) as error:
        raise refuse(f"a value is impossible ({error})") from error
    if manifest.precision not in manifest.graphs:
        raise refuse(f"its own precision {manifest.precision!r} has no graph")
    for precision, graph in manifest.graphs.items():
        if precision not in PRECISIONS or graph.kind not in (KINDS if version > 1 else (*KINDS, WHOLE)):
            raise refuse(f"unknown graph {precision!r} of kind {graph.kind!r}", "Update slant")
        if not 0 < graph.tolerance <= _MAX_TOLERANCE:
            raise refuse(f"the tolerance of its {precision} graph is {graph.tolerance}, not in (0, {_MAX_TOLERANCE}]")
    for name, head in manifest.heads.items():
        _check_task(name, head, refuse)
    if version > 1:
        _check_heads(manifest, refuse)
    if not 8 <= manifest.max_pieces <= 8192:
        raise refuse(f"max_pieces is {manifest.max_pieces}")
    check_texts(found, refuse)
    return manifest


def _read(found: dict[str, Any], refuse: Refuse) -> Manifest:
    tables: dict[str, Any] = {}
    for name, kind in (("graphs", Graph), ("heads", Head)):
        table = found.get(name)
        if not isinstance(table, dict) or not table:
            raise refuse(f"names no {name[:-1]}")
        tables[name] = {key: _entry(value, kind, f"{name}.{key}", refuse) for key, value in table.items()}
    return Manifest(**typed(found | tables, Manifest, "", refuse))


def _entry(value: Any, kind: type[Graph] | type[Head], path: str, refuse: Refuse) -> Any:
    if kind is Graph:
        return Graph(**typed(value, Graph, path, refuse))
    if not isinstance(value, Mapping):
        raise refuse(f"{path} is not a mapping")
    decision = Decision(**typed(value.get("decision"), Decision, f"{path}.decision", refuse))
    values = typed(dict(value) | {"decision": decision}, Head, path, refuse)
    return Head(**values | {"labels": tuple(values["labels"]), "targets": tuple(values["targets"])})


def _check_task(name: str, head: Head, refuse: Refuse) -> None:
    task = TASKS.get(head.task)
    if task is None or task.labels != head.labels:
        raise refuse(f"its task {head.task!r} with labels {list(head.labels)} is not known here", "Update slant")
    if name != head.task:
        raise refuse(f"its head {name!r} has the task {head.task!r}; a head is named as its task")
    if task.version != head.task_version:
        raise refuse(f"task version {head.task_version} is not {task.version}, this slant's", "Train again, or use the slant that made it")


def _check_heads(manifest: Manifest, refuse: Refuse) -> None:
    """Heads and graphs fit each other: light heads stand on encoder graphs, and a baseline is its own one head."""
    light = {graph.kind == "encoder" for graph in manifest.graphs.values()}
    if len(light) > 1:
        raise refuse("it mixes graphs of an encoder with others")
    if light == {True}:
        if manifest.recipe is None or not all(0 < width <= _MAX_WIDTH for width in (manifest.sentence_width, manifest.word_width)):
            raise refuse(f"its encoder's recipe is {manifest.recipe!r}, its widths {manifest.sentence_width} and {manifest.word_width}")
    elif len(manifest.heads) > 1:
        raise refuse("it has several heads and no encoder")
    for name, head in manifest.heads.items():
        if head.kind not in HEAD_KINDS or (head.kind == "graph") == (light == {True}):
            raise refuse(f"unknown head {name!r} of kind {head.kind!r} beside these graphs", "Update slant")
        if (head.kind == "words" and len(head.labels) != 2) or (head.points and head.kind != "words"):
            raise refuse(f"its head {name!r} of kind {head.kind!r} cannot have {len(head.labels)} labels and points {head.points}")
        if head.reads not in (READS if head.kind == "target" else (None,)):
            raise refuse(f"its head {name!r} of kind {head.kind!r} cannot read {head.reads!r}", "Update slant")
        if head.window and (head.reads != "mention" or not 0 < head.window <= _MAX_WINDOW):
            raise refuse(f"the window of its head {name!r} is {head.window}")
        if head.targets[:1] != (("",) if head.kind == "target" else ()) or (len(head.targets) > 1 and head.reads != "fixed"):
            raise refuse(f"its head {name!r} cannot have the targets {list(head.targets)}")
        if len(set(head.targets)) < len(head.targets) or len(head.targets) > _MAX_TARGETS:
            raise refuse(f"its head {name!r} names a target twice, or more than {_MAX_TARGETS}")
