"""Flipped labels among the candidates of confident learning, and the out-of-fold probabilities that it rests on."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fixtures_audit import LOADED, PLAIN, Row, clean_rows, copied, corpus_of, read

from slant.data.audit import Rows, label_noise
from slant.pipeline.audit import cached_audit

RATES = (0.005, 0.02, 0.08)
OPPOSITE = {"loaded": "neutral", "neutral": "loaded"}


def _flipped(rows: list[Row], rate: float) -> set[str]:
    chance = random.Random(f"flip {rate}")
    chosen = chance.sample(range(len(rows)), round(rate * len(rows)))
    for i in chosen:
        rows[i]["label"] = OPPOSITE[rows[i]["label"]]
    return {rows[i]["id"] for i in chosen}


def _informed(rows: tuple[Row, ...], wrong: float = 0.0) -> npt.NDArray[np.float64]:
    """Probabilities of a model that gives the true label .6 to .98, but for a share `wrong` of the rows, where it is the other way round."""
    chance = np.random.default_rng(1)
    right = chance.uniform(0.6, 0.98, len(rows))
    right = np.where(chance.random(len(rows)) < wrong, 1 - right, right)
    loaded = np.where([row["label"] == "loaded" for row in rows], right, 1 - right)
    return np.stack([1 - loaded, loaded], axis=1)


@pytest.mark.parametrize("wrong", [0.0, 0.03])
@pytest.mark.parametrize("rate", RATES)
def test_flipped_labels_are_candidates_where_probabilities_are_informative(rate: float, wrong: float) -> None:
    probabilities = _informed(clean_rows(), wrong)
    rows = copied(clean_rows())
    flipped = _flipped(rows, rate)
    finding = label_noise(read(rows), probabilities)
    assert finding is not None and finding.severity == "info" and finding.total == len(rows)
    found = [item["ids"][0] for item in finding.items]
    # A flip with which the model agrees cannot be seen by anyone.
    said = dict(zip((row["id"] for row in rows), np.array(["neutral", "loaded"])[probabilities.argmax(axis=1)], strict=True))
    visible = {row["id"] for row in rows if row["id"] in flipped and said[row["id"]] != row["label"]}
    assert len(visible) >= (0.9 if wrong else 1) * len(flipped)
    assert len(visible & set(found)) >= 0.9 * len(visible)
    assert len(set(found) - flipped) <= 1.5 * wrong * len(rows)
    doubts = [item["probability"] for item in finding.items]
    assert doubts == sorted(doubts) and finding.count == len(found) == len(set(found))


def _telling(n: int) -> list[Row]:
    """Sentences that a bag of words can learn from n of them: three words of each tell its label."""
    chance = random.Random(3)
    rows = copied(clean_rows()[:n])
    for row in rows:
        a, b, c = chance.sample(LOADED if row["label"] == "loaded" else PLAIN, 3)
        row |= {"text": f"{' '.join(row['text'].split()[:14])}: a {a}, {b} and {c} affair.", "spans": []}
    return rows


@pytest.mark.parametrize("rate", [0.02, 0.08])
def test_flipped_labels_are_candidates_of_the_model_that_the_pipeline_fits(rate: float, tmp_path: Path) -> None:
    rows = _telling(500)
    flipped = _flipped(rows, rate)
    (finding,) = [found for found in cached_audit(corpus_of(rows), tmp_path).findings if found.kind == "label_noise"]
    found = {item["ids"][0] for item in finding.items}
    assert len(flipped & found) >= 0.9 * len(flipped) and len(found - flipped) <= 0.01 * len(rows)


def test_labels_that_are_right_give_no_candidates(tmp_path: Path) -> None:
    audit = cached_audit(corpus_of(_telling(300)), tmp_path)
    assert audit.counts()["label_noise"] == 0 and "label_noise" in audit.checked


def test_rows_without_label_or_probability_are_left_out() -> None:
    rows = copied(clean_rows()[:300])
    probabilities = _informed(clean_rows()[:300])
    flipped = _flipped(rows, 0.02)
    silent = next(i for i, row in enumerate(rows) if row["id"] in flipped)
    probabilities[silent] = np.nan
    other = next(i for i, row in enumerate(rows) if row["id"] in flipped and i != silent)
    rows[other]["label"] = None
    finding = label_noise(read(rows), probabilities)
    assert finding is not None and finding.total == 298
    found = {item["ids"][0] for item in finding.items}
    assert found >= flipped - {rows[silent]["id"], rows[other]["id"]} and not found & {rows[silent]["id"], rows[other]["id"]}


def test_nothing_is_said_of_a_corpus_with_one_label_or_no_row() -> None:
    rows = [row for row in clean_rows()[:60] if row["label"] == "loaded"]
    assert label_noise(read(rows), np.full((len(rows), 2), 0.5)) is None
    everything = clean_rows()[:60]
    assert label_noise(read(everything), np.full((60, 2), np.nan)) is None


def test_candidates_are_told_in_the_order_of_the_tasks_labels() -> None:
    """Of stance, whose labels are not in the alphabet's order: against, neutral, favor."""
    rows = copied(clean_rows("stance")[:300])
    order = {"against": 0, "neutral": 1, "favor": 2}
    probabilities = np.full((300, 3), 0.05)
    for i, row in enumerate(rows):
        probabilities[i, order[row["label"]]] = 0.9
    chosen = random.Random(5).sample(range(300), 12)
    for i in chosen:
        rows[i]["label"] = {"against": "favor", "neutral": "against", "favor": "neutral"}[rows[i]["label"]]
    finding = label_noise(read(rows), probabilities)
    assert finding is not None and {item["ids"][0] for item in finding.items} == {rows[i]["id"] for i in chosen}
    assert {item["probability"] for item in finding.items} == {0.05}


