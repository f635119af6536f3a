"""How well annotators do: votes by hand and by a plain loop, a second round scored like a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.errors import DataError
from slant.evaluation import Predictions, group_weights, interval, make_predictions, score
from slant.evaluation.ceiling import SecondMark, alpha_of_counts, round_ceiling, vote_ceiling
from slant.metrics import confusion_counts, krippendorff_alpha

from .conftest import Columns, columns_of, meta_of

Make = Callable[[], Columns]


def voted(votes: list[list[float] | None], p: Any, groups: str = "abcd", task: str = "loaded") -> Predictions:
    table = np.asarray(p, float)
    columns = columns_of([None] * len(votes), table.argmax(1).tolist(), table, groups, task)
    return make_predictions(columns | {"label_votes": votes}, meta_of(task))


def test_votes_by_hand() -> None:
    found = vote_ceiling(voted([[3, 1], [0, 4], None, [2, 2]], [[0.5, 0.5], [0.25, 0.75], [0.9, 0.1], [0.75, 0.25]]), resamples=50)
    assert found is not None and (found["rows"], found["groups"], found["votes_a_row"]) == (3, 3, 4.0)
    log = np.log
    cross = (log(2) - log(0.75) - (log(0.75) + log(0.25)) / 2) / 3
    entropy = (-(0.75 * log(0.75) + 0.25 * log(0.25)) + 0 + log(2)) / 3
    overall = -(5 / 12 * log(5 / 12) + 7 / 12 * log(7 / 12))
    expected = {
        "soft_cross_entropy": cross,
        "vote_entropy": entropy,
        "excess": cross - entropy,
        "prior_cross_entropy": overall,
        "total_variation": (0.25 + 0.25 + 0.25) / 3,
        # The model chose neutral (a tie), loaded, neutral.
        "model_agreement": (0.75 + 1 + 0.5) / 3,
        "best_agreement": (0.75 + 1 + 0.5) / 3,
        # Pairs of voters that agree: 3 of 6, 6 of 6, 2 of 6.
        "annotator_agreement": (3 / 6 + 1 + 2 / 6) / 3,
    }
    for name, value in expected.items():
        assert found[name]["value"] == pytest.approx(value), name  # type: ignore[literal-required]


def test_shares_without_counts_say_nothing_of_pairs_and_no_votes_nothing_at_all() -> None:
    found = vote_ceiling(voted([[0.75, 0.25], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]], "ab"), resamples=50)
    assert found is not None and found["annotator_agreement"] is None and found["votes_a_row"] is None
    assert vote_ceiling(voted([None, None], [[0.5, 0.5], [0.5, 0.5]], "ab")) is None


@given(st.lists(st.tuples(st.lists(st.integers(0, 8), min_size=3, max_size=3).filter(any), st.integers(0, 2)), min_size=1, max_size=8))
def test_bounds_that_hold_for_all_votes(rows: list[tuple[list[int], int]]) -> None:
    p = (np.eye(3)[[pred for _, pred in rows]] + 0.3) / 1.9
    found = vote_ceiling(voted([votes for votes, _ in rows], p, ["g"] * len(rows), "stance"), resamples=2)  # type: ignore[arg-type]
    assert found is not None
    value = {name: found[name]["value"] for name in ("excess", "jensen_shannon", "total_variation", "model_agreement", "best_agreement")}  # type: ignore[literal-required]
    assert value["excess"] >= -1e-12 and -1e-12 <= value["jensen_shannon"] <= value["total_variation"] <= 1
    assert value["model_agreement"] <= value["best_agreement"] + 1e-12
    assert found["excess"]["reason"] == "one group only, so no interval" and found["excess"]["lo"] is None


def test_intervals_equal_a_plain_loop() -> None:
    rng = np.random.default_rng(3)
    p = rng.dirichlet([1, 1, 1], 40)
    votes = rng.multinomial(8, [0.5, 0.3, 0.2], 40).astype(float)
    groups = rng.integers(0, 9, 40)
    found = vote_ceiling(voted(votes.tolist(), p, groups.tolist(), "stance"), resamples=60, seed=4, level=0.8)
    names, codes = np.unique(groups.astype(str), return_inverse=True)
    distance = np.abs(p - votes / 8).sum(1) / 2
    loop = [np.average(distance, weights=drawn[codes]) for drawn in group_weights(len(names), 60, 4)]
    assert found is not None
    assert (found["total_variation"]["lo"], found["total_variation"]["hi"]) == pytest.approx(interval(loop, 0.8))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30))
def test_alpha_of_counts_is_krippendorff_s(pairs: list[tuple[int, int]]) -> None:
    one, two = zip(*pairs, strict=True)
    counts = np.stack([confusion_counts(one, two, 3), np.diag([5.0, 5, 0])])
    expected = krippendorff_alpha([[str(label) for label in one], [str(label) for label in two]])
    np.testing.assert_allclose(alpha_of_counts(counts), [expected, 1.0])


def test_a_second_round_is_scored_as_a_model_is(pointing: Make) -> None:
    predictions = make_predictions(pointing(), meta_of())
    gold = {f"id-{row}": SecondMark(label, spans) for row, label, spans in [(0, "loaded", [(2, 14)]), (1, "neutral", []), (3, "loaded", [(11, 14)])]}
    found = round_ceiling(predictions, gold | {"elsewhere": SecondMark("loaded", [])}, resamples=100)
    assert found is not None and (found["rows"], found["groups"]) == (3, 2) and found["alpha"]["value"] == 1
    metrics = {row["metric"]: row for row in found["metrics"]}
    assert list(metrics) == ["macro_f1", "accuracy", "word_f1", "span_partial_f1"]
    assert {row["human"]["value"] for row in metrics.values()} == {1.0}
    alone = score(predictions.select(np.isin(predictions.column("id"), list(gold))), resamples=100)["metrics"]
    for name, row in metrics.items():
        assert row["model"] == alone[name]
        assert row["difference"] is not None and row["difference"]["value"] == pytest.approx(alone[name]["value"] - 1)
    # Rows without gold, or without a second mark, are none of its business.
    assert round_ceiling(predictions, {"elsewhere": SecondMark("loaded")}) is None


def test_a_round_of_labels_alone_is_judged_by_labels(pointing: Make) -> None:
    found = round_ceiling(make_predictions(pointing(), meta_of()), {"id-0": SecondMark("neutral"), "id-5": SecondMark("neutral")}, resamples=50)
    assert found is not None and [row["metric"] for row in found["metrics"]] == ["macro_f1", "accuracy"]
    assert found["metrics"][1]["human"]["value"] == 0.5 and found["alpha"]["value"] == pytest.approx(0.0)
    with pytest.raises(DataError, match="'biased' is none of neutral, loaded"):
        round_ceiling(make_predictions(pointing(), meta_of()), {"id-0": SecondMark("biased")})
