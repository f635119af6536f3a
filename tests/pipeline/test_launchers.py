"""Sweeps by every launcher, on a store that nobody made before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slant.pipeline import compose_config

# Four processes that start at once share one or two cores with everything else that runs here.
PATIENCE = 3000

#: `sbatch` that answers and then runs the tasks of the array one by one (a job's pickle gets its name when the job has its number, so none can run
#: before), `srun` that drops its options, `sacct` that knows which tasks are over.
SLURM = {
    "sbatch": """#!{python}
import os, pathlib, re, subprocess, sys
script = open(sys.argv[-1]).read()
first, last = map(int, re.search(r"--array=(\\d+)-(\\d+)", script).groups())
print("Submitted batch job 7", flush=True)
if os.fork():
    os._exit(0)
os.setsid()
for stream in (0, 1, 2):
    os.dup2(os.open(os.devnull, os.O_RDWR), stream)
for task in range(first, last + 1):
    mine = dict(SLURM_JOB_ID=str(700 + task), SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID=str(task), SLURM_NTASKS="1",
                SLURM_JOB_NUM_NODES="1", SLURM_JOB_NODELIST="here", SLURM_NODEID="0", SLURM_PROCID="0", SLURM_LOCALID="0")
    subprocess.run(["bash", "-c", script], env=os.environ | mine)
    pathlib.Path(__file__).with_name(f"over_{task}").touch()
""",
    "srun": """#!{python}
import os, sys
words = sys.argv[1:]
while words[0].startswith("-"):
    words = words[2:] if words[0] in ("--output", "--error") else words[1:]
os.execvp(words[0], words)
""",
    "sacct": """#!{python}
import pathlib
print("JobID|State|NodeList")
for task in (0, 1):
    over = pathlib.Path(__file__).with_name(f"over_{task}").exists()
    print(f"7_{task}|{'COMPLETED' if over else 'RUNNING'}|here")
""",
}


def _train(newsroom: Path, *overrides: str) -> list[str]:
    settings = ["model=majority", "evaluation.resamples=50", "publish.enabled=false", "audit.noise=false", "name=t"]
    return [sys.executable, "-m", "slant", "train", f"data.root={newsroom}", *settings, *overrides]


def _runs(home: Path) -> list[Any]:
    from slant.tracking.store import connect

    client = connect(f"sqlite:///{home}/mlflow.db")
    experiments = [e.experiment_id for e in client.search_experiments() if e.name != "Default"]
    assert len(experiments) == 1
    return list(client.search_runs(experiments))


def _check_sweep(home: Path, seeds: list[str]) -> None:
    runs = _runs(home)
    (parent,) = [run for run in runs if run.data.tags.get("slant.kind") == "sweep"]
    jobs = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted(run.data.params["seed"] for run in jobs) == seeds and len(runs) == len(jobs) + 1
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert parent.data.metrics["n_children"] == len(seeds)
    assert len(list(home.rglob("predictions.parquet"))) >= len(seeds)


def test_joblib_starts_four_jobs_at_once_on_a_fresh_store(home: Path, tiny_newsroom: Path) -> None:
    assert not (home / "mlflow.db").exists()
    command = _train(tiny_newsroom, "-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=4", "seed=1,2,3,4")
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    _check_sweep(home, ["1", "2", "3", "4"])


def test_four_commands_start_at_once_on_a_fresh_store(home: Path, tiny_newsroom: Path) -> None:
    started = [
        subprocess.Popen(_train(tiny_newsroom, f"seed={seed}"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for seed in (1, 2, 3, 4)
    ]
    for process in started:
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said
    runs = _runs(home)
    assert sorted(run.data.params["seed"] for run in runs) == ["1", "2", "3", "4"]
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_two_runs_may_write_down_the_same_data_at_once(home: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient
    from sqlalchemy.exc import IntegrityError

    from slant.tracking import open_run

    (home / "mlflow.db").write_bytes(store.read_bytes())
    real, calls = MlflowClient.log_inputs, []

    def late(self: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise IntegrityError("INSERT INTO datasets", {}, Exception("UNIQUE constraint failed: datasets.name"))
        return real(self, *arguments, **options)

    monkeypatch.setattr(MlflowClient, "log_inputs", late)
    with open_run(f"sqlite:///{home}/mlflow.db", "race", "r", artifact_root=home) as run:
        run.log_dataset("babe@1", "https://example.org", "abc", "train")
    assert len(calls) == 2
    assert [item.dataset.name for item in run.client.get_run(run.run_id).inputs.dataset_inputs] == ["babe@1"]


def test_submitit_runs_jobs_in_processes_of_their_own(home: Path, tiny_newsroom: Path) -> None:
    command = _train(tiny_newsroom, "-m", "hydra/launcher=submitit_local", "seed=1,2")
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    _check_sweep(home, ["1", "2"])


def test_slurm_gets_an_array_with_the_settings_and_gives_the_runs_back(home: Path, tiny_newsroom: Path, tmp_path: Path) -> None:
    cluster = tmp_path / "cluster"
    cluster.mkdir()
    for name, code in SLURM.items():
        (cluster / name).write_text(code.replace("{python}", sys.executable))
        (cluster / name).chmod(0o755)
    command = _train(tiny_newsroom, "-m", "hydra/launcher=slurm", "hydra.launcher.partition=short", "hydra.launcher.mem_gb=3", "seed=1,2")
    path = {"PATH": f"{cluster}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=os.environ | path)
    assert done.returncode == 0, done.stderr
    _check_sweep(home, ["1", "2"])
    (script,) = home.rglob("*_submission.sh")
    for line in ("--partition=short", "--mem=3GB", "--cpus-per-task=1", "--time=240", "--array=0-1%"):
        assert f"#SBATCH {line}" in script.read_text()


def test_slurm_takes_its_cores_from_the_runs_threads() -> None:
    launcher = compose_config(["hydra/launcher=slurm", "threads=3"], hydra_too=True).hydra.launcher
    assert launcher.cpus_per_task == 3 and "SlurmLauncher" in launcher._target_


def test_without_slurm_one_line_says_so(home: Path, tiny_newsroom: Path) -> None:
    command = _train(tiny_newsroom, "-m", "hydra/launcher=slurm", "seed=1,2", "tracking=none")
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=os.environ | {"PATH": str(home)})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "slant: hydra/launcher: there is no SLURM on this machine (srun). Start it on a login node, or take joblib"


WITHOUT = """
import pkgutil, sys
real, plugin = pkgutil.walk_packages, f"hydra_plugins.hydra_{sys.argv[1]}"
def walk(*arguments, **options):  # Hydra looks for its plugins when sys.argv holds other words already
    return (module for module in real(*arguments, **options) if not module.name.startswith(plugin))
