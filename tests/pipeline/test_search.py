"""A search sees dev alone, survives a kill, refuses what cannot be searched, and leaves an experiment that trains."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from slant.errors import ConfigError, SlantError, StorageError
from slant.pipeline import compose_config, configs_folder, run_app, run_search
from slant.pipeline.space import as_override, parse_space

SHIPPED = sorted((configs_folder() / "search").glob("*.yaml"))
C = {"type": "float", "low": 0.01, "high": 100.0, "log": True}


@pytest.fixture
def asked(home: Path, tiny_newsroom: Path) -> Callable[..., list[str]]:
    """The overrides of a search over TF-IDF on the tiny corpus, in two folds with dev parts."""

    def overrides(*more: str, tracking: str = "none") -> list[str]:
        split = ["split=grouped_folds", "split.k=2", "split.dev_fraction=0.3"]
        return [f"data.root={tiny_newsroom}", "model=linear", *split, "search=linear", "audit.noise=false", f"tracking={tracking}", *more]

    return overrides


def _trials(home: Path) -> list[dict[str, Any]]:
    (path,) = (home / "runs").rglob("trials.json")
    return [{key: value for key, value in row.items() if key != "seconds"} for row in json.loads(path.read_text())]


def _runs(home: Path) -> list[Any]:
    from slant.tracking.store import connect

    client = connect(f"sqlite:///{home}/mlflow.db")
    return list(client.search_runs([e.experiment_id for e in client.search_experiments() if e.name != "Default"]))


# --- what a search sees


def test_no_test_row_is_predicted_and_the_value_is_the_mean_over_dev_parts(
    asked: Callable[..., list[str]], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slant.evaluation import read_predictions, score
    from slant.models import Linear

    seen: set[str] = set()
    real = Linear.predict_proba

    def watched(self: Linear, dataset: Any) -> Any:
        seen.update(dataset["id"])
        return real(self, dataset)

    with monkeypatch.context() as patch:
        patch.setattr(Linear, "predict_proba", watched)
        found = run_search(asked("search.trials=3", "search.prune=false"))
    # The same command without the search: its dev rows are those that were asked about, and their scores are the trial's.
    base = [o for o in asked() if not o.startswith("search")]
    trained = run_app([*base, *(as_override(k, v) for k, v in found.best.items()), "debug=fast"])
    predictions = read_predictions(trained.folder / "predictions.parquet")
    dev = predictions.column("split") == "dev"
    assert seen == set(predictions.column("id")[dev])
    per_fold = [
        score(predictions.select(dev & (predictions.column("fold") == fold)), resamples=10)["metrics"]["macro_f1"]["value"] for fold in (0, 1)
    ]
    assert found.value == pytest.approx(sum(per_fold) / 2)
    assert _trials(home)[found.number - 1]["scores"] == pytest.approx(per_fold)
    assert not list(found.folder.rglob("predictions.parquet")) and not list(found.folder.rglob("scores.json"))


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (["split=grouped_folds", "split.k=2", "split.dev_fraction=0"], "fold-0 has no dev rows.*Add split.dev_fraction=0.15"),
        (["split=grouped_holdout", "split.dev_fraction=0"], "holdout has no dev rows.*split.dev_fraction"),
    ],
)
def test_a_split_without_dev_is_refused_before_anything_is_fitted(
    asked: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, split: list[str], said: str
) -> None:
    from slant.models import Linear

    monkeypatch.delattr(Linear, "fit")
    with pytest.raises(ConfigError, match=said):
        run_search([o for o in asked() if not o.startswith("split")] + split)


# --- what it finds


def test_the_best_is_an_experiment_that_trains_as_the_trial_did(asked: Callable[..., list[str]], home: Path) -> None:
    found = run_search(["experiment=loaded/demo", *asked("search.trials=3", "seed=4", "debug=fast")])
    rows = _trials(home)
    assert [row["trial"] for row in rows] == [1, 2, 3] and found.counts == {"complete": 3, "pruned": 0, "failed": 0}
    assert found.value == max(row["value"] for row in rows) == rows[found.number - 1]["value"]
    lines = found.experiment.read_text().splitlines()
    assert lines[0] == "# @package _global_" and lines[1] == f"# {found.command}"
    written = OmegaConf.to_container(OmegaConf.load(found.experiment))
    assert isinstance(written, dict)
    assert {f"model.{key}": value for key, value in written["model"].items()}.items() <= found.best.items()
    assert "/experiment/loaded/demo" in written["defaults"] and {"override /model": "linear"} in written["defaults"]
    assert "tracking" not in written and "evaluation" not in written, "a delta says nothing of how a run is recorded"
    words = found.command.split()
    assert words[:3] == ["slant", "train", "--config-dir"]
    composed = compose_config([f"hydra.searchpath=[file://{home / words[3]}]", words[4]])
    own = [o for o in asked("seed=4") if not o.startswith(("search", "tracking"))]
    wanted = compose_config(["experiment=loaded/demo", *own, *(as_override(*pair) for pair in found.best.items())])
    assert composed == wanted
    result = run_app([*words[2:], "tracking=none", "debug=fast"])
    assert result.scores["model"] == "Linear"


def test_the_file_may_go_where_hydra_finds_it_and_nowhere_else(asked: Callable[..., list[str]], home: Path) -> None:
    place = home / "my own" / "experiment" / "loaded" / "tuned.yaml"
    found = run_search(asked("search.trials=1"), output=place)
    assert found.command == "slant train --config-dir 'my own' experiment=loaded/tuned" and place.is_file()
    composed = compose_config([f"hydra.searchpath=['file://{home}/my own']", "experiment=loaded/tuned"])
    assert found.best["model.C"] == composed.model.C
    for wrong in (home / "tuned.yaml", home / "experiment" / "tuned.json"):
        with pytest.raises(ConfigError, match="folder called experiment"):
            run_search(asked("search.trials=1"), output=wrong)


def test_a_loss_is_made_small_and_a_bad_trial_stops_after_a_fold(asked: Callable[..., list[str]], home: Path) -> None:
    more = ["search.metric=brier", "search.trials=8", "search.prune_after=2", "~search.space.model.min_df"]
    found = run_search(asked(*more))
    rows = _trials(home)
    assert found.value == min(row["value"] for row in rows if row["state"] == "complete")
    pruned = [row for row in rows if row["state"] == "pruned"]
    assert pruned and found.counts["pruned"] == len(pruned)
    for row in pruned:
        before = [r["scores"][0] for r in rows[: row["trial"] - 1] if r["state"] == "complete"]
        assert len(row["scores"]) == 1 and row["scores"][0] > sorted(before)[len(before) // 2 - (len(before) % 2 == 0)]
        assert "pruned after 1 of 2 folds" in row["outcome"]
    assert {tuple(row["values"]) for row in rows} == {("model.C",)}


def test_a_choice_may_be_a_list_a_name_or_a_whole_model(asked: Callable[..., list[str]], home: Path) -> None:
    space = ["~search.space.model.C", "~search.space.model.min_df", "+search.space.model.type=categorical"]
    found = run_search(asked(*space, "+search.space.model.choices=[linear,majority]", "search.trials=4", "search.startup=4"))
    assert {row["values"]["model"] for row in _trials(home)} == {"linear", "majority"}
    assert found.best == {"model": "linear"}
    assert "override /model: linear" in found.experiment.read_text()


# --- trials that fail


def test_a_failing_trial_is_counted_and_a_hopeless_search_stops(asked: Callable[..., list[str]], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from slant.models import Linear

    real = Linear.fit

    def fussy(self: Linear, *arguments: Any, **options: Any) -> Any:
        if limit > self.C:
            raise ValueError("no term remains")
        return real(self, *arguments, **options)

    monkeypatch.setattr(Linear, "fit", fussy)
    limit = 1.0
    found = run_search(asked("search.trials=6"))
    rows = _trials(home)
    assert {row["state"] for row in rows} == {"complete", "failed"} and found.best["model.C"] >= 1
    assert all((row["values"]["model.C"] < 1) == (row["state"] == "failed") for row in rows)
    limit = 1e9
    with pytest.raises(ConfigError, match="first 3 trials all failed.*no term remains"):
        run_search(asked("search.trials=6", "search.name=other"))


# --- going on


def test_a_search_goes_on_where_more_trials_are_asked_for_and_only_there(asked: Callable[..., list[str]], home: Path) -> None:
    run_search(asked("search.trials=2"))
    first = _trials(home)
    again = run_search(asked("search.trials=2"))
    assert _trials(home) == first and again.counts["complete"] == 2
    run_search(asked("search.trials=3"))
    assert _trials(home)[:2] == first and len(_trials(home)) == 3


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("model.max_features=500", "begun with model.max_features = 200000, not 500"),
        ("search.metric=mcc", "begun with search.metric = 'macro_f1', not 'mcc'"),
        ("search.space.model.C.high=7.0", r"begun with space.model.C.high = 100.0, not 7.0"),
    ],
)
def test_another_search_under_the_same_name_is_refused(asked: Callable[..., list[str]], other: str, said: str) -> None:
    run_search(asked("search.trials=1"))
    with pytest.raises(ConfigError, match=said):
        run_search(asked("search.trials=2", other))


def test_other_rows_under_the_same_path_are_refused(asked: Callable[..., list[str]], home: Path, tiny_newsroom: Path) -> None:
    root = home / "corpus"
    root.mkdir()
    text = (tiny_newsroom / "rows.jsonl").read_text()
    (root / "rows.jsonl").write_text(text)
    run_search([*asked("search.trials=1"), f"data.root={root}"])
    (root / "rows.jsonl").write_text("".join(text.splitlines(keepends=True)[4:]))
    with pytest.raises(ConfigError, match="corpus fingerprint and split fingerprint changed"):
        run_search([*asked("search.trials=2"), f"data.root={root}"])


def test_a_store_that_is_none_is_told_and_left(asked: Callable[..., list[str]]) -> None:
    found = run_search(asked("search.trials=1"))
    (found.folder / "study.db").write_bytes(b"Dear diary, " * 400)
    with pytest.raises(StorageError, match="no search's store.*search.name"):
        run_search(asked("search.trials=2"))
    assert (found.folder / "study.db").read_bytes().startswith(b"Dear diary")


def test_two_processes_never_search_one_folder(asked: Callable[..., list[str]]) -> None:
    import fcntl

    found = run_search(asked("search.trials=1"))
    with (found.folder / "search.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="another process"):
            run_search(asked("search.trials=2"))


SLOW = (
    "import sys, time, slant.pipeline.search as s\n"
    "real, calls = s.dev_score, []\n"
    "def dev_score(*a):\n"
    "    calls.append(1)\n"
    "    if len(calls) == 6: print('third trial, second fold', flush=True); time.sleep(600)\n"
    "    return real(*a)\n"
    "s.dev_score = dev_score\n"
    "from slant.cli import main; sys.exit(main(sys.argv[1:]))"
)


def test_a_killed_search_goes_on_and_finishes_the_trials_of_one_that_was_not(
    asked: Callable[..., list[str]], home: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "mlflow.db").write_bytes(store.read_bytes())
    command = asked("search.trials=5", "search.startup=3", "search.prune=false", tracking="mlflow")
    process = subprocess.Popen([sys.executable, "-c", SLOW, "search", "-q", *command], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline().strip() == "third trial, second fold"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not list(home.rglob("trials.json")) and not list(home.rglob("best.yaml"))
    resumed = run_search(command)
    assert resumed.counts == {"complete": 5, "pruned": 0, "failed": 0}

    runs = _runs(home)
    (parent,) = [run for run in runs if run.data.tags.get("slant.kind") == "search"]
    assert (parent.info.run_id, parent.info.status) == (resumed.run_id, "FINISHED")
    assert "slant.error" not in parent.data.tags
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted((c.data.tags["slant.trial"], c.info.status) for c in children) == [
        ("1", "FINISHED"), ("2", "FINISHED"), ("3", "FAILED"), ("3", "FINISHED"), ("4", "FINISHED"), ("5", "FINISHED"),
    ]  # fmt: skip
    assert parent.data.metrics["best/dev_macro_f1"] == resumed.value and not [name for name in parent.data.metrics if name.startswith("test/")]

    rows = _trials(home)
    unbroken = home / "unbroken"
    unbroken.mkdir()
    monkeypatch.setenv("SLANT_HOME", str(unbroken))
    run_search([o if o != "tracking=mlflow" else "tracking=none" for o in command])
    assert _trials(unbroken) == rows


def test_an_interrupted_trial_is_drawn_again(asked: Callable[..., list[str]], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from slant.models import Linear

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Linear, "fit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_search(asked("search.trials=1"))
    found = run_search(asked("search.trials=1"))
    assert found.counts == {"complete": 1, "pruned": 0, "failed": 0} and found.number == 1


# --- spaces and settings


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_search_fits_the_model_of_its_name(path: Path) -> None:
    from slant.pipeline.search_config import compose_search

    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# slant search ") and f"search={path.stem}" in lines[0]
    task = ["task=stance"] if path.stem.startswith("target") else []
    found = compose_search([*task, f"model={path.stem}", f"search={path.stem}"])
    assert found.settings.name == path.stem and found.space
    for parameter in found.space:
        default, corners = OmegaConf.select(found.cfg, parameter.key), parameter.corners()
        inside = default in corners if parameter.type == "categorical" else corners[0] <= default <= corners[-1]
        assert inside, f"the default of {parameter.key} does not lie in the space"


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({}, "is empty"),
        ({"model.C": 3}, "is no parameter"),
        ({"model.C": {"low": 1.0, "high": 2.0}}, "its type is None"),
        ({"model.C": C | {"type": "flaot"}}, "Did you mean 'float'"),
        ({"model.C": C | {"hihg": 3.0}}, "takes no 'hihg'. Did you mean 'high'"),
        ({"model.C": {"type": "float", "low": 1.0}}, "needs high"),
        ({"model.C": C | {"low": 200.0}}, "Let low be below high"),
        ({"model.C": C | {"low": 0.0}}, "logarithmic scale cannot begin at 0.0"),
        ({"model.C": C | {"low": "small"}}, "low is 'small'"),
        ({"model.C": C | {"high": float("nan")}}, "high is nan"),
        ({"model.C": C | {"high": float("inf")}}, "high is inf"),
        ({"model.C": C | {"low": True}}, "low is True"),
        ({"model.C": C | {"log": "yes"}}, "log is 'yes'"),
        ({"model.C": C | {"step": 0.1}}, "without log"),
        ({"model.min_df": {"type": "int", "low": 1, "high": 2.5}}, "Give a whole number"),
        ({"model.min_df": {"type": "int", "low": 1, "high": 5, "step": 9}}, "step is 9"),
        ({"model.C": {"type": "categorical", "choices": []}}, "at least two"),
        ({"model.C": {"type": "categorical", "choices": "ab"}}, "at least two"),
        ({"model.C": {"type": "categorical", "choices": [1, 1]}}, "twice"),
    ],
)
def test_a_space_that_makes_no_sense_is_told(space: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        parse_space(space)
    assert caught.value.where.startswith("search.space") and caught.value.remedy


def _searched(key: str) -> list[str]:
    return [f"search.space.{key}.{field}" for field in ("type=int", "low=1", "high=2")]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["search=liner"], "Did you mean 'linear'"),
        (["search.trails=3"], "unknown configuration key 'search.trails'. Did you mean 'search.trials'"),
        (["search.trials=0"], "Take at least 1"),
        (["search.trials=many"], "search.trials"),
        (["search.metric=macro_f"], "dev has no metric 'macro_f'. Did you mean 'macro_f1'"),
        (["+search.space.model.D.type=float"], "needs low"),
        (
            ["search.space.model.CC.type=float", "search.space.model.CC.low=1", "search.space.model.CC.high=2"],
            "no key 'model.CC'. Did you mean 'model.C'",
        ),
        (_searched("seed"), "seed cannot be searched.*which rows are judged"),
        (["search.space.model.min_df.high=2.5"], "Give a whole number"),
        (
            ["search.space.model.task.type=float", "search.space.model.task.low=1", "search.space.model.task.high=2"],
            "1 cannot be taken: 1 is not a text",
        ),
        (["~search.space.model.D"], "nothing is searched at 'model.D'"),
        (["seeed=1"], "Did you mean 'seed'"),
        (["~debug"], "cannot be said in an experiment file"),
    ],
)
def test_what_cannot_be_searched_is_told_in_one_line_before_a_store_is_made(
    asked: Callable[..., list[str]], home: Path, more: list[str], said: str
) -> None:
    kept = [o for o in asked("search.trials=1") if o.partition("=")[0] not in {m.partition("=")[0] for m in more}]
    with pytest.raises(SlantError, match=said) as caught:
        run_search([*kept, *more])
    assert "\n" not in str(caught.value)
    assert "metric" in more[0] or not list(home.rglob("study.db"))


def test_search_must_be_named() -> None:
    with pytest.raises(ConfigError, match=r"search must be given. Add search=NAME, one of .*linear"):
        run_search(["experiment=loaded/demo"])


plain = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
names = st.text(st.characters(codec="utf-8", exclude_characters="$\0", exclude_categories=("Cs", "Cc")), max_size=12)
values = st.recursive(plain | names, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@given(values)
def test_a_value_reads_back_from_its_override_as_it_was(value: Any) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    back = OverridesParser.create().parse_override(as_override("model.key", value)).value()
    assert back == value and type(back) is type(value)
