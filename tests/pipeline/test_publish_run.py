"""Runs at the gates, from training to the registry: what is registered, what is kept out, and what is written down."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from slant.errors import BundleError, ConfigError, DataError, SlantError, StorageError
from slant.pipeline.publish_run import default_gate, publish_run, read_gate
from slant.publish.gates import FAIL, NOT_JUDGED, PASS
from slant.publish.ledger import read_ledger

#: Tiny models on tiny rows: what they reach is known, and bounds are put around it.
GATE: dict[str, Any] = {
    "version": 1,
    "name": "tiny",
    "floors": {"metrics": ["macro_f1"]},
    "champion": {"metrics": ["macro_f1"], "margin": 0.01},
    "slices": {"metric": "macro_f1", "margins": {"outlet": 0.1}, "min_rows": 1},
    "audit": {"severity": "stop"},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, store: Path, tiny_newsroom: Path, tiny_encoder: Path) -> tuple[Path, dict[str, Any]]:
    """A home with a store and three tracked runs on the same test rows (good, alike, weak) and one on others."""
    from slant.pipeline import run_app

    home = tmp_path_factory.mktemp("home")
    shutil.copy(store, home / "mlflow.db")
    runs = {}
    small = ["evaluation.resamples=100", "publish.int8=false", "audit.noise=false", f"paths.home={home}", f"data.root={tiny_newsroom}"]
    flagship = ["model=encoder_heads", f"model.encoder.path={tiny_encoder}", "model.word_feature_scale=1.0"]
    for name, own in {
        "good": flagship, "alike": [*flagship, "model.sentence_l2=0.2"], "weak": ["model=majority"], "others": [*flagship, "seed=2"],
    }.items():  # fmt: skip
        runs[name] = run_app([*small, *own, f"name={name}", "tracking=mlflow", f"hydra.run.dir={home}/runs/{name}"])
    return home, runs


@pytest.fixture
def place(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """A store of one's own with the trained runs; their artefacts are shared, and only ever added to."""
    shutil.copy(trained[0] / "mlflow.db", tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture
def publish(place: Path, trained: tuple[Path, dict[str, Any]]) -> Callable[..., Any]:
    def run(which: str, gate: dict[str, Any] | None = None, **options: Any) -> Any:
        path = place / "gate.yaml"
        path.write_text(yaml.safe_dump(gate or GATE), encoding="utf-8")
        named = trained[1][which].run_id if which in trained[1] else which
        return publish_run([named], **({"name": "news", "uri": f"sqlite:///{place}/mlflow.db", "gate": path} | options))

    return run


def entries(place: Path) -> list[dict[str, Any]]:
    return read_ledger(place / "published" / "ledger.jsonl")


def champion(place: Path) -> str | None:
    """The champion's run, or None."""
    from slant.tracking.store import connect

    client = connect(f"sqlite:///{place}/mlflow.db")
    found = {model.name: dict(model.aliases) for model in client.search_registered_models()}
    versions = {str(version.version): version for version in client.search_model_versions("name = 'news'")}
    if not found:
        assert not versions
        return None
    # Nothing half registered: every version held the alias once.
    assert all(version.tags["slant.alias_held"] == "true" for version in versions.values())
    return str(versions[str(found["news"]["champion"])].run_id)


def statuses(found: Any) -> dict[str, str]:
    return {check.gate: check.status for check in found.checks}


def test_a_run_becomes_champion_and_the_next_is_judged_against_it(publish: Callable[..., Any], place: Path, trained: Any) -> None:
    _, runs = trained
    first = publish("good")
    assert first.accepted and first.version == "1" and champion(place) == runs["good"].run_id
    assert set(statuses(first).values()) == {PASS}
    assert next(check.why for check in first.checks if check.gate == "champion") == "there is no champion yet"

    again = publish("good")
    assert again.accepted and again.version == "1" and not again.checks and "champion already" in again.note

    second = publish("alike", GATE | {"champion": {"metrics": ["macro_f1"], "margin": 0.9}})
    assert second.accepted and second.version == "2" and champion(place) == runs["alike"].run_id
    assert any(check.what == "macro_f1 − version 1" and check.status == PASS for check in second.checks)

    kinds = [(entry["kind"], entry.get("version")) for entry in entries(place)]
    assert kinds == [("decision", None), ("registered", "1"), ("decision", None), ("registered", "2")]
    assert entries(place)[2]["champion"] == "1" and entries(place)[2]["runs"] == [runs["alike"].run_id]


def test_a_weaker_run_is_kept_out_and_that_is_written_down(publish: Callable[..., Any], place: Path, trained: Any) -> None:
    from slant.tracking.store import connect

    _, runs = trained
    publish("good")
    found = publish("weak")
    assert not found.accepted and found.version is None and champion(place) == runs["good"].run_id
    assert statuses(found)["floors"] == FAIL and statuses(found)["champion"] == FAIL
    last = entries(place)[-1]
    assert last["kind"] == "decision" and not last["accepted"] and "floors: macro_f1 − majority" in last["failing"]
    tags = connect(f"sqlite:///{place}/mlflow.db").get_run(runs["weak"].run_id).data.tags
    assert tags["slant.publish.accepted"] == "False" and "champion" in tags["slant.publish.failing"]
    assert tags["slant.publish.decision"] == last["hash"]


def test_an_override_registers_and_is_recorded(publish: Callable[..., Any], place: Path, trained: Any) -> None:
    publish("good")
    with pytest.raises(ConfigError, match="the reason is empty"):
        publish("weak", override="  ")
    found = publish("weak", override=" to show the floor ")
    assert found.accepted and found.override == "to show the floor" and champion(place) == trained[1]["weak"].run_id
    assert [entry["override"] for entry in entries(place) if entry["kind"] == "decision"] == [None, "to show the floor"]
    back = publish("good", override="not needed, since all is passed")
    assert back.accepted and back.override is None


def test_other_test_rows_are_not_judged_and_so_refused(publish: Callable[..., Any], place: Path, trained: Any) -> None:
    publish("good")
    found = publish("others")
    assert not found.accepted and statuses(found)["champion"] == NOT_JUDGED and champion(place) == trained[1]["good"].run_id
    assert "different rows" in next(check.why for check in found.checks if check.gate == "champion")


def test_a_champion_whose_run_was_deleted_cannot_be_compared_with(publish: Callable[..., Any], place: Path, trained: Any) -> None:
    from slant.tracking.store import connect

    publish("good")
    connect(f"sqlite:///{place}/mlflow.db").delete_run(trained[1]["good"].run_id)
    found = publish("alike")
    assert not found.accepted and statuses(found)["champion"] == NOT_JUDGED


def test_a_folder_is_its_run_or_gets_one(publish: Callable[..., Any], place: Path, trained: Any, tmp_path: Path) -> None:
    _, runs = trained
    elsewhere = _empty(place)
    assert publish(str(runs["good"].folder)).runs == (runs["good"].run_id,)
    copy = Path(shutil.copytree(runs["alike"].folder, tmp_path / "copied"))
    found = publish(str(copy), uri=f"sqlite:///{elsewhere}/mlflow.db")
    assert found.accepted and found.runs == (str(copy),)
    # It was given a run, and so the next one can be compared with it.
    made = champion(elsewhere)
    assert made is not None and made not in {run.run_id for run in runs.values()}
    compared = publish(str(runs["weak"].folder), uri=f"sqlite:///{elsewhere}/mlflow.db")
    assert statuses(compared)["champion"] == FAIL


def _empty(place: Path) -> Path:
    """A second store, without any run."""
    from slant.tracking.store import connect

    folder = place / "elsewhere"
    folder.mkdir()
    shutil.copy(place / "mlflow.db", folder / "mlflow.db")
    client = connect(f"sqlite:///{folder}/mlflow.db")
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id]):
            client.delete_run(run.info.run_id)
    return folder


