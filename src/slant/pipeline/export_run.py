"""From runs to one bundle: their heads together, a card that tells all that was measured, zipped, signed, or laid out for the hub."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slant.bundle import Bundle, read_bundle, write_manifest
from slant.bundle.format import MANIFEST, SIGNATURE
from slant.bundle.sign import check_private_key, sign_bundle
from slant.bundle.zipped import zip_folder
from slant.errors import BundleError, ConfigError, DataError, StorageError
from slant.evaluation.comparison import seed_tables, summarise_side
from slant.evaluation.leaning import audit_leanings
from slant.files import write_folder_atomic
from slant.pipeline.app import compose_config
from slant.pipeline.probe import probe_model
from slant.pipeline.publish_facts import Candidate, open_bundle, open_candidate
from slant.publish import merge_bundles
from slant.publish.card import write_card
from slant.publish.facts import HeadFacts, read_facts
from slant.publish.hub import write_hub

__all__ = ["LAYOUTS", "Exported", "export_run"]

LAYOUTS = ("slant", "hub")
_SPLIT = "test"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: a folder, or a zip.
        bundle_id: of what was written; of the hub layout the bundle's that it was made from.
        heads, precision: what it tells, and the graph that runs by default.
        signed_by: the key's fingerprint, None when it was not signed.
        notes: what the card does not tell, and why.
    """

    path: Path
    bundle_id: str
    heads: tuple[str, ...]
    precision: str
    signed_by: str | None
    notes: tuple[str, ...]


def export_run(
    runs: Sequence[str],
    path: Path,
    *,
    store: str = "",
    precision: str | None = None,
    packed: bool = False,
    key: str | Path | None = None,
    layout: str = "slant",
) -> Exported:
    """Write the runs' bundles as one, with a card that has the runs' slices, calibration, probe rates and leaning.

    Args:
        runs: each an MLflow run's id or name, a run's folder, or a bundle (folder or zip), whose card is kept as it is; one for each head.
        path: the folder, or with `packed` the zip; nothing may stand there. It appears whole or not at all.
        store: the MLflow store; "" is the configuration's own.
        precision: the graph that runs unless another is asked for; the bundles' own default when None.
        packed: write a zip; equal bundles give equal zips.
        key: a file with an Ed25519 private key, to sign it with.
        layout: "slant", or "hub" for a folder that transformers and onnxruntime read.

    Raises ConfigError for options that exclude one another, a key that is none, and a run that is not there; BundleError for a bundle that does not
    prove itself or that the others do not fit, and for a precision or layout that it cannot have; DataError for a run's damaged files; StorageError
    where something stands already.
    """
    if not runs:
        raise ConfigError("no run is named", remedy="Name a run, a run's folder or a bundle")
    if layout not in LAYOUTS:
        raise ConfigError(f"there is no layout {layout!r}", remedy=f"Choose one of: {', '.join(LAYOUTS)}")
    if layout == "hub" and (packed or key is not None):
        raise ConfigError(
            "the hub layout is a plain folder: it has no manifest to sign, and the hub takes no zip", remedy="Leave --zip and --sign out"
        )
    if path.exists() and (packed or not path.is_dir() or any(path.iterdir())):
        raise StorageError("holds something already", where=str(path), remedy="Name a new folder or file")
    if key is not None:
        check_private_key(key)
    with tempfile.TemporaryDirectory(prefix="slant-export-") as scratch:
        opened = [_open(run, store, Path(scratch) / str(number)) for number, run in enumerate(runs)]
        bundles = [bundle for bundle, _ in opened]
        joined = bundles[0] if len(bundles) == 1 else merge_bundles([bundle.folder for bundle in bundles], Path(scratch) / "joined")
        facts, notes = read_facts(joined), []
        for _, candidate in opened:
            if candidate is not None:
                facts[candidate.task], more = _measured(candidate, joined, facts[candidate.task])
                notes += more
        chosen = joined.manifest.precision if precision is None else precision
        if chosen not in joined.manifest.graphs:
            remedy = f"It has: {', '.join(joined.manifest.graphs)}"
            raise BundleError(f"there is no {chosen} graph", where=", ".join(bundle.where for bundle in bundles), remedy=remedy)
        changed = chosen != joined.manifest.precision or any(candidate is not None for _, candidate in opened)
        made = Path(scratch) / "bundle"
        bundle_id = _copy(joined, made, chosen, facts if changed else None)
        signed_by = None if key is None else sign_bundle(made, key)
        bundle = read_bundle(made)
        if layout == "hub":
            with write_folder_atomic(path) as part:
                write_hub(bundle, part)
        elif packed:
            zip_folder(made, path)
        else:
            with write_folder_atomic(path) as part:
                shutil.copytree(made, part, dirs_exist_ok=True, copy_function=shutil.copyfile)
    return Exported(path, bundle_id, tuple(bundle.manifest.heads), chosen, signed_by, tuple(notes))


def _open(run: str, store: str, scratch: Path) -> tuple[Bundle, Candidate | None]:
    """The run's bundle, and the run; a bundle alone has none."""
    if Path(run).is_file() or (Path(run) / MANIFEST).is_file():
        found, candidate = read_bundle(run), None
    else:
        # A folder has all that is needed: no store is looked into, let alone made.
        uri = "" if Path(run).is_dir() else store or compose_config([]).tracking.uri
        candidate = open_candidate(run, uri, scratch)
        found = open_bundle([candidate], None)
    if found.manifest.format_version < 2:
        problem = "it is of format version 1, which is read and no longer written"
        raise BundleError(problem, where=found.where, remedy="Train the run again with this slant, or use the bundle as it is")
    return found, candidate


def _copy(bundle: Bundle, folder: Path, precision: str, facts: Mapping[str, HeadFacts] | None) -> str:
    """The bundle's files in a new folder, its card and manifest made anew where something is told that was not; returns the id."""
    # Modes are not taken along: some files of a run are its owner's alone, and a bundle is for whoever serves it.
    shutil.copytree(bundle.folder, folder, ignore=shutil.ignore_patterns(SIGNATURE), copy_function=shutil.copyfile)
    if facts is None:
        return bundle.manifest.id
    manifest = replace(bundle.manifest, precision=precision)
    write_card(folder, manifest, facts)
    return write_manifest(folder, manifest).id


def _measured(candidate: Candidate, bundle: Bundle, facts: HeadFacts) -> tuple[HeadFacts, list[str]]:
    """The head's facts with what the run's test rows and the shipped probes tell, and sentences on what they do not."""
    notes: list[str] = []
    found: dict[str, Any] = {"scores": candidate.scores, "leaning": audit_leanings(candidate.test)}
    bootstrap = candidate.scores.get("bootstrap", {})
    settings = {key: bootstrap[key] for key in ("resamples", "seed", "level") if key in bootstrap}
    try:
        side = summarise_side(candidate.test.meta.model, seed_tables(candidate.predictions, _SPLIT), **settings)
        found |= {"slices": side["slices"], "calibration": side["calibration"]}
    except DataError as error:
        notes.append(f"{candidate.task}: no slices and no calibration ({error.problem})")
    try:
        found["probes"] = [row for row in probe_model(str(bundle.folder)).rows if row["task"] == candidate.task]
    except ConfigError as error:
        notes.append(f"{candidate.task}: no probes ({error.problem})")
    if found["leaning"] is None:
        notes.append(f"{candidate.task}: no leaning audit (no test row has an outlet of known leaning)")
    return replace(facts, **_plain(found)), notes


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON has them: no number that is none, no tuple."""
    return {key: _value(value) for key, value in found.items()}


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    if isinstance(value, float) and value != value:
        return None
    return value
