"""Scores by target and differences from the floors: against scikit-learn, by hand, and what a report says of them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference

from slant.evaluation import Predictions, group_weights, interval, make_predictions, score
from slant.report import HEADLINE, not_beaten, score_rows

from .conftest import Columns, columns_of, meta_of

TARGETS = ("Atheism", "Harbour Bill", "Mayor Quill")
N, GROUPS = 240, 30


def stances(seed: int = 0, right: float = 0.5, targets: int = 3) -> Columns:
    """Stance predictions that are right in this share of rows; the gold labels, groups and targets are the same for every seed."""
    fixed, chance = np.random.default_rng(7), np.random.default_rng(seed)
    gold = fixed.integers(0, 3, N)
    groups = np.r_[np.arange(GROUPS), fixed.integers(0, GROUPS, N - GROUPS)]
    names = [TARGETS[n] if n < 3 else f"target {n}" for n in fixed.integers(0, targets, N)]
    pred = np.where(chance.random(N) < right, gold, (gold + chance.integers(1, 3, N)) % 3)
    p = 0.1 + 0.7 * np.eye(3)[pred]
    return columns_of(gold.tolist(), pred.tolist(), p, groups.tolist(), "stance") | {"target": names}


def table(columns: Columns, **changes: Any) -> Predictions:
    return make_predictions(columns, meta_of("stance", **changes))


def by_target(gold: Any, pred: Any, targets: Any, name: str) -> tuple[float, float]:
    """F_avg and macro F1 of one target's rows as scikit-learn gives them, labels without a row and a prediction as 0."""
    rows = np.asarray(targets) == name
    favor_against = reference.f1_score(gold[rows], pred[rows], labels=[0, 2], average="macro", zero_division=0)
    return favor_against, reference.f1_score(gold[rows], pred[rows], labels=[0, 1, 2], average="macro", zero_division=0)


# --- by target


def test_each_target_is_scored_on_its_own_rows() -> None:
    columns = stances()
    predictions = table(columns)
    gold, pred = predictions.label_index("gold"), predictions.label_index("pred")
    metrics = score(predictions, resamples=50)["metrics"]
    each = []
    for name in TARGETS:
        f_avg, macro = by_target(gold, pred, columns["target"], name)
        each.append(f_avg)
        assert metrics[f"f_avg/{name}"]["value"] == pytest.approx(f_avg)
        assert metrics[f"macro_f1/{name}"]["value"] == pytest.approx(macro)
        groups = {g for g, t in zip(columns["group"], columns["target"], strict=True) if t == name}
        for metric in (f"f_avg/{name}", f"macro_f1/{name}"):
            assert (metrics[metric]["n"], metrics[metric]["groups"]) == (columns["target"].count(name), len(groups))
            assert metrics[metric]["lo"] < metrics[metric]["value"] < metrics[metric]["hi"]
    mean = metrics["f_avg_mean_over_targets"]
    assert mean["value"] == pytest.approx(np.mean(each))
    assert (mean["n"], mean["groups"]) == (N, GROUPS)
    assert mean["lo"] < mean["value"] < mean["hi"]
    assert mean["value"] != pytest.approx(metrics["f_avg_pooled"]["value"], abs=1e-6)


def test_the_mean_weighs_targets_alike_and_pooling_by_their_rows() -> None:
    # Nine rows of one target, all right; one row of another, wrong.
    gold, pred = [0, 2, 2] * 3 + [0], [0, 2, 2] * 3 + [2]
    columns = columns_of(gold, pred, 0.1 + 0.7 * np.eye(3)[pred], range(10), "stance") | {"target": ["large"] * 9 + ["small"]}
    metrics = score(table(columns), resamples=20)["metrics"]
    assert metrics["f_avg/large"]["value"] == 1
    assert metrics["f_avg/small"]["value"] == 0
    assert metrics["f_avg_mean_over_targets"]["value"] == 0.5
    assert metrics["f_avg_pooled"]["value"] == pytest.approx((2 * 3 / 7 + 2 * 6 / 13) / 2)


