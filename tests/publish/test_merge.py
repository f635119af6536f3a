"""Several bundles as one: the same answers from one folder, or a reason why not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import build_tiny_encoder
from fixtures_bundle import edit_manifest, export_tiny, fit_stance, reseal, stance_dataset

from slant.bundle import read_bundle
from slant.errors import BundleError, ConfigError
from slant.publish import merge_bundles
from slant.serve import Annotator, verify_bundle
from slant.text import Target

TEXT = "The vile minister delayed the heroic bridge on Monday. The council met Orlov."
TARGETS = [Target("bridge"), Target("council")]


@pytest.fixture(scope="module")
def merged(tiny_bundle: Path, tiny_stance_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return merge_bundles([tiny_bundle, tiny_stance_bundle], tmp_path_factory.mktemp("merged") / "bundle").folder


def test_one_bundle_with_the_heads_of_both(merged: Path, tiny_bundle: Path, tiny_stance_bundle: Path) -> None:
    manifest = read_bundle(merged).manifest
    both = [read_bundle(path).manifest for path in (tiny_bundle, tiny_stance_bundle)]
    assert manifest.heads == {"loaded": both[0].heads["loaded"], "stance": both[1].heads["stance"]}
    assert list(manifest.graphs) == ["fp32", "int8"]
    assert manifest.graphs["int8"].macro_f1_loss == max(m.graphs["int8"].macro_f1_loss or 0.0 for m in both)
    assert (manifest.name, manifest.licence) == ("tiny + tiny", "Apache-2.0")
    assert manifest.id not in {m.id for m in both}
    assert set(json.loads((merged / "metrics.json").read_text(encoding="utf-8"))) == {"loaded", "stance"}
    card = (merged / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.index("## Head `loaded`") < card.index("## Head `stance`") < card.index("## Graphs")
    assert card.count("Trained on invented rows") == 2


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_it_answers_as_they_did(merged: Path, tiny_bundle: Path, tiny_stance_bundle: Path, precision: str) -> None:
    assert all(check.passed for check in verify_bundle(merged))
    one = Annotator.open(merged, precision=precision).annotate(TEXT, TARGETS)
    two = Annotator.open(tiny_bundle, tiny_stance_bundle, precision=precision).annotate(TEXT, TARGETS)
    assert (one.sentences, one.targets) == (two.sentences, two.targets)
    assert sum(len(sentence.stance) for sentence in one.sentences) == 2
    assert [facts["id"] for facts in one.bundles] == [read_bundle(merged).manifest.id] * 2


def test_int8_goes_where_one_has_none(tiny_bundle: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    stance = export_tiny(fit_stance(tiny_encoder, reads="fixed"), tmp_path / "stance", stance_dataset(), int8=False)
    merged = merge_bundles([stance, tiny_bundle], tmp_path / "merged", name="both")
    assert (merged.manifest.name, list(merged.manifest.graphs), list(merged.manifest.heads)) == ("both", ["fp32"], ["stance", "loaded"])
    assert {row["target"] for row in merged.golden()} <= set(merged.manifest.heads["stance"].targets)


def test_another_encoder(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "encoder").mkdir()
    build_tiny_encoder(tmp_path / "encoder", seed=5)
    other = export_tiny(fit_stance(tmp_path / "encoder"), tmp_path / "other", stance_dataset(), int8=False)
    with pytest.raises(BundleError, match="its encoder graph is not that of .*tiny-bundle"):
        merge_bundles([tiny_bundle, other], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_another_recipe_or_tokenizer(tiny_bundle: Path, tiny_stance_bundle: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_stance_bundle, tmp_path / "stance"))
    edit_manifest(folder, lambda m: m.update(max_pieces=32))
    reseal(folder)
    with pytest.raises(BundleError, match="its recipe of states is not that of"):
        merge_bundles([tiny_bundle, folder], tmp_path / "merged")
    edit_manifest(folder, lambda m: m.update(max_pieces=64))
    (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    reseal(folder)
    with pytest.raises(BundleError, match="its tokenizer is not that of"):
        merge_bundles([tiny_bundle, folder], tmp_path / "merged")


def test_the_same_task_twice(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="it has a head 'loaded', and so has"):
        merge_bundles([tiny_bundle, Path(shutil.copytree(tiny_bundle, tmp_path / "again"))], tmp_path / "merged")


def test_one_is_not_enough(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fewer than two bundles"):
        merge_bundles([tiny_bundle], tmp_path / "merged")


def test_a_baseline(tiny_bundle: Path, tmp_path: Path) -> None:
    from slant.models import Prior

    rows = stance_dataset()
    prior = export_tiny(Prior(task="stance").fit(rows, None, seed=0), tmp_path / "prior", rows)
    with pytest.raises(BundleError, match="no encoder graph apart from its heads"):
        merge_bundles([tiny_bundle, prior], tmp_path / "merged")


def test_a_bundle_that_answers_otherwise_than_recorded(tiny_bundle: Path, tiny_stance_bundle: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_stance_bundle, tmp_path / "stance"))
    golden = (folder / "golden.jsonl").read_text(encoding="utf-8")
    (folder / "golden.jsonl").write_text(golden.replace('"stance": {"probabilities": [0.', '"stance": {"probabilities": [1.', 1), encoding="utf-8")
    reseal(folder)
    with pytest.raises(BundleError, match="answers otherwise than recorded"):
        merge_bundles([tiny_bundle, folder], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
