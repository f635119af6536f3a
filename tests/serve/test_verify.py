"""`verify_bundle` and the replay of golden rows, beside the many broken bundles of tests/bundle/test_read.py."""

from __future__ import annotations

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
    assert [(check.name, check.passed) for check in verify_bundle(broken)] == [("format and digests", False)]
    from fixtures_bundle import reseal

    reseal(broken)
    assert [(c.name, c.passed) for c in verify_bundle(broken)] == [("format", True), ("digests", True), ("golden replay", False)]


def test_the_command(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(broken)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in lines] == ["ok  "] * 4
    edit_manifest(broken, lambda m: m.update(format_version=9))
    assert main(["verify", str(broken)]) == 1
    out = capsys.readouterr()
    assert out.out.startswith("FAIL")
    assert str(broken) in out.out
    assert len(out.out.splitlines()) == 1
    assert out.err == ""
