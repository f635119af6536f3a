"""`slant compare` on real tiny runs in a real store: found, warned of, set side by side, logged back, and printed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from slant.cli import main
from slant.cli.comparison import format_comparison
from slant.errors import ConfigError, DataError
from slant.tracking.store import connect

Train = Callable[..., Any]
QUICK = ("publish.enabled=false", "audit.noise=false")


@pytest.fixture
def runs(train: Train, home: Path, store: Path) -> dict[str, Any]:
    """Two tracked runs over the same rows; the store is `home`'s."""
    shutil.copy(store, home / "mlflow.db")
    first = train("name=prior", "tracking.experiment=loaded", *QUICK, tracking="mlflow", model="majority")
    second = train("name=words", "tracking.experiment=loaded", *QUICK, tracking="mlflow", model="linear")
    return {"prior": first, "words": second}


def review(*names: str, **options: Any) -> Any:
    from slant.pipeline.review import review as compare_runs

    return compare_runs(list(names), resamples=100, **options)


def test_two_runs_are_compared_and_the_page_is_logged_to_both(
    runs: dict[str, Any], home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, data = tmp_path / "page.html", tmp_path / "found.json"
    assert main(["compare", "prior", runs["words"].run_id, "--html", str(page), "--json", str(data), "--resamples", "100"]) == 0
    shown = capsys.readouterr().out
    assert "words against prior" in shown and "macro_f1" in shown and "Holm" in shown
    found = json.loads(data.read_text())
    assert found["schema_version"] == 1 and [side["name"] for side in found["sides"]] == ["prior", "words"]
    assert found["runs"]["words"][0]["id"] == runs["words"].run_id
    assert found["config"]["model._target_"]["prior"] != found["config"]["model._target_"]["words"]
    assert not any(key.startswith(("paths.", "tracking.")) for key in found["config"])
    entry = next(entry for entry in found["pairs"][0]["metrics"] if entry["metric"] == "macro_f1")
    assert entry["candidate"] == pytest.approx(runs["words"].scores["metrics"]["macro_f1"]["value"])
    assert page.read_text().lower().startswith("<!doctype html>")
    client = connect(f"sqlite:///{home}/mlflow.db")
    for result in runs.values():
        logged = [item.path for item in client.list_artifacts(result.run_id, "comparisons")]
        assert sorted(Path(path).suffix for path in logged) == [".html", ".json"]


def test_folders_need_no_store_and_json_can_go_to_stdout(runs: dict[str, Any], home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [str(result.folder) for result in runs.values()]
    (home / "mlflow.db").unlink()
    assert main(["compare", *folders, "--json", "-", "--resamples", "100", "--metrics", "macro_f1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"]["tests"] == 1
    # A folder is called what its run was called.
    assert [side["name"] for side in found["sides"]] == ["prior", "words"]
    assert not (home / "mlflow.db").exists()


def test_sides_of_one_name_are_told_apart_by_model_then_seed_then_place(runs: dict[str, Any], tmp_path: Path) -> None:
    def copy(which: str, place: str, **changes: Any) -> str:
        folder = Path(shutil.copytree(runs[which].folder, tmp_path / place))
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8")) | changes
        (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        return str(folder)

    def names(*folders: str) -> list[str]:
        return [side["name"] for side in review(*folders)["sides"]]

    one, two = copy("prior", "one", name="same"), copy("words", "two", name="same")
    assert names(one, two) == ["same Prior", "same Linear"]
    third = copy("words", "third", name="same", seed=7)
    assert names(one, two, third) == ["same Prior", "same Linear seed 1", "same Linear seed 7"]
    fourth = copy("words", "fourth", name="same", seed=7)
    assert names(two, third, fourth) == ["same Linear seed 1", f"same Linear seed 7 ({third})", f"same Linear seed 7 ({fourth})"]
    (Path(one) / "config.yaml").unlink()
    assert names(one, two) == ["one", "same"]


def test_a_dirty_tree_and_other_versions_are_warned_of(runs: dict[str, Any]) -> None:
    folder = runs["words"].folder
    environment = json.loads((folder / "environment.json").read_text())
    environment |= {"git_dirty": True, "packages": environment["packages"] | {"numpy": "0.1"}}
    (folder / "environment.json").write_text(json.dumps(environment))
    warnings = review(str(runs["prior"].folder), str(folder))["warnings"]
    assert any("not committed" in line and folder.name in line for line in warnings)
    assert any("different versions of numpy: 0.1" in line for line in warnings)
    (folder / "environment.json").unlink()
    assert any("not on record" in line for line in review(str(runs["prior"].folder), str(folder))["warnings"])


def test_a_group_is_its_seeds_and_a_mixture_is_refused(runs: dict[str, Any], train: Train, home: Path) -> None:
    with pytest.raises(ConfigError, match="differ in .*model"):
        review("experiment:loaded", "prior")
    train("name=seeds", "tracking.experiment=linear", "model.C=0.1", *QUICK, tracking="mlflow", model="linear")
    train("name=seeds", "tracking.experiment=linear", "model.C=0.1", *QUICK, tracking="mlflow", model="linear")
    found = review("prior", "experiment:linear")
    assert found["sides"][1]["name"] == "experiment:linear" and len(found["sides"][1]["seeds"]) == 1
    assert any("predicted the same" in line for line in found["warnings"])
    with pytest.raises(ConfigError, match="2 runs are called 'seeds'"):
        review("prior", "seeds")


def test_what_cannot_be_compared_is_one_line(runs: dict[str, Any], home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(runs["words"].folder / "predictions.parquet")
    broken = tmp_path / "broken"
    broken.mkdir()
    for change, said in (
        (lambda t: t.drop_columns(["pred"]), "the column 'pred' is missing"),
        (lambda t: t.set_column(t.column_names.index("p_loaded"), "p_loaded", [[float("nan")] * len(t)]), "nan is not a probability"),
        (lambda t: t.slice(4), "tested on different rows"),
    ):
        pq.write_table(change(table), broken / "predictions.parquet")
        assert main(["compare", "prior", str(broken), "--resamples", "100"]) == 1
        line = capsys.readouterr().err
        assert said in line and line.count("\n") == 1
    assert main(["compare", "prior", "prior"]) == 1 and "named twice" in capsys.readouterr().err
    assert main(["compare", "prior"]) == 1 and "at least two" in capsys.readouterr().err
    assert (
        main(["compare", "prior", "words", "--store", f"sqlite:///{tmp_path}/none.db"]) == 1 and "no such tracking store" in capsys.readouterr().err
    )
    assert not (tmp_path / "none.db").exists()
    connect(f"sqlite:///{home}/mlflow.db").delete_run(runs["words"].run_id)
    assert main(["compare", "prior", "words"]) == 1 and "deleted" in capsys.readouterr().err


def test_text_from_a_run_cannot_drive_the_terminal(runs: dict[str, Any]) -> None:
    found = review(str(runs["prior"].folder), str(runs["words"].folder))
    found["pairs"][0]["changed"][0]["text"] = "bell \a and \x1b[31mred\x1b[0m " * 20
    found["sides"][1]["name"] = found["pairs"][0]["candidate"] = "evil\x1b[2J"
    shown = format_comparison(found, width=80)
    assert "\x1b" not in shown and "\a" not in shown
    assert "→" in shown


def test_a_run_without_predictions_is_refused(runs: dict[str, Any]) -> None:
    (runs["words"].folder / "predictions.parquet").unlink()
    with pytest.raises(DataError, match=r"no predictions\.parquet"):
        review("prior", str(runs["words"].folder))
