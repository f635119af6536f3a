"""An audit with all it needs: the corpus, a model for doubtful labels, the cache, the split."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import slant.data.audit
from slant import __version__
from slant.data import Corpus, Split, column, grouped_folds, join_duplicates
from slant.data.audit import AUDIT_VERSION, Audit, Finding, Rows, audit_corpus, find_leaks, label_noise, read_rows
from slant.data.examples import make_dataset, without_nulls
from slant.errors import SlantError, StorageError
from slant.progress import track

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["audit_run", "cached_audit"]

logger = logging.getLogger(__name__)

_FOLDS = 5


def cached_audit(corpus: Corpus, rows: Rows, cache: Path, *, noise: bool = True) -> Audit:
    """The audit of a corpus, from the cache where the same rows were audited before by the same checks.

    Args:
        rows: the corpus's rows, unlabelled ones too.
        noise: whether doubtful labels are looked for, with TF-IDF models that have not seen the row's article (seconds a thousand rows).
    """
    path = cache / "audits" / f"{_key(corpus, noise)}.json"
    found = _read(path)
    if found is None:
        more = [finding for finding in [_noise(corpus)] if finding is not None] if noise else []
        found = audit_corpus(corpus, rows, more)
        if noise and "label_noise" not in found.checked:
            found.checked.append("label_noise")
        try:
            found.write(path)
        except StorageError as error:
            logger.warning("the audit is not kept: %s", error)
    return found


def audit_run(corpus: Corpus, dataset: Dataset, rows: Rows, splits: list[Split], cache: Path, *, noise: bool) -> tuple[Audit, Finding | None]:
    """The audit before a training run, and the leaks of its split, or None.

    Args:
        dataset: the labelled rows that are split, in groups that duplicates have joined; `rows` are its columns.
    """
    # Of the corpus the groups are told as it has them, the same as by `slant data audit`.
    same = len(rows) == len(corpus.dataset)
    whole = replace(rows, group=column(corpus.dataset, "group")) if same else read_rows(corpus.dataset)
    audit = cached_audit(corpus, whole, cache, noise=noise)
    leaks = find_leaks(rows, splits)
    if leaks is not None:
        audit.findings.append(leaks)
    audit.checked.append("leaks")
    return audit, leaks


def _key(corpus: Corpus, noise: bool) -> str:
    """A digest over all that an audit looks at, and over who looks."""
    digest = hashlib.sha256(f"{AUDIT_VERSION} {__version__} {noise} {corpus.name} {corpus.version}\n".encode())
    for module in sorted([*Path(slant.data.audit.__file__).parent.glob("*.py"), *Path(slant.data.__file__).parent.glob("*.py")]):
        digest.update(module.read_bytes())
    for name in corpus.dataset.column_names:
        digest.update(json.dumps([name, column(corpus.dataset, name)], ensure_ascii=True).encode())
    digest.update(json.dumps([[vars(q) for q in corpus.quarantined], dict(corpus.notes)], ensure_ascii=True).encode())
    return digest.hexdigest()


def _read(path: Path) -> Audit | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Audit(**found | {"findings": [Finding(**finding) for finding in found["findings"]]})
    except (OSError, ValueError, TypeError, KeyError):
        # None yet, or one that a killed process or another version left: it is made anew.
        return None


def _noise(corpus: Corpus) -> Finding | None:
    labelled = without_nulls(corpus.dataset)
    try:
        probabilities = out_of_fold(labelled)
    except SlantError as error:
        logger.info("doubtful labels are not looked for: %s", error)
        return None
    return label_noise(read_rows(labelled), probabilities)


def out_of_fold(dataset: Dataset) -> npt.NDArray[np.float64]:
    """For each row the TF-IDF model's probabilities `(n, k)`, from a fit without its group. A target stands before its sentence."""
    from slant.models import Linear

    task = column(dataset, "task")[0]
    joined = join_duplicates(_with_targets(dataset) if task == "stance" else dataset)
    found: list[Any] = [None] * len(joined)
    splits = grouped_folds(joined, k=_FOLDS, dev_fraction=0.0, seed=0)
    for split in track(splits, len(splits), "doubtful labels"):
        model = Linear(task=task).fit(joined.select(split.train), None, seed=0)
        for i, row in zip(split.test.tolist(), model.predict_proba(joined.select(split.test)), strict=True):
            found[i] = row
    return np.asarray(found)


def _with_targets(dataset: Dataset) -> Dataset:
    rows = ({**row, "text": f"{row['target']}: {row['text']}", "target_start": None, "target_end": None, "spans": None} for row in dataset)
    return make_dataset(rows, "the corpus")
