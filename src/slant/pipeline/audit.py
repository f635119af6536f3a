"""An audit with all it needs: the corpus, a model for doubtful labels, the cache, the split."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import slant.data.audit
from slant import __version__
from slant.data import Corpus, Split, column, grouped_folds, prepare
from slant.data.audit import AUDIT_VERSION, Audit, Finding, Rows, audit_corpus, find_leaks, label_noise, read_rows
from slant.data.examples import make_dataset, without_nulls
from slant.errors import SlantError, StorageError
from slant.progress import track

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["audit_run", "cached_audit"]

logger = logging.getLogger(__name__)

_FOLDS = 5


def cached_audit(corpus: Corpus, cache: Path, *, noise: bool = True) -> Audit:
    """The audit of a corpus, from the cache where the same rows were audited before by the same checks.

    Args:
        noise: whether doubtful labels are looked for, with TF-IDF models that have not seen the row's article (seconds a thousand rows).
    """
    path = cache / "audits" / f"{_key(corpus, noise)}.json"
    found = _read(path)
    if found is None:
        more = [finding for finding in [_noise(corpus)] if finding is not None] if noise else []
        found = audit_corpus(corpus, more=more)
        if noise and "label_noise" not in found.checked:
            found.checked.append("label_noise")
        try:
            found.write(path)
        except StorageError as error:
            logger.warning("the audit is not kept: %s", error)
    return found


def audit_run(corpus: Corpus, rows: Rows, splits: list[Split], cache: Path, *, noise: bool) -> tuple[Audit, Finding | None]:
    """The audit before a training run, and the leaks of its split, or None.

    Args:
        rows: the labelled rows that are split, in groups that duplicates have joined. Of the corpus itself the groups are told as it has
            them, the same as by `slant data audit`.
    """
    audit = cached_audit(corpus, cache, noise=noise)
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
    """Doubtful labels, by a TF-IDF model that reads the target, where there is one, before its sentence; boilerplate is left out."""
    from slant.models import Linear

    prepared = prepare(without_nulls(corpus.dataset))
    dataset = prepared.dataset
    task = column(dataset, "task")[0]
    read = _with_targets(dataset) if task == "stance" else dataset
    found: list[Any] = [None] * len(read)
    try:
        splits = grouped_folds(read, k=_FOLDS, dev_fraction=0.0, seed=0)
        for split in track(splits, len(splits), "doubtful labels"):
            model = Linear(task=task).fit(read.select(split.train), None, seed=0)
            for i, row in zip(split.test.tolist(), model.predict_proba(read.select(split.test)), strict=True):
                found[i] = row
    except (SlantError, ValueError) as error:
        # Too few articles, or a part with one label: there is nothing to learn doubt from.
        logger.info("doubtful labels are not looked for: %s", error)
        return None
    return label_noise(read_rows(dataset, prepared.duplicates), np.asarray(found))


def _with_targets(dataset: Dataset) -> Dataset:
    rows = ({**row, "text": f"{row['target']}: {row['text']}", "target_start": None, "target_end": None, "spans": None} for row in dataset)
    return make_dataset(rows, "the corpus")
