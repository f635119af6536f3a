"""The registry: a version with its alias or none at all, one publisher at a time, and a model that plain MLflow loads."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import slant
from slant.errors import BundleError, ConfigError, StorageError
from slant.serve.schema import SCHEMA_VERSION, annotation_from_json
from slant.tracking import RunLogger
from slant.tracking.registered_model import default_requirements, model_signature
from slant.tracking.registry import Registry, check_names, open_registry
from slant.tracking.store import connect

Open = Callable[..., AbstractContextManager[RunLogger]]
ARTICLE = "The vile minister delayed the heroic vote on Monday. The local mayor opened the final bridge on Friday."


@pytest.fixture
def run_id(opened: Open) -> str:
    with opened("trained") as run:
        pass
    return run.run_id


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "published" / "publish.lock"


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models without MLflow's seconds of writing and loading, for tests of what is around them."""

    def write(bundle: Path, folder: Path, requirements: object = None) -> None:
        folder.mkdir()
        (folder / "MLmodel").write_text(f"bundle: {bundle.name}\n")

    monkeypatch.setattr("slant.tracking.registry.write_model", write)


def register(registry: Registry, run_id: str, bundle: str = "b", name: str = "news", alias: str = "champion") -> str:
    return registry.register(name, alias, Path(bundle), run_id, tags={"slant.bundle_id": bundle}).version


def state(uri: str, name: str = "news") -> dict[str, Any]:
    """What the registry holds of a name, and which folders of models there are."""
    client = connect(uri)
    models = {model.name: {alias: str(version) for alias, version in model.aliases.items()} for model in client.search_registered_models()}
    versions = sorted(str(version.version) for version in client.search_model_versions(f"name = '{name}'"))
    return {"models": models, "versions": versions, "folders": len(list(Path(uri.removeprefix("sqlite:///")).parent.rglob("registered/*")))}


def test_a_version_gets_the_alias_and_its_files(uri: str, lock: Path, run_id: str, light: None) -> None:
    with open_registry(uri, lock) as registry:
        assert registry.holder("news", "champion") is None
        assert register(registry, run_id, "b1") == "1"
        assert register(registry, run_id, "b2") == "2"
        assert register(registry, run_id, "b3", alias="challenger") == "3"
        held = registry.holder("news", "champion")
    assert held is not None and (held.version, held.run_id, held.tags["slant.bundle_id"]) == ("2", run_id, "b2")
    assert state(uri) == {"models": {"news": {"champion": "2", "challenger": "3"}}, "versions": ["1", "2", "3"], "folders": 3}


@pytest.mark.parametrize("step", ["log_artifacts", "create_registered_model", "create_model_version", "set_registered_model_alias"])
@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt()])
@pytest.mark.parametrize("late", [False, True])
def test_a_failure_at_any_step_leaves_nothing(
    uri: str, lock: Path, run_id: str, light: None, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException, late: bool
) -> None:
    """Before the step has done anything, and after it has, as when the answer is lost."""
    from mlflow import MlflowClient

    real = getattr(MlflowClient, step)

    def fails(*arguments: Any, **options: Any) -> Any:
        if late:
            real(*arguments, **options)
        raise error

    monkeypatch.setattr(MlflowClient, step, fails)
    with open_registry(uri, lock) as registry, pytest.raises(type(error)):
        register(registry, run_id)
    monkeypatch.setattr(MlflowClient, step, real)
    assert state(uri) == {"models": {}, "versions": [], "folders": 0}


@pytest.mark.parametrize("late", [False, True])
def test_a_failure_leaves_the_champion(uri: str, lock: Path, run_id: str, light: None, monkeypatch: pytest.MonkeyPatch, late: bool) -> None:
    from mlflow import MlflowClient

    real = MlflowClient.set_registered_model_alias
    calls: list[str] = []

    def fails(client: Any, name: str, alias: str, version: str) -> None:
        calls.append(version)
        if late or len(calls) > 1:
            real(client, name, alias, version)
        if len(calls) == 1:
            raise ZeroDivisionError

    with open_registry(uri, lock) as registry:
        register(registry, run_id, "b1")
        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, "set_registered_model_alias", fails)
            with pytest.raises(ZeroDivisionError):
                register(registry, run_id, "b2")
        held = registry.holder("news", "champion")
    assert held is not None and held.tags["slant.bundle_id"] == "b1"
    assert state(uri) == {"models": {"news": {"champion": "1"}}, "versions": ["1"], "folders": 1}


