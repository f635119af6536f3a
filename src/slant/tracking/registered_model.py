"""A bundle as an MLflow model: models from code, an explicit signature, and what pip must install beside it."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from slant import __version__
from slant.errors import BundleError
from slant.files import storage_errors
from slant.serve.schema import SCHEMA_VERSION, annotation_from_json

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

__all__ = ["default_requirements", "model_signature", "write_model"]

#: What a model is tried on when it is written.
_TRIAL = "The council approved the budget on Tuesday."


def write_model(bundle: Path, folder: Path, requirements: Sequence[str] | None = None) -> None:
    """Write a bundle as an MLflow model, load it back and ask it once.

    Args:
        requirements: what pip installs where the model is served; `default_requirements` unless given.

    Raises BundleError when it does not load or does not answer with an annotation, StorageError when the disk does not take it.
    """
    import mlflow.pyfunc
    import pandas as pd  # type: ignore[import-untyped]

    with _quiet(), storage_errors(folder):
        mlflow.pyfunc.save_model(
            str(folder),
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            artifacts={"bundle": str(bundle)},
            signature=model_signature(),
            pip_requirements=list(requirements or default_requirements(bundle)),
            metadata={"slant_version": __version__, "annotation_schema_version": SCHEMA_VERSION},
        )
        try:
            answer = mlflow.pyfunc.load_model(str(folder)).predict(pd.DataFrame({"text": [_TRIAL]}))[0]
            annotation_from_json(answer)
        except Exception as error:
            problem = f"the model does not answer when MLflow loads it ({' '.join(str(error).split())[:300]})"
            raise BundleError(problem, where=str(bundle), remedy="Check the bundle with slant verify") from error


def model_signature() -> ModelSignature:
    """The columns and params of `slant.tracking.pyfunc_model.BundleModel`.

    It is given, since MLflow would infer one without params. The offsets' type is left open: MLflow's `long` refuses a column with gaps, and
    its `double` one without.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType

    offsets = [ColSpec(AnyType(), name, required=False) for name in ("target_start", "target_end")]
    inputs = Schema([ColSpec(DataType.string, "text"), ColSpec(DataType.string, "target", required=False), *offsets])
    params = ParamSchema([ParamSpec("mode", DataType.string, "annotate"), ParamSpec("output", DataType.string, "object")])
    return ModelSignature(inputs=inputs, params=params)


def default_requirements(bundle: Path) -> list[str]:
    """This slant, for serving, and this MLflow; for a research baseline also what its file needs, at the versions that wrote it."""
    baseline = ("skops", "scikit-learn") if any(bundle.glob("*.skops")) else ()
    return [f"slant[serve]=={__version__}", *(f"{name}=={version(name)}" for name in ("mlflow", *baseline))]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without MLflow's advice on type hints (it drops a signature's params where there are some) and its progress bars."""
    loud = logging.getLogger("mlflow")
    level, bar = loud.level, os.environ.get(_BAR)
    os.environ[_BAR] = "false"
    loud.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        loud.setLevel(level)
        if bar is None:
            os.environ.pop(_BAR, None)
        else:
            os.environ[_BAR] = bar


_BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
