"""A detached Ed25519 signature (RFC 8032) over a bundle's manifest, which has the digest of every other file."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from slant.bundle.format import MANIFEST, SIGNATURE
from slant.errors import BundleError, ConfigError, StorageError
from slant.files import storage_errors, write_atomic

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["check_private_key", "check_signature", "new_key", "sign_bundle"]

_MAX_KEY = 1 << 14
_MAKE = "Make one: slant export --new-key FILE, or openssl genpkey -algorithm ed25519 -out FILE"
_PUBLIC = "Name the FILE.pub beside the private key, or: openssl pkey -in FILE -pubout -out FILE.pub"


def sign_bundle(folder: Path, key: str | Path) -> str:
    """Write `bundle.sig` beside the folder's `bundle.json`, made with a private key (PEM, PKCS #8, unencrypted); returns the key's fingerprint.

    The signature is of the manifest's bytes as they stand, in base64 on one line. Raises ConfigError for a key that is none or that cannot be read,
    StorageError when the disk does not take it.
    """
    private = _private(key)
    signature = private.sign((folder / MANIFEST).read_bytes())
    with write_atomic(folder / SIGNATURE) as part:
        part.write_bytes(base64.b64encode(signature) + b"\n")
    return _fingerprint(private.public_key())


def check_private_key(key: str | Path) -> None:
    """Raises ConfigError unless `sign_bundle` can sign with the key: known before the work, not after it."""
    _private(key)


def check_signature(folder: Path, manifest: bytes, key: str | Path, where: str) -> str:
    """The fingerprint of the public key (PEM), once `bundle.sig` is seen to be its signature of the manifest's bytes.

    Raises ConfigError for a key that is none, BundleError for a signature that is missing, none, or of another key or manifest.
    """
    public = _public(key)
    from cryptography.exceptions import InvalidSignature

    path = folder / SIGNATURE
    if not path.is_file():
        raise BundleError(f"it is not signed: there is no {SIGNATURE}", where=where, remedy="Ask whoever published it to sign it, or leave --key out")
    try:
        signature = base64.b64decode(path.read_bytes().strip(), validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    remedy = "Take the bundle again from where it was published"
    if len(signature) != 64:
        raise BundleError(f"its {SIGNATURE} is no Ed25519 signature", where=where, remedy=remedy)
    try:
        public.verify(signature, manifest)
    except InvalidSignature as error:
        problem = f"its signature is not of this {MANIFEST} by the key {_fingerprint(public)}: another key made it, or the manifest was altered"
        raise BundleError(problem, where=where, remedy=f"{remedy}, and the key from who signs") from error
    return _fingerprint(public)


def new_key(path: str | Path) -> tuple[Path, Path]:
    """Write a new private key to `path`, for the owner's eyes alone, and its public key to `path`.pub; returns both. Raises StorageError where one of
    them stands already or cannot be written."""
    _needs_cryptography()
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Path(path)
    public = private.with_name(private.name + ".pub")
    key = Ed25519PrivateKey.generate()
    contents = (
        (private, key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()), 0o600),
        (public, key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo), 0o644),
    )
    with contextlib.ExitStack() as undo:
        for file, content, mode in contents:
            if file.exists() or file.is_symlink():
                raise StorageError("stands there already", where=str(file), remedy="A key is never written over: name another file")
            with storage_errors(file):
                number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
                undo.callback(file.unlink)
                with os.fdopen(number, "wb") as out:
                    out.write(content)
        undo.pop_all()
    return private, public


def _private(key: str | Path) -> Ed25519PrivateKey:
    content = _content(key)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = load_pem_private_key(content, None)
    except TypeError as error:
        remedy = "Take the passphrase off: openssl pkey -in FILE -out PLAIN"
        raise ConfigError("the key is encrypted, and slant asks for no passphrase", where=str(key), remedy=remedy) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError("is no private key in PEM", where=str(key), remedy=_MAKE) from error
    if not isinstance(found, Ed25519PrivateKey):
        raise ConfigError("is a private key, but none of Ed25519", where=str(key), remedy=_MAKE)
    return found


def _public(key: str | Path) -> Ed25519PublicKey:
    content = _content(key)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY" in content:
        raise ConfigError("is a private key, which nobody needs to verify", where=str(key), remedy=_PUBLIC)
    try:
        found = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError("is no public key in PEM", where=str(key), remedy=_PUBLIC) from error
    if not isinstance(found, Ed25519PublicKey):
        raise ConfigError("is a public key, but none of Ed25519", where=str(key), remedy=_PUBLIC)
    return found


def _content(key: str | Path) -> bytes:
    _needs_cryptography()
    try:
        with Path(key).open("rb") as file:
            content = file.read(_MAX_KEY + 1)
    except OSError as error:
        raise ConfigError(f"the key cannot be read ({error.strerror})", where=str(key), remedy=_MAKE) from error
    if len(content) > _MAX_KEY:
        raise ConfigError("is too large to be a key", where=str(key), remedy=_MAKE)
    return content


def _needs_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise ConfigError("signatures need the package cryptography", remedy="pip install 'slant[serve]'") from error


def _fingerprint(public: Ed25519PublicKey) -> str:
    """The first 16 hex digits of the sha256 over the key's 32 bytes."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]
