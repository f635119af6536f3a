"""`slant serve` as a process: it starts, it ends in good order, and it says what hinders it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from fixtures_server import free_port, wait_ready

COMMAND = [sys.executable, "-m", "slant", "serve"]


def test_on_sigterm_it_answers_what_it_took_in_and_ends_well(tiny_bundle: Path):
    port = free_port()
    command = [*COMMAND, str(tiny_bundle), "--port", str(port), "--timeout", "300"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"SLANT_TOKEN": "secret"})
    answers: list[int] = []
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300, headers={"Authorization": "Bearer secret"}) as client:
            wait_ready(process, client)
            assert httpx.get(f"{client.base_url}/v1/models").status_code == 401
            body = {"text": "The vile minister delayed the annual vote on Monday. " * 500}

            def ask() -> None:
                answers.append(len(client.post("/v1/annotate", json=body).json()["sentences"]))

            threads = [threading.Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            while "slant_http_requests_in_flight 5.0" not in client.get("/metrics").text:
                assert not answers, "answered before the signal: nothing is tested"
            process.send_signal(signal.SIGTERM)
            for thread in threads:
                thread.join()
        _, log = process.communicate(timeout=60)
    finally:
        process.kill()
    assert answers == [500] * 4
    assert process.returncode == 0
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert [line["status"] for line in lines if line.get("path") == "/v1/annotate"] == [200] * 4
    assert "vile" not in log


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--port", "70000"], {}, "--port is 70000"),
        (["--queue", "0"], {}, "--queue is 0"),
        ([], {"SLANT_TOKEN": ""}, "the token is empty"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(tiny_bundle: Path, arguments, environment, said):
    ended = subprocess.run([*COMMAND, str(tiny_bundle), *arguments], capture_output=True, text=True, check=False, env=os.environ | environment)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_port_that_is_taken_ends_it_with_a_failure(tiny_bundle: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run([*COMMAND, str(tiny_bundle), "--port", port], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "address already in use" in ended.stderr
