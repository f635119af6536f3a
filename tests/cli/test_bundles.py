"""Which bundles answer: those of SLANT_BUNDLE, and with --key only those that the key signed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slant.bundle.sign import new_key, sign_bundle
from slant.cli import main
from slant.cli.annotate import find_bundles
from slant.errors import BundleError
from slant.serve import Annotator
from slant.serve.batch.formats import format_of
from slant.serve.batch.worker import Recipe, Scorer

pytest.importorskip("cryptography")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return new_key(tmp_path_factory.mktemp("keys") / "key")


@pytest.fixture
def signed(broken: Path, keys: tuple[Path, Path]) -> Path:
    sign_bundle(broken, keys[0])
    return broken


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Annotator]:
    """What `slant serve` would have answered with: it opens the bundles, and then serves nothing."""
    opened: list[Annotator] = []
    monkeypatch.setattr("slant.serve.http.create_app", lambda annotator, settings: opened.append(annotator))
    monkeypatch.setattr("slant.serve.http.run_server", lambda *arguments, **options: True)
    return opened


Command = Callable[..., list[str]]


@pytest.fixture(params=["annotate", "score", "score in processes", "serve"])
def command(request: pytest.FixtureRequest, tmp_path: Path, served: list[Annotator]) -> Command:
    """A command line that asks the given bundles."""
    article, table, named = tmp_path / "a.txt", tmp_path / "in.jsonl", request.param
    article.write_text("The vile mayor delayed the vote.\n")
    table.write_text("".join(json.dumps({"text": f"The vile mayor delayed the vote on day {n}."}) + "\n" for n in range(4)))

    def build(*bundles: Path) -> list[str]:
        options = [word for bundle in bundles for word in ("-b", str(bundle))]
        scored = ["score", str(table), "-o", str(tmp_path / "out.jsonl"), *options, "--chunk", "1", "--workers"]
        return {
            "annotate": ["annotate", str(article), "--json", *options],
            "score": [*scored, "1"],
            "score in processes": [*scored, "2"],
            "serve": ["serve", *map(str, bundles)],
        }[named]

    return build


def test_a_bundle_that_the_key_signed_answers(command: Command, signed: Path, keys: tuple[Path, Path], capfd: Any) -> None:
    assert main([*command(signed), "--key", str(keys[1])]) == 0, capfd.readouterr().err


def test_any_other_is_refused_by_name(
    command: Command, signed: Path, tiny_stance_bundle: Path, keys: tuple[Path, Path], tmp_path: Path, served: list[Annotator], capfd: Any
) -> None:
    stranger = new_key(tmp_path / "stranger")[1]
    for bundles, key, said in (
        ((signed,), stranger, f"{signed}: its signature is not of this bundle.json by the key"),
        # Of several, each must be signed.
        ((signed, tiny_stance_bundle), keys[1], f"{tiny_stance_bundle}: it is not signed"),
        ((signed,), tmp_path / "none.pub", "the key cannot be read"),
    ):
        assert main([*command(*bundles), "--key", str(key)]) == 1
        out, err = capfd.readouterr()
        assert said in err and len(err.splitlines()) == 1 and out == ""
    assert not served and not list(tmp_path.glob("out.jsonl*"))


def test_a_worker_elsewhere_asks_for_the_signature_too(signed: Path, tiny_bundle: Path, keys: tuple[Path, Path]) -> None:
    ids = tuple(bundle.manifest.id for bundle in Annotator.open(signed).bundles)
    recipe = Recipe((str(signed),), ids, None, 1, format_of("out.jsonl"), False, str(keys[1]))
    Scorer.open(recipe, replay=False)
    shutil.copy(tiny_bundle / "bundle.json", signed / "bundle.json")
    (signed / "bundle.sig").unlink()
    with pytest.raises(BundleError, match="it is not signed"):
        Scorer.open(recipe, replay=False)


def test_the_variable_may_name_several(
    tiny_bundle: Path, tiny_stance_bundle: Path, served: list[Annotator], monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setenv("SLANT_BUNDLE", os.pathsep.join([str(tiny_bundle), "", str(tiny_stance_bundle), ""]))
    assert find_bundles(None) == [tiny_bundle, tiny_stance_bundle]
    assert find_bundles(["named"]) == [Path("named")]
    assert main(["serve"]) == 0, capfd.readouterr().err
    assert sorted(served[0].heads) == ["loaded", "stance"]


def test_serve_without_any_bundle_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.delenv("SLANT_BUNDLE", raising=False)
    monkeypatch.setenv("SLANT_HOME", str(tmp_path))
    assert main(["serve"]) == 1
    told = capfd.readouterr().err
    assert "no bundle was named" in told and "--bundle" not in told
