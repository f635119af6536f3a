"""The command line as a person uses it: exit statuses, one clear line, nothing heavy before it is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "mlflow", "datasets", "sklearn", "onnxruntime", "numpy", "hydra", "rich", "pandas")


def slant(*arguments: str, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "slant", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, env=os.environ | environment, timeout=600, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["annotate", "--help"], ["verify", "--help"], ["doctor", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom slant.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_import_slant_loads_nothing_heavy() -> None:
    code = f"import sys, slant; slant.__version__; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_without_a_command_it_says_how_to_use_it() -> None:
    done = slant()
    assert done.returncode == 2 and b"usage: slant" in done.stdout
    assert slant("nonsense").returncode == 2


def test_annotate_prints_marks_json_and_a_page(tiny_bundle: Path, tmp_path: Path) -> None:
    article = tmp_path / "article.txt"
    text = "The vile mayor delayed the vote on Friday. 🙂\r\n\r\nThe council approved the annual budget on Monday"
    article.write_bytes(text.encode())
    shown = slant("annotate", str(article), "--bundle", str(tiny_bundle))
    assert shown.returncode == 0 and "«vile»" in shown.stdout.decode()
    told = json.loads(slant("annotate", "-", "-b", str(tiny_bundle), "--json", stdin=text.encode()).stdout)
    for sentence in told["sentences"]:
        assert text[sentence["start"] : sentence["end"]] == sentence["text"]
        for span in sentence["spans"]:
            assert text[span["start"] : span["end"]] == span["text"]
    page = tmp_path / "page.html"
    assert slant("annotate", str(article), "-b", str(tiny_bundle), "--html", str(page)).returncode == 0
    assert "vile" in page.read_text(encoding="utf-8") and "<script" not in page.read_text(encoding="utf-8")


def test_annotate_finds_the_newest_bundle_and_says_when_there_is_none(tiny_bundle: Path, tmp_path: Path) -> None:
    article = tmp_path / "a.txt"
    article.write_text("The vile mayor delayed the vote.")
    none = slant("annotate", str(article), SLANT_HOME=str(tmp_path))
    assert none.returncode == 1 and b"slant demo" in none.stderr
    (tmp_path / "runs" / "x").mkdir(parents=True)
    (tmp_path / "runs" / "x" / "bundle").symlink_to(tiny_bundle)
    assert slant("annotate", str(article), SLANT_HOME=str(tmp_path), SLANT_BUNDLE=str(tiny_bundle)).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["annotate", "/no/such/article.txt", "-b", "BUNDLE"], None, "there is no such file"),
        (["annotate", "-", "-b", "BUNDLE"], b"fine\nbad \xff byte", "line 2) is not UTF-8"),
        (["annotate", "-", "-b", "/no/such/bundle"], b"text", "there is no such bundle"),
        (["annotate", "-", "-b", "BUNDLE", "--threads", "0"], b"text", "--threads"),
        (["annotate", "-", "-b", "BUNDLE", "--precision", "int8", "--html", "/no/such/folder/\0x"], b"text", ""),
        (["verify", "/no/such/bundle"], None, "there is no such bundle"),
        (["cache", "--info", "--folder", "/proc/nowhere"], None, "/proc/nowhere"),
        (["train", "experimnt=loaded/demo"], None, "Did you mean 'experiment'"),
        (["train", "data=babe"], None, "data.root must be given"),
        (["train", "data=babe", "data.root=/no/such", "tracking=none"], None, "there is no BABE file"),
    ],
)
def test_bad_input_gets_one_line_and_a_failing_status(
    tiny_bundle: Path, tmp_path: Path, arguments: list[str], stdin: bytes | None, said: str
) -> None:
    if any("\0" in argument for argument in arguments):
        arguments = [*arguments[:-1], str(tmp_path / "file" / "page.html")]
        (tmp_path / "file").write_text("not a folder")
        said = "cannot be written"
    done = slant(*(str(tiny_bundle) if a == "BUNDLE" else a for a in arguments), stdin=stdin, SLANT_HOME=str(tmp_path))
    told = (done.stderr + (done.stdout if arguments[0] == "verify" else b"")).decode()
    assert done.returncode == 1
    # The table of verify tells behind the failure what was not reached.
    assert said in told.strip().splitlines()[0 if arguments[0] == "verify" else -1]
    assert "Traceback" not in told


def test_debug_shows_the_trace(tmp_path: Path) -> None:
    assert b"Traceback" in slant("annotate", str(tmp_path / "none.txt"), "-b", "x", "--debug").stderr


def test_a_reader_that_goes_away_is_no_error(tiny_bundle: Path, tmp_path: Path) -> None:
    article = tmp_path / "long.txt"
    article.write_text("The vile mayor delayed the vote.\n" * 3000)
    command = f"{sys.executable} -m slant annotate {article} -b {tiny_bundle} | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=600, check=False)
    assert done.stdout.count("\n") == 1 and "Traceback" not in done.stderr


def test_empty_and_blank_texts_are_answered(tiny_bundle: Path) -> None:
    for text in (b"", b" \n\t\n", "\ufeff".encode()):
        told = slant("annotate", "-", "-b", str(tiny_bundle), "--json", stdin=text)
        assert told.returncode == 0 and json.loads(told.stdout)["sentences"] == []
    assert b"No sentences" in slant("annotate", "-", "-b", str(tiny_bundle), stdin=b"").stdout


def test_verify_passes_and_tells_a_tampered_bundle(tiny_bundle: Path, tmp_path: Path) -> None:
    import shutil

    good = slant("verify", str(tiny_bundle))
    assert good.returncode == 0 and b"FAIL" not in good.stdout and b"golden replay" in good.stdout
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bundle, copy)
    data = bytearray((copy / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "model.onnx").write_bytes(data)
    bad = slant("verify", str(copy))
    assert bad.returncode == 1 and b"FAIL" in bad.stdout and b"model.onnx" in bad.stdout
    refused = slant("annotate", "-", "-b", str(copy), stdin=b"text")
    assert refused.returncode == 1 and b"model.onnx" in refused.stderr


def test_doctor_names_every_part() -> None:
    done = slant("doctor")
    for part in (b"serving", b"training", b"encoder", b"tracking store", b"threads", b"digest"):
        assert part in done.stdout
    assert done.returncode == 0, done.stdout


def test_cache_tells_and_clears(tmp_path: Path) -> None:
    import numpy as np

    from slant.models.encoder.cache import StateCache, state_key

    with StateCache(tmp_path) as cache:
        cache.put_many({state_key("e", "r", "t"): np.ones((1, 4), np.float32)})
    assert b"1 texts" in slant("cache", "--info", "--folder", str(tmp_path)).stdout
    assert b"removed 1 entries" in slant("cache", "--clear", "--folder", str(tmp_path)).stdout
    assert b"0 texts" in slant("cache", "--folder", str(tmp_path)).stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [("slant tr", "train"), ("slant ", "annotate"), ("slant train mod", "model="), ("slant train model=enc", "model=encoder_heads")],
)
def test_tab_completion(line: str, expected: str) -> None:
    done = slant("-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line)))
    assert expected in done.stdout.decode().split()


def test_hydras_own_options_work() -> None:
    job = slant("train", "--cfg", "job", "experiment=loaded/demo")
    assert job.returncode == 0 and b"name: loaded/demo" in job.stdout
    assert b"Search path" in slant("train", "--info", "searchpath").stdout
    assert b"Configuration groups" in slant("train", "--help").stdout
