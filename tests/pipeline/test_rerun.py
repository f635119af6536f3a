"""A run gives the same predictions again, or it is said what differs; a stored configuration can do no harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from slant.errors import ConfigError, DataError, SlantError
from slant.evaluation import predictions_hash, read_predictions
from slant.pipeline import replay, run_app

Edit = Callable[[Callable[[dict[str, Any]], None]], Path]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_newsroom: Path) -> Path:
    """The folder of a finished run of TF-IDF in two folds with dev parts."""
    home = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLANT_HOME", str(home))
        patch.chdir(home)
        split = ["split=grouped_folds", "split.k=2", "split.dev_fraction=0.3"]
        settings = ["model=linear", "tracking=none", "debug=fast", "audit.noise=false", "name=t"]
        folder: Path = run_app([f"data.root={tiny_newsroom}", *split, *settings]).folder
    return folder.absolute()


@pytest.fixture
def edited(trained: Path, tmp_path: Path) -> Edit:
    """`edited(change)`: a copy of the run's folder with a changed config.yaml."""

    def copy(change: Callable[[dict[str, Any]], None]) -> Path:
        folder = tmp_path / "copy"
        folder.mkdir()
        for name in ("predictions.parquet", "scores.json", "environment.json"):
            (folder / name).write_bytes((trained / name).read_bytes())
        config = yaml.safe_load((trained / "config.yaml").read_text())
        change(config)
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        return folder

    return copy


def test_a_folder_replays_to_the_same_hash_and_nothing_is_left_behind(trained: Path, home: Path) -> None:
    before = sorted(path.name for path in trained.rglob("*"))
    found = replay(str(trained), output=home / "again.parquet")
    assert found.same and found.hash_before == found.hash_now == predictions_hash(trained / "predictions.parquet")
    assert found.differences == () and predictions_hash(home / "again.parquet") == found.hash_now
    assert sorted(path.name for path in trained.rglob("*")) == before
    assert [path.name for path in home.iterdir()] == ["again.parquet"]


def test_an_mlflow_run_replays_from_its_artefacts_alone(home: Path, store: Path, tiny_newsroom: Path, tiny_encoder: Path) -> None:
    import shutil

    (home / "mlflow.db").write_bytes(store.read_bytes())
    split = ["split=grouped_folds", "split.k=2"]
    result = run_app(
        [f"data.root={tiny_newsroom}", f"model.encoder.path={tiny_encoder}", *split, "tracking=mlflow", "debug=fast", "audit.noise=false"]
    )
    shutil.rmtree(result.folder)
    found = replay(result.run_id)
    assert found.same and found.hash_now == result.predictions_hash
    assert not any("no package versions" in note for note in found.notes)
    fold = next(run for run in _runs(home) if run.data.tags.get("slant.kind") == "fold")
    with pytest.raises(ConfigError, match=r"this fold has no config.yaml.*the run it is a fold of"):
        replay(fold.info.run_id)
    with pytest.raises(ConfigError, match="there is no run"):
        replay("0" * 32)
    with pytest.raises(ConfigError, match="no such tracking store"):
        replay(result.run_id, store=f"sqlite:///{home}/nowhere.db")


def _runs(home: Path) -> list[Any]:
    from slant.tracking.store import connect

    client = connect(f"sqlite:///{home}/mlflow.db")
    return list(client.search_runs([e.experiment_id for e in client.search_experiments()]))


def test_other_answers_are_told_row_by_row(edited: Edit, home: Path) -> None:
    folder = edited(lambda config: config["model"].update(C=0.03))
    found = replay(str(folder), output=home / "now.parquet")
    assert not found.same and found.hash_now not in (None, found.hash_before)
    then, now = (read_predictions(path) for path in (folder / "predictions.parquet", home / "now.parquet"))
    pairs = dict(zip(_keys(now), now.column("p_loaded"), strict=True))
    gaps = {key: abs(p - pairs[key]) for key, p in zip(_keys(then), then.column("p_loaded"), strict=True)}
    labels = dict(zip(_keys(now), now.column("pred"), strict=True))
    flipped = {key for key, label in zip(_keys(then), then.column("pred"), strict=True) if label != labels[key]}
    assert found.differences[0].startswith(f"{len(flipped)} of {len(then)} rows have another label")
    assert found.differences[0].endswith(f"{max(gaps.values()):.2g}")
    worst = max(flipped or gaps, key=gaps.__getitem__)
    assert found.differences[1].startswith(f"{worst[0]} fold {worst[1]} {worst[2]}: ")


