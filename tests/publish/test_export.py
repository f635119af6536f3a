"""What leaves the house answers as the trained model did, or does not leave."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fixtures_bundle import TRAINING_ROWS, export_tiny, fit_tiny

from slant.bundle import read_bundle
from slant.decode import cut_spans, decide
from slant.errors import BundleError, ConfigError, StorageError
from slant.publish import export
from slant.serve import Annotator, open_runtime, verify_bundle

if TYPE_CHECKING:
    from datasets import Dataset

    from slant.models import EncoderHeads

#: Odd texts beside the corpus's own: empty, without words, cut short, and of several scripts.
ODD = ["", "…", "🙂🙂", "vile", "Vile! " * 60, "Ärger – “schändlich”, sagte O’Brien…", "שלום vile world", "a\u0301e\u0301 heroic\r\n", "word " * 500]


@pytest.fixture(scope="module")
def texts(tiny_dataset: Dataset) -> list[str]:
    """The whole test split with odd texts between, so that every batch holds unequal lengths."""
    own = list(tiny_dataset.select(range(TRAINING_ROWS, len(tiny_dataset)))["text"])
    return [text for pair in zip(own, ODD * 3, strict=False) for text in pair]


@pytest.fixture(scope="module")
def rows(texts: list[str]) -> Dataset:
    from datasets import Dataset as Table

    return Table.from_dict({"text": texts})


@pytest.mark.parametrize("batch_size", [1, 7, 32])
def test_parity_with_the_trained_model(tiny_model: EncoderHeads, tiny_bundle: Path, texts: list[str], rows: Dataset, batch_size: int) -> None:
    answers = open_runtime(read_bundle(tiny_bundle), precision="fp32", batch_size=batch_size)(texts).heads["loaded"]
    expected, words = tiny_model.predict_proba(rows), tiny_model.predict_words(rows)
    np.testing.assert_allclose(answers.probabilities, expected, atol=1e-4, rtol=0)
    assert answers.words is not None
    for text, found, wanted in zip(texts, answers.words, words, strict=True):
        assert (list(found.starts), list(found.ends), found.truncated) == (list(wanted.starts), list(wanted.ends), wanted.truncated)
        np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-4, rtol=0)
        threshold = tiny_model.decision.word_threshold
        assert [span for span, _ in cut_spans(text, found, threshold)] == [span for span, _ in cut_spans(text, wanted, threshold)]
    for found_answer, wanted_answer in zip(
        decide(answers.probabilities, read_bundle(tiny_bundle).manifest.heads["loaded"].decision), decide(expected, tiny_model.decision), strict=True
    ):
        np.testing.assert_array_equal(found_answer, wanted_answer)
    assert sum(len(cut_spans(t, w, tiny_model.decision.word_threshold)) for t, w in zip(texts, words, strict=True)) > 0


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_batches_do_not_matter(tiny_bundle: Path, texts: list[str], precision: str) -> None:
    bundle = read_bundle(tiny_bundle)
    together = open_runtime(bundle, precision=precision, batch_size=len(texts))(texts).heads["loaded"]
    alone = open_runtime(bundle, precision=precision, batch_size=1)
    singly = [alone([text]).heads["loaded"] for text in texts]
    np.testing.assert_allclose(together.probabilities, np.concatenate([a.probabilities for a in singly]), atol=1e-5, rtol=0)
    reverse = open_runtime(bundle, precision=precision, batch_size=5)(texts[::-1]).heads["loaded"]
    np.testing.assert_allclose(together.probabilities, reverse.probabilities[::-1], atol=1e-5, rtol=0)
    assert together.words is not None
    for one, other in zip(together.words, singly, strict=True):
        assert other.words is not None
        np.testing.assert_allclose(one.scores, other.words[0].scores, atol=1e-5, rtol=0)


def test_no_sentences(tiny_bundle: Path) -> None:
    answers = open_runtime(read_bundle(tiny_bundle))([]).heads["loaded"]
    assert answers.probabilities.shape == (0, 2)
    assert answers.words == []


def test_annotator_gives_the_models_answers(tiny_model: EncoderHeads, tiny_bundle: Path, texts: list[str], rows: Dataset) -> None:
    found = Annotator.open(tiny_bundle).score(texts)
    expected, words = tiny_model.predict_proba(rows), tiny_model.predict_words(rows)
    chosen, abstained = decide(expected, tiny_model.decision)
    for i, sentence in enumerate(found):
        assert sentence.loaded.label == tiny_model.labels[chosen[i]]
        assert sentence.loaded.abstained == abstained[i]
        assert sentence.loaded.probability == pytest.approx(expected[i, 1], abs=1e-4)
        spans = cut_spans(texts[i], words[i], tiny_model.decision.word_threshold)
        assert [(s.start, s.end) for s in sentence.spans] == [(s.start, s.end) for s, _ in spans]
        assert [s.probability for s in sentence.spans] == pytest.approx([p for _, p in spans], abs=1e-4)
        assert sentence.truncated == words[i].truncated
    assert [sentence.truncated for sentence in found].count(True) >= 2


def test_the_files_of_a_bundle(tiny_bundle: Path, tiny_model: EncoderHeads) -> None:
    manifest = read_bundle(tiny_bundle).manifest
    wanted = {"model.onnx", "model.int8.onnx", "heads.safetensors", "tokenizer.json", "golden.jsonl", "metrics.json", "card.json", "MODEL_CARD.md"}
    assert set(manifest.files) == wanted == {path.name for path in tiny_bundle.iterdir()} - {"bundle.json"}
    assert manifest.heads["loaded"].decision == tiny_model.decision
    assert manifest.encoder_digest == tiny_model.encoder.files.digest
    assert manifest.precision == "fp32"
    card = (tiny_bundle / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Trained on invented rows" in card
    assert "model.int8.onnx" in card
    for line in (tiny_bundle / "golden.jsonl").read_text(encoding="utf-8").splitlines():
        assert set(json.loads(line)) == {"text", "target", "target_start", "target_end", "fp32", "int8"}


def test_the_same_training_gives_the_same_bundle(tiny_encoder: Path, tiny_dataset: Dataset, tiny_bundle: Path, tmp_path: Path) -> None:
    judged = tiny_dataset.select(range(TRAINING_ROWS))
    again = export_tiny(fit_tiny(tiny_encoder, judged), tmp_path / "again", judged)
    assert read_bundle(again).manifest == read_bundle(tiny_bundle).manifest


# --- other models


def test_a_corpus_without_spans(tiny_encoder: Path, tiny_dataset: Dataset, tmp_path: Path, texts: list[str], rows: Dataset) -> None:
    bare = tiny_dataset.map(lambda row: {"spans": None}, load_from_cache_file=False)
    model = fit_tiny(tiny_encoder, bare)
    folder = export_tiny(model, tmp_path / "bundle", bare, int8=False)
    bundle = read_bundle(folder)
    assert not bundle.manifest.heads["loaded"].points
    assert list(bundle.manifest.graphs) == ["fp32"]
    np.testing.assert_allclose(open_runtime(bundle)(texts).heads["loaded"].probabilities, model.predict_proba(rows), atol=1e-4, rtol=0)
    found = Annotator.open(folder).score(texts)
    assert all(sentence.spans == [] for sentence in found)
    assert any(sentence.truncated for sentence in found)


def test_linear(tiny_dataset: Dataset, tmp_path: Path, texts: list[str], rows: Dataset) -> None:
    from slant.models import Linear

    model = Linear().fit(tiny_dataset, None, seed=0)
    annotator = Annotator.open(export_tiny(model, tmp_path / "bundle", tiny_dataset))
    found = annotator.score(texts)
    np.testing.assert_allclose([s.loaded.probability for s in found], model.predict_proba(rows)[:, 1], atol=1e-12, rtol=0)
    assert annotator.score([]) == []
    assert all(s.spans == [] and not s.truncated for s in found)
    assert {s.loaded.label for s in found} == {"neutral", "loaded"}


@pytest.mark.parametrize("by", [None, "outlet"])
def test_prior(tiny_dataset: Dataset, tmp_path: Path, by: str | None) -> None:
    from slant.models import Prior

    model = Prior(by=by).fit(tiny_dataset.select(range(0, 120, 3)), None, seed=0)
    annotator = Annotator.open(export_tiny(model, tmp_path / "bundle", tiny_dataset))
    # A text alone has no outlet: every sentence gets the overall shares.
    assert [s.loaded.probability for s in annotator.score(["One.", "Two."])] == [model.overall[1]] * 2
    assert annotator.annotate("").sentences == []


# --- int8


def test_int8_is_kept_within_its_bound(tiny_bundle: Path) -> None:
    graph = read_bundle(tiny_bundle).manifest.graphs["int8"]
    assert graph.macro_f1_loss is not None
    assert graph.macro_f1_loss <= 1.0
    assert (tiny_bundle / "model.int8.onnx").stat().st_size < (tiny_bundle / "model.onnx").stat().st_size


def test_int8_beyond_its_bound_is_left_out(tiny_model: EncoderHeads, tiny_dataset: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="slant"):
        folder = export_tiny(tiny_model, tmp_path / "bundle", tiny_dataset, int8_max_loss=-0.5)
    assert "no int8 graph: it loses" in caplog.text
    assert not (folder / "model.int8.onnx").exists()
    assert list(read_bundle(folder).manifest.graphs) == ["fp32"]
    assert all(check.passed for check in verify_bundle(folder))
    with pytest.raises(BundleError, match="there is no int8 graph. It has: fp32"):
        Annotator.open(folder, precision="int8")


def test_a_ruined_int8_graph_is_left_out(
    tiny_model: EncoderHeads, tiny_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With the bound that a run has, a compressed graph that answers the same to everything does not leave."""

    def ruin(source: Path, target: Path, wordpieces: object) -> None:
        import onnx

        model = onnx.load(source)
        for tensor in model.graph.initializer:
            if tensor.name == "encoder.embeddings.LayerNorm.weight":
                tensor.raw_data = np.zeros(tensor.dims[0], np.float32).tobytes()
        onnx.save(model, target)

    monkeypatch.setattr(export, "quantise", ruin)
    with caplog.at_level(logging.WARNING, logger="slant"):
        folder = export_tiny(tiny_model, tmp_path / "bundle", tiny_dataset, int8_max_loss=0.005)
    assert "no int8 graph: it loses 0.6667 of macro F1 on 120 rows" in caplog.text
    assert list(read_bundle(folder).manifest.graphs) == ["fp32"]


