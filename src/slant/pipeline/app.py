"""Hydra's application, with all of its own options, and errors in one line."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from slant.errors import ConfigError, SlantError, StorageError
from slant.pipeline.schema import register

__all__ = ["compose_config", "configs_folder", "explained", "flat_keys", "near", "run_app"]


def configs_folder() -> Path:
    """The configuration's folder: the repository's `configs/`, or its copy in an installed wheel."""
    packaged = Path(__file__).parents[1] / "_configs"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "configs"


def compose_config(overrides: Sequence[str], *, config_name: str = "train", hydra_too: bool = False) -> DictConfig:
    """The configuration that these overrides give, as `slant train` would compose it."""
    register()
    with hydra.initialize_config_dir(str(configs_folder()), version_base="1.3"):
        cfg: DictConfig = hydra.compose(config_name, list(overrides), return_hydra_config=hydra_too)
        return cfg


def run_app(arguments: Sequence[str]) -> Any:
    """Run `slant train` with Hydra's command line; returns what the job returned (None for a sweep or one of Hydra's own options).

    Raises ConfigError with a suggestion for an unknown key, group or experiment; SlantError of the job goes through.
    """
    register()
    results: list[Any] = []
    failures: list[BaseException] = []

    def job(cfg: DictConfig) -> None:
        try:
            results.append(train_job(cfg))
        except Exception as error:
            # Hydra would print lines of its own above ours.
            failures.append(error)

    # With this set Hydra lets exceptions through instead of printing and leaving; the command line prints them in one line.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    before = sys.argv
    sweep = any(a in ("-m", "--multirun") for a in arguments)
    sys.argv = ["slant", *_overrides_first(arguments)]
    task = train_job if sweep else job  # a parallel launcher sends the task to its workers by name
    try:
        hydra.main(version_base="1.3", config_path=str(configs_folder()), config_name="train")(task)()
    except (HydraException, OmegaConfBaseException) as error:
        raise explained(error) from error
    except RuntimeError as error:
        raise _launch_error(error) or error from error
    finally:
        sys.argv = before
    if failures:
        raise failures[0]
    return results[0] if results else None


def _overrides_first(arguments: Sequence[str]) -> list[str]:
    """The arguments in the order that Hydra's parser can take: it knows no option between two overrides, where people put them."""
    overrides, options, rest = [], [], list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-"):
            overrides.append(argument)
            continue
        options.append(argument)
        if (argument in _TAKES_A_VALUE and rest) or (argument in ("--info", "-i") and rest and "=" not in rest[0]):
            options.append(rest.pop(0))
    return [*overrides, *options]


#: The extra that brings each launcher.
_LAUNCHERS = {"hydra/launcher/joblib": "train", "hydra/launcher/submitit_local": "slurm", "hydra/launcher/submitit_slurm": "slurm"}

_TAKES_A_VALUE = frozenset(
    ["--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd", "--experimental-rerun"]
    + ["--shell-completion", "-sc"]
)


def train_job(cfg: DictConfig) -> Any:
    """One Hydra job: train into Hydra's output folder."""
    from slant.pipeline.train import train

    try:
        return train(cfg, Path(HydraConfig.get().runtime.output_dir))
    except OmegaConfBaseException as error:
        raise explained(error) from error


