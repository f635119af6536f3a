"""BASIL: 300 articles, three outlets on each of a hundred events, with spans of lexical and informational bias (Fan et al. 2019, EMNLP).

Reads `articles/**/<stem>.json` and `annotations/**/<stem>_ann.json` (or `<stem>.json`). A sentence with a span of the chosen kind of bias
is loaded; in the task "stance" polarity neg → against and pos → favor, towards the annotated target. Written from a description, never
run on the real articles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slant.data.corpus import Corpus, Quarantined, corpus_version, read_manifest
from slant.data.examples import make_dataset
from slant.data.reading import read_json
from slant.errors import ConfigError, DataError
from slant.labels import LOADED, Task, get_task

__all__ = ["load_basil"]

BIASES = ("lex", "inf")
POLARITIES = {"neg": "against", "pos": "favor"}
QUOTES = {"yes": True, "no": False, "": None}
#: The three outlets and the leanings that the paper gives them.
OUTLETS = {"fox": ("Fox News", "right"), "nyt": ("The New York Times", "centre"), "hpo": ("HuffPost", "left")}

_REMEDY = "data/basil/CARD.md describes the layout; take the official files again"


def load_basil(root: str | Path, *, task: str = "loaded", bias: str = "lex", titles: bool = False) -> Corpus:
    """Read BASIL from the folder that holds `articles` and `annotations`.

    Args:
        task: "loaded": an Example a sentence; "stance": an Example for each target of a sentence's annotations, of either bias. A target
            with both polarities in one sentence has a null label.
        bias: the annotations whose spans are `spans` and make a sentence loaded: "lex", "inf" or "any".
        titles: whether titles are sentences too. Very few are annotated; without this their annotations are quarantined.

    A span whose offsets are outside its sentence or do not give its `txt`, and an annotation of a sentence that is not there, are
    quarantined; a sentence that is loaded only by such spans has a null label. Offsets are code points. `target_start` and `target_end`
    are given where the target's name stands in the sentence exactly once, as words. `voice` is "quoted" or "author" where all the spans
    agree. `group` is the event (`triplet-uuid`, else `main-event`), which its three articles share; without one the article.

    Raises ConfigError for another task or bias; DataError, naming the file, for a missing folder, no articles, a file that pairs with
    nothing or twice, a file that is not UTF-8 or no JSON object, other keys or types, an unknown bias, polarity or quote.
    """
    if bias not in (*BIASES, "any"):
        raise ConfigError(f"unknown bias {bias!r}", where="data.bias", remedy=f"Choose one of: {', '.join(BIASES)}, any")
    known = get_task(task)
    pairs = _pairs(Path(root))
    manifest = read_manifest("basil")
    files = (path for pair in pairs for path in pair)
    version = corpus_version(manifest, {path.relative_to(root).as_posix(): path for path in files})
    quarantined: list[Quarantined] = []
    kinds = BIASES if bias == "any" else (bias,)
    rows = (row | {"source": f"basil@{version}"} for pair in pairs for row in _examples(*pair, known, kinds, titles, quarantined))
    return Corpus(make_dataset(rows, str(root)), "basil", version, str(root), manifest["licence"], tuple(quarantined))


def _pairs(root: Path) -> list[tuple[Path, Path]]:
    """The articles with their annotations, by stem."""
    remedy = "Name the folder that holds articles and annotations: data.root=FOLDER (see data/basil/CARD.md)"
    found: list[dict[str, Path]] = []
    for name in ("articles", "annotations"):
        folder = root / name
        if not folder.is_dir():
            raise DataError(f"there is no folder {name}", where=str(root), remedy=remedy)
        stems: dict[str, Path] = {}
        for path in sorted(folder.rglob("*.json")):
            stem = path.stem.removesuffix("_ann") if name == "annotations" else path.stem
            if stem in stems:
                raise DataError(f"the stem {stem!r} stands twice, first in {stems[stem]}", where=str(path), remedy="Keep one of the two files")
            stems[stem] = path
        found.append(stems)
    articles, annotations = found
    if not articles:
        raise DataError("holds no articles", where=str(root / "articles"), remedy=remedy)
    for stem in sorted(articles.keys() ^ annotations.keys()):
        other = "annotations" if stem in articles else "article"
        raise DataError(f"there is no {other} to it", where=str(articles.get(stem) or annotations[stem]), remedy=_REMEDY)
    return [(path, annotations[stem]) for stem, path in sorted(articles.items())]


@dataclass(frozen=True)
class _Note:
    """A phrase-level annotation that found its sentence; `placed` says whether its offsets do."""

    start: int
    end: int
    bias: str
    target: str
    polarity: str
    quoted: bool | None
    speaker: str | None
    placed: bool


def _examples(
    article: Path, annotation: Path, task: Task, kinds: Sequence[str], titles: bool, quarantined: list[Quarantined]
) -> Iterator[dict[str, Any]]:
    content, marks = read_json(article), read_json(annotation)
    if content.get("uuid") and marks.get("uuid") and content["uuid"] != marks["uuid"]:
        quarantined.append(Quarantined(str(annotation), article.stem, "article and annotation bear different uuids"))
        return
    sentences = _sentences(content, article, titles)
    notes = _notes(marks, sentences, annotation, task, quarantined)
    source = _text(content, "source", str(article))
    outlet, leaning = OUTLETS.get(source.lower(), (source or None, None))
    group = next((content[key] for key in ("triplet-uuid", "main-event") if isinstance(content.get(key), str) and content[key].strip()), article.stem)
    for key, text in sentences.items():
        if not text.strip():
            quarantined.append(Quarantined(str(article), key, "sentence is empty"))
            continue
        here = notes.get(key, [])
        spans = sorted({(note.start, note.end) for note in here if note.placed and note.bias in kinds})
        common = {
            "id": f"basil-{article.stem}-{key}",
            "text": text,
            "task": task.name,
            "spans": [{"start": start, "end": end, "label": "loaded"} for start, end in spans],
            "group": group,
            "outlet": outlet,
            "leaning": leaning,
        }
        if task is LOADED:
            chosen = [note for note in here if note.bias in kinds]
            # Where no span of it can be placed, the annotation may belong to another sentence.
            label = "neutral" if not chosen else "loaded" if spans else None
            yield common | {"label": label} | _voice([note for note in chosen if note.placed])
        else:
            yield from _stances(common, [note for note in here if note.placed and note.target and note.polarity], str(annotation), quarantined)


def _sentences(content: Mapping[str, Any], path: Path, titles: bool) -> dict[str, str]:
    """The sentences by the ids that annotations give them: "title", and p0, p1 … over all paragraphs."""
    paragraphs = _one_of(content, ("body-paragraphs", "body_paragraphs"), path)
    whole = isinstance(paragraphs, list) and all(isinstance(p, list) and all(isinstance(s, str) for s in p) for p in paragraphs)
    if not whole:
        raise DataError("the body is not a list of paragraphs, each a list of sentences", where=str(path), remedy=_REMEDY)
    sentences = [sentence for paragraph in paragraphs for sentence in paragraph]
    if not sentences:
        raise DataError("the body holds no sentence", where=str(path), remedy=_REMEDY)
    title = _text(content, "title", str(path))
    return ({"title": title} if titles else {}) | {f"p{number}": sentence for number, sentence in enumerate(sentences)}


def _notes(marks: Mapping[str, Any], sentences: Mapping[str, str], path: Path, task: Task, quarantined: list[Quarantined]) -> dict[str, list[_Note]]:
    """The annotations by sentence. Those of another sentence are quarantined, and so are spans that cannot be placed."""
    listed = _one_of(marks, ("phrase-level-annotations", "phrase_level_annotations"), path)
    if not isinstance(listed, list) or not all(isinstance(mark, dict) for mark in listed):
        raise DataError("the phrase-level annotations are not a list of objects", where=str(path), remedy=_REMEDY)
    notes: dict[str, list[_Note]] = {}
    for number, mark in enumerate(listed, 1):
        where = f"{path}, annotation {number}"
        key, words, note = _text(mark, "id", where), _text(mark, "txt", where), _note(mark, where, task)
        text = sentences.get(key)
        if text is None:
            reason = "annotation of a title" if key == "title" else "sentence id is not in the article"
            quarantined.append(Quarantined(where, words or key, reason))
            continue
        reason = ""
        if not 0 <= note.start < note.end <= len(text):
            reason = "span is outside the text"
        elif text[note.start : note.end] != words:
            reason = "offsets do not match the text"
        if reason:
            quarantined.append(Quarantined(where, words, reason))
        elif task is not LOADED and not (note.target and note.polarity):
            quarantined.append(Quarantined(where, words, "annotation names no target or no polarity"))
        notes.setdefault(key, []).append(replace(note, placed=not reason))
    return notes


def _note(mark: Mapping[str, Any], where: str, task: Task) -> _Note:
    for key in ("start", "end"):
        if type(mark.get(key)) is not int:
            raise DataError(f"{key} is no whole number", where=where, remedy=_REMEDY)
    polarity = _text(mark, "polarity", where) if task is not LOADED else ""
    quote, bias = _text(mark, "quote", where, ""), _text(mark, "bias", where)
    checks: list[tuple[str, str, Sequence[str]]] = [("bias", bias, BIASES), ("quote", quote, list(QUOTES))]
    checks += [("polarity", polarity, [*POLARITIES, ""])] if task is not LOADED else []
    for name, value, known in checks:
        if value not in known:
            raise DataError(f"unknown {name} {value!r}", where=where, remedy=f"Known: {', '.join(filter(None, known))}")
    target = _name(_text(mark, "target", where)) if task is not LOADED else ""
    speaker = _text(mark, "speaker", where, "")
    # "other_anti" and its like say what a speaker thinks and not who it is.
    named = _name(speaker) if speaker.strip() and not speaker.startswith("other_") else None
    return _Note(mark["start"], mark["end"], bias, target, polarity, QUOTES[quote], named, False)


def _stances(common: Mapping[str, Any], notes: Sequence[_Note], where: str, quarantined: list[Quarantined]) -> Iterator[dict[str, Any]]:
    """An Example for each target, in the order of the alphabet, so that ids do not depend on the order of annotations."""
    for target in sorted({note.target for note in notes}):
        of_it = [note for note in notes if note.target == target]
        labels = {POLARITIES[note.polarity] for note in of_it}
        if len(labels) > 1:
            quarantined.append(Quarantined(where, f"{common['id']}: {target}", "polarities of one target disagree"))
        places = [match.span() for match in re.finditer(rf"(?<!\w){re.escape(target)}(?!\w)", common["text"])]
        start, end = places[0] if len(places) == 1 else (None, None)
        yield {
            **common,
            "id": f"{common['id']}#{target}",
            "label": labels.pop() if len(labels) == 1 else None,
            "target": target,
            "target_start": start,
            "target_end": end,
            **_voice(of_it),
        }


def _voice(notes: Sequence[_Note]) -> dict[str, str | None]:
    """Whose words they are, where all agree."""
    quoted = {note.quoted for note in notes}
    speakers = {note.speaker for note in notes}
    voice = "quoted" if quoted == {True} else "author" if quoted == {False} else None
    return {"voice": voice, "speaker": speakers.pop() if voice == "quoted" and len(speakers) == 1 else None}


def _name(value: str) -> str:
    """An entity's name as it is written in text: the files write Jane_Doe."""
    return value.replace("_", " ").strip()


def _one_of(content: Mapping[str, Any], keys: Sequence[str], path: Path) -> Any:
    for key in keys:
        if key in content:
            return content[key]
    found = ", ".join(list(content)[:20]) or "none"
    raise DataError(f"there is no key {keys[0]!r}; the keys are {found}", where=str(path), remedy=_REMEDY)


def _text(content: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
    value = content.get(key, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        found = ", ".join(list(content)[:20]) or "none"
        raise DataError(f"{key} is no text" if key in content else f"there is no key {key!r}; the keys are {found}", where=where, remedy=_REMEDY)
    return value
