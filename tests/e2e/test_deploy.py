"""deploy/Dockerfile, step by step: what its lines say is done as plain commands, each stage in a fresh virtual environment and a folder of its own.

What only a container engine could show is not tested here: the base image, the layers, the user.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fixtures_server import free_port, wait_ready

from slant.serve import Annotator
from slant.serve.schema import annotation_to_json

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
#: What the slim image is there to do without.
TRAINING = ("torch", "transformers", "mlflow", "datasets", "sklearn", "hydra", "pandas", "pyarrow", "onnx", "skops")
#: pip's words where no index answers. A requirement that an index does not have is no reason to skip.
_UNREACHABLE = re.compile(r"connection broken|Max retries exceeded|Temporary failure in name resolution|hatchling==\S+ \(from versions: none\)")
_TEXT = "The vile minister delayed the heroic vote on Monday. The council approved the annual budget."


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, without comments, each on one line."""
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines())]


def last(name: str) -> str:
    return [rest for found, rest in instructions() if found == name][-1]


@dataclass
class Stage:
    """A stage as it is built: `root` stands for `/`, and `variables` are those of ENV with their paths below it."""

    root: Path
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SLANT", "VIRTUAL_ENV"))}
        return kept | {"PATH": f"{self.root / 'venv' / 'bin'}:{os.environ['PATH']}"} | self.variables

    def run(self, command: list[str] | str, **options: Any) -> subprocess.CompletedProcess[str]:
        shell = ["sh", "-c", command] if isinstance(command, str) else command
        return subprocess.run(shell, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=3600, **options)


def built_from(line: str, stages: dict[str, Stage], root: Path) -> Stage:
    """FROM: a virtual environment stands for the image that has Python."""
    image, _, name = line.partition(" AS ")
    assert re.fullmatch(r"python:3\.\d+-slim", image), "the name of an official image, which says nothing of where it comes from"
    root.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(root / "venv")], check=True)
    (root / "tmp").mkdir()
    stages[name] = Stage(root, root)
    return stages[name]


def copy(line: str, stage: Stage, stages: dict[str, Stage]) -> None:
    """COPY: a folder's contents, or files, into a folder; from another stage, or from what .dockerignore leaves of the repository."""
    words = shlex.split(line)
    origin = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
    *sources, goal = words
    ignore = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for source in sources:
        if origin is None:
            assert "*" in ignore and f"!{source}" in ignore, f"{source} is not sent to the build"
        path = ROOT / source if origin is None else stages[origin].root / source.lstrip("/")
        target = stage.folder / goal
        if path.is_dir():
            ignored = shutil.ignore_patterns(*(line.removeprefix("**/") for line in ignore if line.startswith("**/")))
            shutil.copytree(path, target, dirs_exist_ok=True, ignore=ignored)
        else:
            shutil.copy(path, target)


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> dict[str, Stage]:
    """The stages by name; the last one, without a name, is the image. The bundle stands where the image looks for it."""
    place, stages = tmp_path_factory.mktemp("image"), dict[str, Stage]()
    stage = Stage(place, place)
    for name, rest in instructions():
        match name:
            case "FROM":
                stage = built_from(rest, stages, place / str(len(stages)))
            case "WORKDIR":
                stage.folder = stage.root / rest.lstrip("/")
                stage.folder.mkdir(parents=True, exist_ok=True)
            case "COPY":
                copy(rest, stage, stages)
            case "ENV":
                pairs = (word.split("=", 1) for word in shlex.split(rest))
                stage.variables |= {key: str(stage.root / value[1:]) if value.startswith("/") else value for key, value in pairs}
            case "RUN":
                done = stage.run(rest)
                if done.returncode and (said := _UNREACHABLE.search(done.stderr)):
                    pytest.skip(f"pip reaches no package index: {said[0]}")
                assert done.returncode == 0, f"{rest}\n{done.stderr[-3000:]}"
            case _:
                assert name in ("USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"), f"{name}: this test does not know it"
    shutil.copytree(tiny_bundle, stages[""].variables["SLANT_BUNDLE"])
    return stages


@pytest.fixture(scope="module")
def image(stages: dict[str, Stage]) -> Stage:
    return stages[""]


def test_its_lines_go_together() -> None:
    """One port, no root, and nothing but serving."""
    command = [*json.loads(last("ENTRYPOINT")), *json.loads(last("CMD"))]
    assert command[:2] == ["slant", "serve"]
    port = command[command.index("--port") + 1]
    assert last("EXPOSE") == port and f"127.0.0.1:{port}/healthz" in last("HEALTHCHECK")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last("USER"))
    assert "--constraint constraints.txt" in last("RUN") and "[serve]" in last("RUN")
    assert "SLANT_TOKEN" not in " ".join(rest for _, rest in instructions()), "a secret in an image is none"


