"""The research baselines' bundles, and files of theirs that are not ours."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from fixtures_bundle import assert_refused, edit_manifest, export_tiny, failed_check, reseal, write_golden

from slant.errors import BundleError
from slant.serve import Annotator, verify_bundle


@pytest.fixture(scope="module")
def linear_bundle(tiny_dataset: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from slant.models import Linear

    return export_tiny(Linear().fit(tiny_dataset, None, seed=0), tmp_path_factory.mktemp("linear") / "bundle", tiny_dataset)


@pytest.fixture(scope="module")
def prior_bundle(tiny_dataset: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from slant.models import Prior

    return export_tiny(Prior(by="outlet").fit(tiny_dataset, None, seed=0), tmp_path_factory.mktemp("prior") / "bundle", tiny_dataset)


class _Untrusted:
    """A type that skops does not know."""

    classes_ = (0, 1)

    def predict_proba(self, texts: list[str]) -> list[list[float]]:
        return [[0.5, 0.5]] * len(texts)


def test_skops_with_an_untrusted_type(linear_bundle: Path, tmp_path: Path) -> None:
    import skops.io

    folder = Path(shutil.copytree(linear_bundle, tmp_path / "bundle"))
    skops.io.dump(_Untrusted(), folder / "linear.skops")
    reseal(folder)
    assert_refused(folder, "Untrusted")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + b"\0" * 18])
def test_skops_that_is_none(linear_bundle: Path, tmp_path: Path, content: bytes) -> None:
    folder = Path(shutil.copytree(linear_bundle, tmp_path / "bundle"))
    (folder / "linear.skops").write_bytes(content)
    reseal(folder)
    assert_refused(folder, "linear.skops cannot be loaded")


def test_skops_of_something_else(linear_bundle: Path, tmp_path: Path) -> None:
    import skops.io

    folder = Path(shutil.copytree(linear_bundle, tmp_path / "bundle"))
    skops.io.dump([1, 2, 3], folder / "linear.skops")
    reseal(folder)
    assert_refused(folder, "linear.skops cannot be run")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "cannot be loaded"),
        ("[]", "cannot be loaded"),
        ("{}", "cannot be loaded"),
        ("[" * 100_000, "cannot be loaded"),
        ('{"overall": "x"}', "cannot be"),
        ('{"overall": [0.2, 0.3, 0.5]}', "gives no probabilities"),
        ('{"overall": [NaN, 1.0]}', "gives no probabilities"),
        ('{"overall": [-1.0, 2.0]}', "gives no probabilities"),
        ('{"overall": [0.9, 0.1]}', "answers otherwise than recorded"),
    ],
)
def test_priors_that_are_none(prior_bundle: Path, tmp_path: Path, content: str, reason: str) -> None:
    folder = Path(shutil.copytree(prior_bundle, tmp_path / "bundle"))
    (folder / "prior.json").write_text(content, encoding="utf-8")
    reseal(folder)
    assert_refused(folder, reason)


def test_a_stance_bundle_alone_cannot_annotate(prior_bundle: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(prior_bundle, tmp_path / "bundle"))
    (folder / "prior.json").write_text('{"overall": [0.2, 0.3, 0.5]}', encoding="utf-8")
    rows = [{"text": "x", "target": "y", "fp32": {"stance": {"probabilities": [0.2, 0.3, 0.5]}}}]

    def change(manifest: dict[str, Any]) -> None:
        head = manifest["heads"].pop("loaded")
        manifest["heads"]["stance"] = head | {"task": "stance", "labels": ["against", "neutral", "favor"]}

    edit_manifest(folder, change)
    write_golden(folder, rows)
    assert all(check.passed for check in verify_bundle(folder))
    with pytest.raises(BundleError, match="it has no head of the task 'loaded', only stance"):
        Annotator.open(folder)
    write_golden(folder, [row | {"target": None, "fp32": {"stance": None}} for row in rows])
    assert "no golden row asks the head 'stance' anything" in failed_check(folder).detail
