"""The guard in tests/conftest.py: a test that reaches for the network fails, whatever its code catches."""

from __future__ import annotations

import socket
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

FAILED = pytest.fail.Exception


@pytest.mark.parametrize("connect", ["connect", "connect_ex"])
@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, ("192.0.2.1", 80)), (socket.AF_INET6, ("2001:db8::1", 80, 0, 0))])
def test_addresses_outside_are_refused(connect: str, family: int, address: tuple[object, ...]) -> None:
    with socket.socket(family) as outside, pytest.raises(FAILED, match="reached for the network"):
        outside.settimeout(0.01)
        getattr(outside, connect)(address)


def test_names_are_not_looked_up_and_catching_does_not_help() -> None:
    with pytest.raises(FAILED, match="'huggingface.co'"):
        try:
            urllib.request.urlopen("https://huggingface.co/", timeout=0.01)
        except Exception:
            pass


def test_loopback_is_open() -> None:
    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert urllib.request.urlopen(f"http://localhost:{server.server_port}/", timeout=10).read() == b"hello"
        thread.join(10)
