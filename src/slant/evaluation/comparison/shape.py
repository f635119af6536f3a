"""What a comparison says, ready for JSON: every value is a string, number, boolean, None, list or mapping of these.

Sides are named by the caller; the first is the baseline, and every other side is compared with it. All differences are candidate minus
baseline in the metric's own units, never made positive: `higher_is_better` says which way is good. A value that is not defined is None, and
the entry's `reason` says why. Rows of several tables of a side (seeds) are matched by id; a side's value is the mean over its tables.
"""

from __future__ import annotations

from typing import TypedDict

__all__ = [
    "Abstention",
    "Calibration",
    "Changed",
    "Comparison",
    "CurveBin",
    "Difference",
    "Estimate",
    "Judgement",
    "McNemar",
    "Pair",
    "RiskPoint",
    "SideSummary",
    "Slice",
    "SliceDifference",
    "Word",
]


class Estimate(TypedDict):
    """A value and its percentile interval over resampled groups (and seeds, where a side has several tables)."""

    value: float | None
    lo: float | None
    hi: float | None
    n: int
    groups: int
    reason: str


class Difference(TypedDict):
    """One metric of one pair of sides.

    `se` is the bootstrap's standard error of the difference; `p` the approximate-randomisation test's, two-sided; `p_adjusted` Holm's over all
    judged metrics and pairs of the comparison; `detectable` the smallest true difference that a test at this level would find with 80 % power on
    this test set. `verdict` is "better", "worse" or "cannot tell" (of the candidate), or "not judged" for a metric without a better direction,
    one that is undefined here, and one that is a part of a judged metric.
    """

    metric: str
    higher_is_better: bool | None
    judged: bool
    baseline: float | None
    candidate: float | None
    difference: float | None
    lo: float | None
    hi: float | None
    se: float | None
    p: float | None
    p_adjusted: float | None
    detectable: float | None
    verdict: str
    n: int
    groups: int
    reason: str


class McNemar(TypedDict):
    """Rows that one side has right and the other wrong, in one table of each; rows are taken as independent, which they are not.

    `method` is "exact" (binomial, fewer than 25 such rows) or "mid-p".
    """

    baseline_seed: int
    candidate_seed: int
    only_baseline: int
    only_candidate: int
    p: float
    method: str


class Slice(TypedDict):
    """The rows of one side that share a value. `column` is outlet, leaning, topic, target, voice, length or agreement."""

    column: str
    value: str
    rows: int
    groups: int
    metrics: dict[str, Estimate]


class SliceDifference(TypedDict):
    """One metric's difference in a slice.

    `apart` is the slice's difference minus that of all rows, with its interval and p (Holm over the pair's slices of that metric); `flag` is
    "against" when it is significant and the slice moves the other way than all rows, "apart" when it is significant only, else "".
    """

    column: str
    value: str
    metric: str
    rows: int
    groups: int
    baseline: float | None
    candidate: float | None
    difference: float | None
    lo: float | None
    hi: float | None
    apart: float | None
    apart_lo: float | None
    apart_hi: float | None
    apart_p_adjusted: float | None
    flag: str
    reason: str


class CurveBin(TypedDict):
    """One bin of a reliability curve, `(low, high]` of the probability; `share` is how often it came true, with its interval over groups."""

    low: float
    high: float
    n: int
    probability: float | None
    share: float | None
    share_lo: float | None
    share_hi: float | None


class Calibration(TypedDict):
    """How far probabilities mean what they say, rows of all the side's tables pooled.

    `confidence` is the curve of the predicted label's probability, the one that `ece` sums up; `labels` holds each label's one-vs-rest curve
    (of a task with two labels, the positive one's alone). `brier` = `reliability` - `resolution` + `uncertainty` + `within`: Murphy's (1973)
    decomposition on those curves' bins, `within` being what binning leaves (Stephenson et al. 2008). `brier_form` is "binary" (the positive
    label's squared error, 0 to 1) or "multi-class" (squared errors summed over labels, 0 to 2; the parts are summed over labels too).
    """

    confidence: list[CurveBin]
    labels: dict[str, list[CurveBin]]
    ece: Estimate
    brier: Estimate
    brier_form: str
    reliability: float
    resolution: float
    uncertainty: float
    within: float


class RiskPoint(TypedDict):
    """Answering only where the predicted label has at least this `probability`: share of rows answered, and share of those that are wrong."""

    probability: float
    coverage: float
    risk: float
    lo: float | None
    hi: float | None


class Abstention(TypedDict):
    """Coverage against risk, from the surest rows to all; `area` under the curve (Geifman and El-Yaniv 2017), lower is better.

    `own` is where the run's own abstention stands on it; None where it abstains from nothing.
    """

    curve: list[RiskPoint]
    area: Estimate
    own: RiskPoint | None


class SideSummary(TypedDict):
    """One side by itself. `metrics` are the means over its tables; `by_seed[metric]` the value of each table, in the order of `seeds`.

    `confusion[gold][pred]` counts rows in label order, summed over tables.
    """

    name: str
    models: list[str]
    run_ids: list[str]
    seeds: list[int]
    package_versions: list[str]
    predictions: list[str]
    metrics: dict[str, Estimate]
    by_seed: dict[str, list[float | None]]
    confusion: list[list[int]]
    calibration: Calibration | None
    abstention: Abstention | None
    slices: list[Slice]


class Word(TypedDict):
    """A word's place in the text, in code points, and how loaded a side holds it."""

    start: int
    end: int
    score: float


class Judgement(TypedDict):
    """What a side says of a sentence: mean probabilities over its tables and their most frequent label; words and spans of its first table."""

    pred: str
    probabilities: dict[str, float]
    abstained: bool
    spans: list[tuple[int, int]] | None
    words: list[Word] | None


class Changed(TypedDict):
    """A sentence that two sides judge differently. `change` is half the sum of absolute differences of their probabilities, 0 to 1."""

    id: str
    group: str
    text: str
    target: str | None
    outlet: str | None
    gold: str | None
    spans_gold: list[tuple[int, int]] | None
    change: float
    towards_gold: bool | None
    baseline: Judgement
    candidate: Judgement


class Pair(TypedDict):
    """The candidate against the baseline. `mcnemar` holds an entry for each pair of tables that are matched."""

    baseline: str
    candidate: str
    metrics: list[Difference]
    mcnemar: list[McNemar]
    slices: list[SliceDifference]
    changed: list[Changed]


class Comparison(TypedDict):
    """The whole. `pairs` has one entry a candidate, in the order of the sides.

    `settings`: resamples, swaps, seed, level, alpha, unit ("group"). `test`: fingerprint, rows, groups, support (rows by gold label),
    rows_without_gold. `notes` are sentences on what could not be shown and why. What follows is filled by slant.pipeline.review and empty
    otherwise: `warnings` (dirty trees, versions), `config` (dotted key to the value of each side, for keys that differ),
    `runs` (side to its MLflow runs or folders: id, name, folder, git_commit, git_dirty, package_version).
    """

    schema_version: int
    task: str
    task_version: int
    labels: list[str]
    split: str
    settings: dict[str, int | float | str]
    test: dict[str, int | str | dict[str, int]]
    sides: list[SideSummary]
    pairs: list[Pair]
    notes: list[str]
    warnings: list[str]
    config: dict[str, dict[str, str | None]]
    runs: dict[str, list[dict[str, str | bool | None]]]
