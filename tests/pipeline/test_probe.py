"""`slant probe` from a bundle, a run's folder and an MLflow run, as its user has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import LOADED_WORDS, PLAIN_WORDS

from slant.cli import main
from slant.errors import ConfigError, DataError
from slant.pipeline import probe_model, read_camps

HEAD = {"name": "tiny", "version": "1", "lexicons": {"noun": ["minister", "mayor", "council"]}}


@pytest.fixture(scope="session")
def tiny_suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Probes in the words of the tiny corpus, which the tiny model knows, and one of stance, which it does not."""
    folder = tmp_path_factory.mktemp("suite")
    sentences = {word: f"The {word} minister presented the annual report on Friday." for word in (*LOADED_WORDS, *PLAIN_WORDS)}
    labels = {word: "loaded" if word in LOADED_WORDS else "neutral" for word in sentences}
    files: dict[str, dict[str, Any]] = {
        "minimum": {"cases": [{"id": word, "text": text, "expect": labels[word]} for word, text in sentences.items() if word != "annual"]},
        "pair": {"cases": [{"id": f"pair-{w}", "text": f"The {{|{w} }}<noun> opened the bridge on Sunday."} for w in LOADED_WORDS[:3]]},
        "invariance": {"cases": [{"id": "noun", "text": "The vile <noun> delayed the vote.", "change": "nouns", "swap": "noun"}]},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(HEAD))
    for kind, more in files.items():
        (folder / f"{kind}.yaml").write_text(yaml.safe_dump({"task": "loaded", "kind": kind} | more))
    stance = {"task": "stance", "kind": "minimum", "cases": [{"id": "s", "text": "[Ann] is the best.", "expect": "favor"}]}
    (folder / "stance.yaml").write_text(yaml.safe_dump(stance))
    return folder


def test_a_bundle_is_asked_what_its_heads_answer(tiny_bundle: Path, tiny_suite: Path) -> None:
    from slant.serve import Annotator

    found = probe_model(str(tiny_bundle), suite=tiny_suite)
    assert {row["task"] for row in found.rows} == {"loaded"} and found.leaning is None and found.camps is None
    assert found.notes[0] == "no stance head, so its probes were not asked" and "name its run" in found.notes[1]
    assert [(row["kind"], row["cases"]) for row in found.rows] == [("minimum", 11), ("injection", 9), ("neutralisation", 9), ("invariance", 2)]
    minimum = found.rows[0]
    assert minimum["rate"] >= 0.8 and minimum["lo"] < minimum["rate"]
    # The answers are the annotator's own.
    items = [item for outcome in found.outcomes for item in outcome.case.items]
    answers = [answer for outcome in found.outcomes for answer in outcome.answers]
    for answer, sentence in zip(answers, Annotator.open(tiny_bundle).score([item.text for item in items]), strict=True):
        assert answer.label == sentence.loaded.label and answer.score == pytest.approx(sentence.loaded.probability, abs=1e-6)


def test_a_stance_head_alone_is_probed(tiny_stance_bundle: Path, tmp_path: Path) -> None:
    """In the words it was trained on: an adjective before a noun tells the stance towards that noun."""
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(HEAD))
    adjectives = (("heroic", "vile"), ("glorious", "disgraceful"), ("heroic", "monstrous"))
    files: dict[str, list[dict[str, Any]]] = {
        "minimum": [{"id": w, "text": f"The {w} [<noun>] opened the final vote on Friday.", "expect": "favor"} for w in ("heroic", "glorious")],
        "direction": [{"id": b, "text": f"The {{{a}|{b}}} [<noun>] opened the final vote on Monday.", "change": "reversal"} for a, b in adjectives],
        "target_swap": [{"id": f"s-{b}", "text": f"The {a} [+<noun>] rejected the {b} [-<noun2>] on Sunday."} for a, b in adjectives],
    }
    for kind, cases in files.items():
        (tmp_path / f"{kind}.yaml").write_text(yaml.safe_dump({"task": "stance", "kind": kind, "cases": cases}))
    found = probe_model(str(tiny_stance_bundle), suite=tmp_path)
    assert [(row["kind"], row["cases"]) for row in found.rows] == [("minimum", 6), ("direction", 9), ("target_swap", 9)]
    assert all(row["rate"] > 0.6 for row in found.rows), found.rows
    shipped = probe_model(str(tiny_stance_bundle))
    assert {row["task"] for row in shipped.rows} == {"stance"} and "no loaded head, so its probes were not asked" in shipped.notes
    assert len(shipped.outcomes) == sum(case.task == "stance" for case in shipped.suite.cases)


def test_kinds_are_chosen_and_suggested(tiny_bundle: Path, tiny_suite: Path) -> None:
    assert [row["kind"] for row in probe_model(str(tiny_bundle), suite=tiny_suite, kinds=["invariance"]).rows] == ["invariance"]
    with pytest.raises(ConfigError, match="Did you mean 'injection'"):
        probe_model(str(tiny_bundle), suite=tiny_suite, kinds=["injections"])
    with pytest.raises(ConfigError, match="heads are of loaded, the probes are of nothing"):
        probe_model(str(tiny_bundle), suite=tiny_suite, kinds=["direction"])


