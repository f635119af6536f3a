"""Render the tables of README.md, experiments/*/README.md and data/*/CARD.md from the committed result files.

    python scripts/render_tables.py [--check]

A table stands between `<!-- table NAME -->` and `<!-- end -->`. With --check nothing is written and the exit status tells whether one is stale.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable

from tables import corpora, judging, running, scores
from tables.results import ROOT

MARK = re.compile(r"(<!-- table ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

TABLES: dict[str, Callable[[], str]] = {
    "audit-counts": corpora.audit_counts,
    "audit-known": corpora.audit_known,
    "audit-scale": corpora.audit_scale,
    "newsroom-agreement": corpora.newsroom_agreement,
    "newsroom-spans": corpora.newsroom_spans,
    "newsroom-transfer": corpora.newsroom_transfer,
    "planted-truth": judging.planted_truth,
    "planted-truth-family": judging.planted_truth_family,
    "probe-leaning": judging.probe_leaning,
    "probe-rates": judging.probe_rates,
    "review-verdicts": judging.review_verdicts,
    "annotate-cost": running.annotate_cost,
    "serve-runtime": running.serve_runtime,
    "serve-precision": running.serve_precision,
    "serve-http": running.serve_http,
    "score-scale": running.score_scale,
    "review-speed": judging.review_speed,
    "score-speed": judging.score_speed,
    "demo-article": running.demo_article,
    "babe-cost": scores.babe_cost,
    "babe-scores": scores.babe_scores,
    "babe-seeds": scores.babe_seeds,
    "demo-scores": scores.demo_scores,
    "fine-tuned-cost": scores.fine_tuned_cost,
    "fine-tuned-scores": scores.fine_tuned_scores,
    "fine-tuned-twin": scores.fine_tuned_twin,
    "fine-tuned-semeval": scores.fine_tuned_semeval,
    "stance-floors": scores.stance_floors,
    "stance-scores": scores.stance_scores,
    "stance-targets": scores.stance_targets,
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
