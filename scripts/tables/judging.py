"""Tables of how models and runs are judged: probes, leaning, planted truth, verdicts."""

from __future__ import annotations

from typing import Any

from slant.report import to_markdown
from tables.results import results


def _span(found: dict[str, Any] | None, value: str = "value", form: str = ".3f") -> str:
    if found is None or found[value] is None:
        return "–"
    return f"{found[value]:{form}}" + ("" if found["lo"] is None else f" ({found['lo']:{form}} to {found['hi']:{form}})")


def probe_rates() -> str:
    """A row a kind, a column a run: the pass rate with its interval, and how many cases could be judged where not all were."""
    runs = results("07-probe")["runs"]
    kinds = {(row["task"], row["kind"]): row for run in runs.values() for row in run["kinds"]}
    rows = [["kind", *runs, "cases"]]
    for task in ("loaded", "stance"):
        for kind in [kind for its, kind in kinds if its == task]:
            cells = []
            for run in runs.values():
                row = next((row for row in run["kinds"] if (row["task"], row["kind"]) == (task, kind)), None)
                part = f", {row['judged']} judged" if row and row["judged"] < row["cases"] else ""
                cells.append(_span(row, "rate") + part)
            rows.append([f"{task}: {kind}", *cells, str(kinds[task, kind]["cases"])])
    return to_markdown(rows)


def probe_leaning() -> str:
    """A row a run and audit: the gap, and the differences it is made of."""
    rows = [["run", "by", "rows", "gap", "difference in false positives", "difference in false negatives"]]
    for name, run in results("07-probe")["runs"].items():
        for by, audit in (("outlet's leaning", run["leaning"]), ("target's camp", run["camps"])):
            if audit and audit["gap"]:
                parts = ["; ".join(f"{flag} {_span(found[rate], form='+.3f')}" for flag, found in audit["gaps"].items()) for rate in ("fpr", "fnr")]
                rows.append([name, by, f"{audit['rows'] - audit['rows_without_camp']:,}", _span(audit["gap"], form="+.3f"), *parts])
    return to_markdown(rows)


def _simulated_rows(metric: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(row, row["metrics"][metric]) for row in results("06-planted-truth")["scenarios"]]


def planted_truth() -> str:
    """By true difference and metric: coverage, verdicts, power as observed and as predicted."""
    head = ["true difference", "seeds", "metric", "covered", "verdict better", "verdict worse", "interval alone", "swap test alone"]
    rows = [[*head, "power predicted", "detectable"]]
    for metric in ("accuracy", "macro_f1"):
        for row, found in _simulated_rows(metric):
            shares = ("covered", "better", "worse", "interval_excludes_0", "swap_p_below_alpha", "power_predicted")
            cells = [f"{100 * found[share]:.1f} %" for share in shares]
            rows.append([f"{100 * found['truth']:+.2f}", str(row["seeds"]), metric, *cells, f"{100 * found['detectable']:.2f}"])
    return to_markdown(rows)


def planted_truth_family() -> str:
    rows = [["points of accuracy", "seeds", "metrics judged", "any verdict but 'cannot tell'"]]
    for row in results("06-planted-truth")["scenarios"]:
        cells = [str(row["seeds"]), str(row["tests_of_all_metrics"]), f"{100 * row['any_verdict_of_all_metrics']:.1f} %"]
        rows.append([f"{row['points']:+g}", *cells])
    return to_markdown(rows)


def review_verdicts() -> str:
    rows = [["split", "candidate", "against", "metric", "candidate's", "difference", "p, Holm", "detectable", "verdict"]]
    for split, pairs in results("10-review").items():
        for pair in pairs:
            for row in pair["metrics"]:
                if row["metric"] in ("macro_f1", "auroc", "brier", "ece"):
                    difference = f"{row['difference']:+.3f} ({row['lo']:+.3f} to {row['hi']:+.3f})"
                    numbers = [f"{row['candidate']:.3f}", difference, f"{row['p_adjusted']:.3f}", f"{row['detectable']:.3f}", row["verdict"]]
                    rows.append([split, pair["candidate"], pair["baseline"], row["metric"], *numbers])
    return to_markdown(rows)


def review_speed() -> str:
    """How long one comparison of many runs takes."""
    found = results("10-review", "speed")
    rows = [["runs", "rows each", "resamples", "swaps", "tests", "seconds", "peak MB"]]
    counts = [f"{found[name]:,}" for name in ("runs", "rows", "resamples", "swaps", "tests")]
    rows.append([*counts, f"{found['seconds']:.1f}", f"{found['peak_mb']:,}"])
    return to_markdown(rows)


def score_speed() -> str:
    """How long the scores of one run take with their intervals, beside a loop over resamples."""
    found = results("10-review", "bootstrap")
    rows = [
        ["rows", "groups", "words", "resamples", "metrics", "seconds, all", "seconds, macro_f1", "a loop over scikit-learn's, macro_f1", "peak MB"]
    ]
    counts = [f"{found[name]:,}" for name in ("rows", "groups", "words", "resamples", "metrics")]
    seconds = [f"{found['seconds_all_metrics']:.2f}", f"{found['seconds_macro_f1']:.3f}", f"{found['seconds_loop_macro_f1_extrapolated']:.1f}"]
    rows.append([*counts, *seconds, f"{found['peak_mb']:,}"])
    return to_markdown(rows)