pkgutil.walk_packages = walk
from slant.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    ("plugin", "launcher", "said"),
    [
        ("submitit", "slurm", "the launcher submitit_slurm is not installed. Install the extra: pip install 'slant[slurm]'"),
        ("submitit", "submitit_local", "the launcher submitit_local is not installed. Install the extra: pip install 'slant[slurm]'"),
        ("joblib", "joblib", "the launcher joblib is not installed. Install the extra: pip install 'slant[train]'"),
        ("nothing", "jobslib", "there is no configuration 'hydra/launcher/jobslib'. Did you mean 'joblib'?"),
        ("nothing", "submitit_slrm", "there is no configuration 'hydra/launcher/submitit_slrm'. Did you mean 'submitit_slurm'?"),
        ("submitit", "submitit_locl", "there is no configuration 'hydra/launcher/submitit_locl'. Did you mean 'submitit_local'?"),
    ],
)
def test_a_missing_extra_is_named_in_one_line(home: Path, tiny_newsroom: Path, plugin: str, launcher: str, said: str) -> None:
    overrides = _train(tiny_newsroom, "-m", f"hydra/launcher={launcher}", "seed=1,2")[4:]
    command = [sys.executable, "-c", WITHOUT, plugin, "train", *overrides]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert said in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (home / "mlflow.db").exists()


def test_a_job_that_dies_is_told_in_one_line(home: Path, tiny_newsroom: Path) -> None:
    die = (
        "import os, sys\n"
        "os.environ['PYTHONPATH'] = sys.argv[1]\n"  # the job's process imports sitecustomize from there
        "from slant.cli import main; sys.exit(main(sys.argv[2:]))"
    )
    site = home / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("import os, sys\nif 'submitit.core._submit' in sys.orig_argv: os._exit(9)\n")
    overrides = _train(tiny_newsroom, "-m", "hydra/launcher=submitit_local", "seed=1,2", "tracking=none")[4:]
    done = subprocess.run([sys.executable, "-c", die, str(site), "train", *overrides], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("slant: hydra/launcher: a job came to no end") and ".submitit/" in last