def test_the_shipped_suite_runs_on_a_bundle(tiny_bundle: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    assert main(["probe", str(tiny_bundle), "--json", str(file), "--worst", "1"]) == 0
    shown = capsys.readouterr().out
    assert "loaded: injection" in shown and "no stance head" in shown and "Worst failures" in shown
    told = json.loads(file.read_text(encoding="utf-8"))
    assert told["suite"]["name"] == "slant-probes" and len(told["cases"]) == sum(row["cases"] for row in told["kinds"])
    assert all(len(case["items"]) in (1, 2) and case["passed"] in (True, False, None) for case in told["cases"])


def test_a_run_is_audited_for_leaning(tiny_bundle: Path, tiny_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = _run(tmp_path / "run", tiny_bundle)
    found = probe_model(str(run), suite=tiny_suite)
    assert found.leaning is not None and found.leaning["gap"]["value"] == 1.0 and "name its run" not in " ".join(found.notes)
    assert main(["probe", str(run), "--suite", str(tiny_suite)]) == 0
    assert "gap +1.000" in capsys.readouterr().out
    (run / "predictions.parquet").unlink()
    assert probe_model(str(run), suite=tiny_suite).leaning is None


def test_camps_audit_by_target(tiny_bundle: Path, tiny_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = _run(tmp_path / "run", tiny_bundle)
    camps = tmp_path / "camps.yaml"
    camps.write_text("left: [Bo]\nright: [Ann]\n")
    found = probe_model(str(run), suite=tiny_suite, camps=read_camps(camps))
    assert found.camps is not None and found.camps["gap"]["value"] == -1.0
    assert main(["probe", str(run), "--suite", str(tiny_suite), "--camps", str(camps)]) == 0
    assert "by the target's camp" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="a bundle alone has no predictions"):
        probe_model(str(tiny_bundle), suite=tiny_suite, camps=read_camps(camps))
    for content in ("left: [Bo]\n", "left: Bo\nright: Ann\n", "- Bo\n", "left: [1]\nright: [a]\n", "left: [a\n", "left: []\nright: [a]\n"):
        camps.write_text(content)
        with pytest.raises(DataError, match="YAML|table of camps"):
            read_camps(camps)


def test_an_mlflow_run_is_found_with_its_bundle(tiny_bundle: Path, tiny_suite: Path, tmp_path: Path) -> None:
    from slant.tracking import open_run

    run = _run(tmp_path / "run", tiny_bundle)
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with open_run(store, "probes", "one", artifact_root=tmp_path / "artifacts") as logger:
        logger.log_artifact(run / "predictions.parquet")
        logger.set_tags({"slant.bundle": str(run / "bundle")})
    found = probe_model(logger.run_id, suite=tiny_suite, store=store)
    assert found.leaning is not None and found.rows[0]["kind"] == "minimum"
    with pytest.raises(ConfigError):
        probe_model("0" * 32, suite=tiny_suite, store=store)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/no/such/bundle"], "there is no such bundle or run"),
        (["EMPTY"], "the run has no bundle here"),
        (["BUNDLE", "--suite", "EMPTY"], "there is no suite.yaml"),
        (["BUNDLE", "--kind", "minimal"], "there is no kind of probe 'minimal'. Did you mean 'minimum'?"),
        (["BUNDLE", "--worst", "-1"], "--worst is -1"),
        (["BUNDLE", "--camps", "/no/such/file"], "there is no such file"),
    ],
)
def test_what_cannot_be_probed_is_told_in_one_line(
    arguments: list[str], said: str, tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"BUNDLE": str(tiny_bundle), "EMPTY": str(tmp_path)}
    assert main(["probe", *(names.get(argument, argument) for argument in arguments)]) == 1
    err = capsys.readouterr().err
    assert said in err and len(err.strip().splitlines()) == 1


def _run(folder: Path, bundle: Path) -> Path:
    """A run's folder: of the left's outlets (and of Ann) nothing is called loaded, of the right's (and of Bo) everything."""
    from slant.evaluation import PredictionsMeta, write_predictions
    from slant.labels import LOADED

    folder.mkdir()
    (folder / "bundle").symlink_to(bundle)
    sides = ["left", "right"] * 8
    gold = ["loaded", "loaded", "neutral", "neutral"] * 4
    pred = ["loaded" if side == "right" else "neutral" for side in sides]
    columns: dict[str, Any] = {
        "run_id": ["r"] * 16, "split": ["test"] * 16, "fold": [0] * 16, "seed": [1] * 16, "id": list(map(str, range(16))),
        "group": list(map(str, range(16))), "text": ["It rained."] * 16, "gold": gold, "pred": pred, "leaning": sides,
        "target": ["Ann" if side == "left" else "Bo" for side in sides],
        "p_neutral": [float(label == "neutral") for label in pred], "p_loaded": [float(label == "loaded") for label in pred],
    }  # fmt: skip
    meta = PredictionsMeta("loaded", LOADED.version, LOADED.labels, "c", "s", "0", "invented")
    write_predictions(folder / "predictions.parquet", columns, meta)
    return folder
