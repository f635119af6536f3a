"""One run's page: what its predictions, its scores and its audit say, in one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from slant.evaluation.ceiling import RoundCeiling, VoteCeiling
from slant.evaluation.comparison.shape import Abstention, Calibration, Estimate, Slice
from slant.evaluation.curves import RankingCurve
from slant.evaluation.errors import ErrorReport
from slant.report.charts import learning_chart, ranking_charts, reliability_charts, risk_chart
from slant.report.page import in_words, number, shown, template
from slant.report.sentences import pieces
from slant.report.svg import Axis, forest, ticks_between
from slant.report.tables import HEADLINE, not_beaten
from slant.serve.article import visible

__all__ = ["AuditSummary", "RunReport", "RunSummary", "render_run"]

#: At the top of the page stand those of these that the run has.
_TOP = ("macro_f1", "f_avg_pooled", "accuracy", "auroc", "word_f1", "ece")
_SECTIONS = (
    ("scores", "Scores"), ("confusion", "Confusion"), ("curves", "Curves"), ("slices", "Slices"), ("errors", "Errors"),
    ("learning", "Learning curve"), ("ceiling", "Annotators’ ceiling"), ("audit", "Audit"), ("cost", "Cost and origin"),
)  # fmt: skip
_VOTES = {
    "soft_cross_entropy": ("soft cross-entropy", "of the model’s probabilities against the votes’ shares, in nats; lower is better"),
    "vote_entropy": ("… at its least", "what the votes themselves would get: the entropy of their shares"),
    "excess": ("… above the least", "what is left to gain (Kullback–Leibler divergence)"),
    "prior_cross_entropy": ("… of the overall shares", "what answering every row with the votes’ overall shares would get"),
    "total_variation": ("total variation", "half the sum of differences between probabilities and shares, 0 to 1"),
    "jensen_shannon": ("Jensen–Shannon divergence", "the same in bits, 0 to 1"),
    "model_agreement": ("model and one annotator", "the chance that an annotator drawn at random gives the model’s label"),
    "best_agreement": ("best label and one annotator", "the same of each row’s most frequent vote: no single label can do better"),
    "annotator_agreement": ("two annotators", "the chance that two annotators of a row agree"),
}


class RunSummary(TypedDict):
    """What the rows say. `confusion[gold][pred]` counts rows in label order; `calibration` and `abstention` are None where they are not defined."""

    confusion: list[list[int]]
    curves: list[RankingCurve]
    calibration: Calibration | None
    abstention: Abstention | None
    slices: list[Slice]


class AuditSummary(TypedDict):
    """An audit without its rows: findings have severity, kind, count, total, what, remedy; `clean` are the checks that found nothing."""

    corpus: str
    version: str
    rows: int
    findings: list[dict[str, Any]]
    clean: list[str]


class RunReport(TypedDict):
    """One run, ready for JSON.

    `scores` is scores.json (`slant.evaluation.score`, with `cost`). `learning_curve` is learning_curve.json as it stands, None where there is
    none: {"points": [{"rows": training rows, "seed": …, "metrics": {name: {"value", "lo", "hi"}}}]}. `rounds` has an entry for each second
    round of annotation, by name. `facts` are names and values of cost and origin, `notes` sentences on what could not be shown and why.
    """

    schema_version: int
    name: str
    run_id: str
    task: str
    labels: list[str]
    model: str
    scores: dict[str, Any]
    summary: RunSummary
    errors: ErrorReport | None
    votes: VoteCeiling | None
    rounds: dict[str, RoundCeiling]
    learning_curve: dict[str, Any] | None
    audit: AuditSummary | None
    facts: dict[str, str]
    config: str
    warnings: list[str]
    notes: list[str]


def render_run(report: RunReport) -> str:
    """The report as a page without any outside resource. All that the run and its corpus say is shown as text; write it as UTF-8."""
    scores, summary = report["scores"], report["summary"]
    metrics, floors = scores["metrics"], list(scores["floors"])
    errors = report["errors"]
    charts = _charts(summary, metrics)
    learning = report["learning_curve"]
    sections = {"scores", "confusion", "cost"} | {name for name, there in _there(report, charts).items() if there}
    boundaries = [value for one in summary["slices"] for value in _ends(one["metrics"]["macro_f1"])]
    slice_axis = _axis([*boundaries, *_ends(_reasoned(metrics["macro_f1"]))])
    return template("run.html.j2").render(
        report=report,
        scores=scores,
        groups=metrics["accuracy"]["groups"],
        level=f"{100 * scores['bootstrap']['level']:g}",
        resamples=scores["bootstrap"]["resamples"],
        headline=[(name, _reasoned(metrics[name])) for name in _TOP if name in metrics],
        warnings=[shown(line) for line in [*report["warnings"], *not_beaten(scores)]],
        sections=[(name, title) for name, title in _SECTIONS if name in sections],
        floors=floors,
        unit=Axis("", 0, 1, (0, 0.5, 1)),
        score_table=[_score_row(name, metrics[name], scores["floors"]) for name in _ordered(metrics)],
        charts=charts,
        slices=_by_column(summary["slices"], slice_axis, metrics["macro_f1"]["value"]),
        slice_axis=slice_axis,
        kinds=[
            (kind, [(example, pieces(example["text"], example["spans_pred"], example["spans_gold"])) for example in kind["examples"]])
            for kind in (errors["kinds"] if errors else [])
        ],
        pointing=any(example["spans_pred"] is not None for kind in (errors["kinds"] if errors else []) for example in kind["examples"]),
        percent=_percent,
        reasoned=_reasoned,
        learning=[learning_chart(learning, name) for name in _ordered(_recorded(learning))] if learning else [],
        vote_rows=_vote_rows(report["votes"]),
        facts=report["facts"].items(),
        config=visible(report["config"]),
    )


def _there(report: RunReport, charts: list[Any]) -> dict[str, Any]:
    return {
        "curves": charts,
        "slices": report["summary"]["slices"],
        "errors": report["errors"],
        "learning": report["learning_curve"],
        "ceiling": report["votes"] or report["rounds"],
        "audit": report["audit"],
    }


def _charts(summary: RunSummary, metrics: Mapping[str, Any]) -> list[Any]:
    areas = {"loaded": "auroc", "loaded words": "word_ap"}
    said = {name: f" ({in_words(words)} {number(metrics[words]['value'])})" for name, words in areas.items() if words in metrics}
    charts = ranking_charts(summary["curves"], said)
    if summary["calibration"] is not None:
        charts += reliability_charts([("", summary["calibration"])])
    if summary["abstention"] is not None:
        charts.append(risk_chart([("the model", summary["abstention"])]))
    return charts


def _ordered(metrics: Mapping[str, Any]) -> list[str]:
    """Names of metrics: those of every table first, in its order, then the others."""
    return [*(name for name in HEADLINE if name in metrics), *(name for name in metrics if name not in HEADLINE)]


def _recorded(learning: Mapping[str, Any]) -> dict[str, None]:
    return dict.fromkeys(name for point in learning["points"] for name, found in point["metrics"].items() if found["value"] is not None)


def _score_row(name: str, found: Mapping[str, Any], floors: Mapping[str, Any]) -> dict[str, Any]:
    axis = Axis("", 0, 1, ())
    below = [(floor, one["metrics"].get(name), one.get("difference", {}).get(name)) for floor, one in floors.items()]
    first = below[0][1]["value"] if below and below[0][1] else None
    return {
        "name": name,
        "found": _reasoned(found),
        "picture": forest(found["value"], found["lo"], found["hi"], axis, floor=first),
        "floors": [(floor, _reasoned(one) if one else None, differs) for floor, one, differs in below],
    }


def _by_column(slices: list[Slice], axis: Axis, overall: float | None) -> list[tuple[str, list[dict[str, Any]]]]:
    columns: dict[str, list[dict[str, Any]]] = {}
    for one in slices:
        found = one["metrics"]["macro_f1"]
        picture = forest(found["value"], found["lo"], found["hi"], axis, zero=overall)
        columns.setdefault(one["column"], []).append({"slice": one, "picture": picture})
    return list(columns.items())


def _ends(found: Mapping[str, Any]) -> list[float]:
    return [found[key] for key in ("value", "lo", "hi") if found[key] is not None]


def _axis(values: list[float]) -> Axis:
    """An axis with room for these shares, that begins and ends at tenths."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    high = min(1.0, (int(high * 10 - 1e-9) + 1) / 10)
    # Where every slice is perfect, both ends would be 1.
    low = min(int(low * 10) / 10, round(high - 0.1, 10))
    ticks = ticks_between(low, high, 3)
    return Axis("", low, high, ticks if ticks and (ticks[0], ticks[-1]) == (low, high) else (low, high))


def _reasoned(found: Mapping[str, Any]) -> dict[str, Any]:
    """A metric of scores.json, which has a reason only where something is missing, with one everywhere."""
    return {"reason": "", **found}


def _percent(found: Estimate) -> dict[str, Any]:
    return {**found, **{key: None if value is None else 100 * value for key, value in _three(found).items()}}


def _three(found: Estimate) -> dict[str, float | None]:
    return {"value": found["value"], "lo": found["lo"], "hi": found["hi"]}


def _vote_rows(votes: VoteCeiling | None) -> list[tuple[str, Any, str]]:
    if votes is None:
        return []
    told: Mapping[str, Any] = votes
    return [(name, told[key], what) for key, (name, what) in _VOTES.items() if told[key] is not None]
