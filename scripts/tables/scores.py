"""Tables of scores and costs of trained models."""

from __future__ import annotations

from statistics import mean, stdev

from slant.report import score_rows, to_markdown
from tables.results import SHOWN, cell, results

STANCE = ("macro_f1", "f_avg_pooled", "f_avg_mean_over_targets")


def babe_scores() -> str:
    """Every run with its intervals, and the floors of the first run of each kind of split."""
    runs = results("01-babe-heads")["runs"]
    rows = [["run", *SHOWN]]
    for floor in ("majority", "outlet_prior"):
        for split in ("folds", "leave-outlet"):
            below = runs[f"linear-{split}"]["floors"][floor]
            values = [f"{below[m]:.3f}" if below.get(m) is not None else "–" for m in SHOWN]
            rows.append([f"floor {floor.replace('_', ' ')}, {split}", *values])
    rows += [[name, *(cell(run, metric) for metric in SHOWN)] for name, run in runs.items() if name != "heads-folds-repeat"]
    return to_markdown(rows)


def babe_cost() -> str:
    runs = results("01-babe-heads")["runs"]
    rows = [["run", "wall s", "CPU s", "peak MB", "predictions"]]
    for name, run in runs.items():
        digest = run["fingerprints"]["predictions"][:12]
        rows.append([name, f"{run['wall_seconds']:.0f}", f"{run['cpu_seconds']:.0f}", f"{run['peak_memory_mb']:,}", f"`{digest}`"])
    return to_markdown(rows)


def babe_seeds() -> str:
    """Mean and standard deviation over the seeds of the grouped folds."""
    runs = results("01-babe-heads")["runs"]
    seeds = [runs[name] for name in ("heads-folds-first", "heads-folds-seed2", "heads-folds-seed3")]
    rows = [["metric", "mean", "sd", "seeds"]]
    for metric in SHOWN:
        values = [run["metrics"][metric]["value"] for run in seeds]
        rows.append([metric, f"{mean(values):.4f}", f"{stdev(values):.4f}", str(len(values))])
    return to_markdown(rows)


def demo_scores() -> str:
    return to_markdown(score_rows(results("02-annotate")["demo_scores"]))


def stance_scores() -> str:
    """Every run with its intervals, its floors, and how far it is above its target-blind twin."""
    rows = [["run", "rows", *STANCE, "macro_f1 above its blind twin"]]
    for name, run in results("05-stance")["runs"].items():
        found = (run.get("differences") or {}).get("target_blind", {}).get("macro_f1")
        above = "–" if found is None else f"{found['value']:+.3f} ({found['lo']:+.3f} to {found['hi']:+.3f})"
        rows.append([name, f"{run['rows']:,}", *(cell(run, metric) for metric in STANCE), above])
    return to_markdown(rows)


def stance_floors() -> str:
    runs = results("05-stance")["runs"]
    rows = [["run", "floor", *STANCE]]
    for name in ("semeval-vote", "unseen-heads", "newsmtsc-rw-heads", "newsmtsc-mt-heads", "newsroom-heads"):
        for floor, below in runs[name]["floors"].items():
            values = [f"{below[m]:.3f}" if below.get(m) is not None else "–" for m in STANCE]
            rows.append([name, floor.replace("_", " "), *values])
    return to_markdown(rows)


def stance_targets() -> str:
    """F_avg of each SemEval-2016 target, fixed and unseen."""
    runs = results("05-stance")["runs"]
    metrics = sorted(metric for metric in runs["semeval-vote"]["metrics"] if metric.startswith("f_avg/"))
    rows = [["target", "semeval-vote", "unseen-heads"]]
    rows += [[metric.partition("/")[2], *(cell(runs[name], metric) for name in ("semeval-vote", "unseen-heads"))] for metric in metrics]
    return to_markdown(rows)


def fine_tuned_scores() -> str:
    """The fine-tuned rows beside the frozen ones of the studies that have them."""
    tuned = results("09-fine-tuned")["runs"]
    frozen = {
        "babe-joint": ("01-babe-heads", "heads-folds-first"),
        "babe-vote": ("01-babe-heads", "heads-folds-first"),
        "newsmtsc-rw-pair": ("05-stance", "newsmtsc-rw-heads"),
    }
    shown = ("macro_f1", "weighted_f1", "auroc", "word_f1", "word_ap")
    rows = [["run", "rows", *shown]]
    told = set()
    for name, (study, beside) in frozen.items():
        for title, one in ((f"{beside} (frozen)", results(study)["runs"][beside]), (name, tuned[name])):
            if title not in told:
                rows.append([title, f"{one['rows']:,}", *(cell(one, metric) for metric in shown)])
            told.add(title)
    return to_markdown(rows)


def fine_tuned_cost() -> str:
    rows = [["run", "fits", "minutes a fit", "epoch kept", "peak MB"]]
    for name, run in results("09-fine-tuned")["runs"].items():
        minutes = ", ".join(f"{fit['seconds'] / 60:.1f}" for fit in run["fits"])
        kept = ", ".join(str(fit["losses"].index(min(fit["losses"])) + 1) for fit in run["fits"])
        rows.append([name, str(len(run["fits"])), minutes, kept, f"{run['peak_memory_mb']:,}"])
    return to_markdown(rows)


def fine_tuned_twin() -> str:
    run = results("09-fine-tuned")["runs"]["newsmtsc-rw-pair"]
    rows = [["floor", "macro_f1", "macro_f1 above it"]]
    for name, floor in run["floors"].items():
        above = run["differences"][name]["macro_f1"]
        rows.append([name.replace("_", " "), f"{floor['macro_f1']:.3f}", f"{above['value']:+.3f} ({above['lo']:+.3f} to {above['hi']:+.3f})"])
    return to_markdown(rows)


def fine_tuned_semeval() -> str:
    """SemEval-2016, targets known and never met, without a fine-tuned pair and with it, each row with its distance from its target-blind twin."""
    frozen, tuned = results("05-stance")["runs"], results("09-fine-tuned")["runs"]
    runs = {name: frozen[name] for name in ("semeval-vote", "unseen-linear", "unseen-heads")}
    runs |= {name: tuned[name] for name in ("semeval-vote-pair", "unseen-pair")}
    rows = [["run", "rows", *STANCE, "macro_f1 above its blind twin"]]
    for name, run in sorted(runs.items()):
        above = run["differences"]["target_blind"]["macro_f1"]
        told = f"{above['value']:+.3f} ({above['lo']:+.3f} to {above['hi']:+.3f})"
        rows.append([name, f"{run['rows']:,}", *(cell(run, metric) for metric in STANCE), told])
    return to_markdown(rows)
