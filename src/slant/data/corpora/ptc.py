"""PTC: news articles with the spans in which they use propaganda techniques (Da San Martino et al. 2019, EMNLP; SemEval-2020 Task 11).

Reads `train_articles/article<ID>.txt` and `train_labels.txt` (a span a line: article, technique, begin, end; tab-separated), the same for dev
and test. Articles are cut into sentences; a row here is a sentence. One that a span of the chosen techniques touches → loaded, any other →
neutral.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slant.data.corpus import Corpus, Quarantined, corpus_version, read_manifest
from slant.data.examples import make_dataset
from slant.data.reading import read_lines, read_text
from slant.data.techniques import chosen_techniques
from slant.errors import DataError
from slant.records import Sentence
from slant.text import split_sentences

__all__ = ["PARTS", "TECHNIQUES", "load_ptc"]

PARTS = ("train", "dev", "test")
#: The 14 techniques of SemEval-2020 Task 11, as the label files spell them. Three names hold a comma.
TECHNIQUES = (
    "Loaded_Language", "Name_Calling,Labeling", "Repetition", "Exaggeration,Minimisation", "Doubt", "Appeal_to_fear-prejudice", "Flag-Waving",
    "Causal_Oversimplification", "Slogans", "Appeal_to_Authority", "Whataboutism,Straw_Men,Red_Herring", "Black-and-White_Fallacy",
    "Thought-terminating_Cliches", "Bandwagon,Reductio_ad_hitlerum",
)  # fmt: skip

_ARTICLE = re.compile(r"article(\d{1,20})\.txt", re.ASCII)
_OFFSET = re.compile(r"-?\d{1,9}", re.ASCII)
_AGAIN = "Take the official files again; data/ptc/CARD.md says where they are"


@dataclass(frozen=True)
class _Label:
    """A line of a label file: a stretch of its article, in code points of the file as it stands."""

    where: str
    begin: int
    end: int


@dataclass
class _Tally:
    """What became of the spans that were asked for."""

    spans: int = 0
    crossing: int = 0
    quarantined: list[Quarantined] = field(default_factory=list)


def load_ptc(root: str | Path, *, techniques: Sequence[str] | None = ("Loaded_Language",)) -> Corpus:
    """Read the folder that holds the corpus's three article folders and three label files.

    A row is a sentence of `slant.text.split_sentences`, the headline among them; its id is "ptc-<article>-<start>", where it starts in the
    article's file. A span stays where it is: one that crosses sentences becomes a span in each sentence that it touches, without the white
    space between them, and `Corpus.notes` counts such spans. Spans that overlap are merged into one; spans that only touch are not. So every
    character of a span, white space and a byte order mark between sentences aside, lies in exactly one span of one row.

    Args:
        techniques: the techniques whose spans make a sentence loaded, of `TECHNIQUES`; null for all.

    A span outside its article's text is quarantined, and so is one that marks no text. Raises DataError, naming file and line, for a
    folder or file that is missing, a file of another name among the articles, an article in two parts, an empty article, bytes that are not UTF-8,
    a line of another form, an unknown technique, a span of an article that is not in the part, and a part without articles or spans;
    ConfigError for an unknown technique in `techniques`, with the nearest name.
    """
    root = Path(root)
    kept = chosen_techniques(techniques, TECHNIQUES)
    articles = _articles(root)
    # The labels come first: they refuse most of what is not this corpus, and do so before the articles' digests are taken.
    labels = {part: _labels(root / f"{part}_labels.txt", articles[part], kept) for part in PARTS}
    manifest = read_manifest("ptc")
    version = corpus_version(manifest, {name: root / name for part in PARTS for name in (f"{part}_articles", f"{part}_labels.txt")})
    tally = _Tally()
    rows = (row | {"source": f"ptc@{version}"} for part in PARTS for row in _part(part, articles[part], labels[part], tally))
    dataset = make_dataset(rows, str(root))
    notes = {"official spans": tally.spans, "official spans that cross sentences and became a span in each": tally.crossing}
    return Corpus(dataset, "ptc", version, str(root), manifest["licence"], tuple(tally.quarantined), notes)


def _articles(root: Path) -> dict[str, dict[str, Path]]:
    """For each part its articles, by id."""
    parts: dict[str, dict[str, Path]] = {}
    known: dict[str, Path] = {}
    for part in PARTS:
        folder = root / f"{part}_articles"
        if not folder.is_dir():
            remedy = "Name the folder with train_articles, train_labels.txt and the same for dev and test: data.root=FOLDER (see data/ptc/CARD.md)"
            raise DataError("there is no such folder", where=str(folder), remedy=remedy)
        parts[part] = {}
        for path in sorted(folder.iterdir(), key=lambda path: path.name):
            name = _ARTICLE.fullmatch(path.name)
            if not name:
                raise DataError("is not named as an article is", where=str(path), remedy="Articles are article<ID>.txt; remove what is none")
            if name[1] in known:
                raise DataError(f"the article {name[1]} stands twice, first as {known[name[1]]}", where=str(path), remedy=_AGAIN)
            known[name[1]] = parts[part][name[1]] = path
        if not parts[part]:
            raise DataError("holds no articles", where=str(folder), remedy=_AGAIN)
    return parts


def _labels(path: Path, articles: Mapping[str, Path], kept: frozenset[str]) -> dict[str, list[_Label]]:
    """The spans of the kept techniques, by article."""
    labels: dict[str, list[_Label]] = defaultdict(list)
    number = 0
    for number, line in read_lines(path):
        where = f"{path}, line {number}"
        fields = line.rstrip("\r\n").split("\t")
        if len(fields) != 4 or not all(_OFFSET.fullmatch(offset) for offset in fields[2:]):
            raise DataError("not of the form article, technique, begin, end", where=where, remedy=f"A label file is tab-separated. {_AGAIN}")
        article, technique = fields[:2]
        if technique not in TECHNIQUES:
            raise DataError(f"unknown technique {technique[:80]!r}", where=where, remedy=f"Known: {', '.join(TECHNIQUES)}")
        if article not in articles:
            raise DataError(f"there is no article {article[:80]!r} in this part", where=where, remedy=_AGAIN)
        if technique in kept:
            labels[article].append(_Label(where, int(fields[2]), int(fields[3])))
    if not number:
        raise DataError("holds no spans", where=str(path), remedy=_AGAIN)
    return labels


def _part(part: str, articles: Mapping[str, Path], labels: Mapping[str, list[_Label]], tally: _Tally) -> Iterator[dict[str, Any]]:
    for article, path in articles.items():
        text = read_text(path)
        sentences = split_sentences(text)
        if not sentences:
            raise DataError("the article is empty", where=str(path), remedy=_AGAIN)
        pieces = _pieces(text, sentences, labels.get(article, ()), tally)
        for number, sentence in enumerate(sentences):
            spans = _union(pieces.get(number, ()))
            yield {
                "id": f"ptc-{article}-{sentence.start}",
                "text": text[sentence.start : sentence.end],
                "task": "loaded",
                "label": "loaded" if spans else "neutral",
                "spans": [{"start": start - sentence.start, "end": end - sentence.start, "label": "loaded"} for start, end in spans],
                "group": article,
                "part": part,
            }


def _pieces(text: str, sentences: Sequence[Sentence], labels: Sequence[_Label], tally: _Tally) -> dict[int, list[tuple[int, int]]]:
    """For each sentence, by its number, what lies in it of each span; never white space alone, for sentences have none at their ends."""
    ends = [sentence.end for sentence in sentences]
    pieces: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for label in labels:
        tally.spans += 1
        begin, end = label.begin, label.end
        if begin < 0 or end > len(text):
            tally.quarantined.append(Quarantined(label.where, f"{begin}:{end}", "span is outside the text"))
            continue
        touched = range(0)
        if text[begin:end].strip():
            first = after = bisect_right(ends, begin)
            while after < len(sentences) and sentences[after].start < end:
                after += 1
            touched = range(first, after)
        if not touched:
            tally.quarantined.append(Quarantined(label.where, f"{begin}:{end}", "span offsets mark no text"))
        tally.crossing += len(touched) > 1
        for number in touched:
            pieces[number].append((max(begin, sentences[number].start), min(end, sentences[number].end)))
    return pieces


def _union(pieces: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The stretches that the pieces cover: those that overlap become one, those that only touch stay two."""
    union: list[tuple[int, int]] = []
    for start, end in sorted(pieces):
        if union and start < union[-1][1]:
            union[-1] = (union[-1][0], max(end, union[-1][1]))
        else:
            union.append((start, end))
    return union
