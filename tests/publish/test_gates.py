"""Judging: figures on either side of their bounds, what is missing, what is no number; and gate files that are read strictly."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.errors import ConfigError
from slant.publish.gatefile import Gate, gate_from_mapping
from slant.publish.gates import FAIL, NOT_JUDGED, PASS, Against, Check, Facts, Rate, failing, judge, judge_heads

SCORES: dict[str, Any] = {
    "metrics": {
        "macro_f1": {"value": 0.80, "lo": 0.76, "hi": 0.84, "n": 100},
        "ece": {"value": 0.05, "lo": 0.03, "hi": 0.12, "n": 100},
        "auroc": {"value": None, "lo": None, "hi": None, "n": 100, "reason": "no gold row is labelled loaded"},
    },
    "floors": {
        "majority": {"difference": {"macro_f1": {"value": 0.4, "lo": 0.3, "hi": 0.5}}},
        "outlet_prior": {"difference": {"macro_f1": {"value": 0.1, "lo": 0.02, "hi": 0.2}}},
    },
}
AUDIT: dict[str, Any] = {"checked": ["near_duplicates", "leaks"], "findings": []}


def gate(**sections: Any) -> Gate:
    return gate_from_mapping({"version": 1, "name": "t", **sections}, "t.yaml")


def judged(facts: Facts, **sections: Any) -> list[tuple[str, str]]:
    return [(check.what, check.status) for check in judge(gate(**sections), facts)]


def scores(**changes: Any) -> dict[str, Any]:
    found = copy.deepcopy(SCORES)
    for name, entry in changes.items():
        found["metrics"][name] = entry
    return found


def finding(kind: str, severity: str, count: int = 3) -> dict[str, Any]:
    return {"kind": kind, "severity": severity, "count": count, "what": f"there are {kind}"}


# --- floors and bounds


def test_every_floor_must_be_beaten_by_the_whole_interval() -> None:
    found = judged(Facts(SCORES), floors={"metrics": ["macro_f1", "f_avg_pooled"]})
    assert found == [("macro_f1 − majority", PASS), ("macro_f1 − outlet_prior", PASS)]
    assert judged(Facts(SCORES), floors={"metrics": ["macro_f1"], "above": 0.02}) == [
        ("macro_f1 − majority", PASS),
        ("macro_f1 − outlet_prior", FAIL),
    ]


@pytest.mark.parametrize("change", [{"floors": {}}, {"metrics": {}}])
def test_without_floors_or_their_metrics_nothing_is_judged(change: dict[str, Any]) -> None:
    ((_, status),) = judged(Facts(SCORES | change), floors={"metrics": ["macro_f1"]})
    assert status == NOT_JUDGED


def test_bounds_hold_a_lower_end_from_below_and_a_value_from_above() -> None:
    assert judged(Facts(SCORES), bounds={"lower": {"macro_f1": 0.75}, "upper": {"ece": 0.05}}) == [("macro_f1", PASS), ("ece", PASS)]
    assert judged(Facts(SCORES), bounds={"lower": {"macro_f1": 0.76}, "upper": {"ece": 0.049}}) == [("macro_f1", FAIL), ("ece", FAIL)]


def test_a_figure_that_is_missing_says_why() -> None:
    (undefined, unknown) = judge(gate(bounds={"lower": {"auroc": 0.5, "f2": 0.5}}), Facts(SCORES))
    assert (undefined.status, undefined.why) == (NOT_JUDGED, "no gold row is labelled loaded")
    assert (unknown.status, unknown.why) == (NOT_JUDGED, "the run has no such metric")


@pytest.mark.parametrize("key", ["lo", "value"])
def test_nan_fails_even_where_nothing_is_required(key: str) -> None:
    broken = scores(macro_f1={"value": 0.8, "lo": 0.7, "hi": 0.9} | {key: float("nan")}, ece={"value": float("nan"), "lo": None, "hi": None})
    section = {"lower": {"macro_f1": 0.0}} if key == "lo" else {"upper": {"ece": 1.0}}
    (check,) = judge(gate(bounds=section | {"required": False}), Facts(broken))
    assert (check.status, check.why) == (FAIL, "the figure is not a number")
    assert failing([check]) == [check]


@given(value=st.floats(0, 1), bound=st.floats(0, 1))
def test_a_bound_parts_all_figures_in_two(value: float, bound: float) -> None:
    entry = {"value": value, "lo": value, "hi": value}
    (lower, upper) = judge(gate(bounds={"lower": {"m": bound}, "upper": {"m": bound}}), Facts({"metrics": {"m": entry}}))
    assert {lower.status, upper.status} == {PASS, FAIL}
    assert (lower.status == PASS) == (value > bound)


# --- the champion


def difference(metric: str, found: float | None, lo: float | None, hi: float | None, **more: Any) -> dict[str, Any]:
    return {"metric": metric, "difference": found, "lo": lo, "hi": hi, "reason": "" if lo is not None else "one group only", **more}


def test_a_missing_champion_passes_with_a_note() -> None:
    checks = judge(gate(champion={"metrics": ["macro_f1"], "margin": 0.01}, slices={"metric": "macro_f1", "margins": {"outlet": 0.1}}), Facts(SCORES))
    assert [(check.status, check.why) for check in checks] == [(PASS, "there is no champion yet")] * 2


@pytest.mark.parametrize(
    ("lo", "status"),
    [(-0.009, PASS), (-0.01, FAIL), (-0.2, FAIL), (0.1, PASS), (float("nan"), FAIL), (None, NOT_JUDGED)],
)
def test_non_inferiority_is_the_lower_end_against_the_margin(lo: float | None, status: str) -> None:
    against = Against("version 3", "", [difference("ece", -1, -1, -1), difference("macro_f1", 0.0, lo, 0.2)])
    assert judged(Facts(SCORES, against=against), champion={"metrics": ["macro_f1"], "margin": 0.01}) == [("macro_f1 − version 3", status)]


def test_another_test_set_is_not_judged_and_so_keeps_a_run_out() -> None:
    facts = Facts(SCORES, against=Against("version 3", "tested on different rows"))
    checks = judge(gate(champion={"metrics": ["macro_f1"], "margin": 0.01}, slices={"metric": "macro_f1", "margins": {"outlet": 0.1}}), facts)
    assert [(check.status, check.why) for check in checks] == [(NOT_JUDGED, "tested on different rows")] * 2
    assert [check.gate for check in failing(checks)] == ["champion"]


def sliced(*slices: tuple[str, float | None, float | None, int]) -> Facts:
    found = [difference("macro_f1", value, hi, hi, column="outlet", value=name, rows=rows) for name, value, hi, rows in slices]
    return Facts(SCORES, against=Against("version 3", "", [], found))


@pytest.mark.parametrize(
    ("value", "hi", "rows", "status"),
    [
        (-0.2, -0.05, 50, FAIL),  # a fall that shows
        (-0.2, 0.05, 50, PASS),  # one that may be chance
        (-0.1, -0.05, 50, PASS),  # one within the margin
        (-0.2, None, 50, NOT_JUDGED),  # one that nobody can tell from chance
        (float("nan"), -0.05, 50, FAIL),
        (-0.2, -0.05, 29, NOT_JUDGED),
        (None, None, 50, NOT_JUDGED),
    ],
)
def test_a_slice_falls_beyond_its_margin_and_not_by_chance(value: float | None, hi: float | None, rows: int, status: str) -> None:
    section = {"metric": "macro_f1", "margins": {"outlet": 0.1}, "min_rows": 30}
    ((_, found),) = judged(sliced(("Gazette", value, hi, rows)), slices=section)
    assert found == status


def test_every_fallen_slice_is_named() -> None:
    facts = sliced(("Gazette", -0.3, -0.1, 40), ("Courier", 0.1, 0.2, 40), ("Wire", -0.2, -0.1, 40))
    found = judged(facts, slices={"metric": "macro_f1", "margins": {"outlet": 0.1}})
    assert found == [("macro_f1 where outlet is Gazette", FAIL), ("macro_f1 where outlet is Wire", FAIL)]


# --- behaviour, audit, git, blind


def test_probes_and_leaning() -> None:
    facts = Facts(SCORES, probes={"injection": Rate(0.6, 0.4, 0.8, 50), "minimum": Rate(None)}, gap=Rate(-0.16, -0.3, 0.0))
    section = {"rates": {"injection": 0.6, "minimum": 0.5, "target_swap": 0.5}}
    assert judged(facts, probes=section) == [("injection", PASS), ("minimum", NOT_JUDGED)]
    assert judged(facts, probes={"rates": {"injection": 0.61}}) == [("injection", FAIL)]
    assert judged(Facts(SCORES), probes=section) == [("injection, minimum, target_swap", NOT_JUDGED)]
    assert judged(facts, leaning={"gap": 0.16}) == [("right − left", PASS)]
    assert judged(facts, leaning={"gap": 0.15}) == [("right − left", FAIL)]
    assert judged(Facts(SCORES), leaning={"gap": 0.15}) == [("right − left", NOT_JUDGED)]


def test_an_audit_is_clean_by_severity() -> None:
    facts = Facts(SCORES, AUDIT | {"findings": [finding("urls", "warn"), finding("noted", "info"), finding("leaks", "stop", 0)]})
    assert judged(facts, audit={"severity": "stop"}) == [("findings", PASS)]
    assert judged(facts, audit={"severity": "warn"}) == [("urls", FAIL)]
    assert judged(facts, audit={"severity": "warn", "allow": ["urls"]}) == [("findings", PASS)]
    leaking = Facts(SCORES, AUDIT | {"findings": [finding("leaks", "stop"), finding("urls", "warn")]})
    assert judged(leaking, audit={"severity": "stop"}) == [("leaks", FAIL)]
    assert judged(Facts(SCORES), audit={}) == [("findings", NOT_JUDGED)]
    assert judged(Facts(SCORES, AUDIT | {"checked": []}), audit={}) == [("findings", NOT_JUDGED)]


@pytest.mark.parametrize(("dirty", "status"), [(False, PASS), (True, FAIL), (None, NOT_JUDGED)])
def test_the_tree(dirty: bool | None, status: str) -> None:
    assert judged(Facts(SCORES, git_dirty=dirty), git={}) == [("tree", status)]


def test_the_blind_set() -> None:
    section = {"metric": "macro_f1", "lower": 0.5}
    assert judged(Facts(SCORES, blind=Rate(0.6, 0.51, 0.7)), blind=section) == [("macro_f1", PASS)]
    assert judged(Facts(SCORES, blind=Rate(0.6, 0.5, 0.7)), blind=section) == [("macro_f1", FAIL)]
    (check,) = judge(gate(blind=section), Facts(SCORES, blind_problem="spent"))
    assert (check.status, check.why, failing([check])) == (NOT_JUDGED, "spent", [])
    (check,) = judge(gate(blind=section | {"required": True}), Facts(SCORES, blind_problem="spent"))
    assert failing([check]) == [check]


@pytest.mark.parametrize(
    ("heads", "judged_tasks", "champion", "status"),
    [
        (["loaded"], ["loaded"], [], PASS),
        (["loaded", "stance"], ["loaded"], [], FAIL),
        (["loaded"], ["loaded"], ["loaded", "stance"], FAIL),
        (["loaded", "stance"], ["stance", "loaded"], ["loaded"], PASS),
    ],
)
def test_no_head_goes_unjudged_and_none_is_lost(heads: list[str], judged_tasks: list[str], champion: list[str], status: str) -> None:
    assert [check.status for check in judge_heads(heads, judged_tasks, champion)] == [status]


def test_what_keeps_a_run_out() -> None:
    checks = [Check("g", name, "", "", status, "", required) for name, status, required in (
        ("a", PASS, True), ("b", FAIL, False), ("c", NOT_JUDGED, True), ("d", NOT_JUDGED, False),
    )]  # fmt: skip
    assert [check.what for check in failing(checks)] == ["b", "c"]


# --- gate files

GOOD: dict[str, Any] = {"version": 1, "name": "strict", "champion": {"metrics": ["macro_f1"], "margin": 0.01}, "git": None}


def test_sections_that_are_left_out_or_null_ask_nothing() -> None:
    found = gate_from_mapping(GOOD, "g.yaml")
    assert found.git is None and found.floors is None
    assert found.champion is not None and found.champion.required
    assert {check.gate for check in judge(found, Facts(SCORES))} == {"champion"}


def test_the_digest_is_of_what_is_demanded() -> None:
    same = gate_from_mapping({"name": "strict", "version": 1, "champion": {"margin": 0.01, "metrics": ["macro_f1"], "required": True}}, "g.yaml")
    other = gate_from_mapping(GOOD | {"champion": {"metrics": ["macro_f1"], "margin": 0.02}}, "g.yaml")
    assert gate_from_mapping(GOOD, "g.yaml").digest == same.digest != other.digest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"champoin": {}}, "unknown key champoin. Did you mean champion?"),
        ({"champion": {"metrics": ["macro_f1"], "margim": 0.1}}, "unknown key champion.margim. Did you mean champion.margin?"),
        ({"champion": {"metrics": ["macro_f1"]}}, "the key champion.margin is missing"),
        ({"champion": {"metrics": "macro_f1", "margin": 0.1}}, "champion.metrics is 'macro_f1', not a list of names"),
        ({"champion": {"metrics": ["macro_f1"], "margin": "wide"}}, "champion.margin is 'wide', not a number from 0"),
        ({"champion": {"metrics": ["macro_f1"], "margin": -0.1}}, "not a number from 0"),
        ({"champion": {"metrics": ["macro_f1"], "margin": float("nan")}}, "not a number from 0"),
        ({"champion": {"metrics": ["macro_f1"], "margin": True}}, "not a number from 0"),
        ({"champion": [1]}, "champion must be a mapping"),
        ({"slices": {"metric": "accuracy", "margins": {"outlet": 0.1}, "min_rows": 0}}, "slices.min_rows is 0, not a whole number from 1"),
        ({"git": {"required": "yes"}}, "git.required is 'yes', not true or false"),
        ({"audit": {"severity": "fatal"}}, "audit.severity is 'fatal'"),
        ({"bounds": {"lower": ["macro_f1"]}}, "bounds.lower is ['macro_f1'], not a mapping"),
        ({"version": 2}, "version is 2, and this slant reads 1"),
        ({"version": True}, "version is True"),
        ({"name": ""}, "name must be a text"),
        ({"champion": None}, "it demands nothing"),
    ],
)
def test_a_gate_file_is_read_strictly(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        gate_from_mapping(GOOD | change, "g.yaml")
    assert words in str(caught.value) and str(caught.value).startswith("g.yaml: ")


@pytest.mark.parametrize("found", [None, [], "gate", {}, {"version": 1}])
def test_what_is_no_gate_at_all(found: Any) -> None:
    with pytest.raises(ConfigError):
        gate_from_mapping(found, "g.yaml")
