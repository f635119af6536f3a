"""The audit before a run: a leak stops it with all written down; the cache spares the work and never the truth."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures_audit import Row, clean_rows, copied, corpus_of

from slant.data import Quarantined
from slant.data.audit import CHECKS, Finding, audit_corpus
from slant.errors import DataError
from slant.evaluation import read_predictions
from slant.pipeline import audit as pipeline_audit
from slant.pipeline import audit_named, run_app
from slant.pipeline.audit import cached_audit

COLUMNS = ("id", "text", "label", "group", "part", "outlet")


def _parted() -> list[Row]:
    """90 rows, a row an article: 60 train, 10 dev, 20 test."""
    parts = ["train"] * 60 + ["dev"] * 10 + ["test"] * 20
    return [row | {"group": row["id"], "part": part} for row, part in zip(copied(clean_rows()[:90]), parts, strict=True)]


def _leaking() -> list[Row]:
    rows = _parted()
    rows[80]["text"] = rows[5]["text"].upper()
    rows[81]["text"] = rows[65]["text"].replace(" the ", " that ", 1)
    rows[82]["group"] = rows[7]["group"]
    return rows


def _written(rows: list[Row], folder: Path) -> Path:
    path = folder / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _overrides(path: Path) -> list[str]:
    columns = [f"data.columns.{name}={name}" for name in COLUMNS if name not in ("text", "label")]
    return [f"data.file={path}", *columns]


def _train(path: Path, *more: str, tracking: str = "none") -> Any:
    settings = ["model=majority", "publish.enabled=false", "evaluation.resamples=50", "audit.noise=false", "name=t"]
    return run_app(["data=table", *_overrides(path), f"tracking={tracking}", *settings, *more])


@pytest.fixture
def never_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    from slant.models import Prior

    def fit(self: Any, *_: Any, **__: Any) -> None:
        raise AssertionError("a model was fitted")

    monkeypatch.setattr(Prior, "fit", fit)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds whose checks were called, as they are."""
    calls: list[str] = []

    def counted(kind: str, check: Callable[..., Finding | None]) -> Callable[..., Finding | None]:
        def run(rows: Any) -> Finding | None:
            calls.append(kind)
            return check(rows)

        return run

    for kind, check in list(CHECKS.items()):
        monkeypatch.setitem(CHECKS, kind, counted(kind, check))
    return calls


# --- a run


def test_a_leak_stops_the_run_before_anything_is_fitted_and_is_written_down(home: Path, never_fitted: None, store: Path) -> None:
    from slant.tracking.store import connect

    (home / "mlflow.db").write_bytes(store.read_bytes())
    path = _written(_leaking(), home)
    with pytest.raises(DataError) as caught:
        _train(path, "split=official", tracking="mlflow")
    said = str(caught.value)
    rows = _leaking()
    for part in (rows[80]["id"], rows[5]["id"], rows[81]["id"], rows[65]["id"], "near duplicate", "in dev", "split.leaks=drop", str(path)):
        assert part in said
    (folder,) = {found.parent for found in home.rglob("runs/**/audit.json")}
    audit = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    (leaks,) = [finding for finding in audit["findings"] if finding["kind"] == "leaks"]
    assert leaks["count"] == 3 and leaks["severity"] == "stop"
    assert [item["leak"] for item in leaks["items"]] == ["duplicate", "near duplicate", "same article"]
    assert rows[82]["id"] in (folder / "audit.html").read_text(encoding="utf-8")
    assert not list(folder.rglob("*.parquet")) and not (folder / "scores.json").exists() and not list(folder.rglob("*.part"))
    client = connect(f"sqlite:///{home}/mlflow.db")
    (run,) = client.search_runs([e.experiment_id for e in client.search_experiments() if e.name != "Default"])
    assert run.info.status == "FAILED" and "train and test share rows" in run.data.tags["slant.error"]
    assert run.data.metrics["audit/leaks"] == 3 and run.data.metrics["audit/exact_duplicates"] == 1
    artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
    assert {"audit.json", "audit.html"} <= {path.name for path in artifacts.iterdir()}


def test_with_leaks_dropped_the_run_passes_and_tests_every_row(home: Path) -> None:
    result = _train(_written(_leaking(), home), "split=official", "split.leaks=drop")
    audit = json.loads((result.folder / "audit.json").read_text(encoding="utf-8"))
    assert "leaks" in audit["checked"] and not [finding for finding in audit["findings"] if finding["severity"] == "stop"]
    predictions = read_predictions(result.folder / "predictions.parquet")
    tested = [name for name, split in zip(predictions.column("id"), predictions.column("split"), strict=True) if split == "test"]
    assert sorted(tested) == sorted(row["id"] for row in _leaking() if row["part"] == "test")


def test_a_clean_official_split_passes_and_so_do_folds_of_a_corpus_that_leaks(home: Path) -> None:
    (home / "clean").mkdir()
    assert _train(_written(_parted(), home / "clean"), "split=official").scores
    result = _train(_written(_leaking(), home), "split=grouped_folds", "split.k=3")
    assert "leaks" not in {f["kind"] for f in json.loads((result.folder / "audit.json").read_text(encoding="utf-8"))["findings"]}


