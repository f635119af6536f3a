"""Errors that a person can act on, also after a journey between processes; tasks and their label order."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from slant import errors
from slant.errors import ConfigError, DataError, SlantError
from slant.labels import LOADED, STANCE, TASKS, get_task
from slant.records import EXAMPLE_COLUMNS

KINDS = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("send", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_errors_travel_whole(kind: type[SlantError], send: object) -> None:
    error = kind("found a zebra", where="stable.csv, line 3", remedy="Lead it out")
    again = send(error)  # type: ignore[operator]
    assert type(again) is kind
    assert (again.problem, again.where, again.remedy) == ("found a zebra", "stable.csv, line 3", "Lead it out")
    assert str(again) == str(error) == "stable.csv, line 3: found a zebra. Lead it out"


def _fail_in_a_worker() -> None:
    raise DataError("found a zebra", where="line 3", remedy="Lead it out")


def test_an_error_comes_home_from_a_worker() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool, pytest.raises(DataError) as caught:
        pool.submit(_fail_in_a_worker).result(timeout=60)
    assert (caught.value.where, caught.value.remedy) == ("line 3", "Lead it out")


@pytest.mark.parametrize(("where", "remedy", "line"), [("", "", "p"), ("w", "", "w: p"), ("", "r", "p. r"), ("w", "r", "w: p. r")])
def test_the_line_a_person_reads(where: str, remedy: str, line: str) -> None:
    assert str(SlantError("p", where=where, remedy=remedy)) == line


def test_every_error_is_a_slant_error() -> None:
    assert all(issubclass(kind, SlantError) for kind in KINDS)


def test_label_order_is_the_contract() -> None:
    assert LOADED.labels == ("neutral", "loaded")
    assert STANCE.labels == ("against", "neutral", "favor")
    assert all(get_task(name) is task and task.name == name for name, task in TASKS.items())
    assert all(task.positive is None or task.positive in task.labels for task in TASKS.values())


def test_an_unknown_task_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown task 'lodaed'. Choose one of: loaded, stance"):
        get_task("lodaed")


def test_example_columns_are_the_contract() -> None:
    assert " ".join(EXAMPLE_COLUMNS) == (
        "id text task label target target_start target_end spans group outlet leaning topic voice speaker source label_votes part"
    )
