"""Stances from bundles: the model's own numbers, for whom and where they are asked, and what is told when they cannot be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fixtures_bundle import export_tiny, fit_stance, stance_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slant.bundle import read_bundle
from slant.data import make_dataset
from slant.errors import BundleError, DataError
from slant.records import ScoreItem
from slant.serve import Annotator, Asked, light, open_runtime, sessions, verify_bundle
from slant.text import Target

if TYPE_CHECKING:
    from slant.models import TargetHeads

TEXT = "The vile minister delayed the heroic Orlov on Monday. The council met. Orlov opened the vile bridge, and Orlov left."
ORLOV = Target("Orlov")


@pytest.fixture(scope="module")
def annotator(tiny_bundle: Path, tiny_stance_bundle: Path) -> Annotator:
    return Annotator.open(tiny_bundle, tiny_stance_bundle)


@pytest.fixture(scope="module", params=["text", "fixed"])
def unmentioned(request: pytest.FixtureRequest, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[TargetHeads, Path]:
    """Heads that answer without a mention, and their bundle."""
    model = fit_stance(tiny_encoder, reads=request.param)
    return model, export_tiny(model, tmp_path_factory.mktemp(request.param) / "bundle", stance_dataset(), int8=False)


def items(rows: Any) -> list[ScoreItem]:
    return [ScoreItem(row["text"], row["target"], row["target_start"], row["target_end"]) for row in rows]


# --- the model's numbers


def test_the_models_own_numbers(annotator: Annotator, tiny_stance_model: TargetHeads) -> None:
    rows = stance_dataset(30, 7)
    expected = tiny_stance_model.predict_proba(rows)
    found = annotator.score(items(rows))
    for sentence, row, wanted in zip(found, rows, expected, strict=True):
        (stance,) = sentence.stance
        assert (stance.target, stance.start, stance.end) == (row["target"], row["target_start"], row["target_end"])
        np.testing.assert_allclose([stance.probabilities[label] for label in tiny_stance_model.labels], wanted, atol=1e-6)
        assert stance.label == tiny_stance_model.labels[int(wanted.argmax())]
    right = [stance.label == row["label"] for sentence, row in zip(found, rows, strict=True) for stance in sentence.stance]
    assert np.mean(right) > 0.8


def test_heads_that_answer_without_a_mention(unmentioned: tuple[TargetHeads, Path], tiny_bundle: Path) -> None:
    model, folder = unmentioned
    nowhere = {"target_start": None, "target_end": None}
    rows = [row | nowhere | {"id": row["id"] + name, "target": name} for row in stance_dataset(10, 7).to_list() for name in ("bridge", "unmet")]
    expected = model.predict_proba(make_dataset(rows, "tiny"))
    both = Annotator.open(tiny_bundle, folder)
    found = both.score([ScoreItem(row["text"], row["target"]) for row in rows])
    for sentence, wanted, row in zip(found, expected, rows, strict=True):
        (stance,) = sentence.stance
        np.testing.assert_allclose(list(stance.probabilities.values()), wanted, atol=1e-6)
        assert (stance.start is None) == (f" {row['target']}" not in row["text"])
    # Named, a target is asked about everywhere; found by itself, only where it is mentioned.
    named = both.annotate(TEXT, [ORLOV])
    assert [[stance.start is None for stance in sentence.stance] for sentence in named.sentences] == [[False], [True], [False]]
    assert all(stance.start is not None for sentence in both.annotate(TEXT).sentences for stance in sentence.stance)


def test_loaded_answers_do_not_change_beside_stances(annotator: Annotator, tiny_bundle: Path) -> None:
    alone = Annotator.open(tiny_bundle).annotate(TEXT)
    beside = annotator.annotate(TEXT)
    assert [(s.loaded, s.spans) for s in alone.sentences] == [(s.loaded, s.spans) for s in beside.sentences]
    assert alone.targets == []
    assert all(sentence.stance == [] for sentence in alone.sentences)
    assert [facts["task"] for facts in beside.bundles] == ["loaded", "stance"]
    assert beside.bundles[1]["threshold"] is None


# --- targets of a document


def test_one_stance_a_sentence_and_target_at_its_first_mention(annotator: Annotator) -> None:
    found = annotator.annotate(TEXT, [ORLOV, Target("council"), Target("Quill")])
    assert [[(s.target, s.start, s.end) for s in sentence.stance] for sentence in found.sentences] == [
        [("Orlov", 37, 42)],
        [("council", 58, 65)],
        [("Orlov", 71, 76)],
    ]
    assert [(target.name, target.mentions) for target in found.targets] == [("Orlov", 3), ("council", 1), ("Quill", 0)]
    alone = annotator.score([ScoreItem(found.sentences[2].text, "Orlov", 0, 5)])
    assert found.sentences[2].stance[0].probabilities == pytest.approx(alone[0].stance[0].probabilities, abs=1e-6)


def test_the_articles_own_targets(annotator: Annotator) -> None:
    assert [target.name for target in annotator.annotate(TEXT).targets] == ["Orlov"]
    none = annotator.annotate(TEXT, [])
    assert none.targets == []
    assert all(sentence.stance == [] for sentence in none.sentences)
    assert annotator.annotate("", [ORLOV]).targets[0].mentions == 0


def test_aliases_and_equal_targets(annotator: Annotator) -> None:
    found = annotator.annotate(TEXT, [Target("Ilya Brandt", ("the council",)), ORLOV, Target("Orlov", ("council",))])
    assert [(target.name, target.aliases, target.mentions) for target in found.targets] == [("Ilya Brandt", ["the council"], 1), ("Orlov", [], 3)]
    assert [stance.target for stance in found.sentences[1].stance] == ["Ilya Brandt"]


def test_a_mention_beyond_what_was_read_gets_no_stance(annotator: Annotator) -> None:
    text = "Orlov met the mayor, " + "and the council, " * 200 + "and Quill."
    found = annotator.annotate(text, [ORLOV, Target("Quill")])
    (sentence,) = found.sentences
    assert sentence.truncated
    assert [stance.target for stance in sentence.stance] == ["Orlov"]
    assert [target.mentions for target in found.targets] == [1, 1]
    (scored,) = annotator.score([ScoreItem(text, "Quill")])
    assert scored.truncated
    assert scored.stance == []


def test_five_hundred_targets(annotator: Annotator, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = [Target(f"Person {chr(65 + i % 26)}{chr(97 + i // 26)}son") for i in range(500)]
    text = " ".join(f"{target.name} opened the vile bridge." for target in targets)
    found = annotator.annotate(text, targets)
    assert [target.mentions for target in found.targets] == [1] * 500
    assert sum(len(sentence.stance) for sentence in found.sentences) == 500


def test_names_are_encoded_once(tiny_bundle: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = export_tiny(fit_stance(tiny_encoder, reads="text"), tmp_path / "bundle", stance_dataset(), int8=False)
    both = Annotator.open(tiny_bundle, folder)
    passes: list[int] = []
    real = light.pad_pieces
    monkeypatch.setattr(light, "pad_pieces", lambda batch: passes.append(len(batch)) or real(batch))
    for _ in range(2):
        both.annotate(TEXT, [ORLOV, Target("Quill")])
    assert passes == [2, 3, 3]


def test_too_many_questions(unmentioned: tuple[TargetHeads, Path], tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from slant.serve import questions

    monkeypatch.setattr(questions, "MAX_QUESTIONS", 5)
    both = Annotator.open(tiny_bundle, unmentioned[1])
    with pytest.raises(DataError, match="3 sentences are asked about 2 targets each, together more than 5"):
        both.annotate(TEXT, [ORLOV, Target("council")])


# --- what cannot be asked


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        (ScoreItem(TEXT, ""), "item 2: the target has no name"),
        (ScoreItem(TEXT, " \n"), "item 2: the target has no name"),
        (ScoreItem(TEXT, None, 0, 3), "item 2: target_start and target_end are given without a target"),
        (ScoreItem(TEXT, "Orlov", 37), "item 2: target_end is missing"),
        (ScoreItem(TEXT, "Orlov", None, 37), "item 2: target_start is missing"),
        (ScoreItem(TEXT, "Orlov", -1, 3), "item 2: the target's offsets -1:3 do not lie in its text"),
        (ScoreItem(TEXT, "Orlov", 5, 5), "offsets 5:5 do not lie"),
        (ScoreItem(TEXT, "Orlov", 5, 10**9), "offsets 5:1000000000 do not lie"),
        (ScoreItem("🙂🙂 Orlov", "Orlov", 5, 10), "offsets 5:10 do not lie"),
        (ScoreItem("🙂🙂 Orlov!", "Orlov", 0, 2), "offsets 0:2 are around no word: '🙂🙂'"),
        (ScoreItem(TEXT, "Orlov", 9, 17), "offsets 9:17 are at 'minister', and 'Orlov' stands at 37:42"),
        (ScoreItem("half \ud800", "Orlov"), "item 2: the text's character 5 is half of a surrogate pair"),
    ],
)
def test_items_that_cannot_be_asked(annotator: Annotator, item: ScoreItem, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        annotator.score(["fine", item])
    assert problem in str(caught.value)
    assert caught.value.remedy


def test_offsets_of_a_pronoun_or_another_form_are_the_callers_to_know(annotator: Annotator) -> None:
    rows = [ScoreItem("He opened the vile bridge.", "Orlov", 0, 2), ScoreItem("President Orlov, he said.", "Ilya Orlov", 10, 15)]
    assert [[(s.start, s.end) for s in found.stance] for found in annotator.score(rows)] == [[(0, 2)], [(10, 15)]]


def test_a_target_that_is_not_mentioned(annotator: Annotator) -> None:
    (found,) = annotator.score([ScoreItem("The council met.", "Orlov")])
    assert found.stance == []


@pytest.mark.parametrize("targets", ["Orlov", ["Orlov"]])
def test_targets_that_are_none(annotator: Annotator, targets: Any) -> None:
    with pytest.raises(TypeError, match="parse_target"):
        annotator.annotate(TEXT, targets)


def test_a_target_without_a_name(annotator: Annotator) -> None:
    with pytest.raises(DataError, match="target 2: the target has no name"):
        annotator.annotate(TEXT, [ORLOV, Target(" ")])


def test_nobody_tells_stances(tiny_bundle: Path) -> None:
    alone = Annotator.open(tiny_bundle)
    with pytest.raises(DataError, match="no bundle here tells stances"):
        alone.annotate(TEXT, [ORLOV])
    with pytest.raises(DataError, match="item 1: a target is given, and no bundle here tells stances"):
        alone.score([ScoreItem(TEXT, "Orlov")])
    assert alone.annotate(TEXT, []).targets == []


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60), st.text(max_size=12), st.none() | st.integers(-2, 60), st.none() | st.integers(-2, 60))
def test_any_item(annotator: Annotator, text: str, target: str, start: int | None, end: int | None) -> None:
    try:
        (found,) = annotator.score([ScoreItem(text, target, start, end)])
    except DataError:
        return
    for stance in found.stance:
        assert stance.start is not None
        assert stance.end is not None
        assert 0 <= stance.start < stance.end <= len(text)
        assert sum(stance.probabilities.values()) == pytest.approx(1.0)


def test_the_same_from_many_threads_at_once(unmentioned: tuple[TargetHeads, Path], tiny_bundle: Path) -> None:
    both = Annotator.open(tiny_bundle, unmentioned[1])
    texts = [f"{TEXT} Dr. Velez{i % 5} and Dr. Velez{i % 5} rejected plan {i}." for i in range(20)]
    expected = [both.annotate(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(both.annotate, texts * 3)) == expected * 3


# --- sharing


def test_bundles_with_the_same_graph_share_a_session_and_a_pass(tiny_bundle: Path, tiny_stance_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = sessions.open_graph
    monkeypatch.setattr(sessions, "open_graph", lambda path, threads: opened.append(path) or real(path, threads))
    monkeypatch.setattr(sessions, "_OPEN", type(sessions._OPEN)())
    both = Annotator.open(tiny_bundle, tiny_stance_bundle)
    assert len(opened) == 1
    other = Annotator.open(tiny_bundle)
    assert len(opened) == 1
    third = Annotator.open(tiny_bundle, threads=2)
    assert len(opened) == 2
    passes: list[int] = []
    pad = light.pad_pieces
    monkeypatch.setattr(light, "pad_pieces", lambda batch: passes.append(len(batch)) or pad(batch))
    found = both.annotate(TEXT, [ORLOV])
    assert passes == [3]
    assert other.annotate(TEXT).sentences[0].loaded == third.annotate(TEXT).sentences[0].loaded == found.sentences[0].loaded
    del both, other, third
    assert not sessions._OPEN


def test_bundles_of_other_encoders_run_side_by_side(tiny_bundle: Path, tiny_stance_bundle: Path, tmp_path: Path, annotator: Annotator) -> None:
    from conftest import build_tiny_encoder

    (tmp_path / "encoder").mkdir()
    build_tiny_encoder(tmp_path / "encoder", seed=5)
    model = fit_stance(tmp_path / "encoder")
    folder = export_tiny(model, tmp_path / "bundle", stance_dataset(), int8=False)
    rows = stance_dataset(5, 7)
    found = Annotator.open(tiny_bundle, folder).score(items(rows))
    for sentence, beside, wanted in zip(found, annotator.score(items(rows)), model.predict_proba(rows), strict=True):
        np.testing.assert_allclose(list(sentence.stance[0].probabilities.values()), wanted, atol=1e-6)
        assert sentence.loaded == beside.loaded


def test_two_bundles_that_answer_the_same(tiny_bundle: Path, tiny_stance_bundle: Path) -> None:
    with pytest.raises(BundleError, match="it has a head 'loaded', and so has"):
        Annotator.open(tiny_bundle, tiny_stance_bundle, tiny_bundle)


def test_a_question_about_a_mention_that_was_not_read_is_not_answered(tiny_stance_bundle: Path) -> None:
    found = open_runtime(read_bundle(tiny_stance_bundle))(["The vile bridge."], [Asked(0, "bridge", 9, 15), Asked(0, "x"), Asked(0, "x", 15, 16)])
    assert found.heads["stance"].answered is not None
    assert found.heads["stance"].answered.tolist() == [True, False, False]


def test_a_stance_bundle_proves_itself(tiny_stance_bundle: Path) -> None:
    checks = verify_bundle(tiny_stance_bundle)
    replays = ["golden replay fp32 stance", "golden replay int8 stance"]
    assert [check.name for check in checks] == ["files", "signature", "format", "digests", "graphs", *replays]
    assert all(check.passed for check in checks)
    assert checks[2].detail == "version 2, stance v1"