@pytest.mark.slow
def test_the_wheel_holds_all_that_is_read_at_run_time(stages: dict[str, Stage]) -> None:
    build = stages["build"]
    listed = build.run([str(build.root / "venv/bin/python"), "-m", "zipfile", "-l", *map(str, build.folder.glob("wheels/*.whl"))], check=True).stdout
    held = {line.split()[0] for line in listed.splitlines()[1:] if ".dist-info/" not in line}
    wanted = set()
    for source, goal in (("src/slant", "slant"), ("configs", "slant/_configs"), ("data", "slant/_data")):
        files = [path for path in (ROOT / source).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        wanted |= {f"{goal}/{path.relative_to(ROOT / source).as_posix()}" for path in files}
    assert held == wanted
    for needed in ("serve/http/page/page.js", "serve/templates/article.html.j2", "report/templates/base.html.j2", "_data/probes/suite.yaml",
                   "_configs/train.yaml", "py.typed"):  # fmt: skip
        assert f"slant/{needed}" in held


@pytest.mark.slow
def test_nothing_of_training_is_installed_and_versions_are_those_that_are_pinned(image: Stage) -> None:
    asked = f"import importlib.util as u; print([name for name in {(*TRAINING, 'fastapi')!r} if u.find_spec(name)])"
    assert image.run(["python", "-c", asked], check=True).stdout == "['fastapi']\n"
    assert image.run(["python", "-m", "pip", "check"]).returncode == 0
    pinned = {line.lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    frozen = image.run(["python", "-m", "pip", "freeze"], check=True).stdout.lower().replace("_", "-").splitlines()
    others = [line for line in frozen if line not in pinned]
    assert [line.split(" ")[0] for line in others] == ["slant"]
    assert not list(image.folder.glob("wheels"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [(["--help"], 0, "usage: slant"), (["verify", "BUNDLE"], 0, "golden replay"), (["annotate", "-", "--json"], 0, '"vile"'),
     (["score", "-", "-o", "-"], 3, "1 rejected"), (["data", "list"], 1, "slant[train]"), (["probe", "BUNDLE"], 1, "slant[train]"),
     (["train"], 1, "slant[train]")],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)  # fmt: skip
def test_other_commands_answer_or_say_what_they_need(image: Stage, arguments: list[str], status: int, said: str) -> None:
    command = [*json.loads(last("ENTRYPOINT")), *(image.variables["SLANT_BUNDLE"] if word == "BUNDLE" else word for word in arguments)]
    done = image.run(command, input=_TEXT)
    assert (done.returncode, said in done.stdout + done.stderr, "Traceback" in done.stderr) == (status, True, False), done.stderr


@pytest.fixture
def server(image: Stage) -> Iterator[tuple[subprocess.Popen[str], httpx.Client, int]]:
    """The image's own command, on this machine alone and on a port that is free."""
    port = free_port()
    command = [*json.loads(last("ENTRYPOINT")), *json.loads(last("CMD")), "--host", "127.0.0.1", "--port", str(port)]
    environment = image.environment | {"SLANT_TOKEN": "secret"}
    path = shutil.which(command[0], path=environment["PATH"])
    assert path is not None and path.startswith(str(image.root))
    process = subprocess.Popen([path, *command[1:]], cwd=image.folder, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            wait_ready(process, client)
            yield process, client, port
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_its_command_serves_and_ends_in_good_order(image: Stage, server: Any, tiny_bundle: Path) -> None:
    process, client, port = server
    interval, _, command = last("HEALTHCHECK").partition(" CMD ")
    assert "--start-period" in interval
    probe = [word.replace(":8000", f":{port}") for word in json.loads(command)]
    assert image.run(probe).returncode == 0
    assert client.post("/v1/annotate", json={"text": _TEXT}).status_code == 401
    found = client.post("/v1/annotate", json={"text": _TEXT}, headers={"Authorization": "Bearer secret"}).json()
    assert found == annotation_to_json(Annotator.open(tiny_bundle).annotate(_TEXT))
    assert [span["text"] for sentence in found["sentences"] for span in sentence["spans"]] == ["vile", "heroic"]
    page = client.get("/")
    assert page.status_code == 200
    for path in re.findall(r'(?:src|href)="(/?[\w./-]+\.(?:js|css))"', page.text):
        assert client.get(path if path.startswith("/") else f"/{path}").status_code == 200, path
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in log
    assert image.run(probe).returncode != 0
    assert list(Path(image.variables["HOME"]).rglob("*")) == [], "it may be read-only, and nothing is kept of what was asked"
