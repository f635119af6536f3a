"""The leaning audit against a table counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slant.errors import DataError
from slant.evaluation import Predictions, make_predictions
from slant.evaluation.leaning import audit_camps, audit_leanings

from .conftest import columns_of, meta_of


def table(rows: list[tuple[str | None, int | None, int]], task: str = "loaded", column: str = "leaning", **more: Any) -> Predictions:
    """Rows of side, gold and predicted label index; each is a group of its own unless `group` says otherwise."""
    k = len(meta_of(task).labels)
    p = np.eye(k)[[pred for _, _, pred in rows]]
    columns = columns_of([gold for _, gold, _ in rows], [pred for _, _, pred in rows], p, range(len(rows)), task)
    return make_predictions(columns | {column: [side for side, _, _ in rows]} | more, meta_of(task))


#: left: of 4 neutral 1 is called loaded, of 4 loaded 1 is missed; right: of 4 neutral 3, of 2 loaded 0. Centre has no neutral row.
ROWS = (
    [("left", 0, 1)] + [("left", 0, 0)] * 3 + [("left", 1, 0)] + [("left", 1, 1)] * 3
    + [("right", 0, 1)] * 3 + [("right", 0, 0)] + [("right", 1, 1)] * 2
    + [("centre", 1, 0), (None, 0, 1), ("left", None, 1)]
)  # fmt: skip


def test_rates_and_gap_are_those_counted_by_hand() -> None:
    found = audit_leanings(table(list(ROWS)), resamples=300)
    assert found is not None and found["rows"] == 16 and found["rows_without_camp"] == 1
    left, right, centre = (found["camps"][side]["flags"]["loaded"] for side in ("left", "right", "centre"))
    assert (left["fpr"]["value"], left["fpr"]["n"], left["fnr"]["value"], left["fnr"]["n"]) == (0.25, 4, 0.25, 4)
    assert (right["fpr"]["value"], right["fnr"]["value"]) == (0.75, 0.0)
    assert centre["fpr"] == {"value": None, "lo": None, "hi": None, "n": 0} and centre["fnr"]["value"] == 1.0
    assert found["gaps"]["loaded"]["fpr"]["value"] == 0.5 and found["gaps"]["loaded"]["fnr"]["value"] == -0.25
    # Average odds difference: the mean of .5 and of 1 - .75.
    assert found["gap"]["value"] == pytest.approx(0.375)
    assert found["gap"]["lo"] < 0.375 < found["gap"]["hi"]
    assert left["fpr"]["lo"] < 0.25 < left["fpr"]["hi"]


def test_a_model_that_treats_both_alike_has_no_gap() -> None:
    rows = [(side, gold, pred) for side in ("left", "right") for gold, pred in [(0, 0), (0, 0), (0, 1), (1, 1), (1, 0)] * 30]
    found = audit_leanings(table(rows))
    assert found is not None and found["gap"]["value"] == pytest.approx(0) and found["gap"]["lo"] < 0 < found["gap"]["hi"]


def test_whole_groups_are_drawn() -> None:
    """Twenty groups of ten equal rows are no surer than twenty rows."""
    side = [("left", 0, number % 2) for number in range(20)]
    alone = audit_leanings(table(side))
    copied = audit_leanings(table([row for row in side for _ in range(10)], group=[str(n) for n in range(20) for _ in range(10)]))
    assert alone is not None and copied is not None
    widths = [a["camps"]["left"]["flags"]["loaded"]["fpr"] for a in (alone, copied)]
    assert widths[1]["hi"] - widths[1]["lo"] == pytest.approx(widths[0]["hi"] - widths[0]["lo"], rel=0.15)
    assert alone["gap"] is None and alone["gaps"]["loaded"] == {}


def test_stances_by_camp() -> None:
    """Against 0, neutral 1, favor 2. The right's targets: of 2 not against 1 read against, of 2 favor 1 missed; the left's all right."""
    rows = [("Ann", 0, 0), ("Ann", 1, 1), ("bo", 2, 2), ("Cy", 0, 0), ("Cy", 1, 0), ("Cy", 2, 2), ("Cy", 2, 1), ("Zed", 1, 1)]
    found = audit_camps(table(rows, "stance", "target"), {"left": ["Ann", "Bo"], "right": ["Cy"]}, resamples=100)
    flags = found["camps"]["right"]["flags"]
    assert found["camps"]["left"]["rows"] == 3 and found["rows_without_camp"] == 1
    assert (flags["against"]["fpr"]["value"], flags["favor"]["fnr"]["value"]) == (pytest.approx(1 / 3), 0.5)
    # against: (1/3 - 0) / 2; favor: (0 - 1/2) / 2; half the first less half the second.
    assert found["gap"]["value"] == pytest.approx((1 / 6 + 1 / 4) / 2)


def test_what_cannot_be_audited_is_told() -> None:
    assert audit_leanings(table([(None, 0, 1), (None, 1, 1)])) is None
    plain = table([("Ann", 0, 0), ("Bo", 1, 1)], "stance", "target")
    with pytest.raises(DataError, match="no labelled row's target is in a camp. It has Ann, Bo"):
        audit_camps(plain, {"left": ["Cy"], "right": ["Di"]})
    with pytest.raises(DataError, match="'ann' is in the camps left and right"):
        audit_camps(plain, {"left": ["Ann"], "right": ["ann"]})
    with pytest.raises(DataError, match="Audit a run of the task stance"):
        audit_camps(table(list(ROWS)), {"left": ["Ann"], "right": ["Bo"]})
    with pytest.raises(DataError, match="no rows of split 'dev'"):
        audit_leanings(plain, split="dev")