def explained(error: Exception) -> ConfigError:
    """Hydra's or OmegaConf's error as one line, with the nearest known name."""
    text = str(error)
    causes = [text, *(str(cause) for cause in _causes(error))]
    key = next((m.group(1) for c in causes if (m := re.search(r"(?:Key|key) '([^']+)' (?:is )?not in", c))), None)
    full = next((m.group(1) for c in causes if (m := re.search(r"override '([^']+)'", c))), None)
    if key:
        wanted = full or key
        return ConfigError(f"unknown configuration key {wanted!r}", remedy=near(wanted, _known_keys(), "slant train --cfg job shows all keys"))
    missing = next((m for c in causes if (m := re.search(r"Could not (?:find|load) '([^']+)'", c))), None)
    if missing:
        name = missing.group(1)
        group, _, last = name.rpartition("/")
        if name in _LAUNCHERS:
            remedy = f"Install the extra: pip install 'slant[{_LAUNCHERS[name]}]'"
            return ConfigError(f"the launcher {last} is not installed", where="hydra/launcher", remedy=remedy)
        # Our folder does not show what a plugin brings, and a plugin may not be installed: the next answer then says how.
        plugins = [launcher.rpartition("/")[2] for launcher in _LAUNCHERS if launcher.startswith(f"{group}/")]
        nearest = near(last, [*_choices(name), *plugins], "")
        return ConfigError(f"there is no configuration {name!r}", remedy=nearest or "slant train --help lists the groups")
    group_missing = next((m for c in causes if (m := re.search(r"Could not override '([^']+)'", c))), None)
    if group_missing:
        wanted = group_missing.group(1)
        return ConfigError(f"unknown configuration key {wanted!r}", remedy=near(wanted, _known_keys(), "slant train --cfg job shows all keys"))
    value = next((m for c in causes if (m := re.search(r"(Value '.*' of type .*|Invalid value '.*'.*)", c))), None)
    if value:
        place = getattr(error.__cause__, "full_key", None) or getattr(error, "full_key", None) or ""
        return ConfigError(value.group(1), where=place, remedy="slant train --cfg job shows each key's present value")
    mandatory = next((m for c in causes if (m := re.search(r"Missing mandatory value: (\S+)", c))), None)
    if mandatory:
        return ConfigError(f"{mandatory.group(1)} must be given", remedy=f"Add {mandatory.group(1)}=VALUE to the command")
    return ConfigError(" ".join(text.split()), remedy="slant train --cfg job shows the configuration")


def _launch_error(error: RuntimeError) -> SlantError | None:
    """What a cluster's launcher says when it cannot submit a job or gets no answer from one, as one line; None for any other error."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if 'Could not detect "srun"' in lines[0]:
        return ConfigError("there is no SLURM on this machine (srun)", where="hydra/launcher", remedy="Start it on a login node, or take joblib")
    if not type(error).__module__.startswith("submitit."):
        return None
    problem = f"a job came to no end ({lines[-1].strip()})"
    return StorageError(problem, where="hydra/launcher", remedy="Its log lies in .submitit/ in the sweep's folder")


def _causes(error: BaseException) -> Iterator[BaseException]:
    while (cause := error.__cause__ or error.__context__) is not None:
        yield cause
        error = cause


def near(wanted: str, known: Sequence[str], otherwise: str) -> str:
    """A suggestion: the nearest of the known names, by the whole path or by its last part."""
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=0.6)
    last = wanted.rsplit(".", 1)[-1]
    close = close or [k for k in known if k.rsplit(".", 1)[-1] == last][:1]
    close = close or difflib.get_close_matches(last, [k.rsplit(".", 1)[-1] for k in known], n=1, cutoff=0.75)
    return f"Did you mean {close[0]!r}?" if close else otherwise


def _known_keys() -> list[str]:
    """Every key of the default configuration, and every group, dotted."""
    try:
        cfg = compose_config([], hydra_too=False)
    except (HydraException, OmegaConfBaseException):
        return []
    groups = [path.name for path in configs_folder().iterdir() if path.is_dir()]
    return [*groups, *flat_keys(cfg)]


def flat_keys(cfg: DictConfig) -> list[str]:
    """Every key of a configuration, dotted, those that hold others too."""

    def walk(node: Any, prefix: str) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                yield f"{prefix}{key!s}"
                yield from walk(value, f"{prefix}{key!s}.")

    return list(walk(OmegaConf.to_container(cfg, resolve=False), ""))


def _choices(name: str) -> list[str]:
    """The names in the group that `name` was looked for in, as they would be written."""
    folder = (configs_folder() / name).parent
    while not folder.is_dir():
        folder = folder.parent
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))
