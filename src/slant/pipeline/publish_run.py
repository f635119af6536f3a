"""A run through the gates and into the registry: facts collected, judged, written down, and registered when nothing stands against it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from slant.bundle import Bundle
from slant.errors import BundleError, ConfigError, StorageError
from slant.files import read_utf8
from slant.labels import LOADED
from slant.pipeline.app import configs_folder
from slant.pipeline.blind import judge_blind, open_blind
from slant.pipeline.publish_facts import (
    Candidate,
    compare_with,
    facts_of,
    model_digest,
    open_bundle,
    open_candidate,
    probe_rates,
    run_tag,
    tag_run,
    tracked_run,
)
from slant.publish.gatefile import Gate, gate_from_mapping
from slant.publish.gates import Against, Check, Facts, failing, judge, judge_heads
from slant.publish.ledger import append_entry, read_ledger
from slant.tracking.registry import Registered, Registry, check_names, open_registry

__all__ = ["Published", "default_gate", "publish_run", "read_gate"]


@dataclass(frozen=True)
class Published:
    """What became of runs at the gates.

    Attributes:
        runs: their MLflow ids, or their folders where they have none.
        checks: the table.
        accepted: whether the bundle was registered, or held the alias already.
        override: the reason by which it was registered in spite of the checks.
        version: the version that holds the alias now, if it is this bundle's.
        note: what else a reader should know.
    """

    runs: tuple[str, ...]
    name: str
    alias: str
    bundle_id: str
    checks: Sequence[Check] = ()
    accepted: bool = False
    override: str | None = None
    version: str | None = None
    note: str = ""


@dataclass(frozen=True)
class _Desk:
    """Where the work is done: the registry, under its lock; the ledger; a folder that is cleared afterwards; the gate."""

    registry: Registry
    ledger: Path
    scratch: Path
    gate: Gate


def publish_run(
    runs: Sequence[str],
    *,
    name: str,
    alias: str = "champion",
    uri: str = "",
    gate: Path | None = None,
    bundle: Path | None = None,
    blind: Sequence[str] = (),
    override: str | None = None,
    records: Path | None = None,
    requirements: Sequence[str] | None = None,
) -> Published:
    """Judge a run by a gate file and, when nothing stands against it, register its bundle under `name` and move `alias` to it.

    Only one publisher of a store works at a time: a second one waits, and is judged against the champion that the first one made. The decision
    is written to the ledger, and to the run's tags, before anything is registered; the alias moves last. The holder of the alias is not
    judged again.

    Args:
        runs: an MLflow run's id or name, or a run folder; for a bundle of several heads a run for each of them, and `bundle`.
        uri: the store, as `slant.tracking.prepare_store` takes it; it must be there.
        gate: a gate file; configs/gate/default.yaml unless given.
        bundle: the run's bundle, where it is neither among the run's artefacts nor where training wrote it.
        blind: a corpus's name and its keys, as `slant data show` takes them; looked at only when all else is passed, by the first run's head.
        override: a reason to register the run in spite of failed checks; it is recorded.
        records: the folder of the ledger; `published` beside a SQLite store, else in the current folder.
        requirements: what pip installs where the model is served.

    Raises ConfigError for a run, name, gate or override that cannot be used, DataError for a run without predictions or scores, BundleError for
    a bundle that does not prove itself or has no loaded head, StorageError for a store or ledger that fails. Nothing is registered then.
    """
    check_names(name, alias)
    if override is not None and not override.strip():
        raise ConfigError("the reason is empty", where="--override", remedy='Say why, as in --override "the old champion reads no quotes"')
    demanded = read_gate(gate or default_gate())
    if blind and demanded.blind is None:
        raise ConfigError("the gate has no section blind", where=str(gate or default_gate()), remedy="Add one, or leave --blind out")
    folder = records or _records_beside(uri)
    with open_registry(uri, folder / "publish.lock") as registry, tempfile.TemporaryDirectory(prefix="slant-publish-") as scratch:
        desk = _Desk(registry, folder / "ledger.jsonl", Path(scratch), demanded)
        candidates = [open_candidate(run, registry.uri, desk.scratch / str(number)) for number, run in enumerate(runs)]
        opened = open_bundle(candidates, bundle)
        _check_servable(opened)
        champion = registry.holder(name, alias)
        shown = Published(tuple(candidate.shown for candidate in candidates), name, alias, opened.manifest.id)
        _check_ledger(champion, desk.ledger)
        if champion is not None and champion.tags.get("slant.bundle_id") == shown.bundle_id:
            return replace(shown, accepted=True, version=champion.version, note=f"this bundle is {alias} already, as version {champion.version}")
        checks = _judged(candidates, opened, champion, desk, blind)
        against = bool(failing(checks))
        shown = replace(
            shown, checks=checks, accepted=override is not None or not against, override=override.strip() if override and against else None
        )
        seal = _write_down(shown, candidates, opened, champion, desk)
        return _register(shown, candidates, opened, desk, seal, requirements) if shown.accepted else shown


def default_gate() -> Path:
    """The gate file that is shipped."""
    return configs_folder() / "gate" / "default.yaml"


def read_gate(path: Path) -> Gate:
    """Read a gate file. Raises ConfigError for one that is not there, no YAML, or not what `gate_from_mapping` takes."""
    if not path.is_file():
        raise ConfigError("there is no such gate file", where=str(path), remedy=f"Copy {default_gate().name} from configs/gate and change it")
    try:
        found = OmegaConf.to_container(OmegaConf.create(read_utf8(path)), resolve=True)
    except (OmegaConfBaseException, YAMLError, ValueError) as error:
        problem = f"is no YAML of a gate ({' '.join(str(error).split())[:200]})"
        raise ConfigError(problem, where=str(path), remedy="Compare it with configs/gate/default.yaml") from error
    return gate_from_mapping(found, str(path))


def _records_beside(uri: str) -> Path:
    path = uri.removeprefix("sqlite:///") if uri.startswith("sqlite:///") else ""
    return Path(path).absolute().parent / "published" if path else Path("published").absolute()


def _check_servable(bundle: Bundle) -> None:
    """What is registered is served, and an answer holds for each sentence whether it is loaded: found out before a decision is written."""
    if LOADED.name not in bundle.manifest.heads:
        problem = f"has no head of the task {LOADED.name!r}, only {', '.join(bundle.manifest.heads)}, and cannot be served alone"
        remedy = "Merge it with one (slant export RUN_LOADED RUN_STANCE -o FOLDER) and publish both runs with --bundle FOLDER"
        raise BundleError(problem, where=bundle.where, remedy=remedy)


def _check_ledger(champion: Registered | None, ledger: Path) -> None:
    """A ledger that was cut at its end still reads well; the champion remembers the line it was decided by."""
    entries = read_ledger(ledger)
    seal = champion.tags.get("slant.decision") if champion else None
    if champion and seal and seal not in {entry["hash"] for entry in entries}:
        problem = f"the ledger lacks the decision on {champion.name} version {champion.version}: it was cut, or is another one"
        raise StorageError(problem, where=str(ledger), remedy="Name the folder of the right one with --records")


def _judged(candidates: Sequence[Candidate], bundle: Bundle, champion: Registered | None, desk: _Desk, blind: Sequence[str]) -> list[Check]:
    gate = desk.gate
    probes = probe_rates(bundle, tuple(gate.probes.rates)) if gate.probes else {}
    answered = [key.removeprefix(run_tag("")) for key in (champion.tags if champion else {}) if key.startswith(run_tag(""))]
    checks = judge_heads(bundle.manifest.heads, [candidate.task for candidate in candidates], answered)
    facts = []
    for number, candidate in enumerate(candidates):
        against = Against()
        if gate.champion or gate.slices:
            against = compare_with(candidate, champion, desk.registry.uri, desk.scratch / f"champion-{number}")
        facts.append(replace(facts_of(candidate, bundle), against=against, probes=probes.get(candidate.task)))
    # The blind set comes last: a look is spent once, and not on a model that something else keeps out.
    others = [*checks, *_tables(replace(gate, blind=None), candidates, facts)]
    if blind and (missed := failing(others)):
        facts[0] = replace(facts[0], blind_problem=f"not looked at: {missed[0].gate} keeps the run out, and a look is spent once")
    elif blind:
        figure, problem = judge_blind(candidates[0], bundle, open_blind(blind, candidates[0]), gate, desk.ledger)
        facts[0] = replace(facts[0], blind=figure, blind_problem=problem)
    return [*checks, *_tables(gate, candidates, facts)]


def _tables(gate: Gate, candidates: Sequence[Candidate], facts: Sequence[Facts]) -> list[Check]:
    """The checks of every run; where there are several each says of which task."""
    checks = []
    for candidate, told in zip(candidates, facts, strict=True):
        mark = f"{candidate.task}: " if len(candidates) > 1 else ""
        checks += [replace(check, what=mark + check.what) for check in judge(gate, told)]
    return checks


def _write_down(shown: Published, candidates: Sequence[Candidate], bundle: Bundle, champion: Registered | None, desk: _Desk) -> str:
    """The decision, in the ledger and in the runs' tags, before anything follows from it; returns the digest of its line."""
    missed = [f"{check.gate}: {check.what}" for check in failing(shown.checks)]
    decision = {
        "name": shown.name,
        "alias": shown.alias,
        "runs": shown.runs,
        "bundle_id": shown.bundle_id,
        "model_digest": model_digest(bundle),
        "test_fingerprints": [candidate.test_fingerprint for candidate in candidates],
        "gate": desk.gate.name,
        "gate_digest": desk.gate.digest,
        "champion": champion.version if champion else None,
        "accepted": shown.accepted,
        "override": shown.override,
        "failing": missed,
        "checks": [asdict(check) for check in shown.checks],
    }
    seal = str(append_entry(desk.ledger, "decision", decision)["hash"])
    tags = {"name": shown.name, "accepted": shown.accepted, "gate": desk.gate.name, "failing": "; ".join(missed), "override": shown.override or ""}
    for candidate in candidates:
        tag_run(candidate, desk.registry.uri, {f"slant.publish.{key}": str(value) for key, value in (tags | {"decision": seal}).items()})
    return seal


