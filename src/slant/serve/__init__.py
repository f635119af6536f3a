"""The deployer's wing: annotate and score from bundles, without torch, mlflow, hydra and datasets."""

from slant.serve.annotator import Annotator
from slant.serve.answers import Answers, Asked
from slant.serve.runtime import open_runtime
from slant.serve.verify import Check, verify_bundle

__all__ = ["Annotator", "Answers", "Asked", "Check", "open_runtime", "verify_bundle"]
