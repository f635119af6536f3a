"""Whole comparisons: what is refused, what is found where the truth is planted, and that it is the same whatever the order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from slant.errors import ConfigError, DataError
from slant.evaluation import Predictions, group_weights, make_predictions, metric_families, score
from slant.evaluation.comparison import compare, rows_fingerprint, seed_tables, summarise_side
from slant.evaluation.comparison.paired import judge, judge_pairs, resample
from slant.evaluation.comparison.resampling import matched, over_seeds, seed_weights, swap_p_values
from slant.evaluation.comparison.sides import rows_of
from slant.evaluation.comparison.sums import sums_of

from .conftest import columns_of, meta_of

N, GROUPS = 400, 100


def run_of(seed: int = 0, shift: float = 1.0, *, noise: int = 1, n: int = N, groups: int = GROUPS, **changes: Any) -> Predictions:
    """A run over the same invented rows for every `seed` and `shift`; a greater shift is more often right."""
    rng = np.random.default_rng(7)
    gold = rng.integers(0, 2, n)
    hard = rng.normal(0, 1, n)
    own = np.random.default_rng([seed, noise]).normal(0, 0.6, n)
    p = 1 / (1 + np.exp(-(hard + own + shift * (2 * gold - 1))))
    columns = columns_of(gold.tolist(), (p > 0.5).astype(int).tolist(), np.stack([1 - p, p], 1), [f"{i % groups:03d}" for i in range(n)])
    columns |= {"seed": [seed] * n, "outlet": [("Daily", "Weekly")[i % 2] for i in range(n)], "leaning": [("left", None)[i % 2] for i in range(n)]}
    return make_predictions(columns | changes, meta_of())


def verdicts(comparison: Any) -> dict[str, str]:
    return {entry["metric"]: entry["verdict"] for entry in comparison["pairs"][0]["metrics"]}


def entry_of(comparison: Any, metric: str, pair: int = 0) -> dict[str, Any]:
    return next(entry for entry in comparison["pairs"][pair]["metrics"] if entry["metric"] == metric)


# --- what is found


def test_a_run_against_itself_differs_in_nothing() -> None:
    found = compare({"A": [run_of()], "B": [run_of()]}, resamples=200)
    assert set(verdicts(found).values()) == {"cannot tell", "not judged"}
    for entry in found["pairs"][0]["metrics"]:
        assert (entry["difference"], entry["lo"], entry["hi"], entry["p"]) == (0, 0, 0, 1)
    assert found["pairs"][0]["changed"] == []
    assert found["pairs"][0]["mcnemar"][0]["p"] == 1


def test_a_much_better_run_is_better_and_the_other_way_round_worse() -> None:
    worse, better = run_of(shift=0.4), run_of(shift=2.0, noise=2)
    forth = compare({"A": [worse], "B": [better]}, resamples=400)
    back = compare({"B": [better], "A": [worse]}, resamples=400)
    assert verdicts(forth)["macro_f1"] == verdicts(forth)["brier"] == "better"
    assert verdicts(back)["macro_f1"] == verdicts(back)["brier"] == "worse"
    assert entry_of(forth, "brier")["difference"] < 0 < entry_of(forth, "macro_f1")["difference"]
    assert entry_of(forth, "macro_f1")["lo"] == pytest.approx(-entry_of(back, "macro_f1")["hi"])
    assert verdicts(forth)["coverage"] == "not judged"


def test_values_and_intervals_are_those_of_the_scores() -> None:
    first, second = run_of(shift=0.6), run_of(shift=1.2, noise=3)
    found = compare({"A": [first], "B": [second]}, resamples=500, seed=3)
    scores = score(second, resamples=500, seed=3, floors={"A": first})
    for name in ("accuracy", "macro_f1", "mcc", "brier", "auroc", "ece"):
        entry, ours = entry_of(found, name), scores["floors"]["A"]["difference"][name]
        assert entry["difference"] == pytest.approx(ours["value"])
        loose = {"abs": 0.004} if name == "auroc" else {}  # resampled on bins
        assert (entry["lo"], entry["hi"]) == (pytest.approx(ours["lo"], **loose), pytest.approx(ours["hi"], **loose))


def test_binned_rankings_keep_the_standard_error() -> None:
    first, second = run_of(shift=0.6, n=2000, groups=500), run_of(shift=0.8, noise=3, n=2000, groups=500)
    weights = group_weights(500, 500, 0)
    exact = [metric_families(table)[0].compute(weights, None)["auroc"] for table in (first, second)]
    rows = rows_of(first)
    found = [resample([one], [0], weights, 0).samples["auroc"] for one in sums_of([first, second], rows)]
    assert np.std(found[1] - found[0]) == pytest.approx(np.std(exact[1] - exact[0]), rel=0.02)
    assert np.mean(found[1] - found[0]) == pytest.approx(np.mean(exact[1] - exact[0]), abs=2e-4)


def test_what_binning_changes_in_a_rankings_value_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slant.evaluation.comparison.sums._CELLS", 1)  # as few bins as there may be
    table, weights = run_of(shift=0.6), group_weights(GROUPS, 500, 0)
    (sums,) = sums_of([table], rows_of(table))
    plain = float(sums.measure({"auroc": sums.matrices["auroc"].sum(0, keepdims=True)})["auroc"][0])
    assert abs(plain - sums.values["auroc"]) > 1e-3
    assert resample([sums], [0], weights, 0).samples["auroc"].mean() == pytest.approx(sums.values["auroc"], abs=abs(plain - sums.values["auroc"]) / 2)


def test_the_swap_test_is_the_paired_permutation_test() -> None:
    # Accuracy with a row a group: swaps of signs of the differences, whose p over all 2^d swaps is the exact binomial test's.
    first, second = run_of(shift=0.5, n=300, groups=300), run_of(shift=0.9, noise=5, n=300, groups=300)
    rows = rows_of(first)
    a, b = sums_of([first, second], rows)
    p = swap_p_values([([a], [b])], 300, 20_000, 0)[0]["accuracy"]
    found = compare({"A": [first], "B": [second]}, resamples=100)["pairs"][0]["mcnemar"][0]
    from scipy import stats

    discordant = found["only_baseline"] + found["only_candidate"]
    assert p == pytest.approx(stats.binomtest(found["only_baseline"], discordant, 0.5).pvalue, abs=0.01)


def test_holm_counts_every_judged_metric_of_every_pair() -> None:
    sides = {"A": [run_of()], "B": [run_of(shift=1.3, noise=2)], "C": [run_of(shift=1.1, noise=3)]}
    every, one = compare(sides, resamples=200), compare(sides, resamples=200, metrics=["macro_f1"])
    judged = sum(entry["judged"] for entry in every["pairs"][0]["metrics"])
    assert every["settings"]["tests"] == 2 * judged and one["settings"]["tests"] == 2
    assert one["settings"]["swaps"] == 200 < every["settings"]["swaps"]
    assert [pair["candidate"] for pair in every["pairs"]] == ["B", "C"]
    assert entry_of(one, "accuracy")["verdict"] == "not judged"
    assert entry_of(one, "macro_f1")["detectable"] < entry_of(every, "macro_f1")["detectable"]


def test_what_the_verdict_asks() -> None:
    assert judge(0.1, 0.02, 0.2, 0.01, 0.05, True) == "better"
    assert judge(0.1, 0.02, 0.2, 0.01, 0.05, False) == "worse"
    assert judge(-0.1, -0.2, -0.02, 0.01, 0.05, False) == "better"
    assert judge(0.1, -0.01, 0.2, 0.01, 0.05, True) == "cannot tell"
    assert judge(0.1, 0.02, 0.2, 0.05, 0.05, True) == "cannot tell"


# --- seeds


def test_seeds_are_averaged_and_widen_the_interval() -> None:
    steady = {"A": [run_of(s, 1.0) for s in (1, 2, 3)], "B": [run_of(s, 1.2, noise=2) for s in (1, 2, 3)]}
    shaky = {"A": steady["A"], "B": [run_of(s, shift, noise=2) for s, shift in ((1, 0.2), (2, 1.2), (3, 2.4))]}
    found, wide = compare(steady, resamples=400), compare(shaky, resamples=400)
    by_seed = found["sides"][1]["by_seed"]["accuracy"]
    assert entry_of(found, "accuracy")["candidate"] == pytest.approx(np.mean(by_seed)) and len(by_seed) == 3
    assert entry_of(wide, "accuracy")["se"] > 2 * entry_of(found, "accuracy")["se"]
    assert len(found["pairs"][0]["mcnemar"]) == 3


def test_one_table_with_several_seeds_is_the_same_as_a_table_for_each() -> None:
    import pyarrow as pa

    parts = [run_of(seed, noise=4) for seed in (1, 2)]
    joined = Predictions(pa.concat_tables([part.table for part in reversed(parts)]), parts[0].meta)
    other = [run_of(9, 1.5)]
    assert compare({"A": other, "B": [joined]}, resamples=100) == compare({"A": other, "B": parts}, resamples=100)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_seeds_resampled_mean_has_the_variance_of_a_mean(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count)
    drawn = seed_weights(range(count), 200_000, 0)
    assert drawn.sum(1) == pytest.approx(1)
    assert np.var(drawn @ values) == pytest.approx(np.var(values, ddof=1) / count, rel=0.03)


def test_what_rows_explain_is_not_counted_again_as_seeds() -> None:
    # Three tables whose values differ by the noise of their rows alone, and three that differ by far more.
    rng = np.random.default_rng(0)
    drawn = seed_weights(range(3), 20_000, 0)
    samples = 0.01 * rng.normal(size=(3, 20_000))
    near = over_seeds(np.array([0.0, 0.008, -0.008]), samples, drawn)
    far = over_seeds(np.array([0.0, 0.1, -0.1]), samples, drawn)
    assert np.var(near) == pytest.approx(0.01**2 / 3, rel=0.05)
    assert np.var(far) == pytest.approx((0.1**2 - 0.01**2) / 3 + 0.01**2 / 3, rel=0.05)


def test_sides_of_the_same_seeds_get_the_same_draws_whatever_their_order() -> None:
    first, second = seed_weights([3, 1, 2], 50, 0), seed_weights([1, 2, 3], 50, 0)
    assert np.array_equal(first[:, [1, 2, 0]], second)


def test_tables_are_matched_in_order() -> None:
    assert matched(1, 3) == [(0, 0), (0, 1), (0, 2)]
    assert matched(2, 2) == [(0, 0), (1, 1)]


# --- the whole


def test_the_same_whatever_the_order_of_rows_and_ready_for_json() -> None:
    first, second = run_of(), run_of(shift=1.4, noise=2)
    order = np.random.default_rng(1).permutation(N)
    shuffled = Predictions(second.table.take(order), second.meta)
    found = compare({"A": [first], "B": [second]}, resamples=100)
    assert compare({"A": [first], "B": [shuffled]}, resamples=100) == found
    json.dumps(found, allow_nan=False)
    assert found["test"] | {"fingerprint": ""} == {
        "fingerprint": "", "rows": N, "groups": GROUPS, "support": found["test"]["support"], "rows_without_gold": 0,
    }  # fmt: skip
    assert found["test"]["fingerprint"] == rows_fingerprint(shuffled)


def test_the_most_changed_sentences_come_first() -> None:
    first, second = run_of(), run_of(shift=1.4, noise=2)
    changed = compare({"A": [first], "B": [second]}, resamples=100)["pairs"][0]["changed"]
    gaps = np.abs(first.probabilities() - second.probabilities())[:, 1]
    assert len(changed) == 20 and [one["change"] for one in changed] == pytest.approx(sorted(gaps)[::-1][:20])
    top = changed[0]
    row = int(np.argmax(gaps))
    assert top["id"] == f"id-{row}"
    assert top["baseline"]["probabilities"]["loaded"] == pytest.approx(first.probabilities()[row, 1])
    gold = first.label_index("gold")[row]
    assert top["towards_gold"] == (second.probabilities()[row, gold] > first.probabilities()[row, gold])


def test_words_that_one_side_lacks_are_said_to_be_missing(pointing: Any) -> None:
    columns = pointing()
    plain = {name: values for name, values in columns.items() if not name.startswith(("spans", "word"))}
    found = compare({"words": [make_predictions(columns, meta_of())], "plain": [make_predictions(plain, meta_of())]}, resamples=100)
    assert "word_f1" not in verdicts(found)
    assert any(note.startswith("plain has no word_f1, word_precision") for note in found["notes"])
    again = compare({"one": [make_predictions(columns, meta_of())], "two": [make_predictions(columns, meta_of())]}, resamples=100)
    assert "word_ap" in verdicts(again)


def test_a_side_alone_says_what_it_says_in_a_comparison() -> None:
    found = compare({"A": [run_of()], "B": [run_of(shift=1.4)]}, resamples=100)
    alone, among = summarise_side("A", seed_tables(run_of()), resamples=100), found["sides"][0]
    # A ranking's interval comes from bins, which all compared tables share.
    binned = [side["metrics"].pop("auroc") for side in (alone, among)]
    assert alone == among
    assert binned[0]["value"] == binned[1]["value"] and binned[0]["lo"] == pytest.approx(binned[1]["lo"], abs=0.005)


# --- what is refused


def changed_run(**changes: Any) -> Predictions:
    return run_of(**changes)


def test_other_rows_are_refused_and_named() -> None:
    first = run_of()
    ids, texts, gold = (first.table[name].to_pylist() for name in ("id", "text", "gold"))
    other = {
        "3 only in B": {"id": ["new-1", "new-2", "new-3", *ids[3:]]},
        "1 with another text \\(id-5\\)": {"text": [f"{text}!" if i == 5 else text for i, text in enumerate(texts)]},
        "2 with another gold \\(id-0, id-1\\)": {"gold": [{"neutral": "loaded", "loaded": "neutral"}[g] if i < 2 else g for i, g in enumerate(gold)]},
        "with another group": {"group": ["g"] * (N - 1) + ["h"]},
    }
    for said, change in other.items():
        with pytest.raises(DataError, match=said):
            compare({"A": [first], "B": [changed_run(**change)]}, resamples=100)
    assert len({rows_fingerprint(changed_run(**change)) for change in other.values()} | {rows_fingerprint(first)}) == 5


def test_another_seed_of_a_side_must_have_the_same_rows() -> None:
    with pytest.raises(DataError, match="different rows"):
        compare({"A": [run_of(1)], "B": [run_of(1), run_of(2, n=N - 4)]}, resamples=100)


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        ({"A": [run_of()]}, "1 side"),
        ({"A": [run_of()], "B": []}, "no predictions"),
        ({"A": [run_of()], "B": [run_of(split=["dev"] * N)]}, "no rows of split 'test'"),
        ({"A": [run_of(group=["g"] * N)], "B": [run_of(group=["g"] * N)]}, "one group"),
    ],
)
def test_what_cannot_be_compared_is_one_clear_line(sides: dict[str, Sequence[Predictions]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        compare(sides, resamples=100)


def test_a_row_of_two_folds_is_refused() -> None:
    import pyarrow as pa

    twice = Predictions(pa.concat_tables([run_of().table, run_of(fold=[1] * N).table]), meta_of())
    with pytest.raises(DataError, match="predicted in two folds"):
        seed_tables(twice)


def test_another_task_is_refused() -> None:
    rows = columns_of([0, 1, 2], [0, 1, 2], np.eye(3), "abc", "stance")
    with pytest.raises(DataError, match="of task 'loaded' version 1, B of 'stance'"):
        compare({"A": [run_of()], "B": [make_predictions(rows, meta_of("stance"))]}, resamples=100)


def test_settings_that_make_no_sense_are_refused() -> None:
    sides = {"A": [run_of()], "B": [run_of()]}
    for settings, said in (({"resamples": 10}, "10 resamples"), ({"level": 1.0}, "level 1.0"), ({"metrics": ["macrof1"]}, "'macrof1'")):
        with pytest.raises(ConfigError, match=said):
            compare(sides, **settings)
    with pytest.raises(ConfigError, match="coverage"):
        compare(sides, metrics=["coverage"], resamples=100)


def test_one_class_only_leaves_what_needs_two_undefined() -> None:
    gold = ["loaded"] * N
    found = compare({"A": [run_of(gold=gold)], "B": [run_of(gold=gold, noise=2)]}, resamples=100)
    assert entry_of(found, "auroc")["difference"] is None and entry_of(found, "auroc")["reason"] == "no gold row is labelled neutral"
    assert verdicts(found)["auroc"] == "not judged"
    assert any("No test row is labelled neutral" in note for note in found["notes"])
    json.dumps(found, allow_nan=False)


def test_two_rows_can_tell_nothing() -> None:
    found = compare({"A": [run_of(n=2, groups=2)], "B": [run_of(shift=-9, n=2, groups=2)]}, resamples=200)
    assert set(verdicts(found).values()) <= {"cannot tell", "not judged"}
    assert any("2 groups" in note for note in found["notes"])
    json.dumps(found, allow_nan=False)


def test_rows_without_any_gold_judge_nothing() -> None:
    found = compare({"A": [run_of(gold=[None] * N)], "B": [run_of(gold=[None] * N, noise=2)]}, resamples=100)
    assert set(verdicts(found).values()) == {"not judged"}
    assert found["sides"][0]["calibration"] is None
    json.dumps(found, allow_nan=False)


# --- a planted truth, small


@pytest.mark.slow
def test_no_difference_is_rarely_called_one() -> None:
    false = covered = 0
    for number in range(200):
        rng = np.random.default_rng(number)
        gold = rng.integers(0, 2, 300)
        hard = rng.normal(0, 1, 300) + rng.normal(0, 0.6, 60)[np.arange(300) // 5]
        tables = []
        for _ in range(2):
            p = 1 / (1 + np.exp(-(hard + rng.normal(0, 1, 300) + 0.8 * (2 * gold - 1))))
            columns = columns_of(gold.tolist(), (p > 0.5).astype(int).tolist(), np.stack([1 - p, p], 1), np.arange(300) // 5)
            tables.append(make_predictions(columns, meta_of()))
        rows = rows_of(tables[0])
        weights = group_weights(60, 400, number)
        sides = [resample([one], [0], weights, number) for one in sums_of(tables, rows)]
        entry = next(e for e in judge_pairs(sides, number, 0.95, ["macro_f1"]).differences[0] if e["metric"] == "macro_f1")
        false += entry["verdict"] != "cannot tell"
        covered += (entry["lo"] or 0) <= 0 <= (entry["hi"] or 0)
    assert false <= 20  # 5 % of 200 and three standard errors
    assert covered >= 180
