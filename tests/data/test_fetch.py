"""Downloads from a server on loopback: what is right is kept whole, what is not leaves nothing behind."""

from __future__ import annotations

import hashlib
import io
import socket
import stat
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from slant.data import fetch
from slant.data.fetch import describe_download, fetch_corpus
from slant.data.reading import folder_sha256
from slant.errors import DataError, StorageError

ROWS = b"text;label\n" + b"The harbour board met on Monday.;neutral\n" * 5000
MORE = "Ein Satz – mit Umlauten: äöü.\n".encode()


class Home:
    """A server of some paths, and what it was asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        home = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                home.asked.append(self.path)
                home.answers.get(self.path, lambda handler: handler.send_error(404))(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def serves(self, path: str, body: bytes, *, length: int | None = None, status: int = 200, **headers: str) -> str:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, value)
            if length != -1:
                handler.send_header("Content-Length", str(len(body) if length is None else length))
            handler.end_headers()
            handler.wfile.write(body)

        self.answers[path] = answer
        return self.url + path


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    found = Home()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that does not exist, in one that must hold nothing else at the end."""
    yield tmp_path / "into" / "corpus"
    left = sorted(path.name for path in (tmp_path / "into").iterdir()) if (tmp_path / "into").exists() else []
    assert left in ([], ["corpus"])


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _manifest(*files: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "invented", "licence": "CC0-1.0", "home": "https://example.org", "files": list(files)} | more


def _file(home: Home, path: str = "rows.csv", body: bytes = ROWS, **more: Any) -> dict[str, Any]:
    return {"path": path, "url": home.serves(f"/{path}", body), "sha256": _sha(body), "bytes": len(body)} | more


def _zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return packed.getvalue()


# --- files


def test_files_are_fetched_as_they_are_into_a_new_folder(home: Home, place: Path) -> None:
    manifest = _manifest(_file(home), _file(home, "part/more.txt", MORE))
    assert fetch_corpus(manifest, place) == [place / "part" / "more.txt", place / "rows.csv"]
    assert (place / "rows.csv").read_bytes() == ROWS and (place / "part" / "more.txt").read_bytes() == MORE
    assert home.asked == ["/rows.csv", "/part/more.txt"]


def test_an_empty_folder_is_filled_and_another_is_left_as_it_is(home: Home, place: Path) -> None:
    place.mkdir(parents=True)
    fetch_corpus(_manifest(_file(home)), place)
    home.asked.clear()
    with pytest.raises(StorageError, match="holds something already"):
        fetch_corpus(_manifest(_file(home, "other.csv", MORE)), place)
    assert [path.name for path in place.iterdir()] == ["rows.csv"] and not home.asked


def test_a_file_in_the_place_of_the_folder_is_left_as_it_is(home: Home, place: Path) -> None:
    place.parent.mkdir()
    place.write_text("mine")
    with pytest.raises(StorageError):
        fetch_corpus(_manifest(_file(home)), place)
    assert place.read_text() == "mine"


@pytest.mark.parametrize("first", [True, False])
def test_a_file_with_another_digest_is_not_kept_nor_are_its_fellows(home: Home, place: Path, first: bool) -> None:
    files = [_file(home, "good.csv", MORE), _file(home, sha256="0" * 64)]
    with pytest.raises(DataError, match=f"sha256 {_sha(ROWS)}, not {'0' * 64}") as caught:
        fetch_corpus(_manifest(*(files[::-1] if first else files)), place)
    assert "nothing was kept" in str(caught.value) and home.url in str(caught.value)
    assert not place.exists()


@pytest.mark.parametrize("status", [404, 403, 500])
def test_what_the_home_answers_is_told(home: Home, place: Path, status: int) -> None:
    url = home.serves("/gone.csv", b"gone", status=status)
    with pytest.raises(DataError, match=f"answers {status}"):
        fetch_corpus(_manifest(_file(home, url=url)), place)
    assert not place.exists()


def test_a_body_shorter_than_announced_is_refused_even_without_a_digest(home: Home, place: Path) -> None:
    url = home.serves("/short.csv", ROWS[:1000], length=len(ROWS))
    with pytest.raises(DataError, match=rf"sent 1,000 of {len(ROWS):,} bytes"):
        fetch_corpus(_manifest({"path": "short.csv", "url": url}), place, unverified=True)
    assert not place.exists()


def test_a_body_that_is_cut_in_a_chunk_is_refused(home: Home, place: Path) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"400\r\n" + b"x" * 10)
        handler.close_connection = True

    home.answers["/cut.csv"] = cut
    with pytest.raises(DataError, match="cannot be reached"):
        fetch_corpus(_manifest({"path": "cut.csv", "url": f"{home.url}/cut.csv"}), place, unverified=True)
    assert not place.exists()


