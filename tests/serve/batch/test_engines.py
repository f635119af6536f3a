"""Processes and clusters give what one process gives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from slant.errors import ConfigError, SlantError
from slant.serve.batch import engines, extras
from slant.serve.batch.rows import Chunk

from .conftest import read_table, write_table


@pytest.fixture
def source(sentences: list[dict[str, Any]], tmp_path: Path) -> Path:
    rows = [row | {"text": f"{row['text']} It was number {n}."} for n in range(4) for row in sentences]
    return write_table(tmp_path / "in.jsonl", rows)


def test_two_processes_write_what_one_writes(score: Any, source: Path, tmp_path: Path) -> None:
    score(source, tmp_path / "one.jsonl", chunk=16)
    score(source, tmp_path / "two.jsonl", chunk=16, workers=2)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert len(read_table(tmp_path / "two.jsonl")) == 240


def test_a_worker_that_dies_is_one_line_and_the_job_goes_on_later(score: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    score(source, tmp_path / "whole.jsonl", chunk=5)
    from slant.serve.batch.outputs import FileOutput

    real, count = FileOutput.add, []

    def add(self: FileOutput, part: Any) -> None:
        real(self, part)
        count.append(1)
        if len(count) == 3:
            listed = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children").read_text().split()
            for child in listed:
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    os.kill(int(child), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(FileOutput, "add", add)
        with pytest.raises(SlantError, match="a worker process could not start, or died.*--resume"):
            score(source, tmp_path / "out.jsonl", chunk=5, workers=2)
    assert score(source, tmp_path / "out.jsonl", chunk=5, resume=True).resumed >= 15
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_few_chunks_are_ever_ahead_of_what_is_written() -> None:
    read: list[int] = []

    def chunks() -> Any:
        for index in range(50):
            read.append(index)
            yield Chunk(index)

    for written, part in enumerate(engines._in_order(chunks(), lambda chunk: chunk, lambda chunk: chunk, 4)):  # type: ignore[arg-type,return-value]
        assert part.index == written and len(read) <= written + 4


def test_a_dask_cluster_that_loses_a_worker_in_mid_job(score: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    from slant.serve.batch.outputs import FileOutput

    score(source, tmp_path / "whole.jsonl", chunk=5)
    real, killed = FileOutput.add, []
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None)
    with cluster, distributed.Client(cluster, set_as_default=False) as watcher:
        pids = watcher.run(os.getpid)
        assert len(set(pids.values())) == 2

        def add(self: FileOutput, part: Any) -> None:
            real(self, part)
            if part.index == 4:
                killed.append(next(iter(pids.values())))
                os.kill(killed[0], signal.SIGKILL)

        monkeypatch.setattr(FileOutput, "add", add)
        report = score(source, tmp_path / "out.jsonl", chunk=5, engine="dask", scheduler=cluster.scheduler_address)
    assert killed and report.rows == 240
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_scheduler_that_does_not_answer(score: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    real = distributed.Client
    monkeypatch.setattr(distributed, "Client", lambda address, timeout, **options: real(address, timeout="1s", **options))
    with pytest.raises(SlantError, match=r"tcp://127.0.0.1:9: no Dask scheduler answers.*--scheduler"):
        score(source, tmp_path / "out.jsonl", engine="dask", scheduler="tcp://127.0.0.1:9")
    assert not list(tmp_path.glob("out*"))


def test_without_the_extra_one_line_names_it(score: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"--engine dask needs distributed. Install it: pip install 'slant\[dask\]'"):
        score(source, tmp_path / "out.jsonl", engine="dask")
    with pytest.raises(ConfigError, match=r"Parquet needs pyarrow. Install it: pip install 'slant\[batch\]'"):
        score(source, tmp_path / "out.parquet")


def test_serving_imports_neither_arrow_nor_dask() -> None:
    code = "import sys, slant.serve, slant.serve.batch; print([n for n in ('pyarrow', 'dask', 'distributed', 'pandas') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