def test_its_intervals_equal_a_plain_loop() -> None:
    columns = stances()
    predictions = table(columns)
    gold, pred, targets = predictions.label_index("gold"), predictions.label_index("pred"), np.asarray(columns["target"])
    _, groups = np.unique(np.asarray(columns["group"]), return_inverse=True)
    samples = []
    for drawn in group_weights(GROUPS, 60, 5):
        rows = np.repeat(np.arange(N), drawn[groups].astype(int))
        samples.append(np.mean([by_target(gold[rows], pred[rows], targets[rows], name)[0] for name in TARGETS]))
    found = score(predictions, resamples=60, seed=5, level=0.8)["metrics"]["f_avg_mean_over_targets"]
    assert (found["lo"], found["hi"]) == pytest.approx(interval(samples, 0.8))


def test_a_target_in_one_group_has_a_value_and_no_interval() -> None:
    columns = stances()
    columns["group"] = ["alone" if target == "Atheism" else group for group, target in zip(columns["group"], columns["target"], strict=True)]
    found = score(table(columns), resamples=50)["metrics"]["f_avg/Atheism"]
    assert found["value"] is not None
    assert (found["lo"], found["hi"], found["reason"]) == (None, None, "one group only, so no interval")


def test_rows_without_a_target_or_gold_are_left_out() -> None:
    columns = stances()
    columns["target"] = [None, None, *columns["target"][2:]]
    columns["gold"] = [*columns["gold"][:-1], None]
    metrics = score(table(columns), resamples=20)["metrics"]
    assert metrics["f_avg_mean_over_targets"]["n"] == N - 3
    assert sum(metrics[f"f_avg/{name}"]["n"] for name in TARGETS) == N - 3
    assert metrics["f_avg_pooled"]["n"] == N - 1


def test_two_to_twenty_targets_are_scored_each() -> None:
    def scored(targets: list[str | None]) -> list[str]:
        metrics = score(table(stances() | {"target": targets}), resamples=10)["metrics"]
        return [name for name in metrics if "/" in name or name.endswith("over_targets")]

    def cycled(n: int) -> list[str | None]:
        return [f"t{i % n}" for i in range(N)]

    assert scored([None] * N) == []
    assert scored(cycled(1)) == []
    assert len(scored(cycled(2))) == 1 + 2 * 2
    assert len(scored(cycled(20))) == 1 + 2 * 20
    assert scored(cycled(21)) == []


def test_a_loaded_table_has_no_scores_by_target() -> None:
    columns = columns_of([0, 1] * 10, [0, 1] * 10, [[0.9, 0.1], [0.1, 0.9]] * 10, range(20)) | {"target": ["a", "b"] * 10}
    metrics = score(make_predictions(columns, meta_of()), resamples=10)["metrics"]
    assert not [name for name in metrics if "/" in name or "f_avg" in name]


def test_a_table_shows_the_mean_over_targets() -> None:
    assert HEADLINE.index("f_avg_mean_over_targets") == HEADLINE.index("f_avg_pooled") + 1
    result = score(table(stances()), resamples=20)
    shown = [row[0] for row in score_rows(result)]
    assert "f_avg_mean_over_targets" in shown
    assert not [name for name in shown if "/" in name]


# --- differences


def test_the_difference_is_the_subtraction() -> None:
    ours, floor = table(stances(1, 0.7)), table(stances(2, 0.4), model="floor")
    result = score(ours, resamples=200, floors={"floor": floor})
    below = result["floors"]["floor"]
    assert list(below["difference"]) == sorted(set(result["metrics"]) & set(below["metrics"]))
    for name, found in below["difference"].items():
        assert found["value"] == result["metrics"][name]["value"] - below["metrics"][name]["value"], name
        assert found["lo"] <= found["hi"], name
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_a_clearly_worse_floor_is_beaten() -> None:
    result = score(table(stances(1, 0.8)), resamples=200, floors={"coin": table(stances(2, 0.34))})
    for name in ("macro_f1", "f_avg_pooled", "f_avg_mean_over_targets", "accuracy", "mcc"):
        found = result["floors"]["coin"]["difference"][name]
        assert 0 < found["lo"] < found["value"] < found["hi"], name
    assert result["floors"]["coin"]["difference"]["brier"]["hi"] < 0
    assert not_beaten(result) == []