# --- bad input: an error in one line, and nothing registered


def broken_folder(trained: Any, tmp_path: Path, harm: Callable[[Path], object]) -> str:
    folder = Path(shutil.copytree(trained[1]["good"].folder, tmp_path / "broken"))
    harm(folder)
    return str(folder)


def _edit_scores(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def harm(folder: Path) -> None:
        scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        change(scores)
        (folder / "scores.json").write_text(json.dumps(scores), encoding="utf-8")

    return harm


def _another_model(folder: Path) -> None:
    path = folder / "bundle" / "metrics.json"
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")


@pytest.mark.parametrize(
    ("harm", "error", "words"),
    [
        (lambda folder: (folder / "predictions.parquet").unlink(), DataError, "predictions.parquet"),
        (lambda folder: (folder / "predictions.parquet").write_bytes(b"PAR1"), DataError, "not a readable Parquet file"),
        (lambda folder: (folder / "scores.json").unlink(), DataError, "no scores.json"),
        (lambda folder: (folder / "scores.json").write_text("{"), DataError, "cannot be read as JSON"),
        (lambda folder: (folder / "scores.json").write_text("[]"), DataError, "no JSON mapping"),
        (_edit_scores(lambda scores: scores.update(metrics=[])), DataError, "holds no metrics"),
        (_edit_scores(lambda scores: scores["fingerprints"].update(predictions="0" * 64)), DataError, "of other predictions"),
        (_another_model, BundleError, "was altered"),
    ],
)
def test_a_damaged_run_is_refused(
    publish: Callable[..., Any], place: Path, trained: Any, tmp_path: Path, harm: Callable[[Path], object], error: type[SlantError], words: str
) -> None:
    with pytest.raises(error, match=words):
        publish(broken_folder(trained, tmp_path, harm), override="even so")
    assert champion(place) is None and entries(place) == []


def test_a_run_without_a_bundle_is_refused(publish: Callable[..., Any], place: Path, trained: Any, tmp_path: Path) -> None:
    folder = broken_folder(trained, tmp_path, lambda folder: shutil.rmtree(folder / "bundle"))
    with pytest.raises(ConfigError, match="the run has no bundle"):
        publish(folder, uri=f"sqlite:///{_empty(place)}/mlflow.db")
    with pytest.raises(BundleError, match="trained on another split"):
        publish("good", bundle=trained[1]["others"].bundle)
    assert champion(place) is None


def test_a_score_that_is_no_number_fails(publish: Callable[..., Any], trained: Any, tmp_path: Path) -> None:
    nan = _edit_scores(lambda scores: scores["floors"]["majority"]["difference"]["macro_f1"].update(lo=float("nan")))
    found = publish(broken_folder(trained, tmp_path, nan))
    assert not found.accepted
    assert [check.why for check in found.checks if check.what == "macro_f1 − majority"] == ["the figure is not a number"]


def test_runs_and_stores_that_are_not_there(publish: Callable[..., Any], place: Path, trained: Any, tmp_path: Path) -> None:
    from slant.tracking.store import connect

    with pytest.raises(ConfigError, match="no such tracking store"):
        publish("good", uri=f"sqlite:///{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(ConfigError):
        publish("f" * 32)
    client = connect(f"sqlite:///{place}/mlflow.db")
    client.delete_run(trained[1]["weak"].run_id)
    with pytest.raises(ConfigError, match="was deleted"):
        publish("weak")
    client.set_terminated(trained[1]["alike"].run_id, "FAILED")
    with pytest.raises(ConfigError, match="the run is FAILED"):
        publish("alike")
    assert champion(place) is None


def test_a_registration_that_fails_leaves_nothing_and_can_be_tried_again(
    publish: Callable[..., Any], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_registered_model_alias", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish("good")
    assert champion(place) is None
    assert [entry["kind"] for entry in entries(place)] == ["decision", "not_registered"]
    assert publish("good").accepted


def test_a_ledger_that_was_cut_or_changed_stops_all(publish: Callable[..., Any], place: Path, tmp_path: Path) -> None:
    publish("good")
    path = place / "published" / "ledger.jsonl"
    whole = path.read_text(encoding="utf-8")
    path.write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="it was cut, or is another one"):
        publish("alike")
    path.write_text(whole.replace('"accepted": true', '"accepted": false'), encoding="utf-8")
    with pytest.raises(StorageError, match="altered at line 1"):
        publish("alike")


# --- the blind set


@pytest.fixture
def blind_file(tmp_path: Path) -> Path:
    from conftest import make_rows

    path = tmp_path / "blind.jsonl"
    path.write_text("".join(json.dumps({k: row[k] for k in ("text", "label", "group")}) + "\n" for row in make_rows(60)[120:]), encoding="utf-8")
    return path


def test_a_blind_set_is_looked_at_once_and_last(publish: Callable[..., Any], place: Path, trained: Any, blind_file: Path) -> None:
    words = ["table", f"file={blind_file}", "columns.group=group"]
    strict = GATE | {"blind": {"metric": "macro_f1", "lower": 0.5, "required": True}}
    kept_out = publish("weak", strict, blind=words)
    assert statuses(kept_out)["blind"] == NOT_JUDGED and [entry["kind"] for entry in entries(place)] == ["decision"]

    missed = publish("good", strict)
    assert not missed.accepted and statuses(missed)["blind"] == NOT_JUDGED
    found = publish("good", strict, blind=words)
    assert found.accepted and statuses(found)["blind"] == PASS
    kinds = [entry["kind"] for entry in entries(place)]
    assert kinds[2:] == ["blind_look", "blind_result", "decision", "registered"]

    # The same model under another name: its figure stands for the same gate, and another gate gets no look.
    same = publish("good", strict, blind=words, name="copy")
    assert same.accepted and [entry["kind"] for entry in entries(place)].count("blind_look") == 1
    easier = strict | {"blind": {"metric": "macro_f1", "lower": 0.1, "required": True}}
    refused = publish("good", easier, blind=words, name="third")
    assert not refused.accepted
    assert "spent on this model" in next(check.why for check in refused.checks if check.gate == "blind")


def test_what_is_not_blind_is_refused_before_it_is_spent(publish: Callable[..., Any], place: Path, trained: Any, tiny_newsroom: Path) -> None:
    strict = GATE | {"blind": {"metric": "macro_f1", "lower": 0.5}}
    with pytest.raises(DataError, match="the set is not blind"):
        publish("good", strict, blind=["newsroom", f"root={tiny_newsroom}"])
    with pytest.raises(ConfigError, match="no section blind"):
        publish("good", blind=["newsroom", f"root={tiny_newsroom}"])
    assert entries(place) == []


# --- gate files


def test_the_shipped_gate_reads_and_demands_every_section() -> None:
    found = read_gate(default_gate())
    assert all(getattr(found, name) is not None for name in ("floors", "bounds", "champion", "slices", "probes", "leaning", "audit", "git", "blind"))


@pytest.mark.parametrize("text", ["version: [", "version: 1\nversion: 1\nname: x", "- a", "", "a: ${b}", "\x00"])
def test_a_file_that_is_no_gate(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SlantError) as caught:
        read_gate(path)
    assert "gate.yaml" in str(caught.value)
    with pytest.raises(ConfigError, match="no such gate file"):
        read_gate(tmp_path / "none.yaml")


def test_the_command_prints_the_table_and_its_status(
    place: Path, trained: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from slant.cli import main

    monkeypatch.setenv("SLANT_HOME", str(place))
    gate = place / "g.yaml"
    gate.write_text(yaml.safe_dump(GATE), encoding="utf-8")
    common = ["--name", "news", "--gate", str(gate)]
    assert main(["publish", trained[1]["weak"].run_id, *common]) == 1
    out = capsys.readouterr().out
    assert "fail" in out and "nothing was registered" in out and champion(place) is None
    assert main(["publish", trained[1]["good"].run_id, *common]) == 0
    assert "Registered: models:/news@champion is version 1" in capsys.readouterr().out
    gate.write_text(yaml.safe_dump(GATE | {"champoin": {}}), encoding="utf-8")
    assert main(["publish", trained[1]["good"].run_id, *common]) == 1
    assert "Did you mean champion?" in capsys.readouterr().err
