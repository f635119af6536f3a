"""The server against its own OpenAPI: schemathesis makes requests that keep it and requests that break it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

schemathesis = pytest.importorskip("schemathesis", reason="pip install schemathesis")

from slant.serve.http import Settings  # noqa: E402 - what comes before may skip

from .conftest import FakeAnnotator, running  # noqa: E402

_PATHS = ("/v1/annotate", "/v1/score", "/v1/models", "/healthz", "/readyz", "/metrics")
_MODES = [(path, mode) for path in _PATHS for mode in ("positive", "negative") if mode == "positive" or path in ("/v1/annotate", "/v1/score")]


@pytest.fixture(scope="module")
def document() -> Iterator[Any]:
    with running(FakeAnnotator(), Settings()) as address:
        loaded = schemathesis.openapi.from_url(f"{address}/openapi.json")
        loaded.config.update(base_url=address)
        # What breaks the schema may break a limit before it: a list of too many is also a body of too many bytes.
        loaded.config.checks.negative_data_rejection.expected_statuses = ["400", "413", "415", "422"]
        yield loaded


# Not schemathesis's own pytest plugin: 4.32 does not run under pytest 9.2.
def fuzz(document: Any, path: str, mode: str, examples: int) -> None:
    """So many requests to a path, each answered with a status, type, headers and body that OpenAPI foretells; none with a 5xx."""
    operation = next(found.ok() for found in document.get_all_operations() if found.ok().path == path)
    statuses: set[int] = set()

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate, Phase.shrink])
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def ask(case: Any) -> None:
        # JSON Schema cannot say that two ids differ, or that a mention lies within its text: a 422 to what the schema allows may be right.
        answer = case.call_and_validate(excluded_checks=[schemathesis.checks.positive_data_acceptance])
        statuses.add(answer.status_code)

    ask()
    assert statuses & ({200} if mode == "positive" else {400, 415, 422})


@pytest.mark.parametrize(("path", "mode"), _MODES)
def test_each_answer_is_one_that_openapi_foretells(document, path, mode):
    fuzz(document, path, mode, examples=15)


@pytest.mark.slow
@pytest.mark.parametrize(("path", "mode"), [pair for pair in _MODES if pair[0] in ("/v1/annotate", "/v1/score")])
def test_each_of_many_answers_is_one_that_openapi_foretells(document, path, mode):
    fuzz(document, path, mode, examples=400)
