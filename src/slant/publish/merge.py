"""Several bundles over one encoder as one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from slant import __version__
from slant.bundle import FORMAT_VERSION, Bundle, Graph, Manifest, read_bundle, read_heads, write_heads, write_manifest
from slant.bundle.format import TOKENIZER
from slant.errors import BundleError, ConfigError
from slant.files import write_folder_atomic
from slant.publish.card import write_card
from slant.publish.facts import read_facts
from slant.publish.golden import record_golden
from slant.serve.runtime import open_runtime
from slant.serve.verify import replay_golden

__all__ = ["merge_bundles"]


def merge_bundles(paths: Sequence[str | Path], folder: Path, *, name: str | None = None) -> Bundle:
    """Write bundles that have the same encoder graph, recipe and tokenizer as one bundle with all their heads, read back and checked.

    An int8 graph is kept where all have the same one. Every golden row of each is replayed on what is written.

    Args:
        folder: must not hold anything yet; it appears whole or not at all.
        name: the new bundle's; the others' with a plus between them when None.

    Raises ConfigError for fewer than two bundles, BundleError, with the reason, where they do not go together or one of them does not prove
    itself, StorageError when the disk does not take it.
    """
    if len(paths) < 2:
        raise ConfigError("fewer than two bundles are given to be merged", remedy="Name at least two")
    bundles = [read_bundle(path) for path in paths]
    for bundle in bundles:
        _check_fits(bundles[0], bundle)
    manifest = _joined(bundles, name)
    with write_folder_atomic(folder) as part:
        for file in (*(graph.file for graph in manifest.graphs.values()), TOKENIZER):
            (part / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundles[0].folder / file, part / file)
        write_heads(part, {k: v for bundle in bundles for k, v in read_heads(bundle.folder, bundle.manifest, bundle.where).items()})
        for precision in manifest.graphs:
            runtime = open_runtime(Bundle(part, manifest, str(folder)), precision=precision)
            for bundle in bundles:
                replay_golden(bundle, runtime, precision)
        record_golden(part, manifest)
        write_card(part, manifest, {name: facts for bundle in bundles for name, facts in read_facts(bundle).items()})
        write_manifest(part, manifest)
    return read_bundle(folder)


def _check_fits(first: Bundle, other: Bundle) -> None:
    """Raise BundleError, by name, for what keeps two bundles apart."""

    def refuse(problem: str, remedy: str) -> BundleError:
        return BundleError(problem, where=other.where, remedy=remedy)

    mine, theirs = first.manifest, other.manifest
    if theirs.format_version < FORMAT_VERSION or "fp32" not in theirs.graphs or theirs.graphs["fp32"].kind != "encoder":
        raise refuse("it has no encoder graph apart from its heads", "Export the model again with this slant; baselines cannot be merged")
    if other is first:
        return
    twice = sorted(set(mine.heads) & set(theirs.heads))
    if twice:
        raise refuse(f"it has a head {twice[0]!r}, and so has {first.where}", "Merge bundles of different tasks")
    for what, mine_is, theirs_is in (
        ("recipe of states", (mine.recipe, mine.max_pieces), (theirs.recipe, theirs.max_pieces)),
        ("encoder graph", mine.files[mine.graphs["fp32"].file], theirs.files[theirs.graphs["fp32"].file]),
        ("tokenizer", mine.files[TOKENIZER], theirs.files[TOKENIZER]),
    ):
        if mine_is != theirs_is:
            remedy = "Merge bundles trained on the same encoder with the same layers; open the others side by side"
            raise refuse(f"its {what} is not that of {first.where}", remedy)


def _joined(bundles: Sequence[Bundle], name: str | None) -> Manifest:
    first, manifests = bundles[0].manifest, [bundle.manifest for bundle in bundles]
    graphs = {"fp32": first.graphs["fp32"]}
    digests = {m.files[m.graphs["int8"].file] if "int8" in m.graphs else None for m in manifests}
    if len(digests) == 1 and None not in digests:
        losses = [m.graphs["int8"].macro_f1_loss for m in manifests]
        worst = max((loss for loss in losses if loss is not None), default=None)
        graphs["int8"] = Graph(first.graphs["int8"].file, "encoder", max(m.graphs["int8"].tolerance for m in manifests), worst)
    commits = {(m.git_commit, m.git_dirty) for m in manifests}
    commit, dirty = commits.pop() if len(commits) == 1 else (None, None)
    return replace(
        first,
        id="",
        name=name or " + ".join(m.name for m in manifests),
        graphs=graphs,
        precision="fp32",
        heads={k: head for m in manifests for k, head in m.heads.items()},
        package_version=__version__,
        git_commit=commit,
        git_dirty=dirty,
        licence=" AND ".join(dict.fromkeys(m.licence for m in manifests)),
        files={},
    )
