"""Every gate file that is shipped reads, and a slip in any of its keys is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from slant.data.probes import KINDS
from slant.errors import ConfigError
from slant.pipeline import configs_folder
from slant.pipeline.publish_run import read_gate
from slant.publish.gatefile import gate_from_mapping

FILES = sorted((configs_folder() / "gate").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_gate_file_reads_under_its_own_name(path: Path) -> None:
    found = read_gate(path)
    assert found.name == path.stem
    assert found.probes is None or set(found.probes.rates) <= set(KINDS)


def test_the_default_gate_demands_something_of_every_section() -> None:
    found = read_gate(configs_folder() / "gate" / "default.yaml")
    names = ("floors", "bounds", "champion", "slices", "probes", "leaning", "audit", "git", "blind")
    assert all(getattr(found, name) is not None for name in names)


def _slips(node: dict[str, Any], trail: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every key that the schema knows: top level and one below."""
    found = [(*trail, key) for key in node]
    if not trail:
        for key, value in node.items():
            if isinstance(value, dict):
                found += _slips(value, (key,))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_misspelt_key_is_told_with_the_nearest(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for trail in _slips(yaml.safe_load(text)):
        if trail == ("version",):
            continue
        broken = yaml.safe_load(text)
        node = broken if len(trail) == 1 else broken[trail[0]]
        node[f"{trail[-1]}x"] = node.pop(trail[-1])
        with pytest.raises(ConfigError, match=rf"unknown key {'.'.join(trail)}x\. Did you mean {'.'.join(trail)}\?"):
            gate_from_mapping(broken, "g.yaml")