def test_a_model_differs_from_itself_by_nothing() -> None:
    ours = table(stances())
    result = score(ours, resamples=100, floors={"target_blind": ours})
    assert result["metrics"]["macro_f1"]["lo"] < result["metrics"]["macro_f1"]["hi"]
    differences = result["floors"]["target_blind"]["difference"]
    assert all(found == {"value": 0, "lo": 0, "hi": 0} for found in differences.values())
    assert {"macro_f1", "f_avg_pooled", "f_avg/Atheism", "auroc", "brier"} <= set(differences)
    assert not_beaten(result) == [
        "macro_f1 is not shown to beat the floor target blind (difference +0.000, +0.000 to +0.000)",
        "f_avg_pooled is not shown to beat the floor target blind (difference +0.000, +0.000 to +0.000)",
    ]


def test_the_difference_is_of_the_same_draws() -> None:
    """The two intervals overlap widely; row by row one of them is never worse."""
    columns = stances(1, 0.6)
    wrong = [i for i in range(N) if columns["gold"][i] == columns["pred"][i]][:16]
    labels = meta_of("stance").labels
    worse = [labels[(labels.index(label) + 1) % 3] if i in wrong else label for i, label in enumerate(columns["pred"])]
    pred = np.array([labels.index(label) for label in worse])
    p = 0.1 + 0.7 * np.eye(3)[pred]
    floor = columns | {"pred": worse} | {f"p_{label}": p[:, k].tolist() for k, label in enumerate(labels)}
    result = score(table(columns), resamples=200, floors={"floor": table(floor)})
    ours, theirs = result["metrics"]["accuracy"], result["floors"]["floor"]["metrics"]["accuracy"]
    assert ours["lo"] < theirs["hi"]
    found = result["floors"]["floor"]["difference"]["accuracy"]
    predictions = table(columns)
    gold = predictions.label_index("gold")
    _, groups = np.unique(np.asarray(columns["group"]), return_inverse=True)
    rows = (predictions.label_index("pred") == gold).astype(float) - (pred == gold)
    samples = [np.average(rows, weights=drawn[groups]) for drawn in group_weights(GROUPS, 200, 0)]
    assert found["value"] == pytest.approx(16 / N)
    assert (found["lo"], found["hi"]) == pytest.approx(interval(samples, 0.95))
    assert found["lo"] > 0


def test_what_has_no_interval_has_no_difference() -> None:
    one_group = stances() | {"group": ["alone"] * N}
    result = score(table(one_group), resamples=20, floors={"same": table(one_group)})
    assert result["floors"]["same"]["difference"] == {}
    assert not_beaten(result) == []


def test_a_report_names_each_floor_and_metric_that_is_not_beaten() -> None:
    def floor(macro: float, pooled: float) -> dict[str, Any]:
        return {"difference": {"macro_f1": {"value": 0.03, "lo": macro, "hi": 0.1}, "f_avg_pooled": {"value": 0.01, "lo": pooled, "hi": 0.1}}}

    scores = {"floors": {"majority": floor(0.01, 0.01), "target_majority": floor(0.01, -0.02), "target_blind": floor(0.0, 0.02), "old": {}}}
    assert not_beaten(scores) == [
        "f_avg_pooled is not shown to beat the floor target majority (difference +0.010, -0.020 to +0.100)",
        "macro_f1 is not shown to beat the floor target blind (difference +0.030, +0.000 to +0.100)",
    ]