def test_what_a_killed_publisher_left_is_removed_and_nothing_else(uri: str, lock: Path, run_id: str, light: None) -> None:
    client = connect(uri)
    with open_registry(uri, lock) as registry:
        register(registry, run_id, "old")
        register(registry, run_id, "new")
        # By hand: another alias moved away from a version of ours, and a version that is nobody's.
        client.set_registered_model_alias("news", "champion", "1")
        client.create_model_version("news", "file:///elsewhere", run_id)
    # Killed between making a version and moving the alias.
    folder = Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://")) / "registered" / "half"
    folder.mkdir()
    client.create_model_version("news", folder.as_uri(), run_id, tags={"slant.alias": "champion"})
    assert state(uri)["versions"] == ["1", "2", "3", "4"] and state(uri)["folders"] == 3
    with open_registry(uri, lock) as registry:
        held = registry.holder("news", "champion")
    assert held is not None and held.version == "1"
    assert state(uri) == {"models": {"news": {"champion": "1"}}, "versions": ["1", "2", "3"], "folders": 2}


def _publish(uri: str, lock: Path, run_id: str, bundle: str, barrier: Any) -> None:
    import slant.tracking.registry as module

    def write(source: Path, folder: Path, requirements: object = None) -> None:
        folder.mkdir()
        (folder / "MLmodel").write_text(source.name)

    module.write_model = write  # type: ignore[attr-defined]
    barrier.wait()
    with open_registry(uri, lock) as registry:
        before = registry.holder("news", "champion")
        registry.register("news", "champion", Path(bundle), run_id, tags={"slant.bundle_id": bundle, "after": before.version if before else "none"})


def test_publishers_at_once_come_one_after_the_other(uri: str, lock: Path, run_id: str) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    workers = [context.Process(target=_publish, args=(uri, lock, run_id, f"b{i}", barrier)) for i in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(600)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert state(uri) == {"models": {"news": {"champion": "3"}}, "versions": ["1", "2", "3"], "folders": 3}
    after = {str(version.version): version.tags["after"] for version in connect(uri).search_model_versions("name = 'news'")}
    assert after == {"1": "none", "2": "1", "3": "2"}


STOPPED = """
import sys, time
from pathlib import Path
import slant.tracking.registry as module
from mlflow import MlflowClient
def write(source, folder, requirements=None):
    folder.mkdir(); (folder / "MLmodel").write_text("m")
module.write_model = write
def stall(*_):
    print("stalled", flush=True); time.sleep(600)
MlflowClient.set_registered_model_alias = stall
with module.open_registry(sys.argv[1], Path(sys.argv[2])) as registry:
    registry.register("news", "champion", Path("b"), sys.argv[3], tags={})
"""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_a_publisher_that_is_stopped_leaves_nothing_and_frees_the_lock(
    uri: str, lock: Path, run_id: str, start_script: Callable[..., subprocess.Popen[str]], signum: int
) -> None:
    victim = start_script(STOPPED, uri, str(lock), run_id)
    assert victim.stdout is not None and victim.stdout.readline() == "stalled\n"
    assert state(uri)["versions"] == ["1"]
    os.kill(victim.pid, signum)
    victim.communicate(timeout=300)
    if signum == signal.SIGKILL:
        with open_registry(uri, lock) as registry:
            assert registry.holder("news", "champion") is None
        assert state(uri)["versions"] == []
    else:
        assert state(uri) == {"models": {}, "versions": [], "folders": 0}


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, lock: Path) -> None:
    with pytest.raises(ConfigError, match="no such tracking store"), open_registry(f"sqlite:///{tmp_path}/none.db", lock):
        pytest.fail("it must not be opened")
    assert not (tmp_path / "none.db").exists()


def test_a_deleted_run_is_refused(uri: str, lock: Path, run_id: str, light: None) -> None:
    connect(uri).delete_run(run_id)
    with open_registry(uri, lock) as registry, pytest.raises(ConfigError, match="was deleted"):
        register(registry, run_id)
    assert state(uri)["models"] == {}


@pytest.mark.parametrize(
    ("name", "alias"), [("", "a"), ("a/b", "a"), ("a:b", "a"), ("it's", "a"), ("a", ""), ("a", "v1"), ("a", "Latest"), ("a", "b c")]
)
def test_names_that_mean_something_else_are_refused(name: str, alias: str) -> None:
    with pytest.raises(ConfigError):
        check_names(name, alias)


