"""Slices, calibration and abstention: against scikit-learn, by hand, and where the truth is planted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference

from slant.evaluation import Predictions, make_predictions, score
from slant.evaluation.comparison import abstention, calibration, compare, seed_tables, slices
from slant.labels import get_task

from .conftest import columns_of, meta_of

N, GROUPS = 600, 120


def table_of(task: str = "loaded", seed: int = 0, **changes: Any) -> Predictions:
    rng = np.random.default_rng(seed)
    k = len(get_task(task).labels)
    gold = np.random.default_rng(1).integers(0, k, N)
    logits = rng.normal(0, 1, (N, k)) + 1.2 * np.eye(k)[gold]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    columns = columns_of(gold.tolist(), p.argmax(1).tolist(), p, [i % GROUPS for i in range(N)], task)
    return make_predictions(columns | changes, meta_of(task))


# --- slices


def test_slices_are_scikit_learns_on_their_rows() -> None:
    outlets = [("Daily", "Weekly", "Rare", None)[0 if i % 3 else (1 if i % 7 else 2 if i < 100 else 3)] for i in range(N)]
    found = slices(seed_tables(table_of(outlet=outlets)), resamples=200)
    shown = {(one["column"], one["value"]): one for one in found}
    assert ("outlet", "Rare") not in shown  # under ten rows
    assert [one["value"] for one in found if one["column"] == "outlet"] == ["Daily", "Weekly"]
    rows = [i for i, outlet in enumerate(outlets) if outlet == "Weekly"]
    table = table_of()
    gold, pred = (table.label_index(name)[rows] for name in ("gold", "pred"))
    one = shown["outlet", "Weekly"]
    assert one["rows"] == len(rows)
    assert one["metrics"]["macro_f1"]["value"] == pytest.approx(reference.f1_score(gold, pred, average="macro"))
    assert one["metrics"]["accuracy"]["value"] == pytest.approx(reference.accuracy_score(gold, pred))
    assert one["metrics"]["accuracy"]["lo"] < one["metrics"]["accuracy"]["value"] < one["metrics"]["accuracy"]["hi"]


def test_a_slice_that_is_everything_has_the_interval_of_the_scores() -> None:
    table = table_of(outlet=["Daily"] * (N - 10) + ["Weekly"] * 10)
    whole = score(table, resamples=300, seed=4)["metrics"]["accuracy"]
    daily = next(one for one in slices(seed_tables(table), resamples=300, seed=4) if one["value"] == "Daily")["metrics"]["accuracy"]
    assert daily["value"] == pytest.approx(whole["value"], abs=0.02)
    assert daily["lo"] == pytest.approx(whole["lo"], abs=0.02)


def test_lengths_and_agreement_are_cut_into_bands() -> None:
    texts = ["word " * (5 if i % 2 else 25) for i in range(N)]
    votes = [([3.0, 0.0] if i % 3 else [0.4, 0.6]) if i % 5 else None for i in range(N)]
    found = slices(seed_tables(table_of(text=texts, label_votes=votes)), resamples=100)
    counted = {(one["column"], one["value"]): one["rows"] for one in found}
    unknown = [i for i in range(N) if i % 5]
    assert counted == {
        ("length", "1–10 words"): N // 2,
        ("length", "21–30 words"): N // 2,
        ("agreement", "all agree"): sum(i % 3 > 0 for i in unknown),
        ("agreement", "60–80 % agree"): sum(i % 3 == 0 for i in unknown),
    }


def test_a_label_missing_from_a_slice_leaves_macro_f1_out() -> None:
    gold = table_of().column("gold").tolist()
    outlets = ["One" if label == "loaded" else "Both" for label in gold]
    outlets[:40] = ["Both"] * 40
    one = next(one for one in slices(seed_tables(table_of(outlet=outlets)), resamples=100) if one["value"] == "One")
    assert one["metrics"]["macro_f1"]["value"] is None and "missing" in one["metrics"]["macro_f1"]["reason"]
    assert one["metrics"]["accuracy"]["value"] is not None


def test_a_slice_that_moves_the_other_way_is_flagged_and_no_other() -> None:
    base = table_of()
    outlets = [("Daily", "Weekly", "Monthly")[i % 3] for i in range(N)]
    gold, pred = base.label_index("gold"), base.label_index("pred").copy()
    rng = np.random.default_rng(5)
    for i in range(N):
        if outlets[i] == "Monthly":
            pred[i] = 1 - gold[i] if rng.random() < 0.6 else gold[i]  # much worse here
        elif rng.random() < 0.5:
            pred[i] = gold[i]
    p = np.where(np.arange(2) == pred[:, None], 0.8, 0.2)
    changed = table_of(outlet=outlets, pred=[("neutral", "loaded")[i] for i in pred], p_neutral=p[:, 0].tolist(), p_loaded=p[:, 1].tolist())
    changed_topics = compare({"A": [table_of(outlet=outlets)], "B": [changed]}, resamples=500)
    flags = {one["value"]: one["flag"] for one in changed_topics["pairs"][0]["slices"] if one["metric"] == "accuracy"}
    total = next(e for e in changed_topics["pairs"][0]["metrics"] if e["metric"] == "accuracy")["difference"]
    monthly = next(one for one in changed_topics["pairs"][0]["slices"] if one["value"] == "Monthly" and one["metric"] == "accuracy")
    assert monthly["apart"] == pytest.approx(monthly["difference"] - total)
    assert flags["Monthly"] == ("against" if monthly["difference"] * total < 0 else "apart") != ""


def test_slices_of_equal_runs_have_no_flag() -> None:
    outlets = [("Daily", "Weekly", "Monthly")[i % 3] for i in range(N)]
    found = compare({"A": [table_of(outlet=outlets)], "B": [table_of(seed=9, outlet=outlets)]}, resamples=300)
    assert {one["flag"] for one in found["pairs"][0]["slices"]} == {""}


# --- calibration


@pytest.mark.parametrize("task", ["loaded", "stance"])
def test_calibration_sums_up_to_the_scores(task: str) -> None:
    table = table_of(task)
    found = calibration(seed_tables(table), resamples=200)
    scores = score(table, resamples=200)["metrics"]
    assert found is not None
    assert found["brier"]["value"] == pytest.approx(scores["brier"]["value"])
    assert found["ece"]["value"] == pytest.approx(scores["ece"]["value"])
    assert found["brier"]["lo"] == pytest.approx(scores["brier"]["lo"], abs=1e-5)
    assert found["ece"]["hi"] == pytest.approx(scores["ece"]["hi"], abs=1e-5)
    parts = found["reliability"] - found["resolution"] + found["uncertainty"] + found["within"]
    assert parts == pytest.approx(found["brier"]["value"])
    assert found["brier_form"] == ("binary" if task == "loaded" else "multi-class")
    assert list(found["labels"]) == (["loaded"] if task == "loaded" else ["against", "neutral", "favor"])
    assert sum(one["n"] for one in found["confidence"]) == N
    gap = sum(one["n"] * abs(one["probability"] - one["share"]) for one in found["confidence"] if one["n"])
    assert gap / N == pytest.approx(found["ece"]["value"])


def test_the_decomposition_by_hand() -> None:
    # Two forecasts, each in a bin of its own, so that nothing is left within: 0.9 came true 3 times of 4, 0.3 once of 4.
    p = [0.9] * 4 + [0.3] * 4
    gold = [1, 1, 1, 0, 1, 0, 0, 0]
    columns = columns_of(gold, [1] * 4 + [0] * 4, [[1 - x, x] for x in p], range(8))
    found = calibration(seed_tables(make_predictions(columns, meta_of())), resamples=100)
    assert found is not None
    assert found["reliability"] == pytest.approx(0.5 * 0.15**2 + 0.5 * 0.05**2)
    assert found["resolution"] == pytest.approx(0.25**2)
    assert found["uncertainty"] == pytest.approx(0.25)
    assert found["within"] == pytest.approx(0, abs=1e-12)


def test_the_curve_of_honest_probabilities_holds_the_diagonal() -> None:
    rng = np.random.default_rng(3)
    p = rng.random(N)
    gold = (rng.random(N) < p).astype(int)
    columns = columns_of(gold.tolist(), (p > 0.5).astype(int).tolist(), np.stack([1 - p, p], 1), range(N))
    found = calibration(seed_tables(make_predictions(columns, meta_of())), resamples=500)
    assert found is not None
    inside = [one["share_lo"] <= one["probability"] <= one["share_hi"] for one in found["labels"]["loaded"]]  # type: ignore[operator]
    assert sum(inside) >= 12
    assert found["reliability"] < 0.01


# --- abstention


def test_the_risk_of_answering_everything_is_the_error_rate_and_sure_rows_err_less() -> None:
    table = table_of()
    found = abstention(seed_tables(table), resamples=200)
    wrong = (table.label_index("gold") != table.label_index("pred")).mean()
    assert found is not None and found["own"] is None
    assert found["curve"][-1]["coverage"] == 1 and found["curve"][-1]["risk"] == pytest.approx(wrong)
    assert found["curve"][0]["risk"] < wrong and found["area"]["value"] < wrong
    assert found["area"]["lo"] < found["area"]["value"] < found["area"]["hi"]
    coverages = [one["coverage"] for one in found["curve"]]
    assert coverages == sorted(coverages) and len(coverages) == 40
    confidence = table.probabilities().max(1)
    for one in found["curve"]:
        answered = confidence >= one["probability"]
        assert answered.mean() == pytest.approx(one["coverage"])
        assert (table.label_index("gold") != table.label_index("pred"))[answered].mean() == pytest.approx(one["risk"])


def test_the_area_by_hand() -> None:
    # Four rows in order of confidence, the second wrong: risks 0, 1/2, 1/3, 1/4.
    p = [0.9, 0.8, 0.7, 0.6]
    columns = columns_of([1, 0, 1, 1], [1, 1, 1, 1], [[1 - x, x] for x in p], range(4))
    found = abstention(seed_tables(make_predictions(columns, meta_of())), resamples=100)
    assert found is not None
    assert found["area"]["value"] == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)


def test_a_runs_own_abstention_is_told() -> None:
    table = table_of()
    unsure = table.probabilities().max(1) < 0.7
    found = abstention(seed_tables(table_of(abstained=unsure.tolist())), resamples=200)
    assert found is not None and found["own"] is not None
    assert found["own"]["coverage"] == pytest.approx(1 - unsure.mean())
    assert found["own"]["risk"] == pytest.approx((table.label_index("gold") != table.label_index("pred"))[~unsure].mean())
    assert found["own"]["probability"] >= 0.7


def test_without_gold_there_is_neither() -> None:
    tables = seed_tables(table_of(gold=[None] * N))
    assert calibration(tables) is None and abstention(tables) is None
