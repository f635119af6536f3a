"""Tables of what bundles cost to run, and what they show."""

from __future__ import annotations

import json
from statistics import mean

from slant.cli.terminal import format_article
from slant.files import read_utf8
from slant.report import to_markdown
from slant.serve.schema import annotation_from_json
from tables.results import ROOT, results


def annotate_cost() -> str:
    found = results("02-annotate")
    rows = [["", "median", "worst", "of"]]
    rows += [[name, f"{row['median']:,.2f}", f"{row['worst']:,.2f}", str(row["runs"])] for name, row in found["rows"].items()]
    return to_markdown(rows)


def demo_article() -> str:
    """The sample article as the terminal shows it, from its committed annotation."""
    annotation = annotation_from_json(json.loads((ROOT / "experiments/02-annotate/annotation.json").read_text(encoding="utf-8")))
    text = read_utf8(ROOT / "data/newsroom/sample_article.txt")
    return f"```text\n{format_article(text, annotation, width=96, color=False)}\n```"


def serve_runtime() -> str:
    """A row a system: milliseconds a sentence, and how many times faster than the pipeline it is."""
    rows = [["system", "batch, ms a sentence", "times faster", "one at a time, ms", "times faster", "first annotation, s", "peak MB"]]
    for name, found in results("08-serve", "runtime")["systems"].items():
        cold = [f"{found['seconds']:.2f}", f"{found['peak_mb']:,}"] if "seconds" in found else ["–", "–"]
        times = [f"{found['batch_ms']:.2f}", f"{found['batch_times']:.2f}", f"{found['single_ms']:.2f}", f"{found['single_times']:.2f}"]
        rows.append([name, *times, *cold])
    return to_markdown(rows)


def serve_precision() -> str:
    """A row a held-out part: macro F1 in each precision, and how many answers differ."""
    parts = results("08-serve", "runtime")["held_out"]
    rows = [["held-out part", "rows", "macro F1, fp32", "macro F1, int8", "int8 loses", "answers that differ"]]
    for number, part in enumerate(parts, 1):
        fp32, int8 = part["macro_f1"]["fp32"], part["macro_f1"]["int8"]
        rows.append([str(number), str(part["rows"]), f"{fp32:.4f}", f"{int8:.4f}", f"{fp32 - int8:+.4f}", str(part["answers_not_as_fp32"]["int8"])])
    losses = [part["macro_f1"]["fp32"] - part["macro_f1"]["int8"] for part in parts]
    rows.append(["mean", "", "", "", f"{mean(losses):+.4f}", f"{mean(part['answers_not_as_fp32']['int8'] for part in parts):.1f}"])
    return to_markdown(rows)


def serve_http() -> str:
    """What a load of many clients came to, and whether each target held."""
    found = results("08-serve", "http")
    figures, setting = found["figures"], found["setting"]
    measured = {
        f"sentences a second, bare (before; after), {setting['precision'] or 'as the bundle runs'}": "; ".join(
            f"{rate:.1f}" for rate in figures["bare_sentences_per_second"]
        ),
        f"sentences a second over HTTP, {setting['clients']} clients, {setting['each']} a request": f"{figures['served_sentences_per_second']:.1f}",
        "share of the better bare rate": f"{figures['share_of_bare']:.3f}",
        "seconds a request, p50; p99; longest": "; ".join(f"{figures['seconds'][name]:.3f}" for name in ("p50", "p99", "max")),
        f"errors in {setting['requests']:,} requests": str(figures["errors"]),
        "MB resident, at two to five tenths; in the last fifth": f"{figures['memory_mb']['early']:.1f}; {figures['memory_mb']['late']:.1f}",
    }
    rows = [["figure", "measured"], *([name, value] for name, value in measured.items())]
    verdicts = [["target", "held"], *([name, "yes" if held else "no"] for name, held in found["verdicts"].items())]
    return to_markdown(rows) + "\n\n" + to_markdown(verdicts)


def score_scale() -> str:
    """A row a job: rows, processes, rate and memory."""
    studies = [results("11-score", name) for name in ("encoder", "linear")]
    rows = [["bundle", "rows", "processes", "minutes", "rows a second", "peak MB, all processes", "hours a million"]]
    for name, found in zip(("encoder_heads, int8", "TF-IDF"), studies, strict=True):
        for run in found["runs"]:
            rate = run["rows_per_second"]
            sizes = [f"{run['rows']:,}", str(run["workers"]), f"{run['seconds'] / 60:.1f}", f"{rate:,.0f}", f"{run['peak_bytes'] / 1e6:.0f}"]
            rows.append([name, *sizes, f"{1e6 / rate / 3600:.2f}"])
    verdicts = [["target", "encoder_heads", "TF-IDF"]]
    verdicts += [[target, *("yes" if found["targets"][target] else "no" for found in studies)] for target in studies[0]["targets"]]
    return to_markdown(rows) + "\n\n" + to_markdown(verdicts)
