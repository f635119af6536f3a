"""Suites of behavioural probes: YAML files of cases, expanded the same way everywhere (docs/probe.md tells the format)."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from slant.data.corpus import data_folder
from slant.data.probe_text import PERTURBATIONS, Marked, alternatives, fill, longest, read_marks, slots
from slant.data.reading import read_text
from slant.errors import DataError
from slant.labels import TASKS
from slant.records import ScoreItem

__all__ = ["KINDS", "MANIFEST", "ProbeCase", "Suite", "read_suite"]

MANIFEST = "suite.yaml"
#: The kinds that results are told by, in a table's order.
KINDS = ("minimum", "hard_negative", "injection", "neutralisation", "invariance", "direction", "target_swap")


@dataclass(frozen=True)
class ProbeCase:
    """One question to a model and what its answers must be like.

    Attributes:
        id: unique in its suite.
        kind: one of KINDS.
        base: the hand-written case or template it was made from; cases of one base are not independent.
        detail: what is varied, or the label that is expected: results are told by it too.
        items: what the model is asked, in the order that `slant.evaluation.behaviour` reads.
        expect: the label each item has to a careful reader; empty where only a relation is asked for.
    """

    id: str
    task: str
    kind: str
    base: str
    detail: str
    items: tuple[ScoreItem, ...]
    expect: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suite:
    """A suite as it was read. `digest` is a sha256 over name, version and every expanded case: comments and layout do not change it."""

    name: str
    version: str
    digest: str
    folder: str
    cases: tuple[ProbeCase, ...] = field(repr=False)


@dataclass(frozen=True)
class _File:
    """A file's head: what holds for all of its cases."""

    task: str
    kind: str
    lexicons: Mapping[str, list[str]]


def read_suite(folder: str | Path | None = None) -> Suite:
    """The suite in a folder: `suite.yaml` (name, version, shared lexicons) and cases in `*.yaml` below it; the shipped one for None.

    Raises DataError, naming file, case and remedy, for whatever is not as docs/probe.md tells: an unknown key, kind, label or lexicon,
    an id or text used twice, a mark that does not close, a file or suite without cases.
    """
    root = Path(folder) if folder else data_folder() / "probes"
    if not (root / MANIFEST).is_file():
        raise DataError(f"there is no {MANIFEST}, so this is no suite of probes", where=str(root), remedy="Name a folder like data/probes")
    where = str(root / MANIFEST)
    head = _mapping(_load_yaml(root / MANIFEST), where, needed=("name", "version"), known=("name", "version", "licence", "lexicons"))
    name, version = (_text(head[key], f"{where}, {key}") for key in ("name", "version"))
    shared = _lexicons(head.get("lexicons"), where)
    cases: list[ProbeCase] = []
    for path in sorted(root.rglob("*.yaml"), key=lambda path: path.relative_to(root).as_posix()):
        if path != root / MANIFEST:
            cases += _read_file(path, shared)
    if not cases:
        raise DataError("the suite has no cases", where=str(root), remedy="Add a file of cases (docs/probe.md)")
    _refuse_repeats(cases, str(root))
    facts = json.dumps([name, version, [asdict(case) for case in sorted(cases, key=lambda case: case.id)]], ensure_ascii=False)
    return Suite(name, version, hashlib.sha256(facts.encode()).hexdigest(), str(root), tuple(cases))


def _read_file(path: Path, shared: Mapping[str, list[str]]) -> list[ProbeCase]:
    where = str(path)
    found = _mapping(_load_yaml(path), where, needed=("task", "kind", "cases"), known=("task", "kind", "cases", "lexicons"))
    task, kind = (_choice(found[key], known, f"{where}, {key}") for key, known in (("task", tuple(TASKS)), ("kind", tuple(_READERS))))
    reader, tasks, needed, more = _READERS[kind]
    if task not in tasks:
        raise DataError(f"the kind {kind} is not one of the task {task}", where=where, remedy=f"It probes {' and '.join(tasks)}")
    file = _File(task, kind, {**shared, **_lexicons(found.get("lexicons"), where)})
    if not isinstance(found["cases"], list) or not found["cases"]:
        raise DataError("cases is not a list of cases", where=where, remedy="Write '- id: …' below it")
    made: list[ProbeCase] = []
    for number, entry in enumerate(found["cases"], 1):
        name = entry.get("id") if isinstance(entry, dict) else None
        place = f"{where}, case {name or number}"
        case = {key: _text(value, f"{place}, {key}") if key != "perturb" else value for key, value in _mapping(entry, place, needed, more).items()}
        unknown = [slot for slot in slots(case["text"]) if slot not in file.lexicons]
        if unknown:
            raise DataError(f"there is no lexicon {unknown[0]!r}", where=place, remedy=_near(unknown[0], tuple(file.lexicons)))
        made += reader(file, case, place)
    return made


