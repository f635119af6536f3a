"""Everything that a stranger can send: a clear answer, no trace of ours in it, and the server goes on."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slant.serve.http import Settings

from .conftest import serving

JSON = {"content-type": "application/json"}
ITEM = {"id": "1", "text": "Orlov met Quill."}


def item(**fields):
    return [ITEM, ITEM | {"id": "2"} | fields]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/annotate", [], "body"),
        ("/v1/annotate", "text", "body"),
        ("/v1/annotate", 3, "body"),
        ("/v1/annotate", {}, "text"),
        ("/v1/annotate", {"text": None}, "text"),
        ("/v1/annotate", {"text": ["a"]}, "text"),
        ("/v1/annotate", {"text": "a", "texts": "b"}, "texts"),
        ("/v1/annotate", {"text": "a", "targets": "Orlov"}, "targets"),
        ("/v1/annotate", {"text": "a", "targets": ["Orlov"]}, "targets[0]"),
        ("/v1/annotate", {"text": "a", "targets": [{"name": "A"}, {"name": ""}]}, "targets[1].name"),
        ("/v1/annotate", {"text": "a", "targets": [{"name": "\u2003\n"}]}, "targets[0].name"),
        ("/v1/annotate", {"text": "a", "targets": [{"name": "A"}, {"name": "A"}]}, "targets[1].name"),
        ("/v1/annotate", {"text": "a", "targets": [{"name": "A", "aliases": ["B", 3]}]}, "targets[0].aliases[1]"),
        ("/v1/annotate", {"text": "a", "targets": [{"name": "A", "aliases": ["a " * 40]}]}, "targets[0].aliases[0]"),
        ("/v1/annotate", {"text": "a", "targets": [{"name": "A" * 201}]}, "targets[0].name"),
        ("/v1/annotate", {"text": "a", "targets": [{"name": "A", "aliases": ["b"] * 21}]}, "targets[0].aliases"),
        ("/v1/score", {}, "body"),
        ("/v1/score", ITEM, "body"),
        ("/v1/score", [3], "[0]"),
        ("/v1/score", item(id=2), "[1].id"),
        ("/v1/score", item(id="1"), "[1].id"),
        ("/v1/score", item(id=""), "[1].id"),
        ("/v1/score", item(text=""), "[1].text"),
        ("/v1/score", item(text=3.5), "[1].text"),
        ("/v1/score", item(target=" "), "[1].target"),
        ("/v1/score", item(target_start=0, target_end=5), "[1].target"),
        ("/v1/score", item(target="Orlov", target_start=0), "[1].target_end"),
        ("/v1/score", item(target="Orlov", target_end=5), "[1].target_start"),
        ("/v1/score", item(target="Orlov", target_start=5, target_end=5), "[1].target_end"),
        ("/v1/score", item(target="Orlov", target_start=0, target_end=17), "[1].target_end"),
        ("/v1/score", item(target="Orlov", target_start=-1, target_end=5), "[1].target_start"),
        ("/v1/score", item(target="Orlov", target_start="0", target_end=5), "[1].target_start"),
        ("/v1/score", item(target="Orlov", target_start=0.0, target_end=5), "[1].target_start"),
        ("/v1/score", item(target="Orlov", target_start=0, target_end=True), "[1].target_end"),
        ("/v1/score", item(target="Orlov", target_start=0, target_end=10**40), "[1].target_end"),
        ("/v1/score", item(text="UNREADABLE"), "[1]"),
        ("/v1/score", [{"id": str(n), "text": "a"} for n in range(10_000)], "body"),
    ],
)
def test_the_field_at_fault_is_named(serve, path, body, field):
    client = serve()
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    problem = answer.json()
    assert problem["status"] == 422
    assert problem["field"] == field
    assert problem["errors"][0]["field"] == field
    assert problem["detail"].endswith(".")
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"null", 422),
        (b"NaN", 422),  # read by a lenient parser, it is still no object
        (b"\x00\x01", 400),
        (b'{"text": "\xff\xfe"}', 400),
        ('{"text": "a"}'.encode("utf-16"), 400),
        (b'\xef\xbb\xbf{"text": "a"}', 400),
        (rb'{"text": "\ud800"}', 400),
        (rb'{"text": "\udc00 \ud800"}', 400),
        (b'{"text": "a"} {"text": "b"}', 400),
        (b'{"text": "' + b"[" * 100_000 + b'"}', 200),
        (b"[" * 900_000, 400),
        (b'{"text":' * 100_000, 400),
        (b'{"text": ' + b"9" * 100_000 + b"}", 400),
        (b'{"text": 1e999}', 422),
        (rb'{"text": "\u0000 Vile.\u0000"}', 200),
        (rb'{"text": "\ud83d\ude00 Vile."}', 200),
        (b'{"text": "' + b"\\u202e" * 1000 + b'"}', 200),
        (b'{"text": "a", "text": "b"}', 200),
        (b"x" * 1_000_001, 413),
    ],
)
def test_bytes_that_are_no_such_json_are_told_so(serve, body, status):
    client = serve()
    answer = client.post("/v1/annotate", content=body, headers=JSON)
    assert answer.status_code == status
    assert "Traceback" not in answer.text
    assert status == 200 or answer.json()["detail"]
    assert client.post("/v1/annotate", json={"text": "a"}).status_code == 200


def test_a_million_sentences_are_refused_without_being_scored(serve, annotator):
    client = serve()
    text = "He ran. " * 1_000_000
    assert client.post("/v1/annotate", json={"text": text}).status_code == 413
    most = client.post("/v1/annotate", json={"text": text[:240_000]})
    assert (most.status_code, most.json()["field"]) == (422, "text")
    assert "30,000 sentences" in most.json()["detail"]
    items = ",".join(f'{{"id":"{n}","text":"a"}}' for n in range(35_000))
    assert client.post("/v1/score", content=f"[{items}]", headers=JSON).status_code == 422
    assert not annotator.entered.is_set()


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "multipart/form-data", "application/jsonx"]
)
def test_another_content_type_is_refused(serve, kind):
    # A page of another site can send these without asking.
    answer = serve().post("/v1/annotate", content=b'{"text": "a"}', headers={"content-type": kind} if kind else {})
    assert answer.status_code == 415


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'])
def test_json_by_any_of_its_names_is_read(serve, kind):
    assert serve().post("/v1/annotate", content=b'{"text": "a"}', headers={"content-type": kind}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/annotate", 405), ("DELETE", "/v1/score", 405), ("BREW", "/", 405), ("POST", "/healthz", 405), ("OPTIONS", "/v1/score", 405),
        ("GET", "/v1", 404), ("GET", "/v2/annotate", 404), ("POST", "/v1/annotate/x", 404), ("GET", "/%00", 404), ("GET", "/../app.py", 404),
        ("GET", "/page/../app.py", 404), ("GET", "/%2e%2e/app.py", 404), ("GET", "/page.js%2f..", 404), ("GET", "/é", 404),
    ],
)  # fmt: skip
def test_other_methods_and_paths_are_problems_too(serve, method, path, status):
    answer = serve().request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (status == 405) == ("allow" in answer.headers)


def test_a_fault_of_ours_says_nothing_of_itself(serve):
    client = serve()
    answer = client.post("/v1/score", json=[{"id": "1", "text": "CRASH"}])
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.headers["x-request-id"] in answer.json()["detail"]
    for word in ("ZeroDivision", "secret", "Traceback", ".py"):
        assert word not in answer.text
    assert client.post("/v1/score", json=[ITEM]).status_code == 200


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "text", "targets", "name", "target", "x"]), inner, max_size=4)
            ),
        ).map(lambda value: json.dumps(value).encode()),
    ),
    path=st.sampled_from(["/v1/annotate", "/v1/score"]),
)
def test_whatever_the_body_the_answer_is_an_annotation_or_a_problem(shared, body, path):
    answer = shared.post(path, content=body, headers=JSON)
    assert answer.status_code in (200, 400, 422)
    assert ("schema_version" in answer.json() or "results" in answer.json()) == (answer.status_code == 200)
    assert answer.status_code == 200 or answer.json()["status"] == answer.status_code


@pytest.fixture
def shared(serve):
    return serve()


# --- clients that speak HTTP badly, or slowly


def speak(client: httpx.Client, *parts: bytes, pause: float = 0.0) -> bytes:
    """What a raw connection is answered before it is closed."""
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        heard = b""
        try:
            while part := connection.recv(65_536):
                heard += part
        except ConnectionResetError:
            pass
        return heard


HEAD = b"POST /v1/annotate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: -1\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", b"400"),
        (HEAD + b"Content-Length: 99999999999999999\r\nExpect: 100-continue\r\n\r\n", b"413"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n", b"400"),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n", b"200"),
    ],
)
def test_bad_http_is_refused_and_the_server_goes_on(serve, sent, status):
    client = serve()
    heard = speak(client, sent)
    assert heard.split(b" ")[1] == status
    assert b"Traceback" not in heard
    assert client.get("/readyz").status_code == 200


def test_a_body_that_does_not_come_is_given_up(serve):
    client = serve(timeout=0.3)
    heard = speak(client, HEAD + b"Content-Length: 50\r\n\r\n", b'{"text":')
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert b"urn:slant:problem:slow-body" in heard


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT"])
def test_a_request_that_does_not_come_is_given_up(serve, sent):
    # The last: a whole request, and the beginning of a next one.
    heard = speak(serve(timeout=0.3), sent)
    assert heard.count(b"200 OK") == sent.count(b"\r\n\r\n")


def test_a_client_that_does_not_read_its_answer_is_cut_off():
    ended = threading.Event()

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            for stage in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{stage}.complete"})
            return
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(2_000):  # more than any socket's buffers hold
                await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        finally:
            ended.set()

    with serving(app, Settings(timeout=0.3)) as address:
        url = httpx.URL(address)
        with socket.create_connection((url.host, url.port), timeout=30) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert ended.wait(30)
            heard = 0
            with suppress(ConnectionResetError):
                while part := connection.recv(65_536):
                    heard += len(part)
            assert heard < 2_000 * 65_536


def test_clients_that_leave_do_no_harm(serve, annotator):
    client = serve(timeout=20.0)
    body = json.dumps({"text": "A text. " * 200}).encode()
    for length in (0, 10, len(body)):
        for _ in range(5):
            with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
                connection.sendall(HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body[:length])
    assert client.post("/v1/annotate", json={"text": "a"}).status_code == 200


def test_many_at_once_are_each_answered_as_themselves(serve, annotator):
    annotator.seconds = 0.005
    client = serve(threads=2)
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        sent = [{"id": f"{number}-{place}", "text": f"Text {number} {place}."} for place in range(number % 7 + 1)]
        heard = client.post("/v1/score", json=sent).json()["results"]
        answers[number] = "ok" if [(one["id"], one["text"]) for one in heard] == [(one["id"], one["text"]) for one in sent] else "other"

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == dict.fromkeys(range(40), "ok")
    assert max(annotator.passes) > 7  # some were scored together
