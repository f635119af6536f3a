"""Compare simulated runs whose true difference is known, and count how often the verdict, the interval and the predicted power are right.

    nice python scripts/simulate_compare.py [--simulations 500] [-o experiments/06-planted-truth/results.json]

A test set has BABE's number of rows, in groups as uneven as BABE's articles. Whether a run is right about a row depends on the article (as hard
for both runs), on the article and the run, on the row, and on chance; runs differ in their mean alone. Each simulation draws a new test set and new
runs, and goes through the code that `slant compare` runs: resampling, swaps, Holm, verdict. Only reading tables is left out.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa

from slant import __version__
from slant.evaluation import Predictions, PredictionsMeta, arrow_schema, group_weights
from slant.evaluation.comparison.paired import judge, judge_pairs, resample
from slant.evaluation.comparison.sides import rows_of
from slant.evaluation.comparison.significance import detectable_difference, power_at
from slant.evaluation.comparison.sums import sums_of
from slant.files import write_atomic
from slant.labels import LOADED
from slant.seeding import derive_seed

#: What is left of BABE when a run has joined and cleaned it; three fifths of its groups are a single sentence, the largest has 15.
ROWS, GROUPS = 3674, 2106
#: With this shape the drawn groups are as uneven: a row's group has 2.7 rows on average.
EVENNESS = 0.65
LOADED_SHARE, BASE_ACCURACY = 0.49, 0.76
#: Shares of the variance of being right: article, article and run, row, and the rest, which is the run's own at each row.
ARTICLE, ARTICLE_RUN, ROW = 0.08, 0.03, 0.55
POINTS = (0.0, 0.5, 1.0, 2.0, 4.0)
SEED_POINTS = (0.0, 1.0)
#: How far a seed moves a run's accuracy, as a standard deviation.
SEED_SD = 0.004
METRICS = ("accuracy", "macro_f1")
#: The probability that a run gives its label. It matters to neither of the two metrics.
SURE = 0.8
META = PredictionsMeta("loaded", 1, LOADED.labels, "simulated", "simulated", __version__, "simulated")
NORMAL = NormalDist()
LEVEL = 0.95


def draw_groups(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Each row's group: sizes of at least 1 that sum to ROWS, uneven as a geometric distribution's."""
    share = rng.gamma(EVENNESS, size=GROUPS)
    sizes = 1 + rng.multinomial(ROWS - GROUPS, share / share.sum())
    return np.repeat(np.arange(GROUPS), sizes)


def tables(rng: np.random.Generator, accuracies: list[list[float]]) -> list[list[Predictions]]:
    """A table for each side and seed over one new test set, from each one's true accuracy."""
    groups = draw_groups(rng)
    gold = (rng.random(ROWS) < LOADED_SHARE).astype(int)
    shared = np.sqrt(ARTICLE) * rng.standard_normal(GROUPS)[groups] + np.sqrt(ROW) * rng.standard_normal(ROWS)
    names = pa.array([f"{group:04d}" for group in groups])
    result = []
    for side in accuracies:
        of_article = np.sqrt(ARTICLE_RUN) * rng.standard_normal(GROUPS)[groups]
        own = []
        for accuracy in side:
            noise = np.sqrt(1 - ARTICLE - ARTICLE_RUN - ROW) * rng.standard_normal(ROWS)
            right = shared + of_article + noise + NORMAL.inv_cdf(accuracy) > 0
            own.append(_table(names, gold, np.where(right, gold, 1 - gold)))
        result.append(own)
    return result


def _table(names: pa.Array, gold: np.ndarray[Any, Any], pred: np.ndarray[Any, Any]) -> Predictions:
    labels = np.array(LOADED.labels, object)
    loaded = np.where(pred == 1, SURE, 1 - SURE)
    columns = {
        "group": names,
        "gold": labels[gold],
        "pred": labels[pred],
        "p_neutral": 1 - loaded,
        "p_loaded": loaded,
        "abstained": np.zeros(ROWS, bool),
    }
    schema = arrow_schema(LOADED.labels)
    arrays = [pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(ROWS, field.type) for field in schema]
    return Predictions(pa.Table.from_arrays(arrays, schema=schema), META)


def macro_f1(accuracy: float) -> float:
    """The macro F1 of a run that is right with this probability whatever the label, over all sentences that there could be."""
    found = []
    for share in (LOADED_SHARE, 1 - LOADED_SHARE):
        found.append(2 * share * accuracy / (2 * share * accuracy + (1 - accuracy)))
    return sum(found) / 2


