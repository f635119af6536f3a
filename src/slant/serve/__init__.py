"""The deployer's wing: annotate and score from a bundle, without torch, mlflow, hydra and datasets."""

from slant.serve.annotator import Annotator
from slant.serve.runtime import Answers, open_runtime
from slant.serve.verify import Check, verify_bundle

__all__ = ["Annotator", "Answers", "Check", "open_runtime", "verify_bundle"]
