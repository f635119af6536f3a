"""`slant score` as a person uses it: pipes, exit statuses, one clear line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from slant.cli import main


def test_pipes_and_the_exit_status_of_rejected_rows(tiny_bundle: Path) -> None:
    command = [sys.executable, "-m", "slant", "score", "-", "-o", "-", "-b", str(tiny_bundle)]
    sent = b'{"id": "a", "text": "The vile mayor delayed the vote."}\nnonsense\n'
    done = subprocess.run(command, input=sent, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False)
    assert done.returncode == 3, done.stderr.decode()
    told = json.loads(done.stdout)
    assert told["id"] == "a" and told["loaded"]["label"] == "loaded" and [span["text"] for span in told["spans"]] == ["vile"]
    refused, line = done.stderr.decode().splitlines()
    assert json.loads(refused)["row"] == 2 and line == "1 rows scored, 1 rejected"


def test_failures_are_one_line(tiny_bundle: Path, tmp_path: Path, capfd: object) -> None:
    (tmp_path / "in.csv").write_text("body\nThe vile mayor.\n")
    arguments = ["score", str(tmp_path / "in.csv"), "-o", str(tmp_path / "out.csv"), "-b", str(tiny_bundle), "--workers", "1"]
    assert main(arguments) == 1
    assert main([*arguments, "--text-column", "body"]) == 0
    assert main([*arguments, "--text-column", "body"]) == 1
    assert main([*arguments, "--text-column", "body", "--overwrite"]) == 0
    told = capfd.readouterr().err.splitlines()  # type: ignore[attr-defined]
    assert [line.partition(": ")[0] for line in told] == ["slant", "1 rows scored", "slant", "1 rows scored"]
    assert "--text-column" in told[0] and "--overwrite" in told[2]
