"""`slant report`: from a run's folder or its MLflow run to a page, whatever the run left out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures_pages import HOSTILE, Page, check_closed_page

from slant.cli import main
from slant.errors import ConfigError, DataError
from slant.evaluation import read_predictions, write_predictions
from slant.pipeline import run_report

Train = Callable[..., Any]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_newsroom: Path, tiny_encoder: Path) -> Path:
    """The folder of a run of the flagship on the tiny corpus."""
    from slant.pipeline import run_app

    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLANT_HOME", str(home))
        patch.chdir(home)
        places = [f"data.root={tiny_newsroom}", f"model.encoder.path={tiny_encoder}", "model=encoder_heads", "tracking=none"]
        folder = home / run_app([*places, "name=tiny", "publish.enabled=false", "evaluation.resamples=100"]).folder
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("name: tiny\n", "name: tiny <b>run</b>\n"))
    return folder


@pytest.fixture
def run_folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def rewrite(folder: Path, **columns: Callable[[list[Any]], list[Any]]) -> None:
    """Change columns of a run's predictions; gold labels and groups in its floors, too, which must be over the same rows."""
    for path in (folder / "predictions.parquet", *(folder / "floors").glob("*.parquet")):
        predictions = read_predictions(path)
        table = {name: predictions.table[name].to_pylist() for name in predictions.table.column_names}
        # A floor has the test rows alone: a column is changed within the test rows, in both alike.
        test = [row for row, split in enumerate(table["split"]) if split == "test"]
        for name, change in columns.items():
            if path.parent == folder or name in ("gold", "group"):
                for row, value in zip(test, change([table[name][row] for row in test]), strict=True):
                    table[name][row] = value
        write_predictions(path, table, predictions.meta)


def headings(html: str) -> list[str]:
    return [str(attributes["id"]) for attributes in Page(html).of("h2") if attributes.get("id")]


