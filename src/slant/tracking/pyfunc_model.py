"""The code of a registered model: MLflow copies this file into the model and runs it there. It needs `slant` and `mlflow`, no more."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import mlflow
import pandas as pd  # type: ignore[import-untyped]
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModelContext

from slant.errors import SlantError
from slant.records import ScoreItem
from slant.serve import Annotator
from slant.serve.schema import annotation_to_json
from slant.text.targets import Target, parse_target

__all__ = ["BundleModel"]


class BundleModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mypy does not follow mlflow
    """A bundle as MLflow asks for it: rows in, annotations out."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the bundle; `model_config` may name its `precision` and `threads`. Raises BundleError as `Annotator.open`."""
        config = context.model_config or {}
        self._annotator = Annotator.open(context.artifacts["bundle"], precision=config.get("precision"), threads=int(config.get("threads", 1)))

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> list[Any]:
        """An annotation, or with `mode=score` an annotated sentence, for each row, as mappings of the published schema.

        Args:
            model_input: a table with the column `text` and, where a stance is asked for, `target`, as `slant annotate --target` takes it;
                for `mode=score` also where the text mentions it, `target_start` and `target_end`.
            params: `mode`, "annotate" (each text is a document) or "score" (each text is one sentence); `output`, "object" or
                "json" (strings, for what takes no nested values, as Spark).

        Raises MlflowException, which a server answers with status 400, for a value that cannot be read.
        """
        options = dict(params or {})
        ask = _chosen(_MODES, options.get("mode", "annotate"), "mode")
        write = _chosen(_OUTPUTS, options.get("output", "object"), "output")
        rows = model_input.to_dict(orient="records")
        try:
            return [write(answer) for answer in ask(self._annotator, rows)]
        except (SlantError, TypeError) as error:
            raise _refused(" ".join(str(error).split())) from error


def _annotate(annotator: Annotator, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answers = []
    for row in rows:
        target = _value(row, "target")
        asked: dict[str, list[Target]] = {} if target is None else {"targets": [parse_target(target)]}
        answers.append(annotation_to_json(annotator.annotate(row["text"], **asked)))
    return answers


def _score(annotator: Annotator, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from slant.serve.schema import sentence_to_json

    items = [ScoreItem(row["text"], _value(row, "target"), _offset(row, "target_start"), _offset(row, "target_end")) for row in rows]
    return [sentence_to_json(sentence) for sentence in annotator.score(items)]


_MODES: dict[str, Callable[[Annotator, list[dict[str, Any]]], list[dict[str, Any]]]] = {"annotate": _annotate, "score": _score}
_OUTPUTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "object": lambda answer: answer,
    "json": lambda answer: json.dumps(answer, ensure_ascii=False),
}


def _chosen(known: Mapping[str, Any], name: Any, what: str) -> Any:
    if name not in known:
        raise _refused(f"the param {what} is {name!r}, not {' or '.join(known)}")
    return known[name]


def _value(row: Mapping[str, Any], name: str) -> Any:
    """The cell, or None where there is none: a table spells that as None or NaN."""
    found = row.get(name)
    return None if found is None or (isinstance(found, float) and math.isnan(found)) else found


def _offset(row: Mapping[str, Any], name: str) -> int | None:
    found = _value(row, name)
    if found is None:
        return None
    # The signature leaves the type open, and a column of whole numbers with gaps is one of floats to a table.
    try:
        number = float(found) if not isinstance(found, str | bool) else math.nan
    except (TypeError, ValueError):
        number = math.nan
    if not number.is_integer():
        raise _refused(f"{name} must be a whole number, not {found!r}")
    return int(number)


def _refused(problem: str) -> MlflowException:
    from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

    return MlflowException(problem, error_code=INVALID_PARAMETER_VALUE)


mlflow.models.set_model(BundleModel())
