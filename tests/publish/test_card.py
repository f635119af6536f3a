"""The model card: valid for the hub, every figure told, and what was not measured said to be so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard, ModelCardData
from hypothesis import given
from hypothesis import strategies as st

from slant.bundle import Manifest, read_bundle
from slant.errors import BundleError
from slant.publish.card import render_card
from slant.publish.facts import HeadFacts, read_facts, write_facts


def _entry(value: float | None, **more: Any) -> dict[str, Any]:
    bounds = {"lo": None, "hi": None} if value is None else {"lo": value - 0.05, "hi": value + 0.05}
    return {"value": value, "n": 1234, "groups": 18} | bounds | more


SCORES: dict[str, Any] = {
    "rows": 1234,
    "metrics": {
        "accuracy": _entry(0.81),
        "macro_f1": _entry(0.8),
        "ece": _entry(0.03),
        "brier": _entry(0.12),
        "auroc": _entry(None),
        "odd|name": _entry(0.5),
    },
    "floors": {
        "majority": {"metrics": {"macro_f1": _entry(0.33)}, "difference": {"macro_f1": {"value": 0.47, "lo": 0.42, "hi": 0.52}}},
    },
    "bootstrap": {"unit": "group", "resamples": 2000, "seed": 1, "level": 0.9},
    "cost": {"seconds": 61.2, "peak_memory_mb": 900.4},
}
FACTS = HeadFacts(
    trained_on="the 2,077 training rows",
    corpus_licence="CC-BY-4.0",
    scores=SCORES,
    slices=[{"column": "outlet", "value": "A|B", "rows": 50, "groups": 4, "metrics": {"accuracy": _entry(0.7), "macro_f1": _entry(0.69)}}],
    calibration={"ece": _entry(0.031), "brier": _entry(0.121), "reliability": 0.01, "resolution": 0.2, "uncertainty": 0.25, "within": 0.0},
    probes=[{"task": "loaded", "kind": "hard_negative", "rate": 0.93, "lo": 0.8, "hi": 0.98, "judged": 64}],
    leaning={
        "camps": {"left": {"rows": 5, "groups": 2, "flags": {"loaded": {"fpr": _entry(0.11), "fnr": _entry(0.12)}}}},
        "gap": {"value": -0.035, "lo": -0.1, "hi": 0.03},
    },
)


@pytest.fixture(scope="module")
def manifest(tiny_bundle: Path) -> Manifest:
    return read_bundle(tiny_bundle).manifest


def test_the_metadata_is_the_hubs(manifest: Manifest) -> None:
    card = ModelCard(render_card(manifest, {"loaded": FACTS}))
    data = card.data.to_dict()
    # What the hub's own reader takes it for, with its own checks of results on.
    again = ModelCardData(ignore_metadata_errors=False, **yaml.safe_load(card.data.to_yaml()))
    assert {(r.metric_type, r.metric_value) for r in again.eval_results} == {("macro_f1", 0.8), ("accuracy", 0.81), ("ece", 0.03), ("brier", 0.12)}
    assert {(r.task_type, r.dataset_type, r.dataset_split) for r in again.eval_results} == {("text-classification", "tiny", "test")}
    assert (data["language"], data["license"], data["pipeline_tag"]) == ("en", "apache-2.0", "text-classification")
    assert {"media-bias", "loaded-language"} <= set(data["tags"])


def test_every_figure_is_told(manifest: Manifest) -> None:
    card = render_card(manifest, {"loaded": FACTS})
    for told in (
        "the 2,077 training rows", "licence CC-BY-4.0", "| metric | value | 90 % interval | n | groups | floor majority (difference) |",
        "| macro_f1 | 0.800 | 0.750 to 0.850 | 1,234 | 18 | 0.330 (+0.470, 0.420 to 0.520) |", "| auroc | – | no interval |", "| odd\\|name |",
        "| outlet: A\\|B | 50 | 4 | 0.700 (0.650 to 0.750) | 0.690", "ECE 0.031", "reliability 0.010",
        "| hard_negative | 0.930 | 0.800 to 0.980 | 64 |",
        "-0.035 (-0.100 to 0.030)", "| left | loaded | 5 | 0.110", "61 s, 900 MB", "word threshold", "Temperature", "Threshold 0.5",
        "Judging persons, parties or outlets", "Languages other than English", "Annotator.open", "slant annotate", "slant serve", "/v1/annotate",
    ):  # fmt: skip
        assert told in card, told
    assert "Not measured" not in card


def test_what_was_not_measured_is_said(manifest: Manifest) -> None:
    card = render_card(manifest, {})
    for heading in ("Scores", "Slices", "Behaviour on probes", "Leaning", "Cost"):
        section = card.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
        assert "Not measured." in section, heading
    assert "Not measured." in card.split("### Calibration\n", 1)[1].split("\n#", 1)[0]
    assert "model-index" not in card
    assert ModelCard(card).data.eval_results is None


def test_calibration_from_the_scores_where_there_is_no_curve(manifest: Manifest) -> None:
    card = render_card(manifest, {"loaded": replace(FACTS, calibration=None)})
    assert "ECE 0.030 (-0.020 to 0.080), Brier score 0.120" in card


@pytest.mark.parametrize("licence", ["Apache-2.0 AND CC-BY-4.0", "my own", "CC0-1.0"])
def test_licences(manifest: Manifest, licence: str) -> None:
    data = ModelCard(render_card(replace(manifest, licence=licence), {})).data.to_dict()
    known = licence == "CC0-1.0"
    assert data["license"] == ("cc0-1.0" if known else "other")
    assert data.get("license_name") == (None if known else licence)


@given(name=st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=40))
def test_no_name_leaves_its_place(manifest: Manifest, name: str) -> None:
    """A bundle's name cannot add keys to the metadata or end it early."""
    plain = ModelCard(render_card(replace(manifest, name="x"), {"loaded": FACTS})).data.to_dict()
    odd = ModelCard(render_card(replace(manifest, name=name), {"loaded": FACTS})).data.to_dict()
    assert odd.keys() == plain.keys()
    assert odd["license"] == "apache-2.0"
    assert odd["model-index"][0]["name"] == name


def test_facts_travel(tiny_bundle: Path, tmp_path: Path) -> None:
    import shutil

    from fixtures_bundle import reseal

    folder = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    write_facts(folder, {"loaded": FACTS})
    reseal(folder)
    assert read_facts(read_bundle(folder)) == {"loaded": FACTS}
    (folder / "card.json").unlink()
    reseal(folder)
    assert read_facts(read_bundle(folder)) == {"loaded": HeadFacts(scores=SCORES)}


@pytest.mark.parametrize("content", ["", "[]", "[" * 100_000, '{"loaded": 1}', '{"loaded": {"x": 1}}', '{"loaded": {}, "loaded": {}}'])
def test_facts_that_are_none(broken: Path, content: str) -> None:
    from fixtures_bundle import reseal

    (broken / "card.json").write_text(content)
    reseal(broken)
    with pytest.raises(BundleError, match=r"card\.json"):
        read_facts(read_bundle(broken))


def test_an_export_has_the_card_and_its_data(tiny_bundle: Path) -> None:
    told = json.loads((tiny_bundle / "card.json").read_text(encoding="utf-8"))
    assert told["loaded"]["trained_on"] == "invented rows"
    assert "scores" not in told["loaded"]
    assert ModelCard((tiny_bundle / "MODEL_CARD.md").read_text(encoding="utf-8")).data.language == "en"