def _register(
    shown: Published, candidates: Sequence[Candidate], bundle: Bundle, desk: _Desk, seal: str, requirements: Sequence[str] | None
) -> Published:
    about: dict[str, Any] = {"decision": seal, "name": shown.name, "alias": shown.alias}
    try:
        run_ids = [tracked_run(candidate, desk.registry.uri, desk.ledger.parent.parent) for candidate in candidates]
        tags = {"slant.bundle_id": shown.bundle_id, "slant.decision": seal, "slant.override": shown.override or ""}
        tags |= {run_tag(candidate.task): run_id for candidate, run_id in zip(candidates, run_ids, strict=True)}
        found = desk.registry.register(shown.name, shown.alias, bundle.folder, run_ids[0], tags=tags, requirements=requirements)
    except BaseException as error:
        line = " ".join(str(error).split())[:500] or type(error).__name__
        _noted(lambda: append_entry(desk.ledger, "not_registered", about | {"error": line}))
        raise
    problem = _noted(lambda: append_entry(desk.ledger, "registered", about | {"version": found.version}))
    return replace(shown, version=found.version, note=f"the ledger does not tell of version {found.version} ({problem})" if problem else "")


def _noted(step: Callable[[], object]) -> str:
    """Do it, and return what prevents it: what is registered by now stands, and what failed before matters more."""
    try:
        step()
    except StorageError as error:
        return str(error)
    return ""
