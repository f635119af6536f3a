"""The predictions table (contract 3 of docs/design.md): its columns and its footer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from slant.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["KEY", "LATER", "REMEDY", "REQUIRED", "PredictionsMeta", "arrow_schema", "footer_of", "meta_from_footer"]

#: What names a row: no two rows of a table share it.
KEY = ("split", "fold", "seed", "id")
#: Columns that a writer must give, besides the probabilities.
REQUIRED = ("run_id", *KEY, "group", "text", "pred")
#: Columns that tables written by earlier versions lack; there they are read as null.
LATER = ("label_votes",)
REMEDY = "Write the table anew with slant.evaluation.write_predictions"


@dataclass(frozen=True)
class PredictionsMeta:
    """What a predictions table says of itself in its footer, under `slant.<field>`.

    Attributes:
        task, task_version, labels: the task and its labels in the order of the `p_<label>` columns.
        corpus_fingerprint, split_fingerprint: what was predicted, so that only runs over the same rows are compared.
        package_version: the version of Slant that wrote the table.
        model: the model's name, as tables and plots show it.
    """

    task: str
    task_version: int
    labels: tuple[str, ...]
    corpus_fingerprint: str
    split_fingerprint: str
    package_version: str
    model: str


def arrow_schema(labels: Sequence[str]) -> pa.Schema:
    """The columns of a predictions table in order, with `p_<label>` for each label.

    `gold`, the spans and everything that describes the text may be null. Offsets are half-open, in code points of `text`. The
    words are those that a pointing model scored; `truncated` says that it did not read the whole text. `label_votes` are annotators'
    votes for each label, as counts or shares, in label order; null where no votes are known.
    """
    import pyarrow as pa

    spans = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())]))
    fields = [
        ("run_id", pa.string()),
        ("split", pa.string()),
        ("fold", pa.int32()),
        ("seed", pa.int64()),
        ("id", pa.string()),
        ("group", pa.string()),
        ("text", pa.string()),
        ("gold", pa.string()),
        ("pred", pa.string()),
        *((f"p_{label}", pa.float64()) for label in labels),
        ("spans_gold", spans),
        ("spans_pred", spans),
        ("word_starts", pa.list_(pa.int32())),
        ("word_ends", pa.list_(pa.int32())),
        ("word_scores", pa.list_(pa.float32())),
        ("truncated", pa.bool_()),
        *((name, pa.string()) for name in ("target", "outlet", "leaning", "topic", "voice")),
        ("abstained", pa.bool_()),
        ("label_votes", pa.list_(pa.float32())),
    ]
    return pa.schema(fields)


def footer_of(meta: PredictionsMeta) -> dict[str, str]:
    """The footer's keys and values; `labels` as a JSON list."""
    return {f"slant.{key}": json.dumps(value) if key == "labels" else str(value) for key, value in asdict(meta).items()}


def meta_from_footer(footer: Mapping[bytes, bytes] | None, where: str) -> PredictionsMeta:
    """The meta data in a Parquet footer. Raises DataError for a key that is missing or cannot be read."""
    values: dict[str, Any] = {}
    for key in PredictionsMeta.__dataclass_fields__:
        raw = (footer or {}).get(f"slant.{key}".encode())
        if raw is None:
            raise DataError(f"the footer lacks 'slant.{key}', so this is not a predictions table", where=where, remedy=REMEDY)
        try:
            text = raw.decode()
            values[key] = tuple(json.loads(text)) if key == "labels" else int(text) if key == "task_version" else text
        except (ValueError, TypeError):
            raise DataError(f"the footer's 'slant.{key}' cannot be read", where=where, remedy=REMEDY) from None
    return PredictionsMeta(**values)
