"""A job that is killed goes on: no row is lost, none stands twice, and another job's rows are never taken for its own."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from slant.errors import ConfigError, DataError
from slant.seeding import derive_seed
from slant.serve.annotator import Annotator
from slant.serve.batch import outputs

from .conftest import write_table


class Killed(BaseException):
    """Stands in for a kill where a real one could not be placed so exactly."""


@pytest.fixture
def rows(sentences: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """300 rows, some of which cannot be scored."""
    made = [row | {"text": f"{row['text']} It was number {n}."} for n in range(5) for row in sentences]
    return [row if n % 11 else row | {"text": ""} for n, row in enumerate(made)]


def slant_score(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "slant", "score", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"})


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


@pytest.mark.parametrize(("name", "workers"), [("out.csv.gz", 1), ("out.parquet", 2)])
def test_killed_at_random_points_the_output_is_the_unbroken_one(
    score: Any, rows: list[dict[str, Any]], tiny_bundle: Path, tmp_path: Path, name: str, workers: int
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    chance = random.Random(derive_seed(1, name))
    source = write_table(tmp_path / "in.jsonl", rows)
    (tmp_path / "whole").mkdir()
    assert score(source, tmp_path / "whole" / name, chunk=3).rejected == 28
    journal, kills, written, orphans = tmp_path / f"{name}.journal", 0, 0, []
    while kills < 3:
        job = slant_score(source, "-o", tmp_path / name, "-b", tiny_bundle, "--chunk", 3, "--workers", workers, "--resume")
        until = written + chance.randint(2, 20)
        while job.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < until):
            time.sleep(0.002)
        orphans += children(job.pid)
        job.send_signal(signal.SIGKILL)
        _, told = job.communicate()
        assert job.returncode == -signal.SIGKILL, told.decode()
        kills, written = kills + 1, journal.read_bytes().count(b"\n")
        assert written >= until and not (tmp_path / name).exists()
    job = slant_score(source, "-o", tmp_path / name, "-b", tiny_bundle, "--chunk", 3, "--workers", workers, "--resume")
    _, told = job.communicate()
    assert job.returncode == 3 and b"by the job before" in told, told.decode()
    for end in ("", ".rejected.jsonl", ".meta.json"):
        assert (tmp_path / f"{name}{end}").read_bytes() == (tmp_path / "whole" / f"{name}{end}").read_bytes(), end
    assert not list(tmp_path.glob("*.partial")) and not journal.exists()
    deadline = time.monotonic() + 120
    while any(Path(f"/proc/{orphan}").exists() for orphan in orphans) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{orphan}/cmdline").exists() and Path(f"/proc/{orphan}/cmdline").read_bytes() for orphan in orphans)


def broken(score: Any, source: Path, output: Path, monkeypatch: pytest.MonkeyPatch, after: int = 6, **options: Any) -> None:
    """Break a job behind so many chunks of 5."""
    real, calls = Annotator.score, []

    def scored(self: Annotator, items: Any) -> Any:
        calls.append(1)
        if len(calls) > after:
            raise Killed
        return real(self, items)

    with monkeypatch.context() as patch:
        patch.setattr(Annotator, "score", scored)
        with pytest.raises(Killed):
            score(source, output, **({"chunk": 5} | options))


def test_another_job_is_refused_with_the_remedy(
    score: Any, rows: list[dict[str, Any]], tiny_bundle: Path, broken_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = write_table(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    broken(score, source, output, monkeypatch)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("out.jsonl*")}
    changed = write_table(tmp_path / "changed.jsonl", [rows[0], rows[2], rows[1], *rows[3:]])
    longer = write_table(tmp_path / "longer.jsonl", [*rows, rows[0]])
    for other, options, problem in [
        (source, {}, "a broken job stands here.*--resume"),
        (changed, {"resume": True}, r"read another input \(chunk 1 of 5 rows differs\).*--overwrite"),
        (longer, {"resume": True}, "had input size .*--overwrite"),
        (source, {"resume": True, "chunk": 6}, "had chunk 5, this one has 6"),
        (source, {"resume": True, "precision": "int8"}, "had precision none, this one has int8"),
        (source, {"resume": True, "bundles": [broken_copy]}, "had bundles"),
    ]:
        with pytest.raises(ConfigError, match=problem):
            score(other, output, **({"chunk": 5} | options))
    assert {path.name: path.read_bytes() for path in tmp_path.glob("out.jsonl*")} == before
    report = score(source, output, chunk=5, resume=True)
    assert report.resumed == 30 and report.rows + report.rejected == 300


@pytest.fixture
def broken_copy(broken: Path) -> Path:
    """A bundle of another id with the same answers."""
    from fixtures_bundle import reseal

    reseal(broken, name="another")
    return broken


def test_what_the_journal_does_not_vouch_for_is_scored_again(
    score: Any, rows: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_table(tmp_path / "in.jsonl", rows)
    score(source, tmp_path / "whole.jsonl", chunk=5)
    whole = (tmp_path / "whole.jsonl").read_bytes()
    output, partial, journal = (tmp_path / f"out.jsonl{end}" for end in ("", ".partial", ".journal"))

    def torn_line() -> None:
        journal.write_bytes(journal.read_bytes()[:-9])

    def torn_part() -> None:
        partial.write_bytes(partial.read_bytes()[:-9])

    def rotten_part() -> None:
        data = bytearray(partial.read_bytes())
        data[len(data) // 2] ^= 1
        partial.write_bytes(data)

    def more_than_told() -> None:
        partial.write_bytes(partial.read_bytes() + b'{"row": 9')

    def no_head() -> None:
        journal.write_bytes(b'{"jour')

    for damage, kept in [(torn_line, 25), (torn_part, 25), (rotten_part, None), (more_than_told, 30), (no_head, 0)]:
        broken(score, source, output, monkeypatch)
        damage()
        report = score(source, output, chunk=5, resume=True)
        assert report.resumed == kept or (kept is None and 0 < report.resumed < 30), damage
        assert output.read_bytes() == whole, damage
        for path in tmp_path.glob("out.jsonl*"):
            path.unlink()
    broken(score, source, output, monkeypatch)
    partial.unlink()
    with pytest.raises(DataError, match="the broken job's rows are gone.*--overwrite"):
        score(source, output, chunk=5, resume=True)
    journal.write_text("no journal\nat all\n")
    with pytest.raises(DataError, match="no journal of this version.*--overwrite"):
        score(source, output, chunk=5, resume=True)


@pytest.mark.parametrize(("name", "steps"), [("out.jsonl", 3), ("out.parquet", 4)])
def test_killed_while_the_files_get_their_names(
    score: Any, rows: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, steps: int
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    source, output = write_table(tmp_path / "in.jsonl", rows[:40]), tmp_path / name
    score(source, tmp_path / f"whole-{name}", chunk=9)
    for step in range(steps):
        count = 0

        def stop(real: Any, step: int = step) -> Any:
            def call(self: Path, *arguments: Any, **options: Any) -> Any:
                nonlocal count
                if self.name.startswith(name):
                    count += 1
                    if count > step:
                        raise Killed
                return real(self, *arguments, **options)

            return call

        finish = outputs.FileOutput.finish

        def killed(self: Any, meta: Any, finish: Any = finish, stop: Any = stop) -> None:
            with monkeypatch.context() as inner:
                inner.setattr(Path, "unlink", stop(Path.unlink))
                inner.setattr(Path, "exists", stop(Path.exists))
                finish(self, meta)

        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(outputs.FileOutput, "finish", killed)
            score(source, output, chunk=9)
        report = score(source, output, chunk=9, resume=True)
        assert (report.rows, report.rejected, report.resumed) == (36, 4, 40)
        for end in ("", ".rejected.jsonl", ".meta.json"):
            assert Path(f"{output}{end}").read_bytes() == (tmp_path / f"whole-{name}{end}").read_bytes(), (step, end)
        for path in tmp_path.glob(f"{name}*"):
            path.unlink()


def test_resume_where_nothing_was_broken(score: Any, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    source, output = write_table(tmp_path / "in.jsonl", rows[:9]), tmp_path / "out.jsonl"
    assert score(source, output, resume=True).resumed == 0
    with pytest.raises(ConfigError, match="it exists, and no broken job stands beside it"):
        score(source, output, resume=True)
    assert json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])["row"] == 2


def test_two_jobs_on_one_output(score: Any, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    from slant.serve.batch.formats import Format

    source, output = write_table(tmp_path / "in.jsonl", rows[:9]), tmp_path / "out.jsonl"
    other = outputs.FileOutput(str(output), Format("jsonl"), stance=False)
    with other.open({}, b"", resume=False), pytest.raises(ConfigError, match="another process is writing it"):
        score(source, output, overwrite=True)
