"""One run's report: found, read, judged, shown, and logged back to the run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from slant.data.corpus import data_folder
from slant.data.reading import read_json, read_json_lines, read_text
from slant.errors import ConfigError, DataError, SlantError
from slant.evaluation import Predictions, predictions_hash, read_predictions, score
from slant.evaluation.ceiling import RoundCeiling, SecondMark, round_ceiling, vote_ceiling
from slant.evaluation.comparison import seed_tables, summarise_side
from slant.evaluation.curves import ranking_curves
from slant.evaluation.errors import error_report
from slant.files import write_atomic
from slant.metrics import confusion_counts
from slant.pipeline.app import compose_config
from slant.report import AuditSummary, RunReport, RunSummary, render_run
from slant.tracking.find import FoundRun, find_runs_named, log_to_run

__all__ = ["run_report"]

#: Below this the page stands among the MLflow run's artefacts.
_FOLDER = "report"
_SPLIT = "test"
_SEVERITIES = ("stop", "warn", "info")
_FINDING = ("severity", "kind", "count", "total", "what", "remedy")


def run_report(run: str, *, store: str = "", html: Path | None = None, json_file: Path | None = None, resamples: int = 2000) -> RunReport:
    """The report of a run; its page and its JSON are written and, where the run is in an MLflow store, logged to it below `report`.

    Args:
        run: as `find_runs_named` takes it: a run's folder, or an MLflow run's id or name.
        store: the MLflow store; "" is the caller's own.
        html, json_file: where to write; nowhere else than to the MLflow run without.
        resamples: draws of groups where the run's scores.json has to be made anew.

    Raises ConfigError for a run that is not there and a group of several, DataError for tables that cannot be read, StorageError for a store that
    is not there and a file that cannot be written. What could not be logged is a warning in the report: the page stands.
    """
    with tempfile.TemporaryDirectory(prefix="slant-report-") as scratch:
        uri = store if Path(run).is_dir() else store or compose_config([]).tracking.uri
        found = find_runs_named(run, uri, Path(scratch))
        if len(found) != 1:
            listed = ", ".join(one.run_id for one in found[:5])
            raise ConfigError(f"{run!r} names {len(found)} runs, and a report is of one", where=uri, remedy=f"Name one by its id: {listed}")
        report = _report(found[0], resamples)
        page, data = render_run(report), json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        logged = [Path(scratch) / "report.html", Path(scratch) / "report.json"]
        for path, text in ((html, page), (json_file, data), (logged[0], page), (logged[1], data)):
            if path is not None:
                with write_atomic(path) as part:
                    part.write_text(text, encoding="utf-8")
        if found[0].run_id:
            try:
                for path in logged:
                    log_to_run(uri, found[0].run_id, path, _FOLDER)
            except SlantError as error:
                report["warnings"].append(f"The report could not be logged to the run: {error}")
    return report


def _report(run: FoundRun, resamples: int) -> RunReport:
    """The report of a run whose files lie in its folder.

    Needed is predictions.parquet alone; what other files would tell is then left out and, where it is missed, noted. Scores are those of
    scores.json when that was made of these predictions, else made anew.
    """
    folder = run.folder
    predictions = read_predictions(folder / "predictions.parquet")
    tables = seed_tables(predictions, _SPLIT)
    rows = predictions.select(predictions.column("split") == _SPLIT)
    notes: list[str] = []
    scores = _scores(folder, predictions, rows, resamples, notes)
    bootstrap = scores["bootstrap"]
    settings: dict[str, Any] = {"resamples": bootstrap["resamples"], "seed": bootstrap["seed"], "level": bootstrap["level"]}
    config, written = _config(folder)
    audit, doubted = _audit(folder)
    if audit is None:
        notes.append("The run has no audit.json.")
    learning = folder / "learning_curve.json"
    return RunReport(
        schema_version=1,
        name=run.name if run.run_id else str(config.get("name") or run.name),
        run_id=run.run_id,
        task=predictions.meta.task,
        labels=list(predictions.meta.labels),
        model=predictions.meta.model,
        scores=scores,
        summary=_summary(rows, tables, settings, notes),
        errors=error_report(rows, doubted=doubted, **settings),
        votes=vote_ceiling(rows, **settings),
        rounds=_rounds(rows, config, audit, settings),
        learning_curve=_learning(learning) if learning.is_file() else None,
        audit=audit,
        facts=_facts(run, scores, predictions),
        config=written,
        warnings=_warnings(run, scores),
        notes=notes,
    )


def _scores(folder: Path, predictions: Predictions, rows: Predictions, resamples: int, notes: list[str]) -> dict[str, Any]:
    stored = read_json(folder / "scores.json") if (folder / "scores.json").is_file() else {}
    told = stored.get("fingerprints", {}).get("predictions") if isinstance(stored.get("fingerprints"), dict) else None
    if told == predictions_hash(rows) and {"metrics", "floors", "bootstrap"} <= stored.keys():
        return stored
    notes.append(f"{'scores.json is of other predictions' if told else 'The run has no scores.json'}: the scores on this page were made anew.")
    floors = {path.stem: read_predictions(path) for path in sorted((folder / "floors").glob("*.parquet"))}
    cost = {"cost": stored["cost"]} if isinstance(stored.get("cost"), dict) else {}
    return score(predictions, split=_SPLIT, resamples=resamples, floors=floors) | cost


def _summary(rows: Predictions, tables: list[Predictions], settings: Mapping[str, Any], notes: list[str]) -> RunSummary:
    curves = ranking_curves(rows)
    try:
        found = summarise_side(rows.meta.model, tables, **settings)
    except DataError as error:
        # One group: there is nothing to resample, and so nothing that has an interval.
        notes.append(f"No slices and no calibration: {error.problem}.")
        gold, k = rows.label_index("gold"), len(rows.meta.labels)
        counts = confusion_counts(gold[gold >= 0], rows.label_index("pred")[gold >= 0], k).astype(int).tolist()
        return RunSummary(confusion=counts, curves=curves, calibration=None, abstention=None, slices=[])
    return RunSummary(
        confusion=found["confusion"], curves=curves, calibration=found["calibration"], abstention=found["abstention"], slices=found["slices"]
    )


def _config(folder: Path) -> tuple[dict[str, Any], str]:
    """The run's configuration as plain values and as it was written; empty where there is none. It is read, never built."""
    path = folder / "config.yaml"
    if not path.is_file():
        return {}, ""
    written = read_text(path)
    try:
        found = OmegaConf.to_container(OmegaConf.create(written), resolve=False)
    except (OmegaConfBaseException, YAMLError) as error:
        raise DataError("cannot be read as YAML", where=str(path), remedy="Take the config.yaml that the run wrote") from error
    return ({str(key): value for key, value in found.items()} if isinstance(found, dict) else {}), written