# --- where the probabilities come from


def test_no_model_has_seen_a_row_its_article_or_its_duplicate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = copied(clean_rows()[:120])
    rows += [rows[i] | {"id": f"copy-{i}", "group": f"agency-{i}"} for i in range(0, 120, 10)]
    rows.append(rows[0] | {"id": "unlabelled", "label": None})
    article = {row["id"]: row["group"] for row in rows}
    asked: list[str] = []
    given: dict[str, float] = {}

    class Spy:
        def __init__(self, **_: Any) -> None:
            pass

        def fit(self, train: Any, dev: Any, *, seed: int) -> Spy:
            assert dev is None
            self.articles, self.texts = {article[i] for i in train["id"]}, set(train["text"])
            return self

        def predict_proba(self, tested: Any) -> npt.NDArray[np.float64]:
            assert self.texts and not self.articles & {article[i] for i in tested["id"]} and not self.texts & set(tested["text"])
            asked.extend(tested["id"])
            place = np.array([int(i[-4:]) if i.startswith("row-") else 0 for i in tested["id"]]) / 1000
            return np.stack([place, 1 - place], axis=1)

    def noise(rows: Rows, probabilities: npt.NDArray[np.float64]) -> None:
        given.update(zip(rows.id, probabilities[:, 0].tolist(), strict=True))

    monkeypatch.setattr("slant.models.Linear", Spy)
    monkeypatch.setattr("slant.pipeline.audit.label_noise", noise)
    cached_audit(corpus_of(rows), tmp_path)
    assert sorted(asked) == sorted(given) == sorted(row["id"] for row in rows if row["label"])
    # Each row's probabilities stand in its own place.
    assert all(p == int(name[-4:]) / 1000 for name, p in given.items() if name.startswith("row-"))


def test_a_stance_model_reads_the_target(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from slant.models import Linear

    rows = copied(clean_rows("stance")[:60])
    texts: set[str] = set()
    real = Linear.fit

    def fit(self: Any, train: Any, dev: Any, *, seed: int) -> Any:
        texts.update(train["text"])
        return real(self, train, dev, seed=seed)

    monkeypatch.setattr(Linear, "fit", fit)
    cached_audit(corpus_of(rows), tmp_path)
    assert texts == {f"{row['target']}: {row['text']}" for row in rows}


@pytest.mark.parametrize("rows", [clean_rows()[:9], [row for row in clean_rows()[:60] if row["label"] == "loaded"]], ids=["3 articles", "1 label"])
def test_a_corpus_that_nothing_can_be_learnt_from_is_audited_without_noise(rows: Any, tmp_path: Path) -> None:
    assert cached_audit(corpus_of(rows), tmp_path).counts()["label_noise"] == 0
