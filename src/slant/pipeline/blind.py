"""A look at a blind set: rows that nobody has chosen anything by, and that one model may be judged on once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slant.bundle import Bundle
from slant.data import Corpus, column
from slant.data.examples import without_nulls
from slant.errors import ConfigError, DataError
from slant.evaluation import Predictions, PredictionsMeta, make_predictions, score
from slant.labels import get_task
from slant.pipeline.corpora import load_named
from slant.pipeline.publish_facts import Candidate, model_digest
from slant.publish.gatefile import Gate
from slant.publish.gates import Rate
from slant.publish.ledger import append_entry, find_look, read_ledger, spend_look
from slant.records import ScoreItem

if TYPE_CHECKING:
    from slant.records import AnnotatedSentence

__all__ = ["blind_predictions", "judge_blind", "open_blind"]

_COPIED = ("id", "group", "text", "target", "outlet", "leaning", "topic", "voice")


def open_blind(words: Sequence[str], candidate: Candidate) -> Corpus:
    """The blind set that a corpus's name and its keys describe, e.g. `table file=blind.csv`.

    Raises ConfigError and DataError as `load_named`; DataError for one of another task, without labels, or that shares a text or its whole
    with what the run has seen: that is not blind.
    """
    name, *keys = words
    _, corpus = load_named(name, [*keys, f"task={candidate.task}"])
    rows = without_nulls(corpus.dataset)
    if not len(rows) or set(column(rows, "task")) != {candidate.task}:
        raise DataError(f"has no labelled row of the task {candidate.task!r}", where=corpus.path, remedy="Name a blind set of the run's task")
    known = {" ".join(text.split()).casefold() for text in candidate.predictions.column("text").tolist()}
    seen = sum(" ".join(text.split()).casefold() in known for text in column(rows, "text"))
    if seen or corpus.fingerprint == candidate.predictions.meta.corpus_fingerprint:
        problem = f"{seen:,} of its {len(rows):,} texts stand in the run's own predictions" if seen else "it is the corpus that the run learned from"
        raise DataError(f"the set is not blind: {problem}", where=corpus.path, remedy="Name a set that the run has not seen")
    return corpus


def judge_blind(candidate: Candidate, bundle: Bundle, corpus: Corpus, gate: Gate, ledger: Path) -> tuple[Rate | None, str]:
    """The metric on the blind set, or None and why there is none.

    The look is written into the ledger before it is taken. A model that looked before is not asked again: what it reached then counts, as long as
    the same gate asks for it, so that a registration that failed can be tried again; another gate gets nothing.

    Raises ConfigError, before the look is spent, for a metric that the run does not have.
    """
    assert gate.blind is not None
    metric = gate.blind.metric
    if metric not in candidate.scores["metrics"]:
        raise ConfigError(f"the run has no metric {metric!r}", where="blind.metric", remedy="Name one of its scores.json")
    digest, bundle_id = model_digest(bundle), bundle.manifest.id
    entries = read_ledger(ledger)
    if look := find_look(entries, digest, bundle_id, corpus.fingerprint):
        results = [entry for entry in entries if entry["kind"] == "blind_result" and entry["look"] == look["hash"]]
        if results and look["gate_digest"] == gate.digest:
            return Rate(**results[0]["figure"]), ""
        then = f"; {results[0]['metric']} was {results[0]['figure']['value']}" if results else ""
        return None, f"spent on this model on {look['time']} by the gate {look['gate']!r}{then}"
    about = {"gate": gate.name, "gate_digest": gate.digest, "corpus": f"{corpus.name}@{corpus.version}", "rows": len(corpus.dataset)}
    look = spend_look(ledger, digest, bundle_id, corpus.fingerprint, **about)
    found = score(blind_predictions(bundle, corpus))["metrics"].get(metric, {"value": None, "lo": None, "hi": None, "n": 0})
    figure = {key: found[key] for key in ("value", "lo", "hi", "n")}
    append_entry(ledger, "blind_result", {"look": look["hash"], "metric": metric, "figure": figure})
    return Rate(**figure), ""


def blind_predictions(bundle: Bundle, corpus: Corpus) -> Predictions:
    """The bundle's answers on the labelled rows of a corpus, as a predictions table of the split `blind`."""
    from slant.serve import Annotator

    rows = without_nulls(corpus.dataset)
    task = get_task(column(rows, "task")[0])
    wanted = ("text", "target", "target_start", "target_end") if task.name == "stance" else ("text",)
    items = [ScoreItem(*cells) for cells in zip(*(column(rows, name) for name in wanted), strict=True)]
    answers = [_answer(sentence, task.name, task.labels) for sentence in Annotator.open(bundle.folder).score(items)]
    n = len(answers)
    columns: dict[str, list[Any]] = {name: column(rows, name) for name in _COPIED}
    columns |= {"run_id": ["blind"] * n, "split": ["blind"] * n, "fold": [0] * n, "seed": [0] * n, "gold": column(rows, "label")}
    columns |= {"pred": [answer[0] for answer in answers], "abstained": [answer[2] for answer in answers]}
    columns |= {f"p_{label}": [answer[1][label] for answer in answers] for label in task.labels}
    head = bundle.manifest.heads[task.name]
    meta = PredictionsMeta(
        task=task.name,
        task_version=task.version,
        labels=task.labels,
        corpus_fingerprint=corpus.fingerprint,
        split_fingerprint=corpus.fingerprint,
        package_version=bundle.manifest.package_version,
        model=head.model,
    )
    return make_predictions(columns, meta, where=corpus.path)


def _answer(sentence: AnnotatedSentence, task: str, labels: Sequence[str]) -> tuple[str, dict[str, float], bool]:
    """Label, probability of each label, whether it abstained. A stance that the model cannot read is the task's neutral, and an abstention."""
    if task == "loaded":
        p = sentence.loaded.probability
        return sentence.loaded.label, {"neutral": 1 - p, "loaded": p}, sentence.loaded.abstained
    if not sentence.stance:
        return "neutral", {label: float(label == "neutral") for label in labels}, True
    found = sentence.stance[0]
    return found.label, found.probabilities, found.abstained