def _audit(folder: Path) -> tuple[AuditSummary | None, Collection[str]]:
    """The audit without its rows, and the ids of the rows whose label it doubts."""
    path = folder / "audit.json"
    if not path.is_file():
        return None, ()
    found = read_json(path)
    try:
        findings = sorted(found["findings"], key=lambda finding: (*_SEVERITIES, finding["severity"]).index(finding["severity"]))
        kinds = {finding["kind"] for finding in findings}
        summary = AuditSummary(
            corpus=str(found["corpus"]),
            version=str(found["version"]),
            rows=int(found["rows"]),
            findings=[{key: finding[key] for key in _FINDING} for finding in findings],
            clean=[str(kind) for kind in found["checked"] if kind not in kinds],
        )
        doubted = {row for finding in findings if finding["kind"] == "label_noise" for item in finding["items"] for row in item["ids"]}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("is no audit that can be read", where=str(path), remedy="Take the audit.json that the run wrote") from error
    return summary, doubted


def _learning(path: Path) -> dict[str, Any]:
    """The recorded learning curve, checked: points with a number of training rows and metrics that have a value."""
    found = read_json(path)
    points = found.get("points")
    remedy = 'It is {"points": [{"rows": 500, "metrics": {"macro_f1": {"value": 0.7, "lo": 0.6, "hi": 0.8}}}, …]}'
    if not isinstance(points, list) or not points:
        raise DataError("is no learning curve: it has no points", where=str(path), remedy=remedy)
    for number, point in enumerate(points):
        where = f"{path}, point {number}"
        if not isinstance(point, dict) or not _is_number(point.get("rows")) or point["rows"] <= 0 or not isinstance(point.get("metrics"), dict):
            raise DataError("a point needs a number of rows and metrics", where=where, remedy=remedy)
        for name, entry in point["metrics"].items():
            bounds = [entry.get(key) for key in ("value", "lo", "hi")] if isinstance(entry, dict) else ["none"]
            if not all(value is None or _is_number(value) for value in bounds):
                raise DataError(f"the metric {name!r} has no value", where=where, remedy=remedy)
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _rounds(rows: Predictions, config: Mapping[str, Any], audit: AuditSummary | None, settings: Mapping[str, Any]) -> dict[str, RoundCeiling]:
    """The shipped corpus's second pass, where the run's rows are of that corpus."""
    if audit is None or audit["corpus"] != "newsroom":
        return {}
    data = config.get("data")
    root = data.get("root") if isinstance(data, dict) else None
    path = (Path(root) if isinstance(root, str) else data_folder() / "newsroom") / "second_pass.jsonl"
    if not path.is_file():
        return {}
    found = round_ceiling(rows, _second_pass(path, rows.meta.task), **settings)
    return {} if found is None else {"A second, blind pass over the corpus, by language models as the first": found}


