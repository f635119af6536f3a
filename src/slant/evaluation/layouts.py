"""Predictions in the layouts that official scorers read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from slant.errors import DataError
from slant.evaluation.predictions import Predictions
from slant.files import write_atomic, write_folder_atomic

__all__ = ["LAYOUTS", "write_ptc", "write_tweeteval"]

#: TweetEval's numbers of the stance labels (its mapping.txt).
_TWEETEVAL = {"neutral": 0, "against": 1, "favor": 2}
_PTC_ID = re.compile(r"ptc-(\d+)-(\d+)")


def write_tweeteval(predictions: Predictions, folder: str | Path, *, split: str = "test") -> list[Path]:
    """`stance/<target>.txt`, a label number a line, in the order of the official text files (Barbieri et al. 2020).

    The file of a target is called by the table's `topic`, which the adapter takes from the official folder's name. Raises DataError for another
    task, a row without a topic, and a table with a row twice (several seeds).
    """
    rows = _once(predictions, split)
    topics = rows.column("topic")
    if set(predictions.meta.labels) != set(_TWEETEVAL):
        raise DataError(f"its task is {predictions.meta.task}", where=predictions.where, remedy="TweetEval's layout is of stance: give a stance run")
    if any(topic is None or not re.fullmatch(r"[\w-]+", topic) for topic in topics):
        raise DataError("a row names no official folder in its topic", where=predictions.where, remedy="Give a run on data=semeval2016")
    pred = rows.column("pred")
    with write_folder_atomic(folder) as part:
        (part / "stance").mkdir()
        for topic in sorted(set(topics)):
            lines = "".join(f"{_TWEETEVAL[label]}\n" for label in pred[topics == topic])
            (part / "stance" / f"{topic}.txt").write_text(lines, encoding="ascii")
    return sorted((Path(folder) / "stance").iterdir())


def write_ptc(predictions: Predictions, path: str | Path, *, split: str = "test") -> list[Path]:
    """`article<TAB>begin<TAB>end` for each predicted span, in code points of the article's file: SemEval-2020 Task 11's span identification.

    Raises DataError for a table without predicted spans, with ids that are not the adapter's, or with a row twice.
    """
    rows = _once(predictions, split)
    lines = []
    for row, spans in zip(rows.column("id"), rows.table["spans_pred"].to_pylist(), strict=True):
        place = _PTC_ID.fullmatch(row)
        if not place:
            raise DataError(f"the id {row!r} names no place in an article", where=predictions.where, remedy="Give a run on data=ptc")
        if spans is None:
            raise DataError("the model marked no spans", where=predictions.where, remedy="Give a run of a model that points at words")
        article, start = int(place[1]), int(place[2])
        lines += [(article, start + span["start"], start + span["end"]) for span in spans]
    with write_atomic(path) as part:
        part.write_text("".join(f"{article}\t{begin}\t{end}\n" for article, begin, end in sorted(lines)), encoding="ascii")
    return [Path(path)]


#: By name; each takes predictions, where to write, and the split.
LAYOUTS = {"tweeteval": write_tweeteval, "ptc": write_ptc}


def _once(predictions: Predictions, split: str) -> Predictions:
    """The rows of one split, of which none may stand twice."""
    chosen = predictions.column("split") == split
    if not np.any(chosen):
        raise DataError(f"no rows of split {split!r}", where=predictions.where, remedy="Name another: --split")
    rows = predictions.select(chosen)
    if len(set(rows.column("id").tolist())) < len(rows):
        raise DataError("a row stands there twice", where=predictions.where, remedy="Give the predictions of one run and seed")
    return rows
