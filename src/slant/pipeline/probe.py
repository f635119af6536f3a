"""A model's behaviour on a suite of probes, and its leaning on the predictions of its run."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from slant import __version__
from slant.bundle import Bundle, Head, read_bundle
from slant.data.probes import KINDS, ProbeCase, Suite, read_suite
from slant.decode import decide
from slant.errors import ConfigError, DataError
from slant.evaluation import read_predictions
from slant.evaluation.behaviour import MARGIN, Answer, Outcome, judge_cases, summarise_probes
from slant.evaluation.leaning import SIDES, audit_camps, audit_leanings
from slant.files import read_utf8
from slant.labels import LOADED, STANCE
from slant.pipeline.app import compose_config, near
from slant.progress import track
from slant.records import ScoreItem
from slant.serve.answers import HeadAnswers
from slant.serve.questions import ask_item
from slant.serve.runtime import open_runtime
from slant.serve.verify import replay_golden
from slant.tracking import fetch_run

__all__ = ["ProbeReport", "probe_model", "read_camps"]

_BATCH = 64
_FILES = ("bundle", "predictions.parquet")


@dataclass(frozen=True)
class ProbeReport:
    """What a suite and a predictions table say of a model.

    Attributes:
        model: how the user named it; `bundle` its bundle's id.
        rows: `slant.evaluation.behaviour.summarise_probes`.
        leaning, camps: `audit_leanings` and `audit_camps`; None where they could not be asked, and `notes` say why.
        notes: what was left out, a sentence each.
    """

    model: str
    bundle: str
    suite: Suite
    rows: list[dict[str, Any]]
    outcomes: list[Outcome] = field(repr=False)
    leaning: dict[str, Any] | None
    camps: dict[str, Any] | None
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """All of it, with every case and every answer."""
        suite = {"name": self.suite.name, "version": self.suite.version, "digest": self.suite.digest, "cases": len(self.suite.cases)}
        cases = [
            {
                **{key: getattr(outcome.case, key) for key in ("id", "task", "kind", "base", "detail")},
                "passed": outcome.passed,
                "badness": outcome.badness,
                "items": [asdict(item) | asdict(answer) for item, answer in zip(outcome.case.items, outcome.answers, strict=True)],
            }
            for outcome in self.outcomes
        ]
        head = {"model": self.model, "bundle": self.bundle, "package_version": __version__, "suite": suite, "margin": MARGIN}
        return {**head, "kinds": self.rows, "leaning": self.leaning, "camps": self.camps, "notes": self.notes, "cases": cases}


def probe_model(
    model: str,
    *,
    suite: str | Path | None = None,
    kinds: Sequence[str] = (),
    camps: Mapping[str, Sequence[str]] | None = None,
    store: str = "",
    precision: str | None = None,
    threads: int = 1,
) -> ProbeReport:
    """Ask a model what a suite asks, and audit its run's predictions for leaning.

    Args:
        model: a bundle (folder or zip), a run's folder, or a run's id in an MLflow store.
        suite: a folder of probes; None is the shipped one.
        kinds: only these of KINDS; empty is all of them.
        camps: the targets of each camp (`read_camps`), for the audit by target.
        store: the MLflow store; "" is the configuration's own.
        precision, threads: as `slant.serve.Annotator.open`.

    Raises ConfigError for a model that is not there, an unknown kind, and a suite that asks nothing the model can answer; BundleError and DataError
    as their readers do.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(f"there is no kind of probe {kind!r}", where="--kind", remedy=near(kind, KINDS, f"Known: {', '.join(KINDS)}"))
    read = read_suite(suite)
    wanted = [case for case in read.cases if not kinds or case.kind in kinds]
    with tempfile.TemporaryDirectory(prefix="slant-probe-") as scratch:
        bundle, predictions = _find(model, store, Path(scratch))
        opened = read_bundle(bundle)
        tasks = set(opened.manifest.heads)
        cases = [case for case in wanted if case.task in tasks]
        if not cases:
            asked = ", ".join(sorted({case.task for case in wanted})) or "nothing"
            problem = f"the model's heads are of {', '.join(sorted(tasks))}, the probes are of {asked}"
            raise ConfigError(problem, where=model, remedy="Name another --suite, --kind or model")
        notes = [f"no {task} head, so its probes were not asked" for task in sorted({case.task for case in wanted} - tasks)]
        # First, since a table that cannot be read is found out at once, and the model is asked for a while.
        leaning, by_camp, more = _lean(predictions, camps)
        answers = _ask(opened, cases, precision, threads)
        answered = [case for case in cases if all(item in answers for item in case.items)]
        if len(answered) < len(cases):
            notes.append(f"{len(cases) - len(answered)} cases were not answered: their target was not mentioned, or not read")
    outcomes = judge_cases(answered, answers)
    return ProbeReport(model, opened.manifest.id, read, summarise_probes(outcomes), outcomes, leaning, by_camp, notes + more)


