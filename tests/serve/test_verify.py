"""`verify_bundle` and the replay of golden rows, beside the many broken bundles of tests/bundle/test_read.py."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixtures_bundle import edit_manifest

from slant.bundle import read_bundle
from slant.cli import main
from slant.errors import BundleError
from slant.serve import Annotator, Answers, Asked, open_runtime, verify_bundle
from slant.serve.verify import replay_golden


def _shifted(path: Path, by: float, *, words: float = 0.0) -> float:
    """Replay the golden rows on the bundle's own answers, moved."""
    bundle = read_bundle(path)
    real = open_runtime(bundle, precision="fp32")

    def run(sentences: Sequence[str], asked: Sequence[Asked] = ()) -> Answers:
        answers = real(sentences, asked)
        loaded = answers.heads["loaded"]
        assert loaded.words is not None
        moved = [type(w)(w.starts, w.ends, [score + words for score in w.scores]) for w in loaded.words]
        return replace(answers, heads={"loaded": replace(loaded, probabilities=loaded.probabilities + np.array([by, -by]), words=moved)})

    return replay_golden(bundle, run, "fp32")


def test_the_tolerance_is_the_bound(tiny_bundle: Path) -> None:
    assert _shifted(tiny_bundle, 0.0) < 1e-6
    assert _shifted(tiny_bundle, 9e-5) == pytest.approx(9e-5, rel=0.01)
    assert _shifted(tiny_bundle, 0.0, words=-9e-5) == pytest.approx(9e-5, rel=0.01)
    for by, words in ((1.1e-4, 0.0), (-1.1e-4, 0.0), (0.0, 1.1e-4), (float("nan"), 0.0), (0.0, float("nan"))):
        with pytest.raises(BundleError, match="it answers otherwise than recorded"):
            _shifted(tiny_bundle, by, words=words)


def test_replay_may_be_left_out(broken: Path) -> None:
    from fixtures_bundle import reseal

    golden = (broken / "golden.jsonl").read_text(encoding="utf-8")
    (broken / "golden.jsonl").write_text(golden.splitlines()[0].replace('"probabilities": [', '"probabilities": [1') + "\n", encoding="utf-8")
    reseal(broken)
    with pytest.raises(BundleError):
        Annotator.open(broken)
    assert Annotator.open(broken, replay=False).annotate("Rain fell.").sentences


def test_stages_are_named(broken: Path) -> None:
    (broken / "golden.jsonl").write_text("")
    states = {check.name: check.status for check in verify_bundle(broken)}
    assert states == {
        "files": "ok", "signature": "not asked", "format": "ok", "digests": "FAIL", "graphs": "not reached", "golden replay": "not reached",
    }  # fmt: skip
    from fixtures_bundle import reseal

    reseal(broken)
    states = {check.name: check.status for check in verify_bundle(broken)}
    assert [states[name] for name in ("digests", "graphs", "golden replay fp32 loaded", "golden replay int8 loaded")] == [
        "ok", "ok", "FAIL", "not reached",
    ]  # fmt: skip


def test_the_failing_head_is_named(tiny_bundle: Path, tiny_stance_bundle: Path, tmp_path: Path) -> None:
    """One row a graph and head: what is wrong with one is not said of the other."""
    from fixtures_bundle import reseal
    from safetensors.numpy import load_file, save_file

    from slant.publish import merge_bundles

    folder = merge_bundles([tiny_bundle, tiny_stance_bundle], tmp_path / "merged").folder
    rows = [check.name for check in verify_bundle(folder)]
    assert rows[5:] == [f"golden replay {p} {h}" for p in ("fp32", "int8") for h in ("loaded", "stance")]
    tensors = load_file(folder / "heads.safetensors")
    tensors["stance.weight"] = tensors["stance.weight"] * 3
    save_file(tensors, folder / "heads.safetensors")
    reseal(folder)
    states = {check.name: check.status for check in verify_bundle(folder)}
    assert states["golden replay fp32 stance"] == "FAIL"
    assert states["golden replay int8 loaded"] == "not reached"


def test_the_command(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(broken)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9].strip() for line in lines] == ["ok", "not asked", *["ok"] * 5]
    edit_manifest(broken, lambda m: m.update(format_version=9))
    assert main(["verify", str(broken)]) == 1
    out = capsys.readouterr()
    failed = [line for line in out.out.splitlines() if line.startswith("FAIL")]
    assert len(failed) == 1
    assert str(broken) in failed[0]
    assert sum(line.startswith("not reached") for line in out.out.splitlines()) == 3
    assert out.err == ""


def test_the_command_as_json(broken: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (broken / "golden.jsonl").write_text("")
    assert main(["verify", str(tiny_bundle), str(broken), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(one["bundle"], one["passed"]) for one in found] == [(str(tiny_bundle), True), (str(broken), False)]
    assert found[1]["checks"][0].keys() == {"name", "status", "detail"}
