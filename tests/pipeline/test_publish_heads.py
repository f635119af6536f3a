"""Bundles of one head and of two at the gates, two publishers at once through the command, and runs that cannot be judged."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from slant.errors import BundleError, DataError, SlantError
from slant.evaluation import read_predictions, score
from slant.pipeline.publish_run import Published, publish_run
from slant.publish.gates import FAIL, NOT_JUDGED
from slant.publish.ledger import read_ledger

GATE: dict[str, Any] = {"version": 1, "name": "tiny", "audit": {"severity": "stop"}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_newsroom: Path, tiny_encoder: Path) -> dict[str, Path]:
    """Run folders without MLflow, of one encoder: `loaded`, `stance`, and a bundle of both, `merged`."""
    from slant.cli import main
    from slant.pipeline import run_app

    home = tmp_path_factory.mktemp("home")
    small = [
        "evaluation.resamples=100",
        "publish.int8=false",
        "audit.noise=false",
        f"paths.home={home}",
        f"data.root={tiny_newsroom}",
        "tracking=none",
    ]
    own = {
        "loaded": ["model=encoder_heads"],
        "stance": ["model=target_heads", "task=stance", "evaluation=stance"],
    }
    for name, more in own.items():
        run_app([*small, *more, f"model.encoder.path={tiny_encoder}", f"name={name}", f"hydra.run.dir={home}/{name}"])
    assert main(["export", str(home / "loaded"), str(home / "stance"), "-o", str(home / "merged")]) == 0
    return {name: home / name for name in ("loaded", "stance", "merged")}


@pytest.fixture
def place(tmp_path: Path, store: Path) -> Path:
    """A folder with an empty store and a gate file that asks little."""
    shutil.copy(store, tmp_path / "mlflow.db")
    (tmp_path / "gate.yaml").write_text(yaml.safe_dump(GATE), encoding="utf-8")
    return tmp_path


def publish(place: Path, *named: Path, **options: Any) -> Published:
    return publish_run([str(run) for run in named], name="news", uri=f"sqlite:///{place}/mlflow.db", gate=place / "gate.yaml", **options)


def ledger(place: Path) -> list[dict[str, Any]]:
    return read_ledger(place / "published" / "ledger.jsonl")


def versions(place: Path) -> dict[str, dict[str, str]]:
    """The tags of each version of `news`; every one held its alias, and the last still does."""
    from slant.tracking.store import connect

    client = connect(f"sqlite:///{place}/mlflow.db")
    found = {str(version.version): dict(version.tags) for version in client.search_model_versions("name = 'news'")}
    aliases = {model.name: {alias: str(held) for alias, held in model.aliases.items()} for model in client.search_registered_models()}
    assert aliases == ({"news": {"champion": max(found, key=int)}} if found else {})
    assert all(tags["slant.alias_held"] == "true" for tags in found.values())
    return found


LOAD = """
import json, sys
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/news@champion")
print(json.dumps(model.predict(pandas.DataFrame({"text": ["The vile minister delayed the vote."], "target": ["minister"]}))[0]))
"""


def test_a_bundle_of_both_heads_is_judged_by_both_runs_and_answers_both(runs: dict[str, Path], place: Path) -> None:
    found = publish(place, runs["loaded"], runs["stance"], bundle=runs["merged"])
    assert found.accepted and [check.what for check in found.checks if check.gate == "audit"] == ["loaded: findings", "stance: findings"]
    (tags,) = versions(place).values()
    judged = {tags["slant.run.loaded"], tags["slant.run.stance"]}
    assert len(judged) == 2
    # In a process of its own: MLflow keeps its address in the environment, where later tests would find it.
    done = subprocess.run([sys.executable, "-c", LOAD, f"sqlite:///{place}/mlflow.db"], capture_output=True, text=True, timeout=600, cwd=place)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["sentences"][0]["loaded"] and [stance["target"] for stance in answer["sentences"][0]["stance"]] == ["minister"]

    # A champion of two heads is not replaced by a bundle of one.
    alone = publish(place, runs["loaded"])
    assert not alone.accepted and [check.status for check in alone.checks if check.gate == "heads"] == [FAIL]
    assert list(versions(place)) == ["1"]


def test_a_head_that_no_run_speaks_for_keeps_the_bundle_out(runs: dict[str, Path], place: Path) -> None:
    found = publish(place, runs["loaded"], bundle=runs["merged"])
    assert not found.accepted and versions(place) == {} and [entry["kind"] for entry in ledger(place)] == ["decision"]


def test_a_stance_bundle_alone_is_refused_before_anything_is_written(runs: dict[str, Path], place: Path) -> None:
    with pytest.raises(BundleError, match="has no head of the task 'loaded', only stance, and cannot be served alone") as caught:
        publish(place, runs["stance"], override="even so")
    assert "slant export RUN_LOADED RUN_STANCE" in str(caught.value)
    assert versions(place) == {} and ledger(place) == []


def test_two_commands_at_once_come_one_after_the_other(runs: dict[str, Path], place: Path) -> None:
    both = [[str(runs["loaded"])], [str(runs["loaded"]), str(runs["stance"]), "--bundle", str(runs["merged"])]]
    command = [sys.executable, "-m", "slant", "publish", "--name", "news", "--gate", str(place / "gate.yaml")]
    environment = {**os.environ, "SLANT_HOME": str(place), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([*command, *named], env=environment, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for named in both
    ]
    told = [process.communicate(timeout=600) for process in processes]
    entries = ledger(place)
    decisions = [entry for entry in entries if entry["kind"] == "decision"]
    assert len(decisions) == 2, told
    # Whoever came second was judged against the first one's champion: the bundle of one head then loses a head, that of two does not.
    second = decisions[1]
    assert decisions[0]["champion"] is None and decisions[0]["accepted"] and second["champion"] == "1"
    loaded_first = len(decisions[0]["runs"]) == 1
    assert second["accepted"] is loaded_first, told
    assert sorted(versions(place)) == (["1", "2"] if loaded_first else ["1"])
    assert [entry["kind"] for entry in entries] == ["decision", "registered", "decision", *(["registered"] if loaded_first else [])]
    codes = [process.returncode for process in processes]
    assert codes == ([0, 0] if loaded_first else [1, 0]), told
    assert json.loads((place / "published" / "ledger.jsonl").read_text(encoding="utf-8").splitlines()[0])["name"] == "news"


def _rewrite(folder: Path, change: Any) -> None:
    """The folder's predictions after `change`, with scores that are of them, where they can be scored."""
    path = folder / "predictions.parquet"
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)
    shutil.rmtree(folder / "floors")
    with contextlib.suppress(SlantError):
        (folder / "scores.json").write_text(json.dumps(score(read_predictions(path), split="test", resamples=100)), encoding="utf-8")


