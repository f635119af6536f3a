"""How far the second, blind pass over the newsroom corpus agrees with the first: experiments/03-newsroom/agreement.json.

    python scripts/newsroom_agreement.py

`data/newsroom/second_pass.jsonl` holds what annotators wrote who saw text, guide and target mentions, and nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from slant.files import write_atomic
from slant.metrics import krippendorff_alpha, partial_match_f1
from slant.seeding import derive_seed
from slant.text import find_words

ROOT = Path(__file__).parents[1]
RESAMPLES = 2000


def main() -> int:
    first = {row["id"]: row for row in _lines(ROOT / "data/newsroom/rows.jsonl")}
    pairs = [(first[row["id"]], row) for row in _lines(ROOT / "data/newsroom/second_pass.jsonl")]
    stances = [[(a["label"], b) for a, b in zip(one["stances"], two["stances"], strict=True)] for one, two in pairs]
    found = {
        "sentences": len(pairs),
        "label": _alpha([[(one["label"], two["label"])] for one, two in pairs]),
        "voice": _alpha([[(one["voice"], two["voice"])] for one, two in pairs]),
        "stance": _alpha(stances),
        "spans": _spans(pairs),
        "loaded_first": sum(one["label"] == "loaded" for one, _ in pairs),
        "loaded_second": sum(two["label"] == "loaded" for _, two in pairs),
        "label_disagreements": sorted(one["id"] for one, two in pairs if one["label"] != two["label"]),
    }
    target = ROOT / "experiments/03-newsroom/agreement.json"
    with write_atomic(target) as part:
        part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: value for name, value in found.items() if name != "label_disagreements"}, indent=1))
    return 0


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _alpha(units: list[list[tuple[str, str]]]) -> dict[str, Any]:
    """Alpha over all rated units and its 95 % percentile interval; sentences are drawn whole."""
    generator = np.random.default_rng(derive_seed(0, "agreement"))

    def alpha(chosen: list[int]) -> float:
        rated = [pair for i in chosen for pair in units[i]]
        return krippendorff_alpha([[a for a, _ in rated], [b for _, b in rated]])

    draws = [alpha(generator.integers(0, len(units), len(units)).tolist()) for _ in range(RESAMPLES)]
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    rated = [pair for unit in units for pair in unit]
    agreement = sum(a == b for a, b in rated) / len(rated)
    value = alpha(list(range(len(units))))
    return {"alpha": round(value, 4), "lo": round(low, 4), "hi": round(high, 4), "agreement": round(agreement, 4), "units": len(rated)}


def _spans(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """F1 of the second pass's spans against the first's: exact offsets, partial match, words."""
    one = [[(s["start"], s["end"]) for s in a["spans"]] for a, _ in pairs]
    two = [[(s["start"], s["end"]) for s in b["spans"]] for _, b in pairs]
    exact = sum(len(set(a) & set(b)) for a, b in zip(one, two, strict=True))
    counts = np.zeros(3)
    for (row, _), a, b in zip(pairs, one, two, strict=True):
        for start, end in find_words(row["text"]):
            gold, said = (any(s < end and start < e for s, e in spans) for spans in (a, b))
            counts += [gold and said, said and not gold, gold and not said]
    hits, extra, missed = counts
    return {
        "first": sum(map(len, one)),
        "second": sum(map(len, two)),
        "exact_f1": round(2 * exact / (sum(map(len, one)) + sum(map(len, two))), 4),
        "partial_match_f1": round(partial_match_f1(one, two)[2], 4),
        "word_f1": round(2 * hits / (2 * hits + extra + missed), 4),
    }


if __name__ == "__main__":
    raise SystemExit(main())
