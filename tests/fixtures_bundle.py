"""A small trained flagship and its bundle, for every test that needs one, and what it takes to forge bundles from it.

`tiny_model` is fitted on the first stories of `tiny_dataset`; `tiny_bundle` is its export with both graphs. `tiny_stance_model` and
`tiny_stance_bundle` are stance heads on the same encoder. Nothing may write into them: a test that breaks a bundle works on a copy.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from datasets import Dataset

    from slant.models import Classifier, EncoderHeads, TargetHeads
    from slant.serve import Check

#: Word pieces that the tiny bundle reads of a sentence.
MAX_PIECES = 64
TRAINING_ROWS = 96

#: What `slant.evaluation.score` would have given; the export only passes it on.
SCORES: dict[str, Any] = {"task_version": 1, "rows": 24, "metrics": {"accuracy": {"value": 1.0, "lo": 1.0, "hi": 1.0, "groups": 6}}}


def fit_tiny(encoder: Path, train: Dataset) -> EncoderHeads:
    """The flagship on the tiny encoder; the same arguments give the same model."""
    from slant.models import EncoderHeads, open_encoder

    opened = open_encoder(path=str(encoder), max_pieces=MAX_PIECES, use_cache=False)
    return EncoderHeads(opened, word_feature_scale=1.0).fit(train, None, seed=1)


def stance_rows(sentences: int, seed: int) -> list[dict[str, Any]]:
    """Rows of the task stance, two a sentence: the adjective before each of two nouns tells the stance towards it, and the two differ."""
    from conftest import DAYS, NOUNS, VERBS
    from fixtures_pipeline import adjective

    chance, rows = random.Random(seed), []
    for number in range(sentences):
        labels, nouns = chance.sample(("against", "neutral", "favor"), 2), chance.sample(NOUNS, 2)
        words = [adjective(chance, label) for label in labels]
        text = f"The {words[0]} {nouns[0]} {chance.choice(VERBS)} the {words[1]} {nouns[1]} on {chance.choice(DAYS)}."
        for label, noun in zip(labels, nouns, strict=True):
            start = text.index(f" {noun}") + 1
            row = {"id": f"{seed}-{number}-{noun}", "text": text, "task": "stance", "label": label, "group": f"{seed}-{number}"}
            rows.append(row | {"target": noun, "target_start": start, "target_end": start + len(noun), "source": "tiny@1"})
    return rows


def stance_dataset(sentences: int = 60, seed: int = 1) -> Dataset:
    """`stance_rows` as an Example table."""
    from slant.data import make_dataset

    return make_dataset(stance_rows(sentences, seed), "tiny")


def fit_stance(encoder: Path, **options: Any) -> TargetHeads:
    """Stance heads on the tiny encoder; the same arguments give the same model."""
    from slant.models import TargetHeads, open_encoder

    opened = open_encoder(path=str(encoder), max_pieces=MAX_PIECES, use_cache=False)
    return TargetHeads(opened, **({"C": (0.1,), "window": 2} | options)).fit(stance_dataset(), None, seed=1)


def export_tiny(model: Classifier, folder: Path, judged: Dataset, **options: Any) -> Path:
    """`export_bundle` with an invented origin and scores; int8 is kept whatever it loses, unless an option says otherwise."""
    from slant.publish import Origin, export_bundle

    origin = Origin(
        name="tiny",
        model=type(model).__name__,
        corpus="tiny@1",
        corpus_licence="CC0-1.0",
        corpus_fingerprint="c" * 64,
        split_fingerprint="5" * 64,
        licence="Apache-2.0",
        git_commit=None,
        git_dirty=None,
        trained_on="invented rows",
    )
    return export_bundle(model, folder, origin, SCORES, judged, **({"int8_max_loss": 1.0} | options)).folder


@pytest.fixture(scope="session")
def tiny_model(tiny_encoder: Path, tiny_dataset: Dataset) -> EncoderHeads:
    """The flagship, fitted on the first 24 stories; the last 6 are its test rows. Do not fit it again."""
    return fit_tiny(tiny_encoder, tiny_dataset.select(range(TRAINING_ROWS)))


@pytest.fixture(scope="session")
def tiny_bundle(tiny_model: EncoderHeads, tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `tiny_model`'s bundle with an fp32 and an int8 graph. Do not write into it."""
    return export_tiny(tiny_model, tmp_path_factory.mktemp("published") / "tiny-bundle", tiny_dataset.select(range(TRAINING_ROWS)))


@pytest.fixture(scope="session")
def tiny_stance_model(tiny_encoder: Path) -> TargetHeads:
    """Stance heads that read mentions, on the encoder of `tiny_model`. Do not fit it again."""
    return fit_stance(tiny_encoder)


@pytest.fixture(scope="session")
def tiny_stance_bundle(tiny_stance_model: TargetHeads, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `tiny_stance_model`'s bundle with an fp32 and an int8 graph. Do not write into it."""
    return export_tiny(tiny_stance_model, tmp_path_factory.mktemp("published") / "stance-bundle", stance_dataset())


@pytest.fixture
def broken(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy of `tiny_bundle` to break."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "broken-bundle"))


def put(*keys: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of JSON: the value under these keys, the last of which may be new."""

    def change(found: dict[str, Any]) -> None:
        *parents, last = keys
        for key in parents:
            found = found[key]
        found[last] = value

    return change


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change `bundle.json`'s JSON in place, leaving the digests and the id as they were."""
    path = folder / "bundle.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def reseal(folder: Path, **changes: Any) -> None:
    """State the digests and the id of whatever stands in the folder now, as a forger would; `changes` are facts of the manifest."""
    from slant.bundle import manifest_from_json, write_manifest

    found = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    write_manifest(folder, replace(manifest_from_json(found, str(folder)), **changes))


def read_golden(folder: Path) -> list[dict[str, Any]]:
    """The rows of a bundle's golden.jsonl."""
    return [json.loads(line) for line in (folder / "golden.jsonl").read_text(encoding="utf-8").split("\n") if line]


def write_golden(folder: Path, rows: list[Any]) -> None:
    """Put these rows in their place and state the digests anew."""
    (folder / "golden.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    reseal(folder)


def assert_refused(path: Path, reason: str) -> None:
    """Opening raises BundleError, and verifying ends in a FAIL line with the same text."""
    from slant.errors import BundleError
    from slant.serve import Annotator

    with pytest.raises(BundleError) as caught:
        Annotator.open(path)
    error = caught.value
    assert reason in error.problem
    assert error.where == str(path)
    assert error.remedy
    assert str(error).splitlines() == [str(error)]
    assert len(str(error)) < 1500
    failed = failed_check(path)
    assert reason in failed.detail
    assert str(path) in failed.detail


def failed_check(path: Path) -> Check:
    """The one check that fails; those behind it are not reached."""
    from slant.serve import verify_bundle

    checks = [check for check in verify_bundle(path) if check.status != "not asked"]
    (number,) = [i for i, check in enumerate(checks) if check.status == "FAIL"]
    assert {check.status for check in checks[:number]} <= {"ok"}
    assert {check.status for check in checks[number + 1 :]} <= {"not reached"}
    return checks[number]
