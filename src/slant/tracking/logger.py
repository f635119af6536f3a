"""What a run writes down: parameters, metrics, data sets, files and tags, each in as few calls as MLflow allows."""

from __future__ import annotations

import enum
import itertools
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from slant.errors import ConfigError, StorageError
from slant.tracking.store import tracking_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["RunLogger", "cut", "flatten"]

#: MLflow's limits (mlflow/utils/validation.py); tags are promised only this much by every backend.
PARAM_CHARS, TAG_CHARS, DIGEST_CHARS, KEY_CHARS = 6000, 5000, 36, 250
_PARAMS_A_CALL, _METRICS_A_CALL = 100, 1000

T = TypeVar("T")


@dataclass(frozen=True)
class RunLogger:
    """Writes to one run, and to no other whatever else is open: it uses none of MLflow's global state.

    Every method raises StorageError when the store fails and ConfigError when MLflow refuses a value.
    """

    client: MlflowClient
    uri: str
    experiment_id: str
    run_id: str

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log a configuration, nested or not, under dotted keys.

        Lists are written as JSON; values over 6,000 characters are cut with a note; characters that MLflow forbids in a
        key become `_`. Raises ConfigError when a parameter was logged before with another value, or two keys become one.
        """
        from mlflow.entities import Param

        entities = [Param(key, cut(value, PARAM_CHARS)) for key, value in _with_safe_keys(flatten(params), self.where).items()]
        for batch in _batches(entities, _PARAMS_A_CALL):
            with tracking_errors(self.where):
                self.client.log_batch(self.run_id, params=batch, synchronous=True)

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log all metrics of one step in one call (one for each 1,000). NaN is kept as NaN; forbidden characters become `_`."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        named = _with_safe_keys(metrics, self.where)
        entities = [Metric(key, float(value), now, step) for key, value in named.items()]
        for batch in _batches(entities, _METRICS_A_CALL):
            with tracking_errors(self.where):
                self.client.log_batch(self.run_id, metrics=batch, synchronous=True)

    def log_dataset(
        self,
        name: str,
        source_uri: str,
        digest: str,
        context: str,
        *,
        columns: Mapping[str, str] | None = None,
        profile: Mapping[str, Any] | None = None,
    ) -> None:
        """Log a data set as an input of the run, by its fingerprint: no row is read or copied.

        Args:
            name: the corpus, e.g. `babe@1`.
            source_uri: a path or address where it can be found.
            digest: its fingerprint; MLflow keeps 36 characters, the whole of it goes into the input's tag `slant.digest`.
            context: what it served for: `train`, `dev`, `test`.
            columns: column names and their types, in order.
            profile: facts worth reading beside it, e.g. rows, groups, label counts.

        Raises ConfigError when this name and digest stand in the run already with another context, which MLflow would drop.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        with tracking_errors(self.where):
            inputs = self.client.get_run(self.run_id).inputs
        for other in inputs.dataset_inputs if inputs else []:
            tags = {tag.key: tag.value for tag in other.tags}
            if (other.dataset.name, tags.get("slant.digest")) == (name, digest) and tags.get("mlflow.data.context") != context:
                problem = f"data set {name!r} is an input already, as {tags.get('mlflow.data.context')!r}, not {context!r}"
                raise ConfigError(problem, where=self.where, remedy="Give each split a digest or name of its own")
        remote = source_uri.startswith(("http://", "https://"))
        colspec = [{"name": key, "type": kind} for key, kind in (columns or {}).items()]
        dataset = Dataset(
            name=name,
            digest=digest[:DIGEST_CHARS],
            source_type="http" if remote else "local",
            source=json.dumps({"url" if remote else "uri": source_uri}),
            schema=json.dumps({"mlflow_colspec": colspec}) if colspec else None,
            profile=json.dumps(profile, default=str) if profile else None,
        )
        tags_of_input = [InputTag("mlflow.data.context", context), InputTag("slant.digest", cut(digest, 500))]
        logged = [DatasetInput(dataset, tags_of_input)]
        try:
            with tracking_errors(self.where):
                self.client.log_inputs(self.run_id, datasets=logged)
        except StorageError as error:
            if "UNIQUE constraint" not in str(error):
                raise
            # Another run wrote down the same data between MLflow's look and its writing: now it finds it there.
            with tracking_errors(self.where):
                self.client.log_inputs(self.run_id, datasets=logged)

    def log_artifact(self, path: str | Path, folder: str | None = None) -> None:
        """Copy a file, or a folder under its own name, to the run's artifacts, below `folder` if given."""
        if not Path(path).exists():
            raise StorageError("there is no such file to log", where=str(path), remedy="Write it before it is logged")
        with tracking_errors(self.where):
            self.client.log_artifact(self.run_id, str(path), folder)

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Set tags, replacing those of the same name; values over 5,000 characters are cut with a note."""
        from mlflow.entities import RunTag

        entities = [RunTag(key, cut(str(value), TAG_CHARS)) for key, value in tags.items()]
        for batch in _batches(entities, _PARAMS_A_CALL):
            with tracking_errors(self.where):
                self.client.log_batch(self.run_id, tags=batch, synchronous=True)

    @property
    def where(self) -> str:
        """How errors name this run."""
        return f"run {self.run_id} in {self.uri}"


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A nested mapping as `{"a.b": text}`, in order. An empty mapping is `{}`, a sequence JSON, an enum its name."""
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        elif isinstance(value, Mapping | list | tuple):
            flat[f"{prefix}{key}"] = json.dumps(value, default=_text, ensure_ascii=False)
        else:
            flat[f"{prefix}{key}"] = _text(value)
    return flat


def cut(text: str, limit: int) -> str:
    """The text itself, or its beginning with a note of its length, at most `limit` characters in all."""
    if len(text) <= limit:
        return text
    note = f"… [cut from {len(text):,} characters]"
    return text[: limit - len(note)] + note


def _text(value: object) -> str:
    return value.name if isinstance(value, enum.Enum) else str(value)


def _with_safe_keys(values: Mapping[str, T], where: str) -> dict[str, T]:
    safe: dict[str, T] = {}
    for key, value in values.items():
        name = re.sub(r"[^/\w.\- :]", "_", key)[:KEY_CHARS]
        if name in safe:
            problem = f"two keys are both written {name!r}"
            raise ConfigError(problem, where=where, remedy="Rename one of them; MLflow allows letters, digits and _ - . / : only")
        safe[name] = value
    return safe


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(itertools.islice(rest, size)):
        yield batch
