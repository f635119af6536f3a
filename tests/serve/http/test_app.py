"""What answers at each path, and what it says."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import threading
import time
from typing import Any

import httpx
import jsonschema
import pytest

from slant.errors import ConfigError
from slant.records import ScoreItem
from slant.serve.http import Settings, create_app
from slant.serve.http.logs import JsonLines
from slant.serve.schema import annotation_from_json, annotation_schema, annotation_to_json, sentence_to_json
from slant.text import Target

TEXT = "Henchmen of Ilya Orlov 😀 met. “It was a vile vote,” said Mara Quill."


def test_a_document_is_annotated_as_the_annotator_does(serve, annotator):
    answer = serve().post("/v1/annotate", json={"text": TEXT})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == annotation_to_json(annotator.annotate(TEXT))
    jsonschema.validate(answer.json(), annotation_schema())
    assert annotation_from_json(answer.json()).sentences[0].spans[0].text == "Henchmen"


@pytest.mark.parametrize(
    ("targets", "meant"),
    [
        (None, None),
        ([], []),
        ([{"name": "Orlov", "aliases": ["the president"]}, {"name": "Quill"}], [Target("Orlov", ("the president",)), Target("Quill")]),
    ],
)
def test_targets_are_those_that_were_named(serve, annotator, targets, meant):
    answer = serve().post("/v1/annotate", json={"text": TEXT, "targets": targets})
    assert answer.json() == annotation_to_json(annotator.annotate(TEXT, meant))


def test_texts_are_scored_each_with_its_id_in_their_order(serve, annotator):
    sent = [{"id": "b", "text": "A vile act."}, {"id": "a", "text": "Orlov spoke.", "target": "Orlov", "target_start": 0, "target_end": 5}]
    answer = serve().post("/v1/score", json=sent).json()
    scored = annotator.score([ScoreItem("A vile act."), ScoreItem("Orlov spoke.", "Orlov", 0, 5)])
    assert answer == {"bundles": annotator.facts(), "results": [{"id": i} | sentence_to_json(s) for i, s in zip("ba", scored, strict=True)]}


def test_an_empty_list_and_an_empty_document_have_empty_answers(serve):
    client = serve()
    assert client.post("/v1/score", json=[]).json()["results"] == []
    assert client.post("/v1/annotate", json={"text": " \n"}).json()["sentences"] == []


def test_the_real_annotator_answers_over_http_as_it_does_in_python(serve, tiny_bundle):
    from slant.serve import Annotator

    from .conftest import running

    annotator = Annotator.open(tiny_bundle)
    text = "The vile minister delayed the annual vote on Monday. The council met."
    with running(annotator, Settings()) as address, httpx.Client(base_url=address, timeout=60) as client:
        assert client.post("/v1/annotate", json={"text": text}).json() == annotation_to_json(annotator.annotate(text))
        scored = client.post("/v1/score", json=[{"id": "1", "text": text}]).json()["results"]
        assert scored == [{"id": "1"} | sentence_to_json(annotator.score([text])[0])]
        refused = client.post("/v1/score", json=[{"id": "1", "text": text, "target": "minister"}])
        assert (refused.status_code, refused.json()["field"]) == (422, "[0].target")
        assert "/v1/models" in refused.json()["detail"]


def test_what_answers_is_told(serve, annotator):
    client = serve()
    assert client.get("/v1/models").json() == {"models": annotator.facts()}
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_it_is_not_ready_before_its_workers_are(annotator):
    from starlette.testclient import TestClient

    # Without `with`, the lifespan does not run.
    answer = TestClient(create_app(annotator)).get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:slant:problem:not-ready")


# --- limits


def test_when_the_line_is_full_it_says_when_to_come_back(serve, annotator):
    annotator.gate = threading.Event()
    client = serve(queue=1)
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(client.post("/v1/score", json=[{"id": "1", "text": "a"}]))) for _ in range(2)]
    threads[0].start()
    assert annotator.entered.wait(30)
    threads[1].start()
    while "slant_queue_depth 1.0" not in client.get("/metrics").text:
        pass
    full = client.post("/v1/annotate", json={"text": "A text."})
    assert (full.status_code, full.json()["type"]) == (429, "urn:slant:problem:busy")
    assert 1 <= int(full.headers["retry-after"]) <= 60
    annotator.gate.set()
    for thread in threads:
        thread.join(30)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert client.post("/v1/annotate", json={"text": "A text."}).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(serve, annotator):
    annotator.gate = threading.Event()
    client = serve(timeout=0.2)
    slow = client.post("/v1/annotate", json={"text": "A text."})
    assert (slow.status_code, slow.json()["type"]) == (504, "urn:slant:problem:too-slow")
    annotator.gate.set()
    annotator.gate = None
    assert client.post("/v1/annotate", json={"text": "A text."}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/v1/annotate", {"text": "One. Two. Three. Four went home."}, 422, "text"),
        ("/v1/score", [{"id": str(n), "text": "a"} for n in range(4)], 422, "body"),
        ("/v1/annotate", {"text": "x" * 5000}, 413, "body"),
        ("/v1/annotate", {"text": "a", "targets": [{"name": n} for n in "abc"]}, 422, "targets"),
    ],
)
def test_more_than_is_allowed_is_refused_by_name(serve, path, body, status, field):
    answer = serve(max_sentences=3, max_bytes=4000, max_targets=2).post(path, json=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert answer.headers["content-type"] == "application/problem+json"
    assert re.search(r"\b(2|3|4,000)\b", answer.json()["detail"])  # the limit itself


def test_just_as_much_as_is_allowed_is_answered(serve):
    client = serve(max_sentences=3, max_bytes=100)
    assert len(client.post("/v1/annotate", json={"text": "It rained. We slept. They left."}).json()["sentences"]) == 3
    body = json.dumps({"text": "x"}).ljust(100)
    json_type = {"content-type": "application/json"}
    assert client.post("/v1/annotate", content=body, headers=json_type).status_code == 200
    assert client.post("/v1/annotate", content=body + " ", headers=json_type).status_code == 413
    # Without a declared length, too.
    assert client.post("/v1/annotate", content=iter([body.encode(), b" "]), headers=json_type).status_code == 413


@pytest.mark.parametrize(
    "wrong", [{"queue": 0}, {"threads": 0}, {"timeout": 0.0}, {"timeout": float("nan")}, {"token": ""}, {"token": "a b"}, {"token": "é"}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError):
        Settings(**wrong)


# --- the token


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer secre"}, 401),
        ({"Authorization": "Bearer secrets"}, 401),
        ({"Authorization": "Basic secret"}, 401),
        ({"Authorization": b"Bearer secr\xe9t"}, 401),
        ({"Authorization": "secret"}, 401),
        ({"Authorization": "Bearer secret"}, 200),
        ({"Authorization": "bearer  secret"}, 200),
    ],
)
def test_with_a_token_only_who_brings_it_is_answered(serve, headers, status):
    client = serve(token="secret")
    for path in ("/v1/models", "/metrics"):
        answer = client.get(path, headers=headers)
        assert answer.status_code == status
        assert status == 200 or (answer.headers["www-authenticate"] == "Bearer" and "secret" not in answer.text)
    for path, body in (("/v1/annotate", {"text": "A."}), ("/v1/score", [])):
        assert client.post(path, json=body, headers=headers).status_code == status


def test_the_page_and_the_probes_ask_for_no_token(serve):
    client = serve(token="secret")
    assert {client.get(path).status_code for path in ("/", "/page.js", "/healthz", "/readyz", "/openapi.json")} == {200}
    assert client.get("/openapi.json").json()["components"]["securitySchemes"] == {"HTTPBearer": {"type": "http", "scheme": "bearer"}}


# --- OpenAPI, headers, the page's files


def test_openapi_has_examples_that_keep_their_own_schemas_and_are_answered(serve):
    client = serve()
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {"/v1/annotate", "/v1/score", "/v1/models", "/healthz", "/readyz", "/metrics"}
    tried = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            bodies = [example["value"] for example in content.get("examples", {}).values()] or [None]
            good = operation["responses"]["200"]["content"].get("application/json")
            if good:
                jsonschema.validate(good["example"], good["schema"])
            for body in bodies:
                if body is not None:
                    jsonschema.validate(body, content["schema"])
                answer = client.request(method, path, json=body)
                assert answer.status_code == 200
                if good:
                    jsonschema.validate(answer.json(), good["schema"])
                tried += 1
    assert tried == 8


def test_nothing_of_fastapis_that_loads_from_elsewhere_is_served(serve):
    client = serve()
    assert {client.get(path).status_code for path in ("/docs", "/redoc")} == {404}


def test_the_page_loads_only_files_of_its_own_and_has_no_inline_code(serve):
    client = serve()
    page = client.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    for name in loaded:
        assert "//" not in name
        assert client.get("/" + name).status_code == 200
    scripts = [name for name in loaded if name.endswith(".js")]
    for script in scripts:
        imports = re.findall(r'from "\./([^"]+)"', client.get("/" + script).text)
        scripts += [name for name in imports if name not in scripts]
        assert client.get("/" + script).headers["content-type"].startswith("text/javascript")
    assert len(scripts) == 5
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page.text)
    code = "".join(client.get("/" + script).text for script in scripts)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", code)


def test_the_article_view_and_the_page_have_one_style_sheet(serve):
    from slant.serve.html import render_html

    annotation = serve().post("/v1/annotate", json={"text": TEXT}).json()
    style = serve().get("/article.css").text
    assert len(style) > 5000
    assert f"<style>{style}</style>" in render_html(TEXT, annotation_from_json(annotation), title="t")


def test_a_browser_that_has_a_file_is_not_sent_it_again(serve):
    client = serve()
    tag = client.get("/page.js").headers["etag"]
    assert client.get("/page.js", headers={"If-None-Match": tag}).status_code == 304
    assert client.get("/page.js", headers={"If-None-Match": '"other"'}).status_code == 200


# --- metrics and log


def test_what_happened_is_counted(serve):
    client = serve()
    client.post("/v1/score", json=[{"id": "1", "text": "a"}, {"id": "2", "text": "b"}])
    client.post("/v1/score", json={})
    client.get("/made-up/1")
    client.get("/made-up/2")
    client.request("BREW", "/v1/score")
    told = client.get("/metrics").text
    for line in (
        'slant_http_requests_total{method="POST",path="/v1/score",status="200"} 1.0',
        'slant_http_requests_total{method="POST",path="/v1/score",status="422"} 1.0',
        'slant_http_requests_total{method="GET",path="other",status="404"} 2.0',
        'slant_http_requests_total{method="other",path="/v1/score",status="405"} 1.0',
        'slant_http_request_seconds_count{path="/v1/score"} 3.0',
        'slant_sentences_total{path="/v1/score"} 2.0',
        "slant_batch_sentences_sum 2.0",
        "slant_queue_depth 0.0",
        'slant_bundle_info{id="0123456789abcdef",name="fake",package_version="0.1.0"} 1.0',
    ):
        assert line in told.splitlines(), line
    assert "made-up" not in told


@pytest.fixture
def log():
    """The lines that the server logs, by whether texts are asked for."""
    logger = logging.getLogger("slant.serve.http")
    streams = {texts: io.StringIO() for texts in (False, True)}
    handlers = []
    for texts, stream in streams.items():
        handlers.append(logging.StreamHandler(stream))
        handlers[-1].setFormatter(JsonLines(texts=texts))
        logger.addHandler(handlers[-1])
    level = logger.level
    logger.setLevel(logging.INFO)
    yield streams
    logger.setLevel(level)
    for handler in handlers:
        logger.removeHandler(handler)


def lines_of(stream: io.StringIO, requests: int) -> list[dict[str, Any]]:
    """The log once it holds so many requests: each is logged after its answer has left."""
    until = time.monotonic() + 30
    while True:
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        if sum(line["event"] == "request" for line in lines) >= requests or time.monotonic() > until:
            return lines
        time.sleep(0.01)


def test_each_request_is_a_line_of_json_without_its_text(serve, log):
    client = serve()
    secret = "Henchmen-Secret met."
    client.post("/v1/annotate?q=Secret", json={"text": secret})
    client.post("/v1/score", json=[{"id": "Secret", "text": secret, "target": "Secret"}])
    client.post("/v1/score", json=[{"id": "1", "text": "CRASH Secret"}])
    client.post("/v1/score", json=[{"id": "1", "text": "UNREADABLE Secret"}])
    client.post("/v1/annotate", json={"text": 1, "Secret": 2})
    client.get("/Secret")
    lines = lines_of(log[False], 6)
    assert "Secret" not in log[False].getvalue()
    assert "secret words" not in log[False].getvalue()
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["path"], line["status"]) for line in requests] == [
        ("/v1/annotate", 200), ("/v1/score", 200), ("/v1/score", 500), ("/v1/score", 422), ("/v1/annotate", 422), ("other", 404),
    ]  # fmt: skip
    assert requests[0]["sentences"] == 1
    failure = next(line for line in lines if line["level"] == "error")
    assert failure["error"] == "ZeroDivisionError"
    assert any("in" not in place.split()[-1] and "conftest" in place for place in failure["trace"])


def test_the_log_holds_the_texts_where_it_is_asked_to(serve, log):
    client = serve(log_texts=True)
    client.post("/v1/annotate", json={"text": "One text."})
    client.post("/v1/score", json=[{"id": "1", "text": "CRASH"}])
    lines = lines_of(log[True], 2)
    assert lines[0]["texts"] == ["One text."]
    assert [line["message"] for line in lines if "message" in line] == ["secret words of the text"]


def test_serving_needs_fastapi_only_where_http_is_served():
    code = "import sys, slant.serve, slant.serve.html; sys.exit(any(m.split('.')[0] in ('fastapi', 'uvicorn', 'pydantic') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