def simulate(points: float, seeds: int, simulations: int, resamples: int) -> dict[str, Any]:
    """What became of so many comparisons at one true difference, by metric judged alone, and with all metrics judged at once."""
    better = BASE_ACCURACY + points / 100
    truth = {"accuracy": better - BASE_ACCURACY, "macro_f1": macro_f1(better) - macro_f1(BASE_ACCURACY)}
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in METRICS}
    family = []
    for number in range(simulations):
        rng = np.random.Generator(np.random.PCG64(derive_seed(number, "simulation", points, seeds)))
        effects = SEED_SD * rng.standard_normal((2, seeds)) if seeds > 1 else np.zeros((2, 1))
        sides = tables(rng, [[mean + effect for effect in row] for mean, row in zip((BASE_ACCURACY, better), effects, strict=True)])
        rows = rows_of(sides[0][0])
        weights = group_weights(len(rows.groups), resamples, number)
        sums = iter(sums_of([table for side in sides for table in side], rows))
        found = [resample([next(sums) for _ in side], [place * seeds + i for i in range(seeds)], weights, number) for place, side in enumerate(sides)]
        entries = {entry["metric"]: entry for entry in judge_pairs(found, number, LEVEL).differences[0]}
        family.append(any(entry["verdict"] != "cannot tell" for entry in entries.values() if entry["judged"]))
        for name in METRICS:
            seen[name].append(dict(entries[name]) | {"alone": _verdict_alone(entries[name])})
    return {
        "points": points,
        "seeds": seeds,
        "simulations": simulations,
        "metrics": {name: _counted(seen[name], truth[name]) for name in METRICS},
        "tests_of_all_metrics": len([entry for entry in entries.values() if entry["judged"]]),
        "any_verdict_of_all_metrics": float(np.mean(family)),
    }


def _verdict_alone(entry: Any) -> str:
    """The verdict if this metric were the only one asked for: Holm then changes nothing."""
    return judge(entry["difference"], entry["lo"], entry["hi"], entry["p"], 1 - LEVEL, True)


def _counted(entries: list[dict[str, Any]], truth: float) -> dict[str, float]:
    alpha = 1 - LEVEL

    def share(hits: list[bool]) -> float:
        return float(np.mean(hits))

    return {
        "truth": truth,
        "mean_difference": float(np.mean([e["difference"] for e in entries])),
        "sd_difference": float(np.std([e["difference"] for e in entries], ddof=1)),
        "mean_se": float(np.mean([e["se"] for e in entries])),
        "covered": share([e["lo"] <= truth <= e["hi"] for e in entries]),
        "better": share([e["alone"] == "better" for e in entries]),
        "worse": share([e["alone"] == "worse" for e in entries]),
        "interval_excludes_0": share([e["lo"] > 0 or e["hi"] < 0 for e in entries]),
        "swap_p_below_alpha": share([e["p"] < alpha for e in entries]),
        "power_predicted": float(np.mean([power_at(truth, e["se"], alpha) for e in entries])),
        "detectable": float(np.mean([detectable_difference(e["se"], alpha) for e in entries])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=500)
    parser.add_argument("--resamples", type=int, default=1000, help="of each simulated comparison, and as many swaps")
    parser.add_argument("-o", "--output", default="experiments/06-planted-truth/results.json")
    args = parser.parse_args()
    begun = time.process_time()
    # Three seeds are three times as dear, and their question is a second one.
    settings = [(points, 1, args.simulations) for points in POINTS] + [(points, 3, args.simulations * 2 // 5) for points in SEED_POINTS]
    scenarios = []
    for points, seeds, simulations in settings:
        scenarios.append(simulate(points, seeds, simulations, args.resamples))
        print(json.dumps(scenarios[-1]), flush=True)
    facts: dict[str, Any] = {
        "rows": ROWS,
        "groups": GROUPS,
        "base_accuracy": BASE_ACCURACY,
        "loaded_share": LOADED_SHARE,
        "resamples": args.resamples,
        "level": LEVEL,
    }
    facts |= {"variance": {"article": ARTICLE, "article_and_run": ARTICLE_RUN, "row": ROW}, "seed_sd": SEED_SD}
    result = {"settings": facts, "scenarios": scenarios, "package_version": __version__, "cpu_seconds": round(time.process_time() - begun)}
    with write_atomic(Path(args.output)) as part:
        part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