# --- a reader a kind: from one entry to its expanded cases


def _labelled(file: _File, case: Mapping[str, Any], where: str) -> Iterator[ProbeCase]:
    """One text, one label: minimum functionality, and hard negatives, which are neutral."""
    labels = TASKS[file.task].labels
    expect = _choice(case["expect"], labels, f"{where}, expect") if file.kind == "minimum" else "neutral"
    for name, text in _filled(file, case):
        item = _item(file, read_marks(text, where), case.get("target"), where)
        yield ProbeCase(name, file.task, file.kind, case["id"], expect, (item,), (expect,))


def _pair(file: _File, case: Mapping[str, Any], where: str) -> Iterator[ProbeCase]:
    """A minimal pair, read both ways: the loaded word put in, and taken out."""
    for name, text in _filled(file, case):
        plain, loaded = (ScoreItem(read_marks(half, where).text) for half in _two(text, where))
        how = "word added" if len(loaded.text.split()) > len(plain.text.split()) else "word replaced"
        yield ProbeCase(f"{name}+", file.task, "injection", case["id"], how, (plain, loaded), ("neutral", "loaded"))
        yield ProbeCase(f"{name}-", file.task, "neutralisation", case["id"], how, (loaded, plain), ("loaded", "neutral"))


def _invariance(file: _File, case: Mapping[str, Any], where: str) -> Iterator[ProbeCase]:
    """The first text is the base; each other one must have its label."""
    texts = alternatives(fill(case["text"], file.lexicons, 0), where)
    names = [str(number) for number in range(1, len(texts))]
    if swap := case.get("swap"):
        _choice(swap, tuple(slots(case["text"])), f"{where}, swap")
        texts += [fill(case["text"], file.lexicons, number, only=swap) for number in range(1, len(file.lexicons[swap]))]
        names = [str(number) for number in range(1, len(texts))]
    perturb = case.get("perturb", [])
    if not isinstance(perturb, list):
        raise DataError(f"{perturb!r} is not a list", where=f"{where}, perturb", remedy=f"List some of {', '.join(PERTURBATIONS)}")
    marked = [read_marks(text, where) for text in texts]
    for name in perturb:
        changed = PERTURBATIONS[_choice(name, tuple(PERTURBATIONS), f"{where}, perturb")](marked[0].text)
        if len(changed) != len(marked[0].text):
            raise DataError(f"{name} changes its length", where=where, remedy="Leave out letters whose capitals are two")
        marked.append(Marked(changed, marked[0].places))
        names.append(name)
    if len(marked) < 2:
        raise DataError("it varies nothing", where=where, remedy="Give swap: SLOT, perturb: [...], or alternatives {one|other} in the text")
    base, *others = (_item(file, text, case.get("target"), where) for text in marked)
    for name, other in zip(names, others, strict=True):
        if other == base:
            raise DataError(f"its variant {name} is the base itself", where=where, remedy="Vary something that the text has")
        yield ProbeCase(f"{case['id']}.{name}", file.task, file.kind, case["id"], case["change"], (base, other))


def _direction(file: _File, case: Mapping[str, Any], where: str) -> Iterator[ProbeCase]:
    """The first text speaks better of the target than the second."""
    for name, text in _filled(file, case):
        better, worse = (_item(file, read_marks(half, where), case.get("target"), where) for half in _two(text, where))
        yield ProbeCase(name, file.task, file.kind, case["id"], case["change"], (better, worse))


def _target_swap(file: _File, case: Mapping[str, Any], where: str) -> Iterator[ProbeCase]:
    """Favoured and opposed target as they stand, then with their names exchanged; asked for both, the favoured one first."""
    for name, text in _filled(file, case):
        marked = read_marks(text, where)
        if set(marked.places) != {"+", "-"}:
            raise DataError("it does not mark one favoured and one opposed target", where=where, remedy="Mark them as [+name] and [-name]")
        first, second = (marked.text[slice(*marked.places[sign])] for sign in "+-")
        if marked.text.count(first) > 1 or marked.text.count(second) > 1:
            raise DataError("it names a target again", where=where, remedy="Name each once, or the exchange would be half done")
        swapped = read_marks(text.replace(f"[+{first}]", f"[+{second}]").replace(f"[-{second}]", f"[-{first}]"), where)
        items = tuple(_item(file, Marked(form.text, {"": form.places[sign]}), None, where) for form in (marked, swapped) for sign in "+-")
        yield ProbeCase(name, file.task, file.kind, case["id"], "names exchanged", items)