# --- exports that must not happen


def _nothing_left(parent: Path) -> bool:
    return list(parent.iterdir()) == []


@pytest.mark.parametrize(
    ("stage", "error"),
    [(stage, RuntimeError("broken")) for stage in ("export_onnx", "record_golden", "_check_against_model", "quantise", "write_manifest")]
    + [("write_card", KeyboardInterrupt()), ("write_card", OSError(28, "No space left on device"))],
)
def test_failing_half_way_leaves_nothing(
    tiny_model: EncoderHeads, tiny_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, error: BaseException
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(export, stage, fail)
    expected = StorageError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        export_tiny(tiny_model, tmp_path / "bundle", tiny_dataset.select(range(8)))
    assert _nothing_left(tmp_path)


def test_target_folder_holds_something(tiny_model: EncoderHeads, tiny_dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="holds something already"):
        export_tiny(tiny_model, tmp_path / "bundle", tiny_dataset)
    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", "mine.txt"]


@pytest.mark.parametrize("off", [2e-4, float("nan")])
def test_a_graph_that_disagrees_is_refused(
    tiny_model: EncoderHeads, tiny_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, off: float
) -> None:
    real = type(tiny_model).predict_proba

    def predict_proba(self: EncoderHeads, dataset: Dataset) -> Any:
        found = real(self, dataset)
        found[-1] += (off, -off)
        return found

    monkeypatch.setattr(type(tiny_model), "predict_proba", predict_proba)
    with pytest.raises(BundleError, match="the exported graph's probabilities differ from the model's"):
        export_tiny(tiny_model, tmp_path / "bundle", tiny_dataset)
    assert _nothing_left(tmp_path)


def test_a_model_without_export(tiny_dataset: Dataset, tmp_path: Path) -> None:
    class Guess:
        labels = ("neutral", "loaded")

    with pytest.raises(ConfigError, match="Guess cannot be exported"):
        export_tiny(Guess(), tmp_path / "bundle", tiny_dataset)  # type: ignore[arg-type]
    assert _nothing_left(tmp_path)


def test_the_graph_does_not_depend_on_the_export_folder(tiny_bundle: Path, tmp_path: Path) -> None:
    """A bundle moved elsewhere is the same bundle."""
    moved = tmp_path / "a folder with spaces & ünïcode"
    moved.mkdir()
    for path in tiny_bundle.iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    assert all(check.passed for check in verify_bundle(moved))
