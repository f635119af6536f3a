"""Scores of a predictions table: values against scikit-learn, intervals against a plain loop, and what is said when undefined."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference

from slant.errors import DataError
from slant.evaluation import Predictions, group_weights, interval, make_predictions, predictions_hash, score

from .conftest import Columns, columns_of, meta_of

Make = Callable[[], Columns]


def random_predictions(task: str = "loaded", n: int = 300, n_groups: int = 40, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    k = 2 if task == "loaded" else 3
    gold = rng.integers(0, k, n)
    raw = rng.random((n, k)) + 0.5 * np.eye(k)[gold]
    p = raw / raw.sum(1, keepdims=True)
    groups = np.r_[np.arange(n_groups), rng.integers(0, n_groups, n - n_groups)]
    return make_predictions(columns_of(gold.tolist(), p.argmax(1).tolist(), p, groups.tolist(), task), meta_of(task))


@pytest.mark.parametrize("task", ["loaded", "stance"])
def test_values_agree_with_scikit_learn(task: str) -> None:
    predictions = random_predictions(task)
    gold, pred, p = predictions.label_index("gold"), predictions.label_index("pred"), predictions.probabilities()
    binary = task == "loaded"
    expected = {
        "accuracy": reference.accuracy_score(gold, pred),
        "macro_f1": reference.f1_score(gold, pred, average="macro"),
        "weighted_f1": reference.f1_score(gold, pred, average="weighted"),
        "mcc": reference.matthews_corrcoef(gold, pred),
        "auroc": reference.roc_auc_score(gold, p[:, 1] if binary else p, multi_class="ovr"),
        "brier": reference.brier_score_loss(gold, p, labels=range(p.shape[1]), scale_by_half=binary),
        "coverage": 1.0,
    }
    per_class = reference.f1_score(gold, pred, average=None)
    expected |= {f"f1_{label}": per_class[index] for index, label in enumerate(predictions.meta.labels)}
    if not binary:
        expected["f_avg_pooled"] = (per_class[0] + per_class[2]) / 2
    metrics = score(predictions, resamples=50)["metrics"]
    assert {name: metrics[name]["value"] for name in expected} == pytest.approx(expected)
    assert set(metrics) == {*expected, "ece"}
    assert all(0 <= entry["lo"] <= entry["hi"] for entry in metrics.values())
    assert all(entry["n"] == 300 and entry["groups"] == 40 for entry in metrics.values())


@pytest.mark.parametrize("task", ["loaded", "stance"])
def test_intervals_equal_a_plain_loop(task: str) -> None:
    predictions = random_predictions(task)
    gold, pred, p = predictions.label_index("gold"), predictions.label_index("pred"), predictions.probabilities()
    names, groups = np.unique(predictions.column("group").astype(str), return_inverse=True)
    loop: dict[str, list[float]] = {"macro_f1": [], "auroc": [], "brier": [], "mcc": []}
    for drawn in group_weights(len(names), 60, 5):
        rows = np.repeat(np.arange(len(gold)), drawn[groups].astype(int))
        g, q = gold[rows], p[rows]
        loop["macro_f1"].append(reference.f1_score(g, pred[rows], average="macro"))
        loop["auroc"].append(reference.roc_auc_score(g, q[:, 1] if task == "loaded" else q, multi_class="ovr"))
        loop["brier"].append(reference.brier_score_loss(g, q, labels=range(q.shape[1]), scale_by_half=task == "loaded"))
        loop["mcc"].append(reference.matthews_corrcoef(g, pred[rows]))
    metrics = score(predictions, resamples=60, seed=5, level=0.8)["metrics"]
    for name, samples in loop.items():
        assert (metrics[name]["lo"], metrics[name]["hi"]) == pytest.approx(interval(samples, 0.8)), name


def test_words_and_spans_by_hand(pointing: Make) -> None:
    result = score(make_predictions(pointing(), meta_of()), resamples=200)
    metrics = result["metrics"]
    # Gold words: dreadful and lie, dreadful, lie. Predicted: dreadful; dreadful and lie. Two of three, two of four.
    assert metrics["word_precision"]["value"] == pytest.approx(2 / 3)
    assert metrics["word_recall"]["value"] == pytest.approx(1 / 2)
    assert metrics["word_f1"]["value"] == pytest.approx(4 / 7)
    # Gold scores 0.9, 0.8, 0.45, 0.4 and one 0.6 between them that is not gold.
    assert metrics["word_ap"]["value"] == pytest.approx((1 + 1 + 3 / 4 + 4 / 5) / 4)
    # Predicted 2:10 of gold 2:14 and 2:14 of gold 2:10; recall 8/12, 8/8, 0.
    precision, recall = (1 + 8 / 12) / 2, (8 / 12 + 1 + 0) / 3
    assert metrics["span_partial_f1"]["value"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert metrics["word_f1"]["n"] == 20 and metrics["word_f1"]["groups"] == 2 and metrics["span_partial_f1"]["n"] == 4
    assert metrics["coverage"]["value"] == pytest.approx(5 / 6)
    assert (result["rows"], result["rows_without_gold"], result["rows_without_spans"], result["rows_truncated"]) == (6, 0, 1, 1)


def test_the_whole_is_json_and_repeatable(pointing: Make) -> None:
    predictions = make_predictions(pointing(), meta_of())
    result = score(predictions, resamples=100)
    assert json.loads(json.dumps(result, allow_nan=False)) == result == score(predictions, resamples=100)
    assert result["support"] == {"neutral": 3, "loaded": 3} and result["seeds"] == [1] and result["folds"] == [0]
    fingerprints = {"corpus": "corpus-1", "split": "split-1", "predictions": predictions_hash(predictions)}
    assert result["fingerprints"] == fingerprints
    assert result["bootstrap"] == {"unit": "group", "resamples": 100, "seed": 0, "level": 0.95}
    assert result["metrics"]["accuracy"] != score(predictions, resamples=100, seed=1)["metrics"]["accuracy"]


def changed(make: Make, **columns: Any) -> Predictions:
    return make_predictions(make() | columns, meta_of())


def test_one_class_gold_has_no_auroc_but_a_reason(pointing: Make) -> None:
    result = score(changed(pointing, gold=["neutral"] * 6), resamples=50)
    auroc = result["metrics"]["auroc"]
    assert auroc == {"value": None, "lo": None, "hi": None, "n": 6, "groups": 4, "reason": "no gold row is labelled loaded"}
    assert result["metrics"]["f1_loaded"]["value"] == 0 and result["metrics"]["mcc"]["value"] == 0
    json.dumps(result, allow_nan=False)


def test_rows_without_gold_are_left_out_and_counted(pointing: Make) -> None:
    some = score(changed(pointing, gold=["loaded", None, "loaded", "loaded", "neutral", None]), resamples=50)
    assert some["metrics"]["accuracy"]["value"] == pytest.approx(2 / 4) and some["metrics"]["accuracy"]["n"] == 4
    assert some["metrics"]["accuracy"]["groups"] == 3 and some["metrics"]["coverage"]["groups"] == 4
    assert some["rows_without_gold"] == 2 and some["support"] == {"neutral": 1, "loaded": 3}
    none = score(changed(pointing, gold=[None] * 6), resamples=50)
    assert none["metrics"]["macro_f1"]["reason"] == "no row has a gold label" and none["metrics"]["macro_f1"]["value"] is None
    assert none["metrics"]["word_f1"]["value"] == pytest.approx(4 / 7)


def test_no_gold_word_has_no_average_precision(pointing: Make) -> None:
    ap = score(changed(pointing, spans_gold=[[]] * 6), resamples=50)["metrics"]["word_ap"]
    assert ap["value"] is None and ap["reason"] == "no word lies in a gold span"


def test_one_group_has_no_interval(pointing: Make) -> None:
    entry = score(changed(pointing, group=["a"] * 6), resamples=50)["metrics"]["accuracy"]
    assert entry["value"] == pytest.approx(4 / 6)
    assert (entry["lo"], entry["hi"], entry["reason"]) == (None, None, "one group only, so no interval")


def test_a_metric_often_undefined_has_no_interval(pointing: Make) -> None:
    # Both loaded rows lie in one of four groups, which about a third of the resamples never draw.
    auroc = score(changed(pointing, gold=["loaded", "loaded", *["neutral"] * 4]), resamples=400)["metrics"]["auroc"]
    assert auroc["value"] is not None and auroc["lo"] is None
    assert "of the resamples, so no interval" in auroc["reason"]


def test_splits_are_never_mixed(pointing: Make) -> None:
    two = changed(pointing, split=["dev"] * 3 + ["test"] * 3)
    with pytest.raises(DataError, match=r"several splits \(dev, test\)"):
        score(two)
    assert score(two, resamples=50, split="dev")["rows"] == 3
    with pytest.raises(DataError, match="no rows of split 'train'"):
        score(two, split="train")


def test_floors_stand_beside_over_the_same_rows(pointing: Make) -> None:
    ours = make_predictions(pointing(), meta_of())
    constant = {"pred": ["neutral"] * 6, "p_neutral": [0.5] * 6, "p_loaded": [0.5] * 6, "seed": [0] * 6}
    nothing = dict.fromkeys(("spans_pred", "word_starts", "word_ends", "word_scores"), [None] * 6)
    majority = make_predictions(pointing() | constant | nothing, meta_of(model="majority"))
    floor = score(ours, resamples=50, floors={"majority": majority})["floors"]["majority"]
    assert floor["model"] == "majority" and floor["metrics"]["accuracy"]["value"] == 0.5
    assert floor["metrics"]["auroc"]["value"] == 0.5 and "word_f1" not in floor["metrics"]
    assert floor["metrics"] == score(majority, resamples=50)["metrics"]


def test_floors_are_scored_on_the_same_split(pointing: Make) -> None:
    two = changed(pointing, split=["dev"] * 3 + ["test"] * 3)
    result = score(two, resamples=50, split="dev", floors={"majority": two})
    assert result["floors"]["majority"]["rows"] == 3
    assert result["floors"]["majority"]["metrics"] == result["metrics"]


@pytest.mark.parametrize("column", ["id", "gold", "group", "fold"])
def test_floors_over_other_rows_are_refused(column: str, pointing: Make) -> None:
    other = pointing()
    other[column] = [{"id": "x", "gold": "neutral", "group": "x", "fold": 9}[column], *list(other[column])[1:]]
    with pytest.raises(DataError, match="the floor 'majority' differs in 2 rows"):
        score(make_predictions(pointing(), meta_of()), floors={"majority": make_predictions(other, meta_of())})


def test_floors_of_another_task_version_are_refused(pointing: Make) -> None:
    ours, old = make_predictions(pointing(), meta_of()), make_predictions(pointing(), meta_of(task_version=0))
    with pytest.raises(DataError, match="'loaded' version 0"):
        score(ours, floors={"majority": old})


def test_ranking_intervals_on_bins_keep_the_exact_value(monkeypatch: pytest.MonkeyPatch) -> None:
    predictions = random_predictions()
    exact = score(predictions, resamples=100)["metrics"]["auroc"]
    monkeypatch.setattr("slant.evaluation.scores.RANKING_BINS", 20)
    binned = score(predictions, resamples=100)["metrics"]["auroc"]
    assert binned["value"] == exact["value"]
    assert binned["lo"] == pytest.approx(exact["lo"], abs=0.01) and binned["lo"] != exact["lo"]


def test_the_rooms_load_no_heavy_library() -> None:
    heavy = ("pyarrow", "pandas", "sklearn", "torch", "mlflow", "datasets", "hydra")
    code = f"import sys, slant.evaluation; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