def _tested(table: Any) -> Any:
    return table.filter(pc.equal(table["split"], "test"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop_columns(["pred"]), "the column 'pred' is missing"),
        (lambda table: table.set_column(table.column_names.index("p_loaded"), "p_loaded", [[math.nan] * len(table)]), "nan is not a probability"),
        (lambda table: table.slice(0, 0), "the table has no rows"),
    ],
)
def test_predictions_that_cannot_be_read_register_nothing(runs: dict[str, Path], place: Path, change: Any, said: str) -> None:
    folder = Path(shutil.copytree(runs["loaded"], place / "run"))
    _rewrite(folder, change)
    with pytest.raises(DataError, match=said):
        publish(place, folder, override="even so")
    assert versions(place) == {} and ledger(place) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda table: _tested(table).filter(pc.equal(_tested(table)["gold"], "neutral")),
        lambda table: _tested(table).slice(0, 2),
    ],
    ids=["one class", "two rows"],
)
def test_too_little_to_judge_by_keeps_a_run_out(runs: dict[str, Path], place: Path, change: Any) -> None:
    folder = Path(shutil.copytree(runs["loaded"], place / "run"))
    _rewrite(folder, change)
    gate = GATE | {"floors": {"metrics": ["macro_f1"]}, "bounds": {"lower": {"macro_f1": 0.5, "auroc": 0.5}}}
    (place / "gate.yaml").write_text(yaml.safe_dump(gate), encoding="utf-8")
    found = publish(place, folder)
    assert not found.accepted and versions(place) == {}
    auroc = next(check for check in found.checks if check.what == "auroc")
    assert auroc.status == NOT_JUDGED and auroc.required and auroc.why
    (decision,) = ledger(place)
    assert "bounds: auroc" in decision["failing"]
