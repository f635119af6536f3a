"""The hub layout, read as its users read it: AutoTokenizer and onnxruntime on the folder alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fixtures_bundle import edit_manifest, export_tiny, reseal
from hypothesis import given, settings
from hypothesis import strategies as st

from slant.bundle import read_bundle
from slant.errors import BundleError
from slant.publish.golden import GOLDEN_TEXTS
from slant.publish.hub import write_hub
from slant.serve import open_runtime
from slant.text import find_words

#: Words that only white space tells apart, and what is cut off or joined inside others.
TEXTS = (
    *(text for text, _ in GOLDEN_TEXTS),
    "The ministers' plan, the minister's plan and O’Brien's 'vile' plan.",
    "A left-wing bridge - a vote -and a mayor- said: so-called U.S.-backed plan, p.m. today.",
    "It rose 3.5% to 1,234.5, 50%-off, at 9.30. The U.S. It ended.",
    "velde.com and a/b and user@court vote_report (the budget); u.s.abc a.b",
    "glorious " * 80,
    "",
)


@pytest.fixture(scope="module")
def hub(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    write_hub(read_bundle(tiny_bundle), folder)
    return folder


def probabilities(folder: Path, texts: list[str]) -> npt.NDArray[np.float64]:
    """What the README's example computes."""
    import onnxruntime as ort
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="np")
    session = ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    assert {given.name for given in session.get_inputs()} == {"input_ids", "attention_mask"}
    assert [given.name for given in session.get_outputs()] == ["logits"]
    logits = session.run(["logits"], {name: np.asarray(value, np.int64) for name, value in inputs.items()})[0].astype(np.float64)
    return np.asarray(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))


def expected(bundle: Path, texts: list[str]) -> npt.NDArray[np.float64]:
    return open_runtime(read_bundle(bundle), precision="fp32")(texts).heads["loaded"].probabilities


def test_the_same_probabilities(hub: Path, tiny_bundle: Path) -> None:
    texts = list(TEXTS)
    theirs, ours = probabilities(hub, texts), expected(tiny_bundle, texts)
    assert np.abs(theirs - ours).max() < 1e-4
    assert np.ptp(ours[:, 1]) > 0.01  # else anything would do
    alone = np.concatenate([probabilities(hub, [text]) for text in texts[:3]])
    assert np.abs(alone - theirs[:3]).max() < 1e-5


def test_the_temperature_is_folded_in(broken: Path, tmp_path: Path) -> None:
    edit_manifest(broken, lambda m: m["heads"]["loaded"]["decision"].update(temperature=2.5))
    reseal(broken)
    (tmp_path / "hub").mkdir()
    write_hub(read_bundle(broken), tmp_path / "hub")
    texts = list(TEXTS[:5])
    assert np.abs(probabilities(tmp_path / "hub", texts) - expected(broken, texts)).max() < 1e-4


def test_a_head_that_does_not_point(tiny_encoder: Path, tiny_dataset: Any, tmp_path: Path) -> None:
    from fixtures_bundle import fit_tiny

    plain = tiny_dataset.select(range(96)).map(lambda row: row | {"spans": None}, load_from_cache_file=False, features=tiny_dataset.features)
    bundle = export_tiny(fit_tiny(tiny_encoder, plain), tmp_path / "bundle", plain, int8=False)
    (tmp_path / "hub").mkdir()
    write_hub(read_bundle(bundle), tmp_path / "hub")
    texts = list(TEXTS[:5])
    assert np.abs(probabilities(tmp_path / "hub", texts) - expected(bundle, texts)).max() < 1e-4
    assert json.loads((tmp_path / "hub" / "tokenizer.json").read_text())["normalizer"]["type"] == "BertNormalizer"


def test_what_the_folder_says(hub: Path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    assert {path.name for path in hub.iterdir()} == {"config.json", "tokenizer.json", "tokenizer_config.json", "model.onnx", "README.md"}
    config = AutoConfig.from_pretrained(hub, local_files_only=True)
    assert config.id2label == {0: "neutral", 1: "loaded"}
    assert config.label2id == {"neutral": 0, "loaded": 1}
    tokenizer = AutoTokenizer.from_pretrained(hub, local_files_only=True)
    assert tokenizer.model_max_length == 64
    assert tokenizer.pad_token == "[PAD]"
    card = (hub / "README.md").read_text(encoding="utf-8")
    assert "The logits are calibrated" in card
    assert "AutoTokenizer.from_pretrained" in card


def _words(ids: list[int], kinds: list[int]) -> list[int]:
    """The graph's rule, in Python."""
    numbers, number, before = [], -1, 0
    for piece in ids:
        kind = kinds[piece]
        number += kind > 0 and ((kind == 1 and before != 3) or before == 0)
        numbers.append(number if kind else -1)
        before = kind
    return numbers


_TEXTS = st.lists(st.sampled_from([*"abzé.,'’-%_/ 19  ", "u.s.", "vile", "the ", " - ", "so-", "(", "“", "$5"]), max_size=25).map("".join)


@settings(max_examples=150)
@given(text=_TEXTS)
def test_words_are_told_by_pieces_alone(tiny_encoder: Path, text: str) -> None:
    """For any text that the vocabulary can spell, the pieces' numbers say which word each is of, as `find_words` does."""
    from tokenizers import Tokenizer

    from slant.publish.hub_words import mark_words
    from slant.text.wordpieces import Wordpieces

    tokenizer = json.loads((tiny_encoder / "tokenizer.json").read_text(encoding="utf-8"))
    marked = mark_words(tokenizer)
    assert marked is not None
    pieces, kinds = marked
    ids = Tokenizer.from_str(json.dumps(tokenizer)).encode(text).ids
    (ours,) = Wordpieces.from_file(tiny_encoder / "tokenizer.json", 512).encode([text])
    assert [pieces[i] for i in ids] == ours.ids.tolist()
    assert _words(ids, kinds) == ours.word_of.tolist(), find_words(text)


def test_bundles_that_have_no_such_layout(tiny_stance_bundle: Path, broken: Path, tiny_dataset: Any, tmp_path: Path) -> None:
    from slant.models import Prior

    with pytest.raises(BundleError, match="it has only stance"):
        write_hub(read_bundle(tiny_stance_bundle), tmp_path)
    prior = export_tiny(Prior().fit(tiny_dataset, None, seed=0), tmp_path / "prior", tiny_dataset)
    with pytest.raises(BundleError, match="of kind prior"):
        write_hub(read_bundle(prior), tmp_path)
    tokenizer = json.loads((broken / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["pre_tokenizer"] = {"type": "Whitespace"}
    (broken / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    reseal(broken)
    with pytest.raises(BundleError, match="needs BERT's word pieces"):
        write_hub(read_bundle(broken), tmp_path)
