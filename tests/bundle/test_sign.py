"""Signatures: whose bundle is it? Each way to forge one fails by name."""

from __future__ import annotations

import base64
import builtins
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fixtures_bundle import edit_manifest, reseal

from slant.bundle import read_bundle
from slant.bundle.sign import new_key, sign_bundle
from slant.cli import main
from slant.errors import BundleError, ConfigError, StorageError
from slant.serve import Annotator, verify_bundle

pytest.importorskip("cryptography")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return new_key(tmp_path_factory.mktemp("keys") / "key")


@pytest.fixture
def signed(broken: Path, keys: tuple[Path, Path]) -> Path:
    sign_bundle(broken, keys[0])
    return broken


def assert_refused(path: Path, key: Path, reason: str) -> None:
    with pytest.raises(BundleError) as caught:
        Annotator.open(path, key=key)
    assert reason in caught.value.problem
    checks = {check.name: check for check in verify_bundle(path, key=key)}
    assert checks["signature"].status == "FAIL"
    assert reason in checks["signature"].detail
    assert checks["format"].status == "not reached"


def test_signed(signed: Path, keys: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    checks = verify_bundle(signed, key=keys[1])
    assert {check.status for check in checks} == {"ok"}
    fingerprint = read_bundle(signed, key=keys[1]).signed_by
    assert fingerprint
    assert f"by the key {fingerprint}" in {check.name: check.detail for check in checks}["signature"]
    assert Annotator.open(signed, key=keys[1]).annotate("Rain fell.").sentences
    assert read_bundle(signed).signed_by is None
    assert main(["verify", str(signed), "--key", str(keys[1])]) == 0
    assert "signature" in capsys.readouterr().out


def test_openssl_agrees(signed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    """The signature is plain Ed25519 over the manifest's bytes: another program checks it, and makes keys that we take."""
    raw = tmp_path / "raw.sig"
    raw.write_bytes(base64.b64decode((signed / "bundle.sig").read_bytes()))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(keys[1]), "-rawin", "-in", str(signed / "bundle.json"), "-sigfile", str(raw)]
    try:
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(tmp_path / "k")], check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", str(tmp_path / "k"), "-pubout", "-out", str(tmp_path / "k.pub")], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl here")
    sign_bundle(signed, tmp_path / "k")
    assert read_bundle(signed, key=tmp_path / "k.pub").signed_by
    with pytest.raises(BundleError, match="another key made it"):
        read_bundle(signed, key=keys[1])


def test_a_zip_is_signed_too(signed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    from slant.bundle.zipped import zip_folder

    zip_folder(signed, tmp_path / "b.zip")
    assert read_bundle(tmp_path / "b.zip", key=keys[1]).signed_by


def test_not_signed(broken: Path, keys: tuple[Path, Path]) -> None:
    assert_refused(broken, keys[1], "it is not signed: there is no bundle.sig")


@pytest.mark.parametrize("content", [b"", b"x", b"\xff\xfe", b"A" * 88, base64.b64encode(b"x" * 63), base64.b64encode(b"x" * 65), b"!" * 88])
def test_signatures_that_are_none(signed: Path, keys: tuple[Path, Path], content: bytes) -> None:
    (signed / "bundle.sig").write_bytes(content)
    assert_refused(signed, keys[1], "is no Ed25519 signature")


def test_a_signature_of_nobody(signed: Path, keys: tuple[Path, Path]) -> None:
    (signed / "bundle.sig").write_bytes(base64.b64encode(bytes(64)))
    assert_refused(signed, keys[1], "another key made it, or the manifest was altered")


def test_another_key(signed: Path, tmp_path: Path) -> None:
    assert_refused(signed, new_key(tmp_path / "other")[1], "another key made it")


def test_a_forger_who_reseals(signed: Path, keys: tuple[Path, Path]) -> None:
    """Digests and id can be made to fit by anyone; the signature cannot."""
    edit_manifest(signed, lambda m: m["heads"]["loaded"]["decision"].update(abstain_below=0.9))
    reseal(signed)
    assert read_bundle(signed).manifest.heads["loaded"].decision.abstain_below == 0.9
    assert_refused(signed, keys[1], "the manifest was altered")


def test_the_signature_comes_before_the_json(signed: Path, keys: tuple[Path, Path]) -> None:
    (signed / "bundle.json").write_bytes(b"[" * 100_000)
    assert_refused(signed, keys[1], "the manifest was altered")


def test_a_file_altered_under_a_good_signature(signed: Path, keys: tuple[Path, Path]) -> None:
    (signed / "model.onnx").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"'model\.onnx' was altered"):
        read_bundle(signed, key=keys[1])