@pytest.mark.parametrize(("name", "alias"), [("news-loaded_2.1", "champion"), ("a b", "v1-candidate")])
def test_names_that_mlflow_takes_are_taken(uri: str, lock: Path, run_id: str, light: None, name: str, alias: str) -> None:
    with open_registry(uri, lock) as registry:
        register(registry, run_id, name=name, alias=alias)
        held = registry.holder(name, alias)
    assert held is not None and held.version == "1"


def test_a_store_that_fails_is_a_storage_error(uri: str, lock: Path, run_id: str, light: None) -> None:
    with open_registry(uri, lock) as registry:
        Path(uri.removeprefix("sqlite:///")).write_bytes(b"no database any more" * 1000)
        with pytest.raises(StorageError):
            registry.holder("news", "champion")


LOAD = """
import json, sys
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/news@champion")
rows = pandas.DataFrame({"text": json.loads(sys.argv[2])})
wanted = {"annotate": {}, "score": {"mode": "score"}, "json": {"output": "json"}}
found = {name: model.predict(rows, params=params) for name, params in wanted.items()}
gaps = rows.assign(target=None, target_start=[None] * len(rows), target_end=[None] * len(rows))
found["gaps"] = model.predict(gaps, params={"mode": "score"})
refused = []
nulls, halves = pandas.DataFrame({"text": [None]}), gaps.assign(target_start=1.5)
for rows, params in ((nulls, {}), (rows, {"mode": "translate"}), (rows, {"output": "xml"}), (halves, {"mode": "score"})):
    try:
        model.predict(rows, params=params)
    except mlflow.exceptions.MlflowException as error:
        refused.append(error.error_code)
found |= {"refused": refused, "heavy": sorted(set(sys.modules) & {"torch", "datasets", "transformers", "hydra"})}
print(json.dumps(found))
"""


def test_plain_mlflow_loads_the_champion_and_it_answers_as_the_bundle(uri: str, lock: Path, run_id: str, tiny_bundle: Path, tmp_path: Path) -> None:
    import json

    from slant.serve import Annotator
    from slant.serve.schema import annotation_to_json

    with open_registry(uri, lock) as registry:
        registry.register("news", "champion", tiny_bundle, run_id, tags={})
    texts = [ARTICLE, "Rain fell."]
    env = os.environ | {"PYTHONPATH": str(Path(slant.__file__).parents[1]), "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run([sys.executable, "-c", LOAD, uri, json.dumps(texts)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = [annotation_to_json(Annotator.open(tiny_bundle).annotate(text)) for text in texts]
    assert found["annotate"] == expected and found["annotate"][0]["schema_version"] == SCHEMA_VERSION
    assert [span.text for span in annotation_from_json(found["annotate"][0]).sentences[0].spans] == ["vile", "heroic"]
    assert [json.loads(answer) for answer in found["json"]] == expected
    assert [answer["text"] for answer in found["score"]] == texts and found["gaps"] == found["score"]
    assert found["refused"] == ["INVALID_PARAMETER_VALUE"] * 4
    assert found["heavy"] == []


def test_a_bundle_that_does_not_answer_is_not_registered(uri: str, lock: Path, run_id: str, broken: Path) -> None:
    (broken / "golden.jsonl").write_text("{}\n")
    with open_registry(uri, lock) as registry, pytest.raises(BundleError, match="does not answer when MLflow loads it"):
        registry.register("news", "champion", broken, run_id, tags={})
    assert state(uri) == {"models": {}, "versions": [], "folders": 0}


def test_the_signature_has_params_and_the_requirements_are_given(tmp_path) -> None:
    signature = model_signature()
    assert [(column.name, column.required) for column in signature.inputs.inputs] == [
        ("text", True), ("target", False), ("target_start", False), ("target_end", False),
    ]  # fmt: skip
    assert {param.name: param.default for param in signature.params.params} == {"mode": "annotate", "output": "object"}
    assert [requirement.split("==")[0] for requirement in default_requirements(tmp_path)] == ["slant[serve]", "mlflow"]
    (tmp_path / "linear.skops").touch()
    assert [requirement.split("==")[0] for requirement in default_requirements(tmp_path)][2:] == ["skops", "scikit-learn"]