def test_a_dev_row_that_is_met_in_train_is_let_be(home: Path) -> None:
    """Only what is tested is judged; train and dev may share an article."""
    rows = _parted()
    rows[65]["group"] = rows[5]["group"]
    assert _train(_written(rows, home), "split=official").scores


def test_the_run_and_the_command_tell_the_same_of_the_corpus(home: Path) -> None:
    """The run joins groups of duplicates before it splits; what it says of the corpus is not about joined groups."""
    path = _written(_leaking(), home)
    result = _train(path, "split=grouped_folds", "split.k=3", f"paths.cache={home / 'one'}")
    ours = json.loads((result.folder / "audit.json").read_text(encoding="utf-8"))
    named = audit_named("table", [*_overrides(path), f"paths.cache={home / 'two'}"], noise=False)
    theirs = json.loads(named.to_json())
    assert ours["findings"] == theirs["findings"]
    articles = next(finding for finding in ours["findings"] if finding["kind"] == "shared_articles")
    assert articles["count"] == 2 and articles["figures"]["groups"] == 89


def test_noise_is_looked_for_unless_it_is_turned_off(home: Path) -> None:
    path = _written(_parted(), home)
    with_noise, without = _train(path, "audit.noise=true"), _train(path)
    told = [json.loads((result.folder / "audit.json").read_text(encoding="utf-8"))["checked"] for result in (with_noise, without)]
    assert "label_noise" in told[0] and "label_noise" not in told[1]


# --- the cache


def test_the_same_rows_are_not_checked_again(checked: list[str], tmp_path: Path) -> None:
    first = cached_audit(corpus_of(clean_rows()[:60]), tmp_path, noise=False)
    assert sorted(checked) == sorted(CHECKS)
    checked.clear()
    assert cached_audit(corpus_of(clean_rows()[:60]), tmp_path, noise=False) == first and not checked
    assert len(list((tmp_path / "audits").iterdir())) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"topic": "another"}, {"text": "Another sentence altogether stands here now."}, {"label": None}, {"group": "other"}, {"outlet": None},
        {"part": "test"}, {"spans": None}, {"id": "another"}, {"leaning": "left of all"}, {"target": "someone"}, {"target_start": 3},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_changed_row_is_checked_anew(checked: list[str], tmp_path: Path, change: Row) -> None:
    rows = copied(clean_rows()[:30])
    cached_audit(corpus_of(rows), tmp_path, noise=False)
    checked.clear()
    rows[3] |= change
    again = cached_audit(corpus_of(rows), tmp_path, noise=False)
    assert sorted(checked) == sorted(CHECKS) and again == audit_corpus(corpus_of(rows))


def test_another_name_quarantine_or_wish_for_noise_is_another_audit(checked: list[str], tmp_path: Path) -> None:
    rows = clean_rows()[:30]
    cached_audit(corpus_of(rows), tmp_path, noise=False)
    asked = [
        lambda: cached_audit(corpus_of(rows, name="other"), tmp_path, noise=False),
        lambda: cached_audit(corpus_of(rows, quarantined=(Quarantined("f", "w", "r"),)), tmp_path, noise=False),
        lambda: cached_audit(corpus_of(rows), tmp_path, noise=True),
    ]
    for ask in asked:
        checked.clear()
        ask()
        assert checked
        checked.clear()
        ask()
        assert not checked


def test_another_version_of_the_checks_does_not_trust_the_cache(checked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached_audit(corpus_of(clean_rows()[:30]), tmp_path, noise=False)
    checked.clear()
    monkeypatch.setattr(pipeline_audit, "AUDIT_VERSION", 999)
    cached_audit(corpus_of(clean_rows()[:30]), tmp_path, noise=False)
    assert checked


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"{}", b'{"findings": 3}', b'{"findings": [{"kind": 1}]}', b"\xff\xfe", b'{"findings": ["x"]}']
)
def test_a_corrupt_cache_is_made_anew(checked: list[str], tmp_path: Path, content: bytes) -> None:
    first = cached_audit(corpus_of(clean_rows()[:30]), tmp_path, noise=False)
    (path,) = (tmp_path / "audits").iterdir()
    path.write_bytes(content)
    checked.clear()
    assert cached_audit(corpus_of(clean_rows()[:30]), tmp_path, noise=False) == first and checked
    checked.clear()
    assert cached_audit(corpus_of(clean_rows()[:30]), tmp_path, noise=False) == first and not checked


def test_a_cache_that_cannot_be_written_only_warns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    with caplog.at_level(logging.WARNING):
        found = cached_audit(corpus_of(clean_rows()[:30]), tmp_path / "file", noise=False)
    assert found == audit_corpus(corpus_of(clean_rows()[:30]))
    assert [record for record in caplog.records if "the audit is not kept" in record.getMessage()]


def test_the_leaks_of_one_split_are_not_kept_for_the_next(home: Path) -> None:
    path = _written(_leaking(), home)
    for _ in range(2):
        with pytest.raises(DataError):
            _train(path, "split=official")
    assert audit_named("table", _overrides(path), noise=False).counts().get("leaks") is None
    assert audit_named("table", [*_overrides(path), "split=official"], noise=False).counts()["leaks"] == 3
    assert audit_named("table", [*_overrides(path), "split=grouped_folds", "split.k=3"], noise=False).counts()["leaks"] == 0