def test_the_signature_has_its_place_alone(signed: Path) -> None:
    assert "bundle.sig" not in read_bundle(signed).manifest.files
    (signed / "sub").mkdir()
    (signed / "bundle.sig").rename(signed / "sub" / "bundle.sig")
    with pytest.raises(BundleError, match=r"'sub/bundle\.sig' is not in the manifest"):
        read_bundle(signed)


def test_a_manifest_that_lists_its_signature(signed: Path) -> None:
    edit_manifest(signed, lambda m: m["files"].update({"bundle.sig": "0" * 64}))
    with pytest.raises(BundleError, match=r"gives a digest for 'bundle\.sig'"):
        read_bundle(signed)


def test_a_signature_too_large(signed: Path) -> None:
    (signed / "bundle.sig").write_bytes(b"A" * 5000)
    with pytest.raises(BundleError, match=r"'bundle\.sig' is too large"):
        read_bundle(signed)


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "is no public key"), ("x" * 20_000, "too large to be a key"),
     ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "is no public key")],
    ids=["empty", "huge", "cut"],
)  # fmt: skip
def test_public_keys_that_are_none(signed: Path, tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "key.pub").write_text(content)
    with pytest.raises(ConfigError, match=reason):
        read_bundle(signed, key=tmp_path / "key.pub")
    assert {check.name: check.status for check in verify_bundle(signed, key=tmp_path / "key.pub")}["signature"] == "FAIL"


def test_keys_of_another_kind(signed: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key").write_bytes(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
    (tmp_path / "key.pub").write_bytes(key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ConfigError, match="is a private key, but none of Ed25519"):
        sign_bundle(signed, tmp_path / "key")
    with pytest.raises(ConfigError, match="is a public key, but none of Ed25519"):
        read_bundle(signed, key=tmp_path / "key.pub")


def test_keys_in_the_wrong_place(signed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a private key, which nobody needs to verify"):
        read_bundle(signed, key=keys[0])
    with pytest.raises(ConfigError, match="is no private key"):
        sign_bundle(signed, keys[1])
    with pytest.raises(ConfigError, match="the key cannot be read"):
        sign_bundle(signed, tmp_path / "none")
    with pytest.raises(ConfigError, match="the key cannot be read"):
        read_bundle(signed, key=tmp_path)


def test_an_encrypted_key(signed: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    encrypted = s.BestAvailableEncryption(b"secret")
    (tmp_path / "key").write_bytes(Ed25519PrivateKey.generate().private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, encrypted))
    with pytest.raises(ConfigError, match="the key is encrypted"):
        sign_bundle(signed, tmp_path / "key")


def test_a_new_key_is_the_owners_and_never_written_over(tmp_path: Path) -> None:
    private, public = new_key(tmp_path / "key")
    assert (private.stat().st_mode & 0o777, public.name) == (0o600, "key.pub")
    before = private.read_bytes()
    with pytest.raises(StorageError, match="stands there already"):
        new_key(tmp_path / "key")
    assert private.read_bytes() == before
    private.rename(tmp_path / "away")
    with pytest.raises(StorageError, match="stands there already"):
        new_key(tmp_path / "key")
    assert not private.exists()


def test_without_the_package(signed: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "cryptography":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match=r"need the package cryptography.*slant\[serve\]"):
        read_bundle(signed, key=keys[1])
    assert read_bundle(signed).manifest  # who asks for no signature needs nothing


def test_the_command_says_it_in_one_line(signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = new_key(tmp_path / "other")[1]
    assert main(["verify", str(signed), "--key", str(other), "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert [check["status"] for check in found["checks"]][:3] == ["ok", "FAIL", "not reached"]