_Reader = Callable[[_File, Mapping[str, Any], str], Iterator[ProbeCase]]
#: kind of file: reader, tasks, keys a case must have, keys it may have besides.
_READERS: dict[str, tuple[_Reader, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "minimum": (_labelled, ("loaded", "stance"), ("id", "text", "expect"), ("target", "note")),
    "hard_negative": (_labelled, ("loaded", "stance"), ("id", "text"), ("target", "note")),
    "pair": (_pair, ("loaded",), ("id", "text"), ("note",)),
    "invariance": (_invariance, ("loaded", "stance"), ("id", "text", "change"), ("swap", "perturb", "target", "note")),
    "direction": (_direction, ("stance",), ("id", "text", "change"), ("target", "note")),
    "target_swap": (_target_swap, ("stance",), ("id", "text"), ("note",)),
}


def _filled(file: _File, case: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """An id and a text for each filling of the case's slots."""
    count = longest(case["text"], file.lexicons)
    for number in range(count):
        yield case["id"] if count == 1 else f"{case['id']}.{number + 1}", fill(case["text"], file.lexicons, number)


def _two(text: str, where: str) -> tuple[str, str]:
    made = alternatives(text, where)
    if len(made) != 2:
        raise DataError(f"it has {len(made)} form(s) instead of two", where=where, remedy="Mark the words that differ as {one|other}")
    return made[0], made[1]


def _item(file: _File, marked: Marked, target: str | None, where: str) -> ScoreItem:
    """What is asked of a text: its label, or the stance towards the target it marks (or does not mention, when only `target` names it)."""
    if file.task == "loaded":
        if marked.places or target:
            raise DataError("it has a target", where=where, remedy="Targets belong to the task stance")
        return ScoreItem(marked.text)
    if set(marked.places) - {""} or not (marked.places or target):
        raise DataError("it does not mark its target", where=where, remedy="Mark the mention as [name], or give target: NAME")
    start, end = marked.places.get("", (None, None))
    return ScoreItem(marked.text, target or marked.text[start:end], start, end)


# --- reading strictly


def _load_yaml(path: Path) -> Any:
    import yaml

    class Strict(yaml.SafeLoader):  # type: ignore[misc, unused-ignore]
        """Plain values only, and no key twice: YAML would silently keep the last."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = next((key for number, key in enumerate(keys) if key in keys[:number]), None)
            if twice is not None:
                problem = f"line {node.start_mark.line + 1}: the key {twice!r} stands twice"
                raise DataError(problem, where=str(path), remedy="Keep one")
            return dict(super().construct_mapping(node, deep=deep))

    try:
        return yaml.load(read_text(path).removeprefix("\ufeff"), Loader=Strict)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"not readable as YAML ({told[:200]})", where=str(path), remedy="Mend it; a text with ': ' needs quotes") from error


def _mapping(found: object, where: str, needed: tuple[str, ...], known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise DataError("not a mapping of keys to values", where=where, remedy=f"Write {', '.join(f'{key}:' for key in needed)}")
    every = tuple(dict.fromkeys((*needed, *known)))
    for key in found:
        if key not in every:
            raise DataError(f"unknown key {key!r}", where=where, remedy=_near(str(key), every))
    for key in needed:
        if found.get(key) is None:
            raise DataError(f"the key {key!r} is missing", where=where, remedy=f"A case here has {', '.join(needed)}")
    return found


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DataError(
            f"{value!r} is no text", where=where, remedy="Put it in quotes" if value not in (None, "") else "Write it, or leave the key out"
        )
    return value.strip()


def _choice(value: object, known: tuple[str, ...], where: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise DataError(f"unknown value {value!r}", where=where, remedy=_near(str(value), known))
    return value


def _near(wanted: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(wanted, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known) or 'none'}"


def _lexicons(found: object, where: str) -> dict[str, list[str]]:
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise DataError("lexicons is not a mapping", where=where, remedy="Write name: [word, word]")
    for name, words in found.items():
        if not isinstance(words, list) or len(words) < 2 or len({str(word) for word in words}) < len(words):
            raise DataError("is not a list of two or more different texts", where=f"{where}, lexicon {name}", remedy="Write [one, other]")
    return {str(name): [_text(word, f"{where}, lexicon {name}") for word in words] for name, words in found.items()}


def _refuse_repeats(cases: list[ProbeCase], where: str) -> None:
    ids: set[str] = set()
    asked: dict[object, str] = {}
    for case in cases:
        if case.id in ids:
            raise DataError(f"the id {case.id!r} stands twice", where=where, remedy="Give each case its own")
        ids.add(case.id)
        other = asked.setdefault((case.task, case.kind, case.items), case.id)
        if other != case.id:
            raise DataError(f"{case.id} asks what {other} asks", where=where, remedy="Keep one of them")
