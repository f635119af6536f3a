"""`slant export`: runs and bundles in, one bundle out, whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures_bundle import edit_manifest, export_tiny, fit_stance, reseal, stance_dataset

from slant.bundle import read_bundle
from slant.cli import main
from slant.serve import Annotator, verify_bundle

TEXT = "The vile minister delayed the heroic vote on Monday. It rained."


def export(*arguments: object) -> int:
    return main(["export", *map(str, arguments)])


def test_a_bundle_alone_is_copied_as_it_is(tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(tiny_bundle, "-o", tmp_path / "out") == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {p.name: p.read_bytes() for p in tiny_bundle.iterdir()}
    assert (tmp_path / "out" / "heads.safetensors").stat().st_mode & 0o044 == 0o044
    assert f"bundle {read_bundle(tiny_bundle).manifest.id}, loaded, runs in fp32\n" in capsys.readouterr().out


def test_several_become_one_signed_zip(tiny_bundle: Path, tiny_stance_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("cryptography")
    assert export("--new-key", tmp_path / "k") == 0
    packed = tmp_path / "both.zip"
    both = (tiny_bundle, tiny_stance_bundle)
    assert export(*both, "-o", packed, "--zip", "--precision", "int8", "--sign", tmp_path / "k") == 0
    assert "loaded and stance, runs in int8, signed by " in capsys.readouterr().out
    checks = verify_bundle(packed, key=tmp_path / "k.pub")
    assert {check.status for check in checks} == {"ok"}
    assert sum(check.name.startswith("golden replay") for check in checks) == 4
    bundle = read_bundle(packed)
    assert bundle.manifest.precision == "int8"
    assert "`int8`: `model.int8.onnx` (runs unless another is asked for)" in (bundle.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    one = Annotator.open(packed).annotate(TEXT)
    assert one.sentences == Annotator.open(*both, precision="int8").annotate(TEXT).sentences
    assert export(*both, "-o", tmp_path / "again.zip", "--zip", "--precision", "int8", "--sign", tmp_path / "k") == 0
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()


def test_an_old_signature_is_not_taken_along(broken: Path, tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    assert export("--new-key", tmp_path / "k") == 0
    assert export(broken, "-o", tmp_path / "signed", "--sign", tmp_path / "k") == 0
    assert export(tmp_path / "signed", "-o", tmp_path / "plain") == 0
    assert not (tmp_path / "plain" / "bundle.sig").exists()


def test_the_hub_layout(tiny_bundle: Path, tmp_path: Path) -> None:
    assert export(tiny_bundle, "-o", tmp_path / "hub", "--layout", "hub") == 0
    assert {path.name for path in (tmp_path / "hub").iterdir()} == {
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "model.onnx",
        "README.md",
    }


@pytest.mark.parametrize("where", ["file", "folder", "zip"])
def test_nothing_is_written_over(tiny_bundle: Path, tmp_path: Path, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    if where == "folder":
        out.mkdir()
        (out / "mine").write_text("x")
    else:
        out.write_text("x")
    assert export(tiny_bundle, "-o", out, *(["--zip"] if where == "zip" else [])) == 1
    assert "holds something already" in capsys.readouterr().err
    assert (out / "mine" if where == "folder" else out).read_text() == "x"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["RUN", "-o", "OUT", "--precision", "int8"], "there is no int8 graph"),
        (["RUN", "RUN", "-o", "OUT"], "it has a head 'stance', and so has"),
        (["RUN", "-o", "OUT", "--layout", "hub"], "it has only stance"),
        (["RUN", "-o", "OUT", "--layout", "hub", "--zip"], "Leave --zip and --sign out"),
        (["RUN", "-o", "OUT", "--sign", "OUT"], "the key cannot be read"),
        (["RUN"], "a RUN and -o PATH are needed"),
        (["-o", "OUT"], "a RUN and -o PATH are needed"),
        (["RUN", "--new-key", "OUT"], "makes a key and exports nothing"),
        (["OUT", "-o", "OUT"], "there is no such tracking store"),
    ],
)
def test_what_cannot_be_exported(stance: Path, tmp_path: Path, arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = {"RUN": stance, "OUT": tmp_path / "out"}
    more = ["--store", f"sqlite:///{tmp_path}/none.db"] if arguments[0] == "OUT" else []
    assert export(*(names.get(word, word) for word in arguments), *more) == 1
    error = capsys.readouterr().err
    assert reason in error
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def stance(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stance bundle without an int8 graph."""
    return export_tiny(fit_stance(tiny_encoder), tmp_path_factory.mktemp("stance") / "bundle", stance_dataset(), int8=False)


def test_a_disk_that_is_full(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("slant.pipeline.export_run.shutil.copytree", full)
    assert export(tiny_bundle, "-o", tmp_path / "out") == 1
    assert capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_bundle_of_the_first_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(Path(__file__).parents[1] / "cases" / "bundle_1.zip", "-o", tmp_path / "out") == 1
    assert "format version 1, which is read and no longer written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_forged_bundle(broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit_manifest(broken, lambda m: m.update(licence="MIT"))
    assert export(broken, "-o", tmp_path / "out") == 1
    assert "bundle.json was altered" in capsys.readouterr().err
    reseal(broken)
    assert export(broken, "-o", tmp_path / "out") == 0


def test_a_run_gets_the_card_of_all_that_was_measured(train: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its MLflow id and by its folder alike."""
    result = train("audit.noise=false", tracking="mlflow")
    plain = (result.bundle / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "### Slices\n\nNot measured." in plain
    for number, name in enumerate((result.run_id, str(result.folder))):
        out = tmp_path / f"out{number}"
        assert export(name, "-o", out) == 0
        card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
        assert "| outlet: " in card
        assert "Murphy's parts" in card
        assert "| minimum | " in card
        assert "Gap, right minus left" in card
        assert "Not measured" not in card
        bundle = read_bundle(out)
        assert {check.passed for check in verify_bundle(out)} == {True}
        assert json.loads((out / "metrics.json").read_text())["loaded"]["cost"]["seconds"] > 0
        before = read_bundle(result.bundle).manifest
        assert {f: bundle.manifest.files[f] for f in ("model.onnx", "heads.safetensors", "golden.jsonl")} == {
            f: before.files[f] for f in ("model.onnx", "heads.safetensors", "golden.jsonl")
        }
    first, second = (read_bundle(tmp_path / f"out{number}").manifest.id for number in range(2))
    assert first == second
    shutil.rmtree(result.folder / "bundle")
    assert export(result.folder, "-o", tmp_path / "out9") == 1
    assert "no bundle" in capsys.readouterr().err
