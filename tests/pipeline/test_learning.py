"""A run's learning curve, judged on dev, and what a run cost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slant.data import Split, column
from slant.errors import ConfigError
from slant.models import Linear
from slant.pipeline import run_report
from slant.pipeline.learning import check_curve
from slant.tracking.store import connect

Train = Callable[..., Any]
CURVE = "evaluation.learning_curve=[0.25,0.5,1.0]"
DEV = "split.dev_fraction=0.2"


def curve(result: Any) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = json.loads((result.folder / "learning_curve.json").read_text(encoding="utf-8"))["points"]
    return points


def test_a_curve_grows_and_no_fit_or_answer_sees_a_row_it_must_not(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[dict[str, str]] = []
    asked: list[set[str]] = []
    real_fit, real_predict = Linear.fit, Linear.predict_proba

    def fit(self: Linear, rows: Any, dev: Any, *, seed: int) -> Linear:
        fits.append(dict(zip(column(rows, "id"), column(rows, "group"), strict=True)))
        # The run's own fit comes first; those of the curve choose nothing on the rows that judge them.
        assert (dev is None) == (len(fits) > 1)
        return real_fit(self, rows, dev, seed=seed)

    def predict(self: Linear, rows: Any) -> Any:
        asked.append(set(column(rows, "id")))
        return real_predict(self, rows)

    monkeypatch.setattr(Linear, "fit", fit)
    monkeypatch.setattr(Linear, "predict_proba", predict)
    # The search for doubtful labels fits models of its own.
    result = train(CURVE, DEV, "publish.enabled=false", "audit.noise=false", model="linear")
    points = curve(result)
    assert [point["share"] for point in points] == [0.25, 0.5, 1.0]
    run, *parts = fits
    assert [len(part) for part in parts] == [point["rows"] for point in points]
    assert parts[0].keys() < parts[1].keys() < parts[2].keys() == run.keys()
    for part in parts:
        assert not set(part.values()) & {run[row] for row in run.keys() - part.keys()}, "a group was cut"
    # The run asks about test, then dev; each part about dev alone.
    tested, dev, *judged = asked
    assert len(judged) == 3 and all(rows == dev for rows in judged) and not dev & tested
    assert points[0]["rows"] == pytest.approx(points[2]["rows"] / 4, abs=6)


def test_a_curve_of_folds_pools_their_dev_rows_and_is_shown_and_logged(train: Train, home: Path, store: Path) -> None:
    shutil.copy(store, home / "mlflow.db")
    result = train(CURVE, DEV, "split=grouped_folds", "split.k=2", "publish.enabled=false", model="linear", tracking="mlflow")
    assert [set(point["metrics"]) for point in curve(result)] == [{"macro_f1", "auroc", "ece"}] * 3
    client = connect(f"sqlite:///{home}/mlflow.db")
    history = client.get_metric_history(result.run_id, "learning/macro_f1")
    assert {one.step: one.value for one in history} == {point["rows"]: point["metrics"]["macro_f1"]["value"] for point in curve(result)}
    report = run_report(result.run_id, store=f"sqlite:///{home}/mlflow.db", html=home / "page.html")
    assert report["learning_curve"] is not None and 'id="learning"' in (home / "page.html").read_text(encoding="utf-8")


def test_a_run_has_the_same_predictions_with_a_curve_and_none_unless_asked(train: Train) -> None:
    plain, with_curve = train(DEV, "publish.enabled=false", model="linear"), train(CURVE, DEV, "publish.enabled=false", model="linear")
    assert plain.predictions_hash == with_curve.predictions_hash
    assert not (plain.folder / "learning_curve.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluation.learning_curve=[0.5,0.25]", DEV], "no shares of a learning curve"),
        (["evaluation.learning_curve=[0,1]", DEV], "no shares of a learning curve"),
        (["evaluation.learning_curve=[0.5,1.5]", DEV], "no shares of a learning curve"),
        ([CURVE, "split.dev_fraction=0"], "has no dev rows"),
        (["evaluation.learning_curve=all", DEV], "evaluation.learning_curve"),
    ],
)
def test_a_curve_that_cannot_be_drawn_is_refused_before_anything_is_fitted(
    train: Train, home: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.setattr(Linear, "fit", lambda *_, **__: pytest.fail("a model was fitted"))
    with pytest.raises(ConfigError, match=said):
        train(*words, "audit.noise=false", "publish.enabled=false", model="linear")


def test_shares_too_small_for_two_labels_are_left_out_and_told(train: Train, caplog: pytest.LogCaptureFixture) -> None:
    result = train("evaluation.learning_curve=[0.001,1.0]", DEV, "publish.enabled=false", model="linear")
    found = curve(result)
    assert found[-1]["share"] == 1.0
    assert len(found) == 2 or "left out" in (result.folder / "train.log").read_text(encoding="utf-8")


def test_the_cost_counts_what_the_encoder_read_and_the_bundle(train: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLANT_CACHE", str(tmp_path / "cache"))
    first, again = train(), train()
    assert first.scores["cost"]["encoder_passes"] == 120 and again.scores["cost"]["encoder_passes"] == 0
    size = sum(path.stat().st_size for path in first.bundle.rglob("*") if path.is_file())
    assert first.scores["cost"]["bundle_mb"] == pytest.approx(size / 1e6, abs=1e-3)
    assert "bundle_mb" not in train("publish.enabled=false", model="linear").scores["cost"]
    facts = run_report(str(first.folder), html=tmp_path / "page.html")["facts"]
    assert facts["texts that an encoder read"] == "120"


def test_splits_of_a_curve_need_dev_rows() -> None:
    rows = np.arange(3)
    check_curve([], [Split("bare", 0, rows, rows[:0], rows)])
    with pytest.raises(ConfigError, match="bare has no dev rows"):
        check_curve([1.0], [Split("full", 0, rows, rows, rows), Split("bare", 1, rows, rows[:0], rows)])
