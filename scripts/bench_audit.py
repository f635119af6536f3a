"""Audit the official corpora and set what is found beside what is known: experiments/04-audit/results.json.

    python scripts/bench_audit.py BENCHMARKS

BENCHMARKS is a folder with `babe`, `tweeteval-stance`, `newsmtsc`, `ptc` and `semeval2023-task3` in their official layouts. Also measures the search
for duplicates over 100,000 sentences: these corpora's, and new ones put together from their halves, so that the vocabulary is real.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from slant.data import column, find_duplicates
from slant.data.audit import read_rows
from slant.data.audit.leakage import part_leaks
from slant.files import write_atomic
from slant.pipeline import audit_named, load_named

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "babe": "babe", "semeval2016": "tweeteval-stance", "newsmtsc": "newsmtsc", "ptc": "ptc", "semeval2023_task3": "semeval2023-task3",
}  # fmt: skip


def audits(places: dict[str, Path]) -> dict[str, Any]:
    """What every audit counts, and its seconds."""
    found = {}
    for name, folder in places.items():
        started = time.perf_counter()
        audit = audit_named(name, [f"root={folder}"], noise=name != "newsmtsc")
        counts = {kind: count for kind, count in audit.counts().items() if count}
        found[name] = {"rows": audit.rows, "version": audit.version, "seconds": round(time.perf_counter() - started, 1), "counts": counts}
        print(name, found[name], flush=True)
    return found


def known_faults(places: dict[str, Path]) -> list[dict[str, Any]]:
    """Each fault that was counted by hand before, and the count of the audit that answers it."""
    babe, tweets, paragraphs = (_findings(name, places[name]) for name in ("babe", "semeval2016", "semeval2023_task3"))
    any_technique = _findings("semeval2023_task3", places["semeval2023_task3"], "techniques=null")
    outlets, articles = babe["shortcut_outlet"][0], babe["shared_articles"][0]
    in_sample = sum(max(item["labels"].values()) for item in outlets.items) / outlets.total
    beside = articles.figures["random_fold_test_rows_beside_their_article"]
    near = _count(babe, "exact_duplicates") + _count(babe, "near_duplicates")
    met = next(f for f in part_leaks(_rows("semeval2016", places["semeval2016"])) if (f.figures["first"], f.figures["second"]) == ("train", "test"))
    noted = {finding.what.rpartition(": ")[2]: finding.count for finding in babe["noted"]}
    twice = noted["biased words that stand more than once in their sentence"]
    thin = {(item["target"], item["label"], item["part"]): item["rows"] for item in tweets["thin_labels"][0].items}
    climate = next(rows for (target, label, part), rows in thin.items() if target.startswith("Climate") and (label, part) == ("against", "test"))
    sets = paragraphs["exact_duplicates"][0].figures["sets"] + 1
    conflicts = sum(item["exact"] for item in any_technique["conflicting_labels"][0].items)
    elsewhere = "quarantined; the others stand there, with other quotation marks or spaces"
    rows = [
        ("BABE", "rows without agreement", 1, _count(babe, "unlabelled"), "unlabelled"),
        ("BABE", "exact duplicate pairs", 5, _count(babe, "exact_duplicates"), "exact_duplicates"),
        ("BABE", "near-duplicate pairs, the exact ones among them", 14, near, "near_duplicates"),
        ("BABE", "of these with conflicting labels", 2, _count(babe, "conflicting_labels"), "conflicting_labels"),
        ("BABE", "sentences that share their article", 2363, articles.count, "shared_articles; addresses less their parameters"),
        ("BABE", "test sentences beside one of their article, random split", 0.59, beside, "shared_articles"),
        ("BABE", "topics with aliases", 3, _count(babe, "topic_aliases"), "topic_aliases"),
        ("BABE", "accuracy of the outlet's majority, in sample", 0.74, round(in_sample, 3), "shortcut_outlet, its table"),
        ("BABE", "accuracy of the outlet's majority over other articles", None, outlets.figures["accuracy"], "shortcut_outlet"),
        ("BABE", "marked words in all", 3902, noted["biased words listed"], "noted"),
        ("BABE", "marked words not in their sentence", 57, _count(babe, "quarantined"), elsewhere),
        ("BABE", "marked words that stand there more than once", 188, twice, "noted; as words, not as parts of words"),
        (
            "BABE",
            "biased sentences that mark no word",
            178,
            _count(babe, "positives_without_spans"),
            "positives_without_spans; one lost its only word",
        ),
        ("SemEval-2016", "test tweets that stand in train", 2, met.figures["duplicate"], "shared_by_parts"),
        ("SemEval-2016", "'against' test tweets on climate", 11, climate, "thin_labels"),
        ("SemEval-2023", "duplicated texts", 28, sets, "exact_duplicates, and empty_texts for the texts of signs only"),
        ("SemEval-2023", "of these with conflicting labels, any technique", 14, conflicts, "conflicting_labels, the exact ones"),
    ]
    keys = ("corpus", "fault", "known", "found", "by")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def _findings(name: str, folder: Path, *overrides: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for finding in audit_named(name, [f"root={folder}", *overrides], noise=False).findings:
        found.setdefault(finding.kind, []).append(finding)
    return found


def _count(found: dict[str, list[Any]], kind: str) -> int:
    return int(found[kind][0].count)


def _rows(name: str, folder: Path) -> Any:
    return read_rows(load_named(name, [f"root={folder}"])[1].dataset)


def duplicates_at_scale(places: dict[str, Path], size: int) -> None:
    """Runs in a process of its own, so that its peak memory is its own. Prints JSON."""
    texts = [text for name, folder in places.items() for text in column(load_named(name, [f"root={folder}"])[1].dataset, "text")]
    chance = random.Random(0)
    halves = [text.split() for text in texts]
    while len(texts) < size:
        a, b = chance.choice(halves), chance.choice(halves)
        texts.append(" ".join([*a[: len(a) // 2], *b[len(b) // 2 :]]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    started = time.perf_counter()
    found = find_duplicates(texts[:size])
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    answer = {"sentences": size, "exact": len(found.exact), "near": len(found.near), "seconds": round(seconds, 1)}
    print(json.dumps(answer | {"peak_memory_mb": round(peak), "peak_before_mb": round(before)}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmarks", type=Path)
    parser.add_argument("--scale", type=int, help="only the search for duplicates over so many sentences")
    args = parser.parse_args()
    places = {name: args.benchmarks / folder for name, folder in FOLDERS.items()}
    if args.scale:
        duplicates_at_scale(places, args.scale)
        return 0
    scale = subprocess.run([sys.executable, __file__, str(args.benchmarks), "--scale", "100000"], capture_output=True, text=True, check=True)
    found = {"known": known_faults(places), "audits": audits(places), "duplicates_at_scale": json.loads(scale.stdout)}
    with write_atomic(ROOT / "experiments/04-audit/results.json") as part:
        part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