def read_camps(path: str | Path) -> dict[str, list[str]]:
    """A YAML file that names the targets of each camp, `left: [Name, Name]`. Raises DataError when it is something else."""
    try:
        found = yaml.safe_load(read_utf8(path))
    except yaml.YAMLError as error:
        raise DataError(f"not readable as YAML ({' '.join(str(error).split())[:200]})", where=str(path), remedy="Mend it") from error
    good = isinstance(found, dict) and all(
        isinstance(camp, str) and isinstance(names, list) and names and all(isinstance(name, str) for name in names) for camp, names in found.items()
    )
    if not good or not set(SIDES) <= set(found):
        raise DataError("is no table of camps", where=str(path), remedy="Write left: [Name, …] and right: [Name, …], and other camps likewise")
    return dict(found)


def _ask(bundle: Bundle, cases: Sequence[ProbeCase], precision: str | None, threads: int) -> dict[ScoreItem, Answer]:
    """An answer for each different item of the cases; none for a target that the stance head does not find or reach.

    The heads are run as `Annotator` runs them, but by themselves: a bundle with a stance head alone annotates nothing, and can be probed.
    """
    runtime = open_runtime(bundle, precision=precision, threads=threads)
    replay_golden(bundle, runtime, precision or bundle.manifest.precision)
    heads = bundle.manifest.heads
    unmentioned = STANCE.name in heads and heads[STANCE.name].reads != "mention"
    items = list(dict.fromkeys(item for case in cases for item in case.items))
    batches = [items[first : first + _BATCH] for first in range(0, len(items), _BATCH)]
    answers: dict[ScoreItem, Answer] = {}
    for batch in track(batches, len(batches), "probes"):
        asked = [question for row, item in enumerate(batch) if (question := ask_item(row, item, unmentioned=unmentioned)) is not None]
        said = runtime([item.text for item in batch], asked).heads
        if LOADED.name in heads:
            given = _answers(heads[LOADED.name], said[LOADED.name], "loaded")
            answers |= {item: answer for item, answer in zip(batch, given, strict=True) if item.target is None}
        if asked and STANCE.name in heads:
            found = said[STANCE.name]
            given = _answers(heads[STANCE.name], found, "favor", "against")
            read = [True] * len(asked) if found.answered is None else found.answered
            answers |= {batch[one.row]: answer for one, answer, was in zip(asked, given, read, strict=True) if was}
    return answers


def _answers(head: Head, found: HeadAnswers, plus: str, minus: str | None = None) -> list[Answer]:
    """The head's decisions, each with the probability of one label, less that of another."""
    chosen, _ = decide(found.probabilities, head.decision)
    scores = found.probabilities[:, head.labels.index(plus)]
    if minus is not None:
        scores = scores - found.probabilities[:, head.labels.index(minus)]
    return [Answer(head.labels[label], float(score)) for label, score in zip(chosen, scores, strict=True)]


def _lean(predictions: Path | None, camps: Mapping[str, Sequence[str]] | None) -> tuple[dict[str, Any] | None, dict[str, Any] | None, list[str]]:
    if predictions is None:
        if camps is not None:
            raise ConfigError("a bundle alone has no predictions to audit by camp", where="--camps", remedy="Name its run: a folder or an MLflow id")
        return None, None, ["a bundle alone has no predictions, so its leaning was not audited: name its run"]
    table = read_predictions(predictions)
    leaning = audit_leanings(table)
    notes = [] if leaning else ["no row of the predictions has an outlet's leaning, so none was audited"]
    return leaning, None if camps is None else audit_camps(table, camps), notes


def _find(model: str, store: str, scratch: Path) -> tuple[Path, Path | None]:
    """The bundle, and the predictions of its run if it was named by its run."""
    path = Path(model)
    if path.is_file() or (path / "bundle.json").is_file():
        return path, None
    if path.is_dir():
        bundle, predictions = path / "bundle", path / "predictions.parquet"
    elif re.fullmatch(r"[0-9a-f]{32}", model):
        stored = fetch_run(store or compose_config([]).tracking.uri, model, _FILES, scratch)
        # A run that did not log its bundle tells where it lies.
        bundle = stored.files.get("bundle") or Path(stored.tags.get("slant.bundle") or scratch / "none")
        predictions = stored.files.get("predictions.parquet", scratch / "none")
    else:
        remedy = "Give a bundle, a run's folder below runs/, or an MLflow run's id of 32 digits"
        raise ConfigError("there is no such bundle or run", where=model, remedy=remedy)
    if not (bundle / "bundle.json").is_file():
        raise ConfigError("the run has no bundle here", where=model, remedy="Name its bundle, or train it again with publish.enabled=true")
    return bundle, predictions if predictions.is_file() else None
