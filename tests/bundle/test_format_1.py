"""Bundles of format 1 are read for ever: one is frozen in tests/cases, with what it answered when slant still wrote them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fixtures_bundle import edit_manifest

from slant.bundle import read_bundle
from slant.errors import BundleError
from slant.publish import merge_bundles
from slant.serve import Annotator, verify_bundle

CASES = Path(__file__).parents[1] / "cases"
FROZEN = CASES / "bundle_1.zip"


def test_it_proves_itself() -> None:
    checks = verify_bundle(FROZEN)
    assert [check.name for check in checks] == [
        "files",
        "signature",
        "format",
        "digests",
        "graphs",
        "golden replay fp32 loaded",
        "golden replay int8 loaded",
    ]
    assert all(check.passed for check in checks)
    assert checks[2].detail == "version 1, loaded v1"


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_it_answers_as_it_did(precision: str) -> None:
    cases: list[dict[str, Any]] = json.loads((CASES / "bundle_1.json").read_text(encoding="utf-8"))[precision]
    tolerance = read_bundle(FROZEN).manifest.graphs[precision].tolerance
    found = Annotator.open(FROZEN, precision=precision).score([case["text"] for case in cases])
    for sentence, case in zip(found, cases, strict=True):
        assert sentence.loaded.label == case["label"]
        assert sentence.loaded.probability == pytest.approx(case["probability"], abs=tolerance)
        assert [(span.start, span.end) for span in sentence.spans] == [(start, end) for start, end, _ in case["spans"]]
        assert [span.probability for span in sentence.spans] == pytest.approx([p for _, _, p in case["spans"]], abs=tolerance)
        assert sentence.truncated == case["truncated"]


def test_what_it_says_of_itself() -> None:
    manifest = read_bundle(FROZEN).manifest
    (head,) = manifest.heads.values()
    assert (manifest.format_version, list(manifest.heads), head.kind, head.points) == (1, ["loaded"], "graph", True)
    (facts,) = Annotator.open(FROZEN).facts()
    assert (facts["task"], facts["corpus"], facts["model"]) == ("loaded", "tiny@1", "EncoderHeads")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m["decision"].update(threshold=0.01), "bundle.json was altered"),
        (lambda m: m.update(format_version=2), "names no head"),
        (lambda m: m.update(heads={}), "the key 'heads' is unknown"),
        (lambda m: m.pop("points"), "the key 'points' is missing"),
        (lambda m: m["graphs"]["fp32"].update(kind="encoder"), "unknown graph 'fp32' of kind 'encoder'"),
        (lambda m: m["graphs"]["fp32"].update(kind="whole"), "unknown graph 'fp32' of kind 'whole'"),
        (lambda m: m.update(task="stance", labels=["against", "neutral", "favor"]), "an onnx graph for 3 labels"),
    ],
)
def test_a_forged_one_is_refused(tmp_path: Path, change: Any, reason: str) -> None:
    folder = tmp_path / "bundle"
    shutil.unpack_archive(FROZEN, folder)
    edit_manifest(folder, change)
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    assert reason in str(caught.value)


def test_it_cannot_be_merged(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no encoder graph apart from its heads"):
        merge_bundles([FROZEN, FROZEN], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
