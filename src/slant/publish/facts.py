"""What a model card tells beyond the manifest, as plain data that travels in the bundle."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from slant.bundle import Bundle
from slant.bundle.strict_json import load_json
from slant.errors import BundleError

__all__ = ["CARD", "METRICS", "HeadFacts", "read_facts", "write_facts"]

CARD, METRICS = "card.json", "metrics.json"


@dataclass(frozen=True)
class HeadFacts:
    """One head's facts. What is None was not measured, and the card says so.

    Attributes:
        trained_on: which rows, in words; `corpus_licence` of the corpus they are of.
        scores: as `slant.evaluation.score` gives them, with floors, and `cost` where it is known.
        slices: rows of `slant.evaluation.comparison.slices`.
        calibration: as `slant.evaluation.comparison.calibration` gives it.
        probes: rows of `slant.evaluation.behaviour.summarise_probes`, of this head's task.
        leaning: as `slant.evaluation.leaning.audit_leanings` gives it.
    """

    trained_on: str = ""
    corpus_licence: str = ""
    scores: Mapping[str, Any] | None = None
    slices: Sequence[Mapping[str, Any]] | None = None
    calibration: Mapping[str, Any] | None = None
    probes: Sequence[Mapping[str, Any]] | None = None
    leaning: Mapping[str, Any] | None = None


def write_facts(folder: Path, facts: Mapping[str, HeadFacts]) -> None:
    """Write `metrics.json`, the scores by head, and `card.json`, all else."""
    told = {name: {key: value for key, value in asdict(found).items() if key != "scores"} for name, found in facts.items()}
    scores = {name: found.scores for name, found in facts.items() if found.scores is not None}
    for file, content in ((METRICS, scores), (CARD, told)):
        (folder / file).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_facts(bundle: Bundle) -> dict[str, HeadFacts]:
    """The facts of each head, as far as the bundle has them. Raises BundleError for files that are not `write_facts`'s."""
    told, scores = (_mapping(bundle, file) for file in (CARD, METRICS))
    known = {each.name for each in fields(HeadFacts)} - {"scores"}
    facts = {}
    for name in bundle.manifest.heads:
        mine, score = told.get(name, {}), scores.get(name)
        if not isinstance(mine, dict) or not set(mine) <= known or not isinstance(score, dict | None):
            raise BundleError(f"its {CARD} or {METRICS} is none of slant's", where=bundle.where, remedy="Export the bundle again")
        facts[name] = HeadFacts(**mine, scores=score)
    return facts


def _mapping(bundle: Bundle, file: str) -> dict[str, Any]:
    path = bundle.folder / file
    try:
        found = load_json(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"its {file} cannot be read ({error})", where=bundle.where, remedy="Export the bundle again") from error
    if not isinstance(found, dict):
        raise BundleError(f"its {file} is no JSON mapping", where=bundle.where, remedy="Export the bundle again")
    return found
