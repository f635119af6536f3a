"""The deployer's install: a bundle runs where no training dependency can be imported, and importing slant loads nothing heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import slant

#: What the training extra brings.
TRAINING = (
    "torch", "transformers", "mlflow", "hydra", "omegaconf", "datasets", "sklearn", "pandas", "pyarrow", "skops", "onnx", "scipy",
    "huggingface_hub", "joblib", "threadpoolctl", "tqdm",
)  # fmt: skip
HEAVY = (*TRAINING, "numpy", "onnxruntime", "tokenizers", "nupunkt", "jinja2", "rich")

HOOK = f"""
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in {TRAINING!r} else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""

SERVE = """
import contextlib, io, json
from slant.cli import main
from slant.serve import Annotator

bundle, article = sys.argv[1:]
found = Annotator.open(bundle).annotate(open(article, encoding="utf-8").read())
told = {"spans": [span.text for sentence in found.sentences for span in sentence.spans], "runs": []}
for arguments in (["verify", bundle], ["annotate", article, "--bundle", bundle, "--json"], ["annotate", article, "-b", bundle, "--precision", "int8"],
                  ["annotate", article, "-b", bundle, "--html", article + ".html"]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    told["runs"].append([status, out.getvalue(), err.getvalue()])
told["modules"] = sorted({name.split(".")[0] for name in sys.modules})
print(json.dumps(told))
"""


def _python(code: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(slant.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def test_a_bundle_runs_without_any_training_dependency(tiny_bundle: Path, tmp_path: Path) -> None:
    article = tmp_path / "article.txt"
    article.write_text("The vile minister delayed the heroic vote on Monday. The local mayor opened the final bridge on Friday.\n", encoding="utf-8")
    done = _python(HOOK + SERVE, str(tiny_bundle), str(article), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["spans"] == ["vile", "heroic"]
    assert [run[0] for run in told["runs"]] == [0, 0, 0, 0], told["runs"]
    assert [run[2] for run in told["runs"]] == [""] * 4
    verified, annotated, shown, _ = (run[1] for run in told["runs"])
    assert {line.split()[0] for line in verified.splitlines() if not line.startswith("not asked")} == {"ok"}
    sentences = json.loads(annotated)["sentences"]
    assert [sentence["loaded"]["label"] for sentence in sentences] == ["loaded", "neutral"]
    assert [span["text"] for span in sentences[0]["spans"]] == ["vile", "heroic"]
    assert "vile" in shown
    assert "vile" in (tmp_path / "article.txt.html").read_text(encoding="utf-8")
    assert not set(told["modules"]) & set(TRAINING)


def test_the_hook_hides_what_it_says(tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    for name in ("torch", "sklearn.linear_model"):
        done = _python(HOOK + f"import {name}", cwd=tmp_path)
        assert done.returncode == 1
        assert "ModuleNotFoundError" in done.stderr


def test_a_baseline_bundle_says_what_it_needs(tiny_dataset: Any, tmp_path: Path) -> None:
    from fixtures_bundle import export_tiny

    from slant.models import Linear

    folder = export_tiny(Linear().fit(tiny_dataset, None, seed=0), tmp_path / "bundle", tiny_dataset)
    done = _python(HOOK + "from slant.cli import main\nsys.exit(main(sys.argv[1:]))", "verify", str(folder), cwd=tmp_path)
    assert done.returncode == 1
    assert "this is a research baseline (skops). pip install skops scikit-learn" in done.stdout
    assert done.stderr == ""


def test_onnxruntime_reports_to_nobody(tiny_bundle: Path, tmp_path: Path) -> None:
    """Its telemetry, on in the builds that pip installs, begins with files in the user's home."""
    code = "import os, sys\nfrom slant.cli import main\nos.environ.pop('ORT_DISABLE_TELEMETRY', None)\nos.environ['HOME'] = os.getcwd()\n"
    done = _python(code + "sys.exit(main(sys.argv[1:]))", "verify", str(tiny_bundle), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_training_says_what_it_needs(tmp_path: Path) -> None:
    done = _python(HOOK + "from slant.cli import main\nsys.exit(main(['train']))", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "slant[train]" in done.stderr


def test_light_imports(tmp_path: Path) -> None:
    told = "print(sorted({name.split('.')[0] for name in sys.modules} & set(" + repr(HEAVY) + ")))"
    assert _python(f"import sys, slant; {told}", cwd=tmp_path).stdout == "[]\n"
    helped = _python(f"import sys, atexit\natexit.register(lambda: {told})\nfrom slant.cli import main\nmain(['--help'])", cwd=tmp_path)
    assert helped.returncode == 0, helped.stderr
    assert "usage: slant" in helped.stdout
    assert helped.stdout.splitlines()[-1] == "[]"
    loaded = _python(f"import sys, numpy; {told}", cwd=tmp_path)
    assert loaded.stdout == "['numpy']\n"
