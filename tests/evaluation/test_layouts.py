"""Predictions as official scorers read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slant.cli.main import main
from slant.errors import DataError
from slant.evaluation import PredictionsMeta, make_predictions, write_predictions
from slant.evaluation.layouts import write_ptc, write_tweeteval
from slant.metrics import partial_match_f1

STANCE = ("against", "neutral", "favor")
LOADED = ("neutral", "loaded")


def table(rows: list[dict[str, Any]], labels: tuple[str, ...]) -> Any:
    task = "loaded" if labels == LOADED else "stance"
    meta = PredictionsMeta(task, 1, labels, "c", "s", "0", "m")
    common = {
        "run_id": "r",
        "split": "test",
        "fold": 0,
        "seed": 1,
        "group": "g",
        "text": "A sentence that is long enough for every span.",
        "gold": None,
    }
    common |= {"spans_gold": None, "spans_pred": None, "word_starts": None, "word_ends": None, "word_scores": None, "truncated": False}
    common |= {"target": None, "outlet": None, "leaning": None, "topic": None, "voice": None, "abstained": False}
    whole = [common | row | {f"p_{label}": float(label == row["pred"]) for label in labels} for row in rows]
    return make_predictions({name: [row[name] for row in whole] for name in whole[0]}, meta)


def test_tweeteval_is_a_number_a_line_in_the_table_s_order(tmp_path: Path) -> None:
    facts = [("a", "favor", "climate"), ("b", "against", "atheism"), ("c", "neutral", "climate"), ("d", "against", "climate")]
    predictions = table([{"id": i, "pred": pred, "topic": topic} for i, pred, topic in facts], STANCE)
    files = write_tweeteval(predictions, tmp_path / "out")
    assert [file.relative_to(tmp_path).as_posix() for file in files] == ["out/stance/atheism.txt", "out/stance/climate.txt"]
    assert (tmp_path / "out/stance/climate.txt").read_text() == "2\n0\n1\n"
    assert (tmp_path / "out/stance/atheism.txt").read_text() == "1\n"


def test_ptc_spans_are_of_the_article(tmp_path: Path) -> None:
    spans = [{"start": 2, "end": 10, "label": "loaded"}, {"start": 16, "end": 18, "label": "loaded"}]
    rows = [
        {"id": "ptc-777-100", "pred": "loaded", "spans_pred": spans},
        {"id": "ptc-777-20", "pred": "loaded", "spans_pred": spans[:1]},
        {"id": "ptc-776-0", "pred": "neutral", "spans_pred": []},
    ]
    [file] = write_ptc(table(rows, LOADED), tmp_path / "spans.tsv")
    assert file.read_text() == "777\t22\t30\n777\t102\t110\n777\t116\t118\n"


def test_the_official_gold_comes_back_from_rows_that_predict_it(tmp_path: Path, benchmarks: Path) -> None:
    """Rows that predict the official spans give the official scorer's own gold file, and so its F1 of 1."""
    from slant.data.corpora.ptc import load_ptc

    gold = [tuple(map(int, line.split("\t"))) for line in (benchmarks / "scorer-cases/gold.tsv").read_text().splitlines()]
    articles = {str(article) for article, _, _ in gold}
    dataset = load_ptc(benchmarks / "ptc").dataset
    rows = [row for row in dataset if row["part"] == "dev" and row["group"].rpartition("-")[2] in articles]
    predicted = [{"id": row["id"], "text": row["text"], "pred": row["label"], "spans_pred": row["spans"]} for row in rows]
    [file] = write_ptc(table(predicted, LOADED), tmp_path / "spans.tsv")
    found = [tuple(map(int, line.split("\t"))) for line in file.read_text().splitlines()]
    by_article = [[[(b, e) for a, b, e in side if a == article] for article in sorted({a for a, _, _ in gold})] for side in (gold, found)]
    assert len(gold) == 54
    assert partial_match_f1(*by_article)[2] > 0.99


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        ([{"id": "a", "pred": "loaded", "topic": "climate"}], LOADED, "its task is loaded"),
        ([{"id": "a", "pred": "favor"}], STANCE, "names no official folder"),
        ([{"id": "a", "pred": "favor", "topic": "../up"}], STANCE, "names no official folder"),
        ([{"id": "a", "pred": "favor", "topic": "x", "split": "dev"}], STANCE, "no rows of split 'test'"),
        ([{"id": "a", "pred": "favor", "topic": "x", "seed": seed} for seed in (1, 2)], STANCE, "stands there twice"),
    ],
)
def test_what_has_no_tweeteval_layout_is_refused(tmp_path: Path, rows: list[dict[str, Any]], labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_tweeteval(table(rows, labels), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("row", "message"),
    [({"id": "babe-1", "spans_pred": []}, "names no place in an article"), ({"id": "ptc-1-0", "spans_pred": None}, "marked no spans")],
)
def test_what_has_no_ptc_layout_is_refused(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_ptc(table([row | {"pred": "neutral"}], LOADED), tmp_path / "out.tsv")
    assert not (tmp_path / "out.tsv").exists()


def test_the_command_takes_a_run_s_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predictions = table([{"id": "a", "pred": "favor", "topic": "climate"}], STANCE)
    columns = {name: predictions.table[name].to_pylist() for name in predictions.table.column_names}
    write_predictions(tmp_path / "predictions.parquet", columns, predictions.meta)
    assert main(["predictions", "export", str(tmp_path), "--layout", "tweeteval", "-o", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.strip().endswith("out/stance/climate.txt")
    assert main(["predictions", "export", str(tmp_path), "--layout", "tweeteval", "-o", str(tmp_path / "out")]) == 1
    assert "holds something already" in capsys.readouterr().err
