"""Render the tables of README.md, experiments/*/README.md and data/*/CARD.md from the committed result files.

    python scripts/render_tables.py [--check]

A table stands between `<!-- table NAME -->` and `<!-- end -->`. With --check nothing is written and the exit status tells whether one is stale.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from slant.cli.terminal import format_article
from slant.files import read_utf8
from slant.report import score_rows, to_markdown
from slant.serve.schema import annotation_from_json

ROOT = Path(__file__).parents[1]
MARK = re.compile(r"(<!-- table ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _results(study: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "experiments" / study / "results.json").read_text(encoding="utf-8"))
    return found


def _cell(run: dict[str, Any], metric: str) -> str:
    found = run["metrics"].get(metric)
    return "–" if found is None or found["value"] is None else f"{found['value']:.3f} ({found['lo']:.3f}–{found['hi']:.3f})"


SHOWN = ("macro_f1", "weighted_f1", "auroc", "ece", "word_f1", "word_ap")


def babe_scores() -> str:
    """Every run with its intervals, and the floors of the first run of each kind of split."""
    runs = _results("01-babe-heads")["runs"]
    rows = [["run", *SHOWN]]
    for floor in ("majority", "outlet_prior"):
        for split in ("folds", "leave-outlet"):
            below = runs[f"linear-{split}"]["floors"][floor]
            values = [f"{below[m]:.3f}" if below.get(m) is not None else "–" for m in SHOWN]
            rows.append([f"floor {floor.replace('_', ' ')}, {split}", *values])
    rows += [[name, *(_cell(run, metric) for metric in SHOWN)] for name, run in runs.items() if name != "heads-folds-repeat"]
    return to_markdown(rows)


def babe_cost() -> str:
    runs = _results("01-babe-heads")["runs"]
    rows = [["run", "wall s", "CPU s", "peak MB", "predictions"]]
    for name, run in runs.items():
        digest = run["fingerprints"]["predictions"][:12]
        rows.append([name, f"{run['wall_seconds']:.0f}", f"{run['cpu_seconds']:.0f}", f"{run['peak_memory_mb']:,}", f"`{digest}`"])
    return to_markdown(rows)


def babe_seeds() -> str:
    """Mean and standard deviation over the seeds of the grouped folds."""
    runs = _results("01-babe-heads")["runs"]
    seeds = [runs[name] for name in ("heads-folds-first", "heads-folds-seed2", "heads-folds-seed3")]
    rows = [["metric", "mean", "sd", "seeds"]]
    for metric in SHOWN:
        values = [run["metrics"][metric]["value"] for run in seeds]
        rows.append([metric, f"{mean(values):.4f}", f"{stdev(values):.4f}", str(len(values))])
    return to_markdown(rows)


def annotate_cost() -> str:
    found = _results("02-annotate")
    rows = [["", "median", "worst", "of"]]
    rows += [[name, f"{row['median']:,.2f}", f"{row['worst']:,.2f}", str(row["runs"])] for name, row in found["rows"].items()]
    return to_markdown(rows)


def demo_scores() -> str:
    return to_markdown(score_rows(_results("02-annotate")["demo_scores"]))


def demo_article() -> str:
    """The sample article as the terminal shows it, from its committed annotation."""
    annotation = annotation_from_json(json.loads((ROOT / "experiments/02-annotate/annotation.json").read_text(encoding="utf-8")))
    text = read_utf8(ROOT / "data/newsroom/sample_article.txt")
    return f"```text\n{format_article(text, annotation, width=96, color=False)}\n```"


def newsroom_agreement() -> str:
    found = json.loads((ROOT / "experiments/03-newsroom/agreement.json").read_text(encoding="utf-8"))
    rows = [["judgement", "units", "equal", "Krippendorff's alpha", "95 % interval"]]
    for name in ("label", "voice", "stance"):
        row = found[name]
        rows.append([name, f"{row['units']:,}", f"{row['agreement']:.3f}", f"{row['alpha']:.3f}", f"{row['lo']:.3f}–{row['hi']:.3f}"])
    return to_markdown(rows)


def newsroom_spans() -> str:
    row = json.loads((ROOT / "experiments/03-newsroom/agreement.json").read_text(encoding="utf-8"))["spans"]
    head = ["spans, first pass", "spans, second pass", "F1, exact", "F1, partial match", "F1, words"]
    return to_markdown([head, [str(row["first"]), str(row["second"]), *(f"{row[f'{k}_f1']:.3f}" for k in ("exact", "partial_match", "word"))]])


def newsroom_transfer() -> str:
    runs = _results("03-newsroom")["runs"]
    rows = [["run", "rows", *SHOWN]]
    rows.append(["floor majority", "", *(f"{v:.3f}" if (v := runs["heads-seed1"]["floors"]["majority"].get(m)) is not None else "–" for m in SHOWN)])
    rows += [[name, f"{run['rows']:,}", *(_cell(run, metric) for metric in SHOWN)] for name, run in runs.items()]
    return to_markdown(rows)


STANCE = ("macro_f1", "f_avg_pooled", "f_avg_mean_over_targets")


def stance_scores() -> str:
    """Every run with its intervals, its floors, and how far it is above its target-blind twin."""
    rows = [["run", "rows", *STANCE, "macro_f1 above its blind twin"]]
    for name, run in _results("05-stance")["runs"].items():
        found = (run.get("differences") or {}).get("target_blind", {}).get("macro_f1")
        above = "–" if found is None else f"{found['value']:+.3f} ({found['lo']:+.3f} to {found['hi']:+.3f})"
        rows.append([name, f"{run['rows']:,}", *(_cell(run, metric) for metric in STANCE), above])
    return to_markdown(rows)


def stance_floors() -> str:
    runs = _results("05-stance")["runs"]
    rows = [["run", "floor", *STANCE]]
    for name in ("semeval-vote", "unseen-heads", "newsmtsc-rw-heads", "newsmtsc-mt-heads", "newsroom-heads"):
        for floor, below in runs[name]["floors"].items():
            values = [f"{below[m]:.3f}" if below.get(m) is not None else "–" for m in STANCE]
            rows.append([name, floor.replace("_", " "), *values])
    return to_markdown(rows)


def stance_targets() -> str:
    """F_avg of each SemEval-2016 target, fixed and unseen."""
    runs = _results("05-stance")["runs"]
    metrics = sorted(metric for metric in runs["semeval-vote"]["metrics"] if metric.startswith("f_avg/"))
    rows = [["target", "semeval-vote", "unseen-heads"]]
    rows += [[metric.partition("/")[2], *(_cell(runs[name], metric) for name in ("semeval-vote", "unseen-heads"))] for metric in metrics]
    return to_markdown(rows)


def audit_known() -> str:
    rows = [["corpus", "fault", "known", "found", "by the finding"]]
    for row in _results("04-audit")["known"]:
        cells = ["–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.3f}" for value in (row["known"], row["found"])]
        rows.append([row["corpus"], row["fault"], *cells, row["by"]])
    return to_markdown(rows)


def audit_counts() -> str:
    found = _results("04-audit")["audits"]
    kinds = sorted({kind for audit in found.values() for kind in audit["counts"]})
    rows = [["finding", *found]]
    rows += [[kind, *(f"{audit['counts'][kind]:,}" if kind in audit["counts"] else "" for audit in found.values())] for kind in kinds]
    rows.append(["rows", *(f"{audit['rows']:,}" for audit in found.values())])
    rows.append(["seconds", *(f"{audit['seconds']:.0f}" for audit in found.values())])
    return to_markdown(rows)


def audit_scale() -> str:
    row = _results("04-audit")["duplicates_at_scale"]
    head = ["sentences", "exact", "near", "seconds", "peak MB"]
    return to_markdown([head, [f"{row[k]:,}" for k in ("sentences", "exact", "near", "seconds", "peak_memory_mb")]])


def _span(found: dict[str, Any] | None, value: str = "value", form: str = ".3f") -> str:
    if found is None or found[value] is None:
        return "–"
    return f"{found[value]:{form}}" + ("" if found["lo"] is None else f" ({found['lo']:{form}} to {found['hi']:{form}})")


def probe_rates() -> str:
    """A row a kind, a column a run: the pass rate with its interval, and how many cases could be judged where not all were."""
    runs = _results("07-probe")["runs"]
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
    for name, run in _results("07-probe")["runs"].items():
        for by, audit in (("outlet's leaning", run["leaning"]), ("target's camp", run["camps"])):
            if audit and audit["gap"]:
                parts = ["; ".join(f"{flag} {_span(found[rate], form='+.3f')}" for flag, found in audit["gaps"].items()) for rate in ("fpr", "fnr")]
                rows.append([name, by, f"{audit['rows'] - audit['rows_without_camp']:,}", _span(audit["gap"], form="+.3f"), *parts])
    return to_markdown(rows)


def _simulated_rows(metric: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(row, row["metrics"][metric]) for row in _results("06-planted-truth")["scenarios"]]


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
    for row in _results("06-planted-truth")["scenarios"]:
        cells = [str(row["seeds"]), str(row["tests_of_all_metrics"]), f"{100 * row['any_verdict_of_all_metrics']:.1f} %"]
        rows.append([f"{row['points']:+g}", *cells])
    return to_markdown(rows)


def fine_tuned_scores() -> str:
    """The fine-tuned rows beside the frozen ones of the studies that have them."""
    tuned = _results("09-fine-tuned")["runs"]
    frozen = {
        "babe-joint": ("01-babe-heads", "heads-folds-first"),
        "babe-vote": ("01-babe-heads", "heads-folds-first"),
        "newsmtsc-rw-pair": ("05-stance", "newsmtsc-rw-heads"),
    }
    shown = ("macro_f1", "weighted_f1", "auroc", "word_f1", "word_ap")
    rows = [["run", "rows", *shown]]
    told = set()
    for name, run in tuned.items():
        study, beside = frozen[name]
        for title, one in ((f"{beside} (frozen)", _results(study)["runs"][beside]), (name, run)):
            if title not in told:
                rows.append([title, f"{one['rows']:,}", *(_cell(one, metric) for metric in shown)])
            told.add(title)
    return to_markdown(rows)


def fine_tuned_cost() -> str:
    rows = [["run", "fits", "minutes a fit", "epoch kept", "peak MB"]]
    for name, run in _results("09-fine-tuned")["runs"].items():
        minutes = ", ".join(f"{fit['seconds'] / 60:.1f}" for fit in run["fits"])
        kept = ", ".join(str(fit["losses"].index(min(fit["losses"])) + 1) for fit in run["fits"])
        rows.append([name, str(len(run["fits"])), minutes, kept, f"{run['peak_memory_mb']:,}"])
    return to_markdown(rows)


def fine_tuned_twin() -> str:
    run = _results("09-fine-tuned")["runs"]["newsmtsc-rw-pair"]
    rows = [["floor", "macro_f1", "macro_f1 above it"]]
    for name, floor in run["floors"].items():
        above = run["differences"][name]["macro_f1"]
        rows.append([name.replace("_", " "), f"{floor['macro_f1']:.3f}", f"{above['value']:+.3f} ({above['lo']:+.3f} to {above['hi']:+.3f})"])
    return to_markdown(rows)


def review_verdicts() -> str:
    rows = [["split", "candidate", "against", "metric", "candidate's", "difference", "p, Holm", "detectable", "verdict"]]
    for split, pairs in _results("10-review").items():
        for pair in pairs:
            for row in pair["metrics"]:
                if row["metric"] in ("macro_f1", "auroc", "brier", "ece"):
                    difference = f"{row['difference']:+.3f} ({row['lo']:+.3f} to {row['hi']:+.3f})"
                    numbers = [f"{row['candidate']:.3f}", difference, f"{row['p_adjusted']:.3f}", f"{row['detectable']:.3f}", row["verdict"]]
                    rows.append([split, pair["candidate"], pair["baseline"], row["metric"], *numbers])
    return to_markdown(rows)


TABLES: dict[str, Callable[[], str]] = {
    "review-verdicts": review_verdicts,
    "fine-tuned-scores": fine_tuned_scores,
    "fine-tuned-cost": fine_tuned_cost,
    "fine-tuned-twin": fine_tuned_twin,
    "probe-rates": probe_rates,
    "probe-leaning": probe_leaning,
    "babe-scores": babe_scores,
    "babe-cost": babe_cost,
    "babe-seeds": babe_seeds,
    "annotate-cost": annotate_cost,
    "demo-scores": demo_scores,
    "newsroom-agreement": newsroom_agreement,
    "newsroom-spans": newsroom_spans,
    "newsroom-transfer": newsroom_transfer,
    "stance-scores": stance_scores,
    "stance-floors": stance_floors,
    "stance-targets": stance_targets,
    "audit-known": audit_known,
    "audit-counts": audit_counts,
    "audit-scale": audit_scale,
    "planted-truth": planted_truth,
    "planted-truth-family": planted_truth_family,
    "demo-article": demo_article,
}


def rendered(text: str) -> str:
    """The text with every table rendered anew. Raises KeyError for a table that no function renders."""
    return MARK.sub(lambda m: f"{m.group(1)}{TABLES[m.group(2)]()}\n{m.group(3)}", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    stale = []
    for path in (
        ROOT / "README.md",
        *sorted((ROOT / "experiments").glob("*/README.md")),
        *sorted((ROOT / "data").glob("*/CARD.md")),
    ):
        text = path.read_text(encoding="utf-8")
        new = rendered(text)
        if new != text:
            stale.append(path.relative_to(ROOT))
            if not args.check:
                path.write_text(new, encoding="utf-8")
    for path in stale:
        print(f"{'stale' if args.check else 'rendered'}: {path}")
    return 1 if args.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
