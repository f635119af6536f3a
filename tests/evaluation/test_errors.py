"""Errors by kind: each of one kind, told from predictions alone; and the rates by what rows share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.evaluation import Predictions, make_predictions
from slant.evaluation.errors import ErrorReport, error_report

from .conftest import columns_of, meta_of, span

NEUTRAL, LOADED = 0, 1

#: Gold, predicted, P(loaded), spans of gold, spans predicted, voice, truncated -> the kind.
CASES: dict[str, tuple[int, int, float, Any, Any, str | None, bool]] = {
    "cut short": (NEUTRAL, LOADED, 0.99, [], [span(2, 10)], "quoted", True),
    "near the line": (NEUTRAL, LOADED, 0.59, [], [span(2, 10)], "quoted", False),
    "false alarm in a quotation": (NEUTRAL, LOADED, 0.9, [], [span(2, 10)], "mixed", False),
    "false alarm on a word": (NEUTRAL, LOADED, 0.9, [], [span(2, 10)], "author", False),
    "false alarm without a word": (NEUTRAL, LOADED, 0.9, [], [], None, False),
    "missed in a quotation": (LOADED, NEUTRAL, 0.1, [span(2, 10)], [], "quoted", False),
    "missed, word found": (LOADED, NEUTRAL, 0.1, [span(2, 10)], [span(9, 14)], "author", False),
    "missed, word overlooked": (LOADED, NEUTRAL, 0.1, [span(2, 10)], [span(10, 14)], "author", False),
    "missed, no word to find": (LOADED, NEUTRAL, 0.1, None, None, "author", False),
}


def table(cases: list[tuple[int, int, float, Any, Any, str | None, bool]]) -> Predictions:
    gold, pred, p, spans_gold, spans_pred, voice, truncated = (list(column) for column in zip(*cases, strict=True))
    columns = columns_of(gold, pred, [[1 - x, x] for x in p], range(len(cases)))
    columns |= {"spans_gold": spans_gold, "spans_pred": spans_pred, "voice": voice, "truncated": truncated}
    columns["text"] = [f"a dreadful lie was told {row}" for row in range(len(cases))]
    return make_predictions(columns, meta_of())


def report(predictions: Predictions, **settings: Any) -> ErrorReport:
    found = error_report(predictions, resamples=50, **settings)
    assert found is not None
    return found


def test_every_kind_by_hand() -> None:
    right = (LOADED, LOADED, 0.55, [], [], "author", True)
    found = report(table([*CASES.values(), right]))
    assert {kind["kind"]: kind["examples"][0]["id"] for kind in found["kinds"]} == {name: f"id-{row}" for row, name in enumerate(CASES)}
    assert (found["rows"], found["errors"], found["rate"]["value"]) == (10, 9, 0.9)
    assert all(kind["count"] == 1 and kind["share"]["value"] == 0.1 for kind in found["kinds"])


STANCE_KINDS = {
    ("against", "favor"): "against turned to favor",
    ("favor", "against"): "favor turned to against",
    ("against", "neutral"): "against missed",
    ("favor", "neutral"): "favor missed",
    ("neutral", "against"): "against read in",
    ("neutral", "favor"): "favor read in",
}


def test_kinds_of_stance() -> None:
    labels = meta_of("stance").labels
    pairs = [(labels.index(gold), labels.index(pred)) for gold, pred in STANCE_KINDS]
    p = [np.full(3, 0.05) + 0.85 * np.eye(3)[pred] for _, pred in pairs]
    columns = columns_of([gold for gold, _ in pairs], [pred for _, pred in pairs], p, "abcdef", "stance")
    columns["text"] = [str(row) for row in range(6)]
    found = report(make_predictions(columns, meta_of("stance")))
    assert {kind["examples"][0]["text"]: kind["kind"] for kind in found["kinds"]} == {str(i): name for i, name in enumerate(STANCE_KINDS.values())}
    quoted = report(make_predictions(columns | {"voice": ["quoted"] * 6}, meta_of("stance")))
    assert {kind["kind"]: kind["count"] for kind in quoted["kinds"]}["stance in a quotation missed"] == 2


rows = st.tuples(
    st.integers(0, 1), st.integers(0, 1), st.floats(0, 1), st.sampled_from([None, [], [span(2, 10)]]), st.sampled_from([None, [], [span(9, 14)]]),
    st.sampled_from([None, "author", "quoted", "mixed"]), st.booleans(),
)  # fmt: skip


@given(st.lists(rows, min_size=1, max_size=20))
def test_every_error_is_of_exactly_one_kind(cases: list[tuple[int, int, float, Any, Any, str | None, bool]]) -> None:
    found = report(table(cases), examples=100)
    wrong = {f"id-{row}" for row, case in enumerate(cases) if case[0] != case[1]}
    told = [example["id"] for kind in found["kinds"] for example in kind["examples"]]
    assert sorted(told) == sorted(wrong) and sum(kind["count"] for kind in found["kinds"]) == found["errors"] == len(wrong)
    for cells in found["cells"].values():
        assert all(0 < cell["rows"] <= len(cases) and cell["wrong"] <= cell["rows"] for cell in cells)
    if "confidence" in found["cells"]:
        assert sum(cell["rows"] for cell in found["cells"]["confidence"]) == len(cases)


def test_examples_are_the_surest_each_text_once_with_doubts_told() -> None:
    base = CASES["false alarm on a word"]
    predictions = table([(*base[:2], p, *base[3:]) for p in (0.81, 0.95, 0.9, 0.99)])
    columns = {name: predictions.table[name].to_pylist() for name in predictions.table.column_names}
    columns["text"][1] = columns["text"][3]
    found = report(make_predictions(columns, meta_of()), examples=2, doubted={"id-2", "id-1"})
    (kind,) = found["kinds"]
    assert [(example["id"], example["doubted"]) for example in kind["examples"]] == [("id-3", False), ("id-2", True)]
    assert kind["examples"][0]["confidence"] == pytest.approx(0.99) and kind["examples"][0]["spans_pred"] == [(2, 10)]
    assert (kind["count"], kind["doubted"], found["doubted"]) == (4, 2, 2)


def test_rates_by_what_rows_share() -> None:
    # Thirty rows a voice; in quotations 6 of 10 neutral rows are called loaded, elsewhere none.
    cases = []
    for voice, alarms in (("author", 0), ("quoted", 6)):
        cases += [(NEUTRAL, LOADED, 0.9, [], [span(2, 10)], voice, False)] * alarms
        cases += [(NEUTRAL, NEUTRAL, 0.1, [], [], voice, False)] * (10 - alarms) + [(LOADED, LOADED, 0.97, [], [span(2, 10)], voice, False)] * 20
    found = report(table(cases))
    voices = {cell["value"]: cell for cell in found["cells"]["voice"]}
    assert voices["quoted"]["rate"]["value"] == pytest.approx(0.2) and voices["author"]["rate"]["value"] == 0
    assert voices["quoted"]["by_gold"]["neutral"]["value"] == pytest.approx(0.6) and voices["quoted"]["by_gold"]["neutral"]["n"] == 10
    assert voices["quoted"]["by_gold"]["loaded"]["value"] == 0
    low, high = voices["quoted"]["rate"]["lo"], voices["quoted"]["rate"]["hi"]
    assert low is not None and high is not None and low < 0.2 < high
    confidence = {cell["value"]: (cell["rows"], cell["wrong"]) for cell in found["cells"]["confidence"]}
    assert confidence == {"sure, 0.8 to 0.95": (20, 6), "very sure, 0.95 or above": (40, 0)}
    marked = {cell["value"]: (cell["rows"], cell["wrong"]) for cell in found["cells"]["marked words"]}
    assert marked == {"no word marked": (14, 0), "one place marked": (46, 6)}
    # One label missing from a cell leaves its rate undefined, and says so.
    missing = {cell["value"]: cell for cell in found["cells"]["confidence"]}["very sure, 0.95 or above"]["by_gold"]["neutral"]
    assert missing["value"] is None and missing["reason"] == "there are no such rows"


def test_without_gold_there_are_no_errors_and_one_group_has_no_interval() -> None:
    predictions = table([CASES["near the line"]] * 2)
    columns = {name: predictions.table[name].to_pylist() for name in predictions.table.column_names}
    assert error_report(make_predictions(columns | {"gold": [None, None]}, meta_of())) is None
    found = report(make_predictions(columns | {"group": ["one", "one"]}, meta_of()))
    assert found["rate"]["value"] == 1 and found["rate"]["reason"] == "one group only, so no interval"
