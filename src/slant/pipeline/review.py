"""Runs compared: found, read, set side by side, shown, and logged back to where they came from."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slant.data.reading import read_json
from slant.errors import ConfigError, DataError, SlantError
from slant.evaluation import Predictions, predictions_hash, read_predictions
from slant.evaluation.comparison import Comparison, compare
from slant.files import write_atomic
from slant.pipeline.app import compose_config
from slant.tracking.find import FoundRun, find_runs_named, log_to_run
from slant.tracking.logger import flatten

__all__ = ["COMPARISON_FOLDER", "review"]

logger = logging.getLogger(__name__)

#: Where a comparison lies among a run's artefacts.
COMPARISON_FOLDER = "comparisons"
#: Keys in which the runs of one side may differ: they are seeds of one configuration, run at other places.
_OWN = ("seed", "name", "paths.", "tracking.", "publish.", "threads", "launcher", "hydra.", "evaluation.learning_curve")
#: Keys in which sides may differ without a reviewer's wanting to know.
_DULL = ("name", "paths.", "tracking.", "hydra.", "evaluation.learning_curve")


@dataclass(frozen=True)
class _Run:
    """A found run with what was read of it."""

    found: FoundRun
    predictions: Predictions
    config: dict[str, str]
    environment: dict[str, Any]


def review(
    runs: Sequence[str],
    *,
    store: str = "",
    html: Path | None = None,
    json_file: Path | None = None,
    resamples: int = 2000,
    seed: int = 0,
    metrics: Sequence[str] | None = None,
) -> Comparison:
    """Compare the runs or groups of runs that are named with the first of them; its page and JSON are written, and logged to every MLflow run.

    Args:
        runs: each as `find_runs_named` takes it; a group's runs are seeds of one configuration.
        store: the MLflow store; "" is the caller's own.
        html, json_file: where to write; nowhere else than to the MLflow runs without.

    Raises what `find_runs_named`, `read_predictions` and `compare` raise; ConfigError for fewer than two names, one named twice, and a group whose
    runs differ in more than their seed. What could not be logged to a run is a warning: the comparison stands.
    """
    if len(runs) < 2:
        raise ConfigError(f"{len(runs)} run(s) to compare", remedy="Name at least two: slant compare A B")
    if twice := [text for i, text in enumerate(runs) if text in runs[:i]]:
        raise ConfigError(f"{twice[0]} is named twice", remedy="Name each run once")
    with tempfile.TemporaryDirectory(prefix="slant-compare-") as scratch:
        uri = store or compose_config([]).tracking.uri
        found = {text: [_read(run) for run in find_runs_named(text, uri, Path(scratch), files=("config.yaml", "environment.json"))] for text in runs}
        warnings: list[str] = []
        sides = {}
        for (text, group), name in zip(found.items(), _names(found), strict=True):
            sides[name] = _seeds(name, group, warnings)
            _refuse_mixture(text, sides[name])
        tables = {name: [run.predictions for run in group] for name, group in sides.items()}
        comparison = compare(tables, resamples=resamples, seed=seed, metrics=metrics)
        comparison["warnings"] = [*warnings, *_warnings(sides)]
        comparison["config"] = _config_difference(sides)
        comparison["runs"] = {name: [_facts(run) for run in group] for name, group in sides.items()}
        comparison["warnings"] += _write(comparison, sides, uri, Path(scratch), html, json_file)
    return comparison


def _read(run: FoundRun) -> _Run:
    predictions = read_predictions(run.folder / "predictions.parquet")
    environment = run.folder / "environment.json"
    return _Run(run, predictions, _config(run.folder / "config.yaml"), read_json(environment) if environment.is_file() else {})


def _config(path: Path) -> dict[str, str]:
    """The configuration under dotted keys; none where the run has none."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    if not path.is_file():
        return {}
    try:
        tree = OmegaConf.to_container(OmegaConf.load(path))
    except (OmegaConfBaseException, YAMLError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read as a configuration ({type(error).__name__})", where=str(path), remedy="Name a run that is whole") from error
    return flatten({str(key): value for key, value in tree.items()}) if isinstance(tree, dict) else {}


def _names(found: dict[str, list[_Run]]) -> list[str]:
    """What each side is called: the run's own name (a folder's is in its configuration), or the group's.

    Where several would be called alike, the model is added, then the seed, then the id or the folder, until they are told apart.
    """
    names = []
    for text, runs in found.items():
        alone = len(runs) == 1 and not text.startswith(("experiment:", "sweep:"))
        names.append(_own_name(runs[0]) if alone else text)
    for more in (_model, _seed, _place):
        told = [more(text, runs[0]) for text, runs in found.items()]
        names = [f"{name} {what}".rstrip() if names.count(name) > 1 else name for name, what in zip(names, told, strict=True)]
    return names


def _own_name(run: _Run) -> str:
    return run.found.name if run.found.run_id else run.config.get("name", run.found.name)


def _model(_: str, run: _Run) -> str:
    return run.predictions.meta.model


def _seed(_: str, run: _Run) -> str:
    return f"seed {run.config['seed']}" if "seed" in run.config else ""


def _place(text: str, run: _Run) -> str:
    return f"({run.found.run_id[:8] or text})"


def _seeds(name: str, runs: list[_Run], warnings: list[str]) -> list[_Run]:
    """The runs of a side, one of each that predicted the same: the same seed run twice is no second seed."""
    kept: dict[str, _Run] = {}
    for run in runs:
        kept.setdefault(predictions_hash(run.predictions), run)
    if len(kept) < len(runs):
        warnings.append(f"{name}: {len(runs) - len(kept)} of {len(runs)} runs predicted the same as another and are left out.")
    seeds = [run.config.get("seed") for run in kept.values()]
    if twice := sorted({str(seed) for seed in seeds if seed is not None and seeds.count(seed) > 1}):
        warnings.append(f"{name}: several runs have seed {', '.join(twice)} and yet other predictions; they are taken as seeds of their own.")
    return list(kept.values())


def _refuse_mixture(text: str, runs: Sequence[_Run]) -> None:
    first = runs[0].config
    for run in runs[1:]:
        keys = sorted(key for key in first.keys() | run.config.keys() if first.get(key) != run.config.get(key) and not key.startswith(_OWN))
        if keys:
            problem = f"its runs differ in {', '.join(keys[:4])}{' …' if len(keys) > 4 else ''}, so they are not seeds of one configuration"
            raise ConfigError(problem, where=text, remedy="Name the runs one by one, or a group that differs in its seed only")


def _warnings(sides: dict[str, list[_Run]]) -> list[str]:
    """What a referee would ask: uncommitted changes, other package versions, runs that did not end well, no record at all."""
    said = []
    for name, runs in sides.items():
        dirty = [_label(run) for run in runs if _dirty(run)]
        if dirty:
            said.append(f"{name}: the git tree had changes that were not committed ({', '.join(dirty)}): no commit says what code ran.")
        odd = [f"{_label(run)} {run.found.status}" for run in runs if run.found.status not in ("", "FINISHED")]
        if odd:
            said.append(f"{name}: not finished: {', '.join(odd)}.")
    versions: dict[str, dict[str, list[str]]] = {}
    for name, runs in sides.items():
        for run in runs:
            for package, version in _versions(run).items():
                versions.setdefault(package, {}).setdefault(version, []).append(name)
    for package, of in sorted(versions.items()):
        if len(of) > 1:
            told = ", ".join(f"{version} ({', '.join(dict.fromkeys(names))})" for version, names in sorted(of.items()))
            said.append(f"The runs were made with different versions of {package}: {told}.")
    if unknown := [name for name, runs in sides.items() if any(not run.environment for run in runs)]:
        said.append(f"Package versions are not on record for {', '.join(unknown)} (no environment.json).")
    return said


def _dirty(run: _Run) -> bool:
    told = run.found.tags.get("slant.git_dirty")
    return told == "true" if told is not None else run.environment.get("git_dirty") is True


def _versions(run: _Run) -> dict[str, str]:
    packages = run.environment.get("packages")
    found = {name: str(version) for name, version in packages.items() if version} if isinstance(packages, dict) else {}
    if run.environment.get("python"):
        found["python"] = str(run.environment["python"])
    return found | {"slant": run.predictions.meta.package_version}


def _config_difference(sides: dict[str, list[_Run]]) -> dict[str, dict[str, str | None]]:
    """By dotted key, the value of each side, for keys in which sides differ; a side's seeds are told together."""
    values = {name: {key: _told(runs, key) for run in runs for key in run.config} for name, runs in sides.items()}
    keys = sorted({key for of in values.values() for key in of if not key.startswith(_DULL)})
    return {key: {name: of.get(key) for name, of in values.items()} for key in keys if len({of.get(key) for of in values.values()}) > 1}


def _told(runs: Sequence[_Run], key: str) -> str:
    return ", ".join(dict.fromkeys(run.config[key] for run in runs if key in run.config))


def _facts(run: _Run) -> dict[str, str | bool | None]:
    tags = run.found.tags
    return {
        "id": run.found.run_id or None,
        "name": run.found.name,
        "folder": tags.get("slant.folder") or (None if run.found.run_id else str(run.found.folder)),
        "git_commit": tags.get("slant.git_commit") or run.environment.get("git_commit"),
        "git_dirty": _dirty(run) if "slant.git_dirty" in tags or "git_dirty" in run.environment else None,
        "package_version": run.predictions.meta.package_version,
    }


def _label(run: _Run) -> str:
    return run.found.run_id[:8] or run.found.name


def _write(comparison: Comparison, sides: dict[str, list[_Run]], uri: str, scratch: Path, html: Path | None, json_file: Path | None) -> list[str]:
    """Write the files that were asked for, and log both to the MLflow runs; returns a warning for each that could not be logged."""
    from slant.report import render_comparison

    page, data = render_comparison(comparison), json.dumps(comparison, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    logged = [scratch / f"{_stem(sides)}.html", scratch / f"{_stem(sides)}.json"]
    for path, text in ((html, page), (json_file, data), (logged[0], page), (logged[1], data)):
        if path is not None:
            with write_atomic(path) as part:
                part.write_text(text, encoding="utf-8")
    warnings = []
    for run_id in dict.fromkeys(run.found.run_id for runs in sides.values() for run in runs if run.found.run_id):
        try:
            for path in logged:
                log_to_run(uri, run_id, path, COMPARISON_FOLDER)
        except SlantError as error:
            warnings.append(f"The comparison could not be logged to run {run_id}: {error}")
    return warnings


def _stem(sides: dict[str, list[_Run]]) -> str:
    """A file name that is the same for the same runs, so that a comparison done again replaces its page."""
    labels = ["+".join(_label(run) for run in runs[:3]) for runs in sides.values()]
    name = "-vs-".join(labels)
    return "".join(c if c.isalnum() or c in "+-_." else "_" for c in name)[:120]
