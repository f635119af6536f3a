"""What makes a predictions table acceptable: everything that scores rely on, checked once on writing and on reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from slant.errors import ConfigError, DataError
from slant.evaluation.schema import KEY, REMEDY, REQUIRED, PredictionsMeta
from slant.labels import get_task

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["check_table"]

#: How far a row's probabilities may sum from 1.
SUM_TOLERANCE = 1e-6


def check_table(table: pa.Table, meta: PredictionsMeta, where: str) -> None:
    """Raise DataError, naming file, row and column, unless the table (of `arrow_schema`) is one that can be scored.

    Refused: no rows; labels that are not the task's; a missing value where one is needed; an unknown gold or predicted label; a
    probability outside [0, 1] or not a number; a row that does not sum to 1; a second row of one (split, fold, seed, id); spans
    or words outside their text; words with no spans cut from them or with unequal numbers of starts, ends and scores; votes that are not
    one number of at least 0 for each label, or all 0.
    """
    _check_labels(meta, where)
    if not table.num_rows:
        raise DataError("the table has no rows", where=where, remedy="Check the split that was predicted")
    _check_values(table, meta, where)
    _check_probabilities(table, meta, where)
    _check_keys(table, where)
    for column in ("spans_gold", "spans_pred"):
        starts, ends = table[column].combine_chunks().flatten().flatten()[:2]
        _check_offsets(table, column, starts, ends, where)
    _check_words(table, where)
    _check_votes(table, meta, where)


def _refuse(table: pa.Table, where: str, row: int, column: str, problem: str) -> DataError:
    return DataError(problem, where=f"{where}, row {row} (id {table['id'][row].as_py()!r}), column {column!r}", remedy=REMEDY)


def _first(mask: npt.ArrayLike) -> int | None:
    hits = np.flatnonzero(np.asarray(mask, bool))
    return int(hits[0]) if len(hits) else None


def _check_labels(meta: PredictionsMeta, where: str) -> None:
    try:
        labels = get_task(meta.task).labels
    except ConfigError as error:
        raise DataError(error.problem, where=where, remedy=error.remedy) from None
    if meta.labels != labels:
        problem = f"labels {', '.join(meta.labels)} are not those of task {meta.task!r}"
        raise DataError(problem, where=where, remedy=f"Give them as {', '.join(labels)}")


def _check_values(table: pa.Table, meta: PredictionsMeta, where: str) -> None:
    for column in (*REQUIRED, *(f"p_{label}" for label in meta.labels), "truncated", "abstained"):
        if (row := _first(table[column].is_null())) is not None:
            raise _refuse(table, where, row, column, "a value is missing")
    for column in ("gold", "pred"):
        labels = table[column].to_pylist()
        if (row := _first([label is not None and label not in meta.labels for label in labels])) is not None:
            raise _refuse(table, where, row, column, f"the label {labels[row]!r} is none of {', '.join(meta.labels)}")


def _check_probabilities(table: pa.Table, meta: PredictionsMeta, where: str) -> None:
    total = np.zeros(table.num_rows)
    for column in (f"p_{label}" for label in meta.labels):
        values = table[column].to_numpy()
        if (row := _first(~((values >= 0) & (values <= 1)))) is not None:
            raise _refuse(table, where, row, column, f"{values[row]} is not a probability")
        total += values
    if (row := _first(np.abs(total - 1) > SUM_TOLERANCE)) is not None:
        raise _refuse(table, where, row, "p_*", f"the probabilities sum to {total[row]:.8f}, not to 1")


def _check_keys(table: pa.Table, where: str) -> None:
    seen = set()
    for row, key in enumerate(zip(*(table[name].to_pylist() for name in KEY), strict=True)):
        if key in seen:
            raise _refuse(table, where, row, "id", f"a second row for split {key[0]!r}, fold {key[1]}, seed {key[2]}")
        seen.add(key)


def _check_words(table: pa.Table, where: str) -> None:
    counts = [_list_lengths(table, f"word_{part}") for part in ("starts", "ends", "scores")]
    if (row := _first((counts[0] != counts[1]) | (counts[0] != counts[2]))) is not None:
        raise _refuse(table, where, row, "word_scores", "the words have unequal numbers of starts, ends and scores")
    if (row := _first((counts[0] >= 0) & np.asarray(table["spans_pred"].is_null()))) is not None:
        raise _refuse(table, where, row, "spans_pred", "words are scored but no spans, not even none, are cut from them")
    starts, ends, scores = (table[f"word_{part}"].combine_chunks().flatten() for part in ("starts", "ends", "scores"))
    _check_offsets(table, "word_starts", starts, ends, where)
    values = scores.to_numpy(zero_copy_only=False)
    if (word := _first(~((values >= 0) & (values <= 1)))) is not None:
        row = int(np.repeat(np.arange(table.num_rows), np.maximum(counts[0], 0))[word])
        raise _refuse(table, where, row, "word_scores", f"{values[word]} is not a probability")


def _check_votes(table: pa.Table, meta: PredictionsMeta, where: str) -> None:
    k, counts = len(meta.labels), _list_lengths(table, "label_votes")
    if (row := _first((counts >= 0) & (counts != k))) is not None:
        raise _refuse(table, where, row, "label_votes", f"{counts[row]} votes for {k} labels")
    votes = table["label_votes"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, k)
    bad = ~(np.isfinite(votes) & (votes >= 0)).all(1) | ~(votes.sum(1) > 0)
    if (voted := _first(bad)) is not None:
        row = int(np.flatnonzero(counts >= 0)[voted])
        raise _refuse(table, where, row, "label_votes", f"{votes[voted].tolist()} are no votes for {', '.join(meta.labels)}")


def _list_lengths(table: pa.Table, column: str) -> npt.NDArray[np.int64]:
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(table[column]).fill_null(-1).to_numpy(), np.int64)


def _check_offsets(table: pa.Table, column: str, starts: pa.Array, ends: pa.Array, where: str) -> None:
    import pyarrow.compute as pc

    rows = np.repeat(np.arange(table.num_rows), np.maximum(_list_lengths(table, column), 0))
    lengths = pc.utf8_length(table["text"]).to_numpy()[rows]
    begin, end = (offsets.fill_null(-1).to_numpy(zero_copy_only=False) for offsets in (starts, ends))
    if (item := _first((begin < 0) | (begin >= end) | (end > lengths))) is not None:
        problem = f"the offsets {begin[item]}:{end[item]} do not fit a text of {lengths[item]} characters"
        raise _refuse(table, where, int(rows[item]), column, problem)