def _keys(predictions: Any) -> list[tuple[Any, ...]]:
    return list(zip(*(predictions.column(name).tolist() for name in ("split", "fold", "id")), strict=True))


def test_another_seed_or_corpus_is_told_before_anything_is_fitted(
    edited: Edit, home: Path, tiny_newsroom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slant.models import Linear

    monkeypatch.delattr(Linear, "fit")
    folder = edited(lambda config: config.update(seed=2))
    found = replay(str(folder))
    assert not found.same and found.hash_now is None
    assert "split fingerprint" in found.differences[0] and "tested or selected on by one of the two only" in found.differences[1]
    less = tmp_path / "less"
    less.mkdir()
    (less / "rows.jsonl").write_text("".join((tiny_newsroom / "rows.jsonl").read_text().splitlines(keepends=True)[4:]))
    found = replay(str(folder), overrides=[f"data.root={less}"])
    assert found.differences[0].startswith("the corpus fingerprint was")
    assert any(note.startswith("data.root was ") and str(less) in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": "The council approved another bridge!"}, "1 rows that were tested or selected on have another text, target or label, first 'tiny-"),
        ({"spans": []}, "the rows that were tested or selected on are the same; a row that is trained on, or marked words, differ"),
    ],
)
def test_a_row_that_changed_is_named_where_the_predictions_have_it(
    trained: Path, home: Path, tiny_newsroom: Path, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    rows = [json.loads(line) for line in (tiny_newsroom / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    next(row for row in rows if row["spans"]).update(change | ({} if "spans" in change else {"spans": [], "stances": []}))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = replay(str(trained), overrides=[f"data.root={tmp_path / 'other'}"])
    assert not found.same and found.hash_now is None
    assert found.differences[0].startswith("the corpus fingerprint was") and found.differences[-1].startswith(said)


def test_other_versions_and_commits_are_noted(edited: Edit, home: Path) -> None:
    folder = edited(lambda config: None)
    environment = json.loads((folder / "environment.json").read_text())
    environment["packages"]["scikit-learn"] = "0.1"
    environment |= {"git_commit": "f" * 40, "slant": "0.0.9", "git_dirty": True}
    (folder / "environment.json").write_text(json.dumps(environment))
    notes = replay(str(folder)).notes
    assert any(note.startswith("scikit-learn was 0.1, is ") for note in notes)
    assert any(note.startswith("slant was 0.0.9, is ") for note in notes)
    assert any(note.startswith(f"git_commit was {'f' * 40}") for note in notes)
    assert any("uncommitted changes then" in note for note in notes)
    (folder / "environment.json").unlink()
    assert any("recorded no package versions" in note for note in replay(str(folder)).notes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(sede=1), "the configuration key 'sede' is no longer known. Did you mean 'seed'"),
        (lambda c: c["audit"].update(noises=True), "'audit.noises' is no longer known"),
        (lambda c: c["model"].update(c_value=1), "takes no 'c_value'"),
    ],
)
def test_keys_that_are_no_longer_known_are_told(edited: Edit, home: Path, change: Callable[[dict[str, Any]], None], said: str) -> None:
    found = replay(str(edited(change)))
    assert not found.same and found.hash_now is None
    assert any(said in line for line in found.differences)


def _nested(config: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    for part in path:
        config = config.setdefault(part, {})
    config[last] = value


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("model._target_", "os.system", "not allowed in a stored configuration"),
        ("data._target_", "slant.data.fetch.fetch_corpus", "not allowed in a stored configuration"),
        ("data._target_", "slant.models.Linear", "not allowed in a stored configuration"),
        ("model._target_", "slant.models.encoder.cache.StateCache", "not allowed in a stored configuration"),
        ("model.members.x._target_", "subprocess.run", "not allowed in a stored configuration"),
        ("model.members", [{"_target_": "subprocess.run"}], "not allowed in a stored configuration"),
        ("model._args_", ["x"], "'_args_' is not allowed"),
        ("model._partial_", True, "'_partial_' is not allowed"),
        ("name", "${oc.env:HOME}", "holds an interpolation"),
        ("model.${oc.env:HOME}", 1, "holds an interpolation"),
        ("data.root", "/dev/zero", "neither a file nor a folder"),
        ("model.encoder.allow_network", True, "allowed to reach the network.*--allow-network"),
        ("model.encoder.allow_network", "yes", "allowed to reach the network"),
        ("threads", 10_000, "10000 threads.*--threads"),
        ("threads", 0, "0 threads"),
        ("seed", "one", "seed"),
        ("task", "loaded", "it has no task"),
        ("split", None, "it has no split"),
    ],
)
def test_a_hostile_configuration_is_refused_before_anything_is_read(
    edited: Edit, home: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: Any, said: str
) -> None:
    import slant.pipeline.rerun

    monkeypatch.delattr(slant.pipeline.rerun, "read_splits")
    with pytest.raises(ConfigError, match=said) as caught:
        replay(str(edited(lambda config: _nested(config, key, value))))
    assert "\n" not in str(caught.value)