def test_a_connection_that_breaks_is_the_homes_fault_and_not_the_disks(home: Home, place: Path) -> None:
    def reset(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        handler.wfile.write(b"x" * 100)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    home.answers["/reset.csv"] = reset
    with pytest.raises(DataError, match="cannot be reached"):
        fetch_corpus(_manifest({"path": "reset.csv", "url": f"{home.url}/reset.csv"}), place, unverified=True)
    assert not place.exists()


def test_a_home_that_does_not_listen_is_told(place: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(DataError, match=r"cannot be reached.*network"):
        fetch_corpus(_manifest({"path": "a", "url": f"http://127.0.0.1:{port}/a", "sha256": "0" * 64}), place)


def test_a_body_without_end_is_refused(home: Home, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_MOST_BYTES", 100_000)
    url = home.serves("/endless.csv", ROWS, length=-1)
    with pytest.raises(DataError, match=r"more than 100,000 bytes"):
        fetch_corpus(_manifest({"path": "endless.csv", "url": url}), place, unverified=True)
    assert not place.exists()


def test_a_disk_that_is_full_is_told_as_such(home: Home, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match="the disk is full"):
        fetch_corpus(_manifest(_file(home)), place)
    assert not place.exists()


# --- addresses


@pytest.fixture
def no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(self: socket.socket, address: Any) -> None:
        raise AssertionError(f"connected to {address}")

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.mark.parametrize("url", ["http://example.org/a.csv", "http://127.0.0.1.example.org/a", "ftp://127.0.0.1/a", "file:///etc/hostname", "a.csv"])
def test_what_is_not_https_is_refused_before_anything_is_connected(place: Path, no_connection: None, url: str) -> None:
    with pytest.raises(DataError, match="is not an https address"):
        fetch_corpus(_manifest({"path": "a.csv", "url": url, "sha256": "0" * 64}), place)
    assert not place.exists()


@pytest.mark.parametrize("there", ["http://example.org/a.csv", "ftp://example.org/a.csv", "file:///etc/hostname"])
def test_a_redirect_to_such_an_address_is_not_followed(home: Home, place: Path, there: str) -> None:
    url = home.serves("/moved.csv", b"", status=302, Location=there)
    # Were it followed, the suite's guard of sockets would fail the test.
    with pytest.raises(DataError, match="https address|answers 302"):
        fetch_corpus(_manifest({"path": "a.csv", "url": url, "sha256": _sha(ROWS)}), place)
    assert home.asked == ["/moved.csv"] and not place.exists()


def test_a_redirect_to_another_path_of_loopback_is_followed_and_its_digest_compared(home: Home, place: Path) -> None:
    home.serves("/here.csv", ROWS)
    url = home.serves("/moved.csv", b"", status=302, Location=f"{home.url}/here.csv")
    assert fetch_corpus(_manifest({"path": "a.csv", "url": url, "sha256": _sha(ROWS)}), place)[0].read_bytes() == ROWS


# --- what a manifest must say


def test_a_corpus_without_an_address_is_not_fetched(place: Path, no_connection: None) -> None:
    for manifest in (_manifest(), _manifest({"path": "a", "sha256": "0" * 64})):
        with pytest.raises(DataError, match=r"no address.*CARD\.md"):
            fetch_corpus(manifest, place)


def test_an_unknown_digest_is_refused_before_anything_is_asked_for(home: Home, place: Path) -> None:
    manifest = _manifest(_file(home), _file(home, "blind.csv", MORE, sha256=None))
    with pytest.raises(DataError, match=r"no digest is known of blind\.csv.*--unverified"):
        fetch_corpus(manifest, place)
    assert not home.asked and not place.exists()
    assert len(fetch_corpus(manifest, place, unverified=True)) == 2


def test_unverified_does_not_waive_the_digests_that_are_known(home: Home, place: Path) -> None:
    manifest = _manifest(_file(home, sha256="0" * 64), _file(home, "blind.csv", MORE, sha256=None))
    with pytest.raises(DataError, match="sha256"):
        fetch_corpus(manifest, place, unverified=True)
    assert not place.exists()


def test_the_description_shows_licence_home_sizes_and_digests(home: Home) -> None:
    text = "\n".join(describe_download(_manifest(_file(home), {"path": "blind", "url": "https://example.org/b"})))
    for part in ("CC0-1.0", "https://example.org", f"rows.csv  {len(ROWS):,} bytes  sha256 {_sha(ROWS)}", "blind  sha256 unknown"):
        assert part in text
    packed = "\n".join(describe_download(_manifest(_file(home), archive={"url": "https://example.org/a.zip"})))
    assert "https://example.org/a.zip  sha256 unknown; its files are compared" in packed


# --- archives


def _archive(home: Home, body: bytes, *files: dict[str, Any], **about: Any) -> dict[str, Any]:
    return _manifest(*files, archive={"url": home.serves("/a.zip", body)} | about)


def test_the_manifests_files_are_taken_out_of_whatever_folder_they_lie_in(home: Home, place: Path) -> None:
    body = _zipped(**{
        "top-1.2/rows.csv": ROWS, "top-1.2/part/more.txt": MORE, "top-1.2/README.md": b"not asked for", "__MACOSX/top-1.2/._rows.csv": b"x",
        "__MACOSX/rows.csv": b"x",
    })  # fmt: skip
    manifest = _archive(home, body, {"path": "rows.csv", "sha256": _sha(ROWS)}, {"path": "part/more.txt", "sha256": _sha(MORE)}, sha256=_sha(body))
    assert fetch_corpus(manifest, place) == [place / "part" / "more.txt", place / "rows.csv"]
    assert (place / "rows.csv").read_bytes() == ROWS


def test_a_folder_is_taken_with_its_files_and_its_digest_compared(home: Home, place: Path, tmp_path: Path) -> None:
    members = {f"top/articles/{n}.txt": f"Article {n}.".encode() for n in range(5)}
    wanted = tmp_path / "wanted"
    wanted.mkdir()
    for name, body in members.items():
        (wanted / Path(name).name).write_bytes(body)
    body = _zipped(**members, **{"top/articles/.hidden": b"x", "top/other/9.txt": b"x", "top/articles/deeper/9.txt": b"x"})
    manifest = _archive(home, body, {"path": "articles", "folder_sha256": folder_sha256(wanted)})
    assert [path.name for path in fetch_corpus(manifest, place)] == [f"{n}.txt" for n in range(5)]


def test_members_that_lead_outside_and_links_are_not_followed(home: Home, place: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("top/rows.csv", ROWS)
        archive.writestr("../rows.csv", b"outside")
        archive.writestr("top/../../rows.csv", b"outside")
        archive.writestr("/rows.csv/../rows.csv", b"outside")
        link = zipfile.ZipInfo("zz/rows.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, str(secret))
    manifest = _archive(home, packed.getvalue(), {"path": "rows.csv", "sha256": _sha(ROWS)})
    assert fetch_corpus(manifest, place) == [place / "rows.csv"]
    assert (place / "rows.csv").read_bytes() == ROWS and not (place / "rows.csv").is_symlink()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["corpus", "into", "rows.csv", "secret.txt"]
    assert secret.read_text() == "secret"


def test_an_absolute_member_is_written_below_the_folder(home: Home, place: Path, tmp_path: Path) -> None:
    body = _zipped(**{f"{tmp_path}/rows.csv": ROWS})
    fetch_corpus(_archive(home, body, {"path": "rows.csv", "sha256": _sha(ROWS)}), place)
    assert (place / "rows.csv").read_bytes() == ROWS and not (tmp_path / "rows.csv").exists()


def _corrupt(body: bytes) -> bytes:
    """The archive with broken bytes in its one member's packed data."""
    begin = 30 + len("rows.csv")
    return body[:begin] + b"\xff" * 200 + body[begin + 200 :]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>Sign in</html>", "is no zip"),
        (b"", "is no zip"),
        (_zipped(**{"rows.csv": ROWS})[:-100], "is no zip"),
        (_corrupt(_zipped(**{"rows.csv": ROWS})), "is no zip"),
        (_zipped(**{"rows.csv": MORE}), "has sha256"),
        (_zipped(**{"other.csv": ROWS}), "was not among"),
        (_zipped(), "was not among"),
    ],
    ids=["html", "empty", "cut", "corrupt", "other content", "other file", "no file"],
)
def test_archives_that_are_none_or_hold_something_else_leave_nothing(home: Home, place: Path, body: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        fetch_corpus(_archive(home, body, {"path": "rows.csv", "sha256": _sha(ROWS)}), place)
    assert not place.exists()


def test_an_archive_with_another_digest_is_not_opened(home: Home, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: Any) -> None:
        raise AssertionError("the archive was opened")

    monkeypatch.setattr(zipfile, "ZipFile", opened)
    with pytest.raises(DataError, match="sha256"):
        fetch_corpus(_archive(home, b"PK", {"path": "rows.csv", "sha256": _sha(ROWS)}, sha256="0" * 64), place)


def test_an_archive_that_would_unpack_to_too_much_is_refused(home: Home, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = _zipped(**{"rows.csv": b"0" * 500_000})
    monkeypatch.setattr(fetch, "_MOST_BYTES", 100_000)
    assert len(body) < 100_000
    with pytest.raises(DataError, match="too large"):
        fetch_corpus(_archive(home, body, {"path": "rows.csv", "sha256": "0" * 64}), place)
    assert not place.exists()


def test_an_encrypted_member_is_told_in_one_line(home: Home, place: Path) -> None:
    body = bytearray(_zipped(**{"rows.csv": MORE}))
    body[6] |= 1  # the flag of encryption, here and in the directory
    directory = body.index(b"PK\x01\x02")
    body[directory + 8] |= 1
    with pytest.raises(DataError, match="is no zip that can be read"):
        fetch_corpus(_archive(home, bytes(body), {"path": "rows.csv", "sha256": _sha(MORE)}), place)
    assert not place.exists()
