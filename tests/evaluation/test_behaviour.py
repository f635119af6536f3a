"""Each kind of probe judged right and wrong, and intervals against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.data.probes import ProbeCase
from slant.errors import DataError
from slant.evaluation.behaviour import MARGIN, Answer, judge_cases, rate_interval, summarise_probes, worst_failures
from slant.records import ScoreItem

A, B = ScoreItem("one"), ScoreItem("two")
C, D = ScoreItem("three"), ScoreItem("four")


def case(kind: str, *items: ScoreItem, expect: tuple[str, ...] = (), task: str = "loaded", base: str = "b", **more: str) -> ProbeCase:
    return ProbeCase(more.get("name", "c"), task, kind, base, more.get("detail", "d"), items, expect)


def verdict(asked: ProbeCase, *answers: Answer) -> bool | None:
    [outcome] = judge_cases([asked], dict(zip(asked.items, answers, strict=True)))
    assert (outcome.badness > 0) <= (outcome.passed is False)
    return outcome.passed


LOADED, NEUTRAL = Answer("loaded", 0.9), Answer("neutral", 0.2)


@pytest.mark.parametrize("kind", ["minimum", "hard_negative"])
def test_a_label_must_be_the_expected_one(kind: str) -> None:
    assert verdict(case(kind, A, expect=("neutral",)), NEUTRAL) is True
    assert verdict(case(kind, A, expect=("neutral",)), LOADED) is False
    assert verdict(case(kind, A, expect=("favor",), task="stance"), Answer("favor", 0.4)) is True
    assert verdict(case(kind, A, expect=("favor",), task="stance"), Answer("against", -0.4)) is False


@pytest.mark.parametrize(("kind", "start", "end"), [("injection", NEUTRAL, LOADED), ("neutralisation", LOADED, NEUTRAL)])
def test_a_flip_counts_only_from_where_it_can(kind: str, start: Answer, end: Answer) -> None:
    asked = case(kind, A, B, expect=(start.label, end.label))
    assert verdict(asked, start, end) is True
    assert verdict(asked, start, start) is False
    assert verdict(asked, end, end) is None and verdict(asked, end, start) is None


def test_an_invariance_wants_the_same_label_and_not_the_same_score() -> None:
    assert verdict(case("invariance", A, B), Answer("loaded", 0.51), Answer("loaded", 0.99)) is True
    assert verdict(case("invariance", A, B), Answer("loaded", 0.51), Answer("neutral", 0.49)) is False


def test_a_direction_moves_by_the_margin() -> None:
    asked = case("direction", A, B, task="stance")
    assert verdict(asked, Answer("neutral", 0.5), Answer("neutral", 0.5 - 1.01 * MARGIN)) is True
    assert verdict(asked, Answer("neutral", 0.5), Answer("neutral", 0.5 - 0.99 * MARGIN)) is False
    assert verdict(asked, Answer("against", -0.5), Answer("favor", 0.5)) is False


def test_a_target_swap_must_hold_both_ways() -> None:
    asked = case("target_swap", A, B, C, D, task="stance")
    good, bad = Answer("favor", 0.6), Answer("against", -0.6)
    assert verdict(asked, good, bad, good, bad) is True
    assert verdict(asked, good, bad, bad, good) is False  # it likes a name, wherever it stands
    assert verdict(asked, good, good, good, good) is False  # it does not read the target


def test_an_unanswered_case_is_refused() -> None:
    with pytest.raises(DataError, match="case c: 'two' was not answered"):
        judge_cases([case("invariance", A, B)], {A: LOADED})


def test_the_summary_counts_by_kind_and_detail() -> None:
    items = [ScoreItem(f"text {number}") for number in range(6)]
    cases = [case("minimum", item, expect=("neutral",), name=str(n), base=f"b{n // 2}", detail="ab"[n % 2]) for n, item in enumerate(items)]
    flip = case("injection", A, B, expect=("neutral", "loaded"), name="flip")
    answers = dict(zip(items, [NEUTRAL, LOADED, NEUTRAL, NEUTRAL, NEUTRAL, Answer("loaded", 0.6)], strict=True)) | {A: LOADED, B: LOADED}
    minimum, injection = summarise_probes(judge_cases([flip, *cases], answers))
    assert (minimum["kind"], minimum["cases"], minimum["judged"], minimum["bases"], minimum["passed"]) == ("minimum", 6, 6, 3, 4)
    assert minimum["rate"] == pytest.approx(4 / 6)
    assert {name: (found["passed"], found["judged"]) for name, found in minimum["details"].items()} == {"a": (3, 3), "b": (1, 3)}
    assert (injection["cases"], injection["judged"], injection["rate"], injection["lo"]) == (1, 0, None, None)
    worst = worst_failures(judge_cases([flip, *cases], answers), 3)
    assert [outcome.case.id for outcome in worst] == ["1", "5"] and len(worst_failures(judge_cases(cases, answers), 1)) == 1


# --- intervals

#: Wilson (1927) at 95 %: p of 0, 1/2 and 1 by hand from the formula; 81 of 263 as Newcombe (1998, table I) prints it.
WILSON = [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)]


@pytest.mark.parametrize(("passed", "n", "lo", "hi"), WILSON)
def test_independent_cases_get_wilsons_interval(passed: int, n: int, lo: float, hi: float) -> None:
    found = rate_interval([1] * passed + [0] * (n - passed), [str(number) for number in range(n)])
    assert found == pytest.approx((passed / n, lo, hi), abs=5e-5)


def test_cases_that_repeat_each_other_count_as_one() -> None:
    """Ten bases of six equal cases know what ten cases know: the design effect of equal clusters with correlation 1 is their size."""
    alone = rate_interval([1] * 7 + [0] * 3, [str(n) for n in range(10)])
    repeated = rate_interval(np.repeat([1] * 7 + [0] * 3, 6), np.repeat([str(n) for n in range(10)], 6).tolist())
    assert repeated == pytest.approx(alone)
    assert rate_interval([1] * 60, np.repeat([str(n) for n in range(10)], 6).tolist()) == pytest.approx(rate_interval([1] * 10, list("abcdefghij")))


def test_clusters_that_balance_do_not_pass_for_more_cases_than_there_are() -> None:
    paired = rate_interval([1, 0] * 20, np.repeat([str(n) for n in range(20)], 2).tolist())
    assert paired == pytest.approx(rate_interval([1, 0] * 20, [str(n) for n in range(40)]))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40))
def test_an_interval_holds_its_rate_and_narrows_no_further_than_wilsons(found: list[tuple[bool, int]]) -> None:
    passed, clusters = [ok for ok, _ in found], [str(cluster) for _, cluster in found]
    rate, lo, hi = rate_interval(passed, clusters)
    _, least, most = rate_interval(passed, list(map(str, range(len(found)))))
    assert 0 <= lo <= rate <= hi <= 1 and not math.isnan(lo)
    assert lo <= least + 1e-12 and most - 1e-12 <= hi


def test_the_interval_covers_what_it_says() -> None:
    """Clusters of five that agree more than chance: the true rate lies inside in about 95 of 100 simulated suites of 40 clusters."""
    generator = np.random.Generator(np.random.PCG64(5))
    names = np.repeat([str(n) for n in range(40)], 5).tolist()
    covered = 0
    for _ in range(400):
        rates = generator.beta(1.4, 0.6, 40)
        _, lo, hi = rate_interval((generator.random((40, 5)) < rates[:, None]).ravel(), names)
        covered += lo <= 0.7 <= hi
    assert 0.91 <= covered / 400 <= 0.99
