"""Corpora by name: what there is, what is in it, what is wrong with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from slant.data import Corpus, Split, column, prepare
from slant.data.audit import Audit, find_leaks, read_rows
from slant.data.corpus import data_folder, read_manifest
from slant.data.examples import without_nulls
from slant.errors import ConfigError, DataError
from slant.models.encoder.cache import default_cache_folder
from slant.pipeline.app import compose_config, configs_folder, explained, near
from slant.pipeline.audit import cached_audit
from slant.pipeline.build import build

__all__ = ["Description", "audit_named", "corpus_names", "describe", "known_flaws", "load_named"]


@dataclass(frozen=True)
class Description:
    """What `slant data show` says of a corpus.

    Attributes:
        counts: rows, groups, spans and such, by name.
        labels: rows a label (None: without one), by part ("all" where the corpus has no parts).
        lengths: words a text: least, quartiles and greatest.
        rows: three examples, spread over the corpus.
    """

    counts: dict[str, int]
    labels: dict[str, dict[str | None, int]]
    lengths: list[int]
    rows: list[dict[str, Any]]


def corpus_names() -> list[str]:
    """The corpora that have a configuration and a manifest."""
    names = (path.stem for path in (configs_folder() / "data").glob("*.yaml"))
    return sorted(name for name in names if (data_folder() / name / "manifest.json").is_file())


def load_named(name: str, overrides: Sequence[str] = ()) -> tuple[DictConfig, Corpus]:
    """The corpus of that name, and the configuration that it was read by.

    Args:
        overrides: Hydra's, for the corpus's own keys (`root=FOLDER` is `data.root=FOLDER`) or for others, such as `task=stance`.

    Raises ConfigError, with a suggestion, for an unknown name or key; DataError as the adapter.
    """
    if name not in corpus_names():
        known = corpus_names()
        raise ConfigError(f"there is no corpus {name!r}", remedy=near(name, known, f"Known: {', '.join(known)}"))
    given = [_qualified(override) for override in overrides]
    if not any(override.startswith("task=") for override in given):
        given.append(f"task={read_manifest(name)['task'].split(',')[0]}")
    try:
        cfg = compose_config([f"data={name}", *given])
        return cfg, build(cfg.data, "data")
    except (HydraException, OmegaConfBaseException) as error:
        raise explained(error) from error


def _qualified(override: str) -> str:
    """`root=FOLDER` as `data.root=FOLDER`; groups and dotted keys stay."""
    mark = override[: len(override) - len(override.lstrip("+~"))]
    key = override[len(mark) :].partition("=")[0]
    groups = {path.name for path in configs_folder().iterdir() if path.is_dir()} | {"seed", "threads", "audit"}
    return override if key.split(".")[0].split("@")[0] in groups else f"{mark}data.{override[len(mark) :]}"


def describe(corpus: Corpus) -> Description:
    """Counts, label balance, lengths and three rows."""
    dataset = corpus.dataset
    parts, labels = column(dataset, "part"), column(dataset, "label")
    spans = column(dataset, "spans")
    counts = {"rows": len(dataset), "groups": len(set(column(dataset, "group"))), "spans": sum(len(found or ()) for found in spans)}
    for name in ("outlet", "topic", "target", "speaker"):
        if different := len({value for value in column(dataset, name) if value is not None}):
            counts[f"{name}s"] = different
    counts["quarantined"] = len(corpus.quarantined)
    balance: dict[str, dict[str | None, int]] = {}
    for part in sorted({part or "all" for part in parts}):
        balance[part] = dict(Counter(label for label, at in zip(labels, parts, strict=True) if (at or "all") == part))
    words = sorted(len(text.split()) for text in column(dataset, "text"))
    lengths = [words[round(share * (len(words) - 1))] for share in (0, 0.25, 0.5, 0.75, 1)]
    chosen = [round(share * (len(dataset) - 1)) for share in (0.1, 0.5, 0.9)]
    return Description(counts, balance, lengths, [dataset[i] for i in dict.fromkeys(chosen)])


def known_flaws(name: str) -> list[str]:
    """The beginnings of the bullets under "Known weaknesses" in the corpus's card; empty where it has none."""
    path = data_folder() / name / "CARD.md"
    card = path.read_text(encoding="utf-8") if path.is_file() else ""
    _, _, section = card.partition("\n## Known weaknesses")
    bullets = re.split(r"\n- ", section.split("\n## ")[0])[1:]
    # A bullet begins with its gist in bold; of one that does not the first sentence is shown.
    return [" ".join(_gist(bullet).split()).rstrip(".;:") for bullet in bullets]


def _gist(bullet: str) -> str:
    bold = re.match(r"\*\*(.+?)\*\*", bullet, re.DOTALL)
    return bold.group(1) if bold else re.split(r"(?<=[.;:])\s", bullet)[0]


def audit_named(name: str, overrides: Sequence[str] = (), *, noise: bool = True) -> Audit:
    """The audit of a corpus; with `split=…` among the overrides also the leaks of that split."""
    cfg, corpus = load_named(name, overrides)
    audit = cached_audit(corpus, Path(cfg.paths.cache or default_cache_folder()), noise=noise)
    if any(override.startswith("split=") for override in overrides):
        labelled = without_nulls(corpus.dataset)
        if not len(labelled):
            raise DataError("has no labelled row", where=corpus.path, remedy="A split needs labels")
        prepared = prepare(labelled)
        splits: list[Split] = build(cfg.split, "split", dataset=prepared.dataset, seed=cfg.seed)
        leaks = find_leaks(read_rows(prepared.dataset, prepared.duplicates), splits)
        audit.checked.append("leaks")
        if leaks is not None:
            audit.findings.append(leaks)
    return audit