def test_what_would_be_written_goes_to_the_callers_own_places(edited: Edit, home: Path) -> None:
    from slant.pipeline.stored_config import read_stored_config

    def hostile(config: dict[str, Any]) -> None:
        config["paths"] |= {"home": "/victim", "runs": "/victim/runs", "cache": "/victim/cache"}
        config["tracking"] |= {"enabled": True, "uri": "http://elsewhere.example"}
        config["publish"]["enabled"] = True
        config["model"]["encoder"] = {"cache": "/victim/cache", "cache_bytes": 1, "allow_network": False}

    stored = read_stored_config(edited(hostile) / "config.yaml")
    assert "victim" not in json.dumps(yaml.safe_load(str(stored.cfg).replace("'", '"').replace("None", "null").replace("True", "true")), default=str)
    assert (stored.cfg.tracking.enabled, stored.cfg.publish.enabled) == (False, False)
    assert stored.cfg.paths.cache == os.environ["SLANT_CACHE"] == stored.cfg.model.encoder.cache
    assert stored.cfg.model.encoder.cache_bytes == 8 * 2**30


@pytest.mark.parametrize("told", [{"checkpoints": None}, {"checkpoints": "/victim"}, {}])
@pytest.mark.parametrize("member", [False, True])
def test_a_fine_tuned_model_is_fitted_anew_and_no_checkpoint_is_read(edited: Edit, home: Path, told: dict[str, Any], member: bool) -> None:
    from slant.pipeline.stored_config import read_stored_config

    model = {"_target_": "slant.models.Transformer", "task": "loaded", **told}

    def tuned(config: dict[str, Any]) -> None:
        config["model"] = {"_target_": "slant.models.SoftVote", "members": {"tuned": model}} if member else model

    found = read_stored_config(edited(tuned) / "config.yaml").cfg.model
    assert (found.members.tuned if member else found).checkpoints == ""


@pytest.mark.parametrize("text", ["", "[1, 2]", "a: [", "just words", "? {a: 1}\n: 2", "!!python/object/apply:os.system ['true']", "&a [*a]"])
def test_what_is_no_configuration_is_told(edited: Edit, home: Path, text: str) -> None:
    folder = edited(lambda config: None)
    (folder / "config.yaml").write_text(text)
    with pytest.raises(SlantError) as caught:
        replay(str(folder))
    assert "\n" not in str(caught.value) and "config.yaml" in str(caught.value)


def test_runs_that_cannot_be_replayed_are_told(trained: Path, edited: Edit, home: Path) -> None:
    with pytest.raises(ConfigError, match="no such run folder"):
        replay("runs/nowhere")
    empty = home / "empty"
    empty.mkdir()
    with pytest.raises(ConfigError, match="the run has no config.yaml"):
        replay(str(empty))
    folder = edited(lambda config: None)
    scores = json.loads((folder / "scores.json").read_text())
    scores["fingerprints"]["predictions"] = "0" * 64
    (folder / "scores.json").write_text(json.dumps(scores))
    with pytest.raises(DataError, match="not those that were scored"):
        replay(str(folder))
    (folder / "scores.json").unlink()
    (folder / "predictions.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        replay(str(folder))
    with pytest.raises(ConfigError, match=r"no key 'data.rooot' to set.*Did you mean 'data.root'"):
        replay(str(trained), overrides=["data.rooot=x"])


def test_the_exit_status_tells(trained: Path, edited: Edit, home: Path) -> None:
    command = [sys.executable, "-m", "slant", "rerun"]
    same = subprocess.run([*command, str(trained)], capture_output=True, text=True)
    assert same.returncode == 0 and same.stdout.splitlines()[-1].split(maxsplit=1) == ["verdict", "the same predictions"]
    other = subprocess.run([*command, str(trained), "model.C=0.02"], capture_output=True, text=True)
    assert other.returncode == 1 and other.stdout.splitlines()[-1].endswith("NOT the same predictions")
    assert "model.C was 1.0, you say 0.02" in other.stdout
