"""README's commands, run as they stand, in an empty folder; and its tables, rendered anew."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """An empty folder with `data/` beside it and a bundle that `slant demo` wrote there (tiny encoder, real corpus)."""
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "data").symlink_to(ROOT / "data")
    done = run("slant demo", folder, tiny_encoder)
    assert done.returncode == 0, done.stderr
    assert "loaded words by weight" in done.stdout and "macro_f1" in done.stdout and "majority" in done.stdout
    next_commands = done.stdout.split("Next:")[1].strip().splitlines()
    assert len(next_commands) == 3
    return folder


def run(command: str, folder: Path, encoder: Path) -> subprocess.CompletedProcess[str]:
    """The command by a shell, with `slant` on the path, the tiny encoder and few resamples for runs that train."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    if re.match(r"slant (train|demo)", command) and "linear" not in command and "majority" not in command:
        command += f" model.encoder.path={encoder}"
    if re.match(r"slant (train|demo)", command):
        command += " evaluation.resamples=50 publish.judged_rows=50 publish.int8=false"
    return subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=6000, check=False)


@pytest.mark.xdist_group("readme")
@pytest.mark.parametrize("command", COMMANDS)
def test_readme_command(command: str, request: pytest.FixtureRequest, tiny_encoder: Path) -> None:
    if command.startswith("make"):
        # Running make within make's own test would install and test again: that its target exists and what it would do is enough here.
        done = subprocess.run(["make", "-n", *command.split()[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and done.stdout
        return
    workplace: Path = request.getfixturevalue("workplace")
    done = run(command, workplace, tiny_encoder)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    if page := re.search(r"--html (\S+)", command):
        assert (workplace / page[1]).stat().st_size > 2000


@pytest.mark.xdist_group("readme")
def test_readme_python(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = PYTHON
    bundle = max((workplace / "runs").rglob("bundle/bundle.json"), key=lambda path: path.stat().st_mtime).parent
    exec(compile(code, "README.md", "exec"), {"bundle": bundle})
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_tables_are_rendered_from_their_results() -> None:
    done = subprocess.run([sys.executable, "scripts/render_tables.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr} run: make docs"


def test_the_annotated_article_stands_in_the_first_screen() -> None:
    assert "«" in "\n".join(README.splitlines()[:40])


def test_links_lead_somewhere() -> None:
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "experiments").glob("*/README.md")):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if not target.startswith(("http", "mailto")):
                assert (path.parent / target).exists(), f"{path.name}: {target}"