def test_a_run_s_folder_becomes_a_page_and_json(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run_folder), "--json", str(tmp_path / "r.json")]) == 0
    html = (run_folder / "report.html").read_text(encoding="utf-8")
    page = check_closed_page(html, script=True)
    report = json.loads((tmp_path / "r.json").read_text())
    stored = json.loads((run_folder / "scores.json").read_text())
    assert report["scores"] == stored and report["name"] == "tiny <b>run</b>" and report["name"] in page.text
    for found in stored["metrics"].values():
        if found["lo"] is not None:
            assert f"{found['value']:.3f}".replace("-", "−") in page.text
    differs = stored["floors"]["majority"]["difference"]["macro_f1"]
    assert f"{differs['value']:+.3f}" in page.text.replace("−", "-")
    assert headings(html) == ["scores", "confusion", "curves", "slices", *(["errors"] if report["errors"] else []), "audit", "cost"]
    assert sum(map(sum, report["summary"]["confusion"])) == stored["rows"] == report["errors"]["rows"]
    assert report["audit"]["corpus"] == "newsroom" and "peak memory" in page.text
    assert capsys.readouterr().err.strip().endswith("r.json")
    assert main(["report", str(run_folder), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == report


def test_what_a_run_recorded_besides_is_shown(run_folder: Path, tmp_path: Path, tiny_newsroom: Path) -> None:
    points = [
        {"rows": rows, "seed": 1, "metrics": {"macro_f1": {"value": value, "lo": value - 0.1, "hi": value + 0.1}}}
        for rows, value in ((20, 0.5), (80, 0.8))
    ]
    (run_folder / "learning_curve.json").write_text(json.dumps({"points": points}))
    rewrite(run_folder, label_votes=lambda column: [[1, 3]] * len(column), text=lambda column: [f"{text} {HOSTILE}" for text in column])
    root = tmp_path / "corpus"
    shutil.copytree(tiny_newsroom, root)
    marks = [{key: row[key] for key in ("id", "label", "spans")} for row in map(json.loads, (root / "rows.jsonl").read_text().splitlines())]
    (root / "second_pass.jsonl").write_text("".join(json.dumps(mark) + "\n" for mark in marks))
    config = (run_folder / "config.yaml").read_text()
    (run_folder / "config.yaml").write_text(config.replace(str(tiny_newsroom), str(root)))
    report = run_report(str(run_folder), html=tmp_path / "r.html")
    page = check_closed_page((tmp_path / "r.html").read_text(encoding="utf-8"), script=True)
    assert {"learning", "ceiling"} <= set(headings((tmp_path / "r.html").read_text()))
    (found,) = report["rounds"].values()
    assert found["rows"] == report["scores"]["rows"] and found["metrics"][0]["human"]["value"] == 1.0
    assert report["votes"] is not None and report["votes"]["annotator_agreement"]["value"] == pytest.approx(0.5)  # type: ignore[index]
    for words in ("soft cross-entropy", "two annotators", "Krippendorff", "macro F1 by training rows"):
        assert words in page.text or any(words.split()[0] in str(a.get("aria-label")) for a in page.of("svg")), words


def test_scores_of_other_predictions_are_made_anew(run_folder: Path) -> None:
    before = run_report(str(run_folder))
    assert before["notes"] == []
    rewrite(run_folder, gold=lambda column: column[::-1])
    stale = run_report(str(run_folder), resamples=100)
    # The digest is over what was predicted; other gold labels do not change it, other answers do.
    assert stale["scores"] == before["scores"]
    rewrite(run_folder, run_id=lambda column: column, seed=lambda column: [seed + 1 for seed in column])
    after = run_report(str(run_folder), resamples=100)
    assert "scores.json is of other predictions" in after["notes"][0] and after["scores"]["bootstrap"]["resamples"] == 100
    for name in ("scores.json", "audit.json", "config.yaml", "environment.json"):
        (run_folder / name).unlink(missing_ok=True)
    bare = run_report(str(run_folder), resamples=100, html=run_folder / "bare.html")
    assert bare["scores"]["metrics"].keys() == after["scores"]["metrics"].keys() and set(bare["scores"]["floors"]) == {"majority", "outlet_prior"}
    assert any("no scores.json" in note for note in bare["notes"]) and "audit" not in headings((run_folder / "bare.html").read_text())


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"gold": lambda column: [None] * len(column)}, "no gold label"),
        ({"group": lambda column: ["one"] * len(column)}, "No slices and no calibration"),
        ({"gold": lambda column: ["neutral"] * len(column)}, "Scores"),
        ({"spans_gold": lambda column: [None] * len(column)}, "Scores"),
    ],
)
def test_a_table_that_cannot_tell_everything_still_has_a_page(run_folder: Path, columns: dict[str, Any], said: str) -> None:
    rewrite(run_folder, **columns)
    (run_folder / "scores.json").unlink()
    run_report(str(run_folder), html=run_folder / "r.html", resamples=100)
    assert said in check_closed_page((run_folder / "r.html").read_text(encoding="utf-8"), script=True).text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("learning_curve.json", '{"points": []}', "it has no points"),
        ("learning_curve.json", '{"points": [{"rows": 0, "metrics": {}}]}', "a point needs a number of rows"),
        ("learning_curve.json", '{"points": [{"rows": 5, "metrics": {"macro_f1": 0.5}}]}', "the metric 'macro_f1' has no value"),
        ("audit.json", '{"corpus": "x"}', "is no audit that can be read"),
        ("config.yaml", "a: [", "cannot be read as YAML"),
        ("predictions.parquet", "PAR1", "not a readable Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(run_folder: Path, name: str, content: str, message: str) -> None:
    (run_folder / name).write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        run_report(str(run_folder), html=run_folder / "r.html")
    assert name in caught.value.where and caught.value.remedy and not (run_folder / "r.html").exists()


def test_an_mlflow_run_is_found_and_gets_its_page(train: Train, home: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "mlflow.db").write_bytes(store.read_bytes())
    result = train("name=tracked", "publish.enabled=false", tracking="mlflow", model="majority")
    assert main(["report", "tracked", "--html", str(home / "page.html")]) == 0
    assert f"to MLflow run {result.run_id}" in capsys.readouterr().err
    (logged,) = home.rglob("report/report.html")
    assert logged.read_bytes() == (home / "page.html").read_bytes() and json.loads(logged.with_suffix(".json").read_text())["run_id"] == result.run_id
    with pytest.raises(ConfigError, match="nobody"):
        run_report("nobody")
