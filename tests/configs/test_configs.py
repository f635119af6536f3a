"""Every file in configs/ composes, every experiment runs, and every frozen config is still what its command gives."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from slant.pipeline import compose_config, configs_folder

ROOT = Path(__file__).parents[2]
EXPERIMENTS = sorted((ROOT / "configs" / "experiment").rglob("*.yaml"))
STUDIES = sorted((ROOT / "experiments").glob("*/runs.json"))
# `search` is composed by search.yaml: tests/pipeline/test_search.py; `gate` is read by slant publish: tests/configs/test_gate_files.py.
NOT_GROUPS = {"experiment", "gate", "hydra", "local", "search"}


def _choices() -> list[str]:
    found = []
    for group in sorted(configs_folder().iterdir()):
        if group.is_dir() and group.name not in NOT_GROUPS:
            found += [f"{group.name}={path.stem}" for path in sorted(group.glob("*.yaml"))]
    return found


@pytest.mark.parametrize("choice", _choices())
def test_every_choice_composes(choice: str) -> None:
    cfg = compose_config([choice])
    group, _, name = choice.partition("=")
    if group not in ("debug", "task"):
        own = OmegaConf.load(configs_folder() / group / f"{name}.yaml")
        assert set(own) - {"defaults"} <= set(cfg[group])


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_names_its_command_and_is_a_delta(path: Path) -> None:
    name = path.relative_to(configs_folder() / "experiment").with_suffix("").as_posix()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# @package _global_"
    assert lines[1].startswith(f"# slant train experiment={name}")
    assert "_target_:" not in path.read_text(encoding="utf-8")
    cfg = compose_config([f"experiment={name}"])
    assert cfg.name == name


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_runs_on_a_tiny_corpus(
    path: Path,
    tiny_newsroom: Path,
    tiny_babe: Path,
    tiny_other_babe: Path,
    tiny_newsmtsc: Path,
    tiny_semeval2016: Path,
    tiny_encoder: Path,
    home: Path,
) -> None:
    from slant.pipeline import run_app

    name = path.relative_to(configs_folder() / "experiment").with_suffix("").as_posix()
    roots = {"babe": tiny_babe, "newsroom": tiny_newsroom, "newsmtsc": tiny_newsmtsc, "semeval2016": tiny_semeval2016}
    # What the file overrides: its data, and of cross the test corpus, where that is not BABE.
    text = path.read_text(encoding="utf-8")
    data, other = (re.search(pattern, text) for pattern in (r"/data: (\w+)", r"/data@data\.test: (\w+)"))
    assert data is not None
    if data[1] == "cross":
        places = [f"data.train.root={tiny_newsroom}", f"data.test.root={roots[other[1]] if other else tiny_other_babe}"]
    else:
        places = [f"data.root={roots[data[1]]}"]
    model = compose_config([f"experiment={name}"]).model
    nodes = {"model": model} | {f"model.members.{member}": node for member, node in model.get("members", {}).items()}
    places += [f"{key}.encoder.path={tiny_encoder}" for key, node in nodes.items() if "encoder" in node]
    scores = run_app([f"experiment={name}", *places, "tracking=none", "debug=fast"]).scores
    if name.startswith("loaded/"):
        assert scores["metrics"]["macro_f1"]["value"] > 0.5
    else:
        # Rankings, for a corpus whose rows are mostly neutral teaches that most rows elsewhere are.
        assert set(scores["floors"]) == {"majority", "target_majority", "target_blind"}
        assert scores["floors"]["majority"]["metrics"]["auroc"]["value"] < 0.6
        assert scores["metrics"]["auroc"]["value"] > 0.7


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.parent.name)
def test_every_frozen_config_is_what_its_overrides_give(study: Path) -> None:
    runs = json.loads(study.read_text(encoding="utf-8"))["runs"]
    assert {path.stem for path in (study.parent / "resolved").glob("*.yaml")} == set(runs)
    for name, overrides in runs.items():
        frozen = yaml.safe_load((study.parent / "resolved" / f"{name}.yaml").read_text(encoding="utf-8"))
        # A setting that came after the study, and is off unless asked for.
        frozen["evaluation"].setdefault("learning_curve", [])
        assert frozen == yaml.safe_load(OmegaConf.to_yaml(compose_config(overrides))), f"{study.parent.name}/{name}"


def test_no_config_or_result_names_a_place_of_one_machine() -> None:
    for folder in ("configs", "experiments"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".yaml", ".json", ".md"):
                assert not re.search(r"/(home|root|work|tmp|Users)/", path.read_text(encoding="utf-8")), path


def test_unknown_allowed_targets_stay_within_the_package() -> None:
    from slant.pipeline.build import ALLOWED

    def targets(node: Any) -> list[str]:
        if isinstance(node, dict):
            return [v for k, v in node.items() if k == "_target_"] + [t for v in node.values() for t in targets(v)]
        return []

    for path in configs_folder().rglob("*.yaml"):
        if "hydra" not in path.parts and path.name != "train.yaml":
            for target in targets(yaml.safe_load(path.read_text(encoding="utf-8")) or {}):
                assert target.startswith(ALLOWED), f"{path}: {target}"