def _second_pass(path: Path, task: str) -> dict[str, SecondMark]:
    """The marks by row id: a sentence's, or `id#n` for the stance towards its n-th target."""
    marks: dict[str, SecondMark] = {}
    for where, row in read_json_lines(path):
        try:
            if task == "loaded":
                marks[row["id"]] = SecondMark(row["label"], [(span["start"], span["end"]) for span in row["spans"]])
            else:
                marks |= {f"{row['id']}#{number}": SecondMark(label) for number, label in enumerate(row["stances"])}
        except (KeyError, TypeError) as error:
            raise DataError(f"the key {error} is missing", where=where, remedy="Take the corpus's own second_pass.jsonl") from error
    return marks


def _facts(run: FoundRun, scores: Mapping[str, Any], predictions: Predictions) -> dict[str, str]:
    """Cost and origin in words, by name; what is not known is left out."""
    cost = {key: float(value) for key, value in scores.get("cost", {}).items() if _is_number(value)}
    made = _environment(run)
    commit = made.get("git_commit") or run.tags.get("slant.git_commit")
    elsewhere = run.tags.get("slant.bundle")
    recorded = f"{cost['bundle_mb']:.1f} MB" if "bundle_mb" in cost else None
    said = {
        "time": _duration(cost["seconds"]) if "seconds" in cost else None,
        "peak memory": f"{cost['peak_memory_mb']:,.0f} MB" if "peak_memory_mb" in cost else None,
        "texts that an encoder read": f"{cost['encoder_passes']:,.0f}" if "encoder_passes" in cost else None,
        "bundle": _size(run.folder / "bundle") or (_size(Path(elsewhere)) if elsewhere else None) or recorded,
        "MLflow run": run.run_id or None,
        "Slant version": predictions.meta.package_version,
        "git commit": f"{commit}{' with uncommitted changes' if _dirty(run) else ''}" if commit else None,
        "Python": f"{made['python']}, {made.get('machine', '')}" if made.get("python") else None,
        "corpus fingerprint": predictions.meta.corpus_fingerprint,
        "split fingerprint": predictions.meta.split_fingerprint,
        "predictions hash": str(scores["fingerprints"]["predictions"]),
    }
    return {name: value for name, value in said.items() if value is not None}


def _duration(seconds: float) -> str:
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s" if seconds >= 60 else f"{seconds:.1f} s"


def _size(bundle: Path) -> str | None:
    """The size of a bundle and of each of its graphs; None where there is no bundle."""
    if not (bundle / "bundle.json").is_file():
        return None
    files = sorted(path for path in bundle.rglob("*") if path.is_file())
    graphs = [f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in files if path.suffix in (".onnx", ".skops", ".safetensors")]
    whole = sum(path.stat().st_size for path in files) / 1e6
    return f"{whole:.1f} MB" + (f" ({', '.join(graphs)})" if graphs else "")


def _environment(run: FoundRun) -> dict[str, Any]:
    path = run.folder / "environment.json"
    return read_json(path) if path.is_file() else {}


def _dirty(run: FoundRun) -> bool:
    return _environment(run).get("git_dirty") is True or run.tags.get("slant.git_dirty") == "true"


def _warnings(run: FoundRun, scores: Mapping[str, Any]) -> list[str]:
    """What a reader must know before the first figure."""
    lines = ["The run was made from a git tree with uncommitted changes: nobody else can make it again."] if _dirty(run) else []
    if run.status not in ("", "FINISHED"):
        lines.append(f"The run did not finish: its status is {run.status}.")
    counted = {"rows_truncated": "rows were not read to their end", "rows_without_gold": "rows have no gold label and are in no score"}
    return lines + [f"{scores[key]:,} {what}." for key, what in counted.items() if scores.get(key)]
