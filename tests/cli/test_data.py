"""`slant data` as a person types it: tables and pages for the eye, JSON for programs, and one line for what goes wrong."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fixtures_audit import clean_rows

from slant.cli.main import main
from slant.data.corpus import read_manifest

#: exit status, stdout, stderr
Told = tuple[int, str, str]


@pytest.fixture
def slant(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    def run(*arguments: str) -> Told:
        capsys.readouterr()
        status = main(["data", *arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def _table(path: Path, *more: str) -> Path:
    """30 rows in parts; `more` are texts added to the test part."""
    rows = clean_rows()[:30]
    lines = [{"text": row["text"], "label": row["label"], "part": "test" if i >= 24 else "train", "topic": "a"} for i, row in enumerate(rows)]
    lines += [{"text": text, "label": "neutral", "part": "test", "topic": "a"} for text in more]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def _mapped(path: Path) -> list[str]:
    return [f"file={path}", "data.columns.part=part", "data.columns.topic=topic", "split=official", "split.dev=[]"]


# --- list


def test_the_list_names_every_corpus_with_its_licence_and_home(slant: Callable[..., Told]) -> None:
    status, out, err = slant("list")
    assert status == 0 and not err
    header, *lines = out.splitlines()
    assert header.split() == ["corpus", "task", "licence", "where"]
    named = {line.split()[0]: line for line in lines}
    assert {"babe", "newsroom", "newsmtsc", "semeval2016", "table"} <= set(named)
    assert "shipped" in named["newsroom"] and "your own file" in named["table"]
    assert read_manifest("babe")["licence"] in named["babe"] and named["babe"].endswith(read_manifest("babe")["home"])
    # Not a corpus of its own, and without a manifest.
    assert "cross" not in named


# --- show


def test_the_shipped_corpus_is_shown_without_a_root(slant: Callable[..., Told]) -> None:
    from slant.data.corpora.newsroom import load_newsroom

    status, out, err = slant("show", "newsroom")
    assert status == 0 and not err
    corpus = load_newsroom()
    assert f"newsroom@{corpus.version}" in out and f"{len(corpus.dataset):,} rows" in out and corpus.fingerprint[:16] in out
    labels = list(corpus.dataset["label"])
    assert f"loaded {labels.count('loaded'):,}" in out and f"neutral {labels.count('neutral'):,}" in out
    assert "words a text: least" in out


def test_a_corpus_with_a_root_is_shown_with_three_rows_and_its_known_flaws(
    slant: Callable[..., Told], tiny_babe: Path, tiny_rows: tuple[dict[str, Any], ...]
) -> None:
    for root in (f"root={tiny_babe}", f"data.root={tiny_babe}"):
        status, out, err = slant("show", "babe", root)
        assert status == 0 and not err
        assert "120 rows" in out and "loaded 60 (50%)" in out and "babe@sha256-" in out
        assert len(re.findall(r"^babe-\w+ ", out, re.MULTILINE)) == 3
        assert sum(row["text"] in out for row in tiny_rows) == 3 and "marked: " in out
        assert "known flaws" in out and "- Outlet tells much" in out


def test_what_a_corpus_says_does_not_act_on_the_terminal(slant: Callable[..., Told], home: Path) -> None:
    path = home / "rows.jsonl"
    bad = "\x1b[31mred\x07\u202eevil"
    rows = [
        {"id": f"{bad}{i}", "text": f"{bad} {i} {row['text']}", "label": row["label"], "topic": bad, "part": bad}
        for i, row in enumerate(clean_rows()[:6])
    ]
    rows += [row | {"id": f"x{row['id']}", "part": "other"} for row in rows[:2]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    columns = ["data.columns.id=id", "data.columns.topic=topic", "data.columns.part=part"]
    shown = slant("show", "table", f"file={path}", *columns)
    audited = slant("audit", "table", f"file={path}", *columns, "--no-noise")
    assert shown[0] == audited[0] == 0 and "shared_by_parts" in audited[1]
    for _, out, err in (shown, audited):
        assert "red" in out and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", out + err)


@pytest.mark.parametrize("action", ["show", "audit", "get"])
def test_an_unknown_corpus_is_told_with_the_nearest(slant: Callable[..., Told], action: str) -> None:
    status, out, err = slant(action, "newsrom")
    assert status == 1 and not out and err == "slant: there is no corpus 'newsrom'. Did you mean 'newsroom'?\n"
    status, _, err = slant(action, "zzz")
    assert status == 1 and "Known: babe, " in err


@pytest.mark.parametrize("action", ["show", "audit"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["babe"], "data.root must be given"),
        (["babe", "root=/no/such/folder"], "data.root"),
        (["table"], "data.file must be given"),
        (["babe", "root=x", "rooot=y"], "rooot"),
        (["newsroom", "tsk=stance"], "tsk"),
        (["newsroom", "task=nonsense"], "nonsense"),
        (["newsroom", "root"], "root"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(slant: Callable[..., Told], action: str, arguments: list[str], said: str) -> None:
    status, out, err = slant(action, *arguments)
    assert status == 1 and not out
    assert err.startswith("slant: ") and err.count("\n") == 1 and said in err and "Traceback" not in err


def test_an_action_must_be_named(slant: Callable[..., Told]) -> None:
    for arguments in ([], ["nonsense"], ["show"]):
        with pytest.raises(SystemExit) as left:
            slant(*arguments)
        assert left.value.code == 2


# --- audit


def test_the_audit_of_a_corpus_is_a_table_the_gravest_first(slant: Callable[..., Told], tiny_babe: Path) -> None:
    status, out, _ = slant("audit", "babe", f"root={tiny_babe}", "--no-noise")
    assert status == 0
    lines = out.splitlines()
    assert re.fullmatch(r"babe@sha256-\w+: 120 rows, \d+ findings", lines[0])
    severities = [line.split()[0] for line in lines[3:]]
    assert "shared_articles" in out and severities == sorted(severities, reverse=True) and len(severities) == int(lines[0].split()[-2])


def test_a_leak_of_the_official_split_fails_and_dropping_it_does_not(slant: Callable[..., Told], home: Path) -> None:
    path = _table(home / "rows.jsonl", clean_rows()[3]["text"].upper())
    mapped = _mapped(path)
    status, out, _ = slant("audit", "table", *mapped, "--no-noise")
    assert status == 1 and out.splitlines()[3].split()[:3] == ["stop", "leaks", "1"]
    status, out, _ = slant("audit", "table", *mapped, "split.leaks=drop", "--no-noise")
    assert status == 0 and "leaks" not in out
    # Without a split there is none to leak; the parts are told of all the same.
    status, out, _ = slant("audit", "table", *mapped[:3], "--no-noise")
    assert status == 0 and "shared_by_parts" in out


def test_json_is_all_there_is_on_stdout(slant: Callable[..., Told], home: Path) -> None:
    mapped = _mapped(_table(home / "rows.jsonl", clean_rows()[3]["text"], "Ünïcode “quotes” 🙂 https://example.org"))
    status, out, _ = slant("audit", "table", *mapped, "--json", "-", "--html", "page.html")
    told = json.loads(out)
    assert status == 1 and {"leaks", "urls"} <= {finding["kind"] for finding in told["findings"]} and "🙂" in out
    assert {"leaks", "label_noise"} <= set(told["checked"])
    status, out, err = slant("audit", "table", *mapped, "--json", "sub/audit.json")
    assert status == 1 and "written  sub/audit.json" in err and "stop" in out
    assert json.loads((home / "sub" / "audit.json").read_text(encoding="utf-8")) == told


def test_html_writes_a_page(slant: Callable[..., Told], home: Path) -> None:
    mapped = _mapped(_table(home / "rows.jsonl", "<script>alert(1)</script> said https://example.org/ on Monday."))
    status, out, err = slant("audit", "table", *mapped, "--no-noise", "--html", "page.html")
    assert status == 0 and "written  page.html" in err and "urls" in out
    page = (home / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and "&lt;script&gt;" in page and "<script" not in page


def test_a_page_that_cannot_be_written_is_told_in_one_line(slant: Callable[..., Told], home: Path) -> None:
    (home / "file").write_text("no folder")
    status, _, err = slant("audit", "table", *_mapped(_table(home / "rows.jsonl")), "--no-noise", "--html", "file/page.html")
    assert status == 1 and err.startswith("slant: ") and "cannot be written" in err and err.count("\n") == 1


# --- get


@pytest.fixture
def corpus_home(tmp_path_factory: pytest.TempPathFactory, tiny_babe: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A server on loopback with BABE's file, and the manifest that names it; change the manifest before you ask."""
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tiny_babe)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    name = "final_labels_SG2.csv"
    body = (tiny_babe / name).read_bytes()
    entry = {"path": name, "sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body), "url": f"http://127.0.0.1:{server.server_port}/{name}"}
    manifest = read_manifest("babe") | {"files": [entry]}
    monkeypatch.setattr("slant.data.corpus.read_manifest", lambda _: manifest)
    yield manifest
    server.shutdown()
    thread.join()
    server.server_close()


def test_get_downloads_what_the_manifest_names_and_says_what_next(slant: Callable[..., Told], home: Path, corpus_home: dict[str, Any]) -> None:
    status, out, err = slant("get", "babe", "--yes")
    assert status == 0 and not err
    for part in (
        corpus_home["licence"],
        corpus_home["home"],
        corpus_home["files"][0]["sha256"],
        "1 files in babe",
        "slant data audit babe root=babe",
    ):
        assert part in out
    status, out, _ = slant("audit", "babe", "root=babe", "--no-noise")
    assert status == 0 and "120 rows" in out


def test_get_writes_where_it_is_told_and_never_over_something(slant: Callable[..., Told], home: Path, corpus_home: dict[str, Any]) -> None:
    assert slant("get", "babe", "-y", "-o", "here/it")[0] == 0
    assert (home / "here" / "it" / "final_labels_SG2.csv").is_file() and not (home / "babe").exists()
    status, _, err = slant("get", "babe", "-y", "-o", "here/it")
    assert status == 1 and "holds something already" in err and err.count("\n") == 1


def test_get_asks_first_and_takes_no_for_an_answer(
    slant: Callable[..., Told], home: Path, corpus_home: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    questions: list[str] = []
    for answer, status in (("", 1), ("n", 1), ("maybe", 1), (" Y ", 0)):
        monkeypatch.setattr("builtins.input", lambda question, answer=answer: questions.append(question) or answer)
        assert slant("get", "babe")[0] == status
        assert (home / "babe").exists() == (status == 0)
    assert questions == ["Download into babe? [y/N] "] * 4


def test_get_downloads_nothing_where_nobody_can_be_asked(slant: Callable[..., Told], home: Path, corpus_home: dict[str, Any]) -> None:
    status, out, err = slant("get", "babe")
    assert status == 1 and "add --yes" in err and err.count("\n") == 1 and corpus_home["licence"] in out
    assert not (home / "babe").exists()


def test_get_takes_an_unknown_digest_only_when_told_and_a_wrong_one_never(
    slant: Callable[..., Told], home: Path, corpus_home: dict[str, Any]
) -> None:
    known = corpus_home["files"][0].pop("sha256")
    status, _, err = slant("get", "babe", "-y")
    assert status == 1 and "--unverified" in err and not (home / "babe").exists()
    assert slant("get", "babe", "-y", "--unverified", "-o", "blind")[0] == 0
    corpus_home["files"][0]["sha256"] = known[::-1]
    status, _, err = slant("get", "babe", "-y", "--unverified")
    assert status == 1 and known in err and "nothing was kept" in err
    assert sorted(path.name for path in home.iterdir()) == ["blind"]


def test_what_has_no_address_is_not_got(slant: Callable[..., Told], home: Path) -> None:
    status, _, err = slant("get", "table", "-y")
    assert status == 1 and "no address" in err and "CARD.md" in err and not (home / "table").exists()
