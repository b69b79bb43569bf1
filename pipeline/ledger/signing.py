"""Signing the journal: Ed25519 (RFC 8032) with a key kept outside the ledger and the registry.

Without signatures a change of one store is detected by comparison with the others, but a consistent
change of all stores is not.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project

KEYGEN = "`medloom audit keygen FILE` makes one"


@dataclass(frozen=True)
class Verifier:
    """Checks signatures with one public key."""

    key: Ed25519PublicKey

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a public key, or take the public half of a private one (PEM).

        Raises:
            BadInputError: the file has no such key.
        """
        try:
            content = file.read_bytes()
            if b"PRIVATE" in content:
                return cls(_private(content).public_key())
            key = load_pem_public_key(content)
            if not isinstance(key, Ed25519PublicKey):
                raise ValueError(f"it is a {type(key).__name__}")  # noqa: TRY004, TRY301
        except (OSError, ValueError) as error:
            raise BadInputError(
                f"{file} is not an Ed25519 public key in PEM: {error}; {KEYGEN}"
            ) from (error)
        return cls(key)

    @property
    def key_id(self) -> str:
        """First 16 hex digits of the sha256 of the raw public key."""
        raw = self.key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return hashlib.sha256(raw).hexdigest()[:16]

    def holds(self, signature: str, message: bytes) -> bool:
        """Whether the hex signature of the message is valid."""
        try:
            self.key.verify(bytes.fromhex(signature), message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """Signs with the private key that MEDLOOM_JOURNAL_KEY names."""

    key: Ed25519PrivateKey

    @classmethod
    def of(cls, project: Project) -> Self | None:
        """The project's signer; None if no key is set.

        Raises:
            BadInputError: MEDLOOM_JOURNAL_KEY is not a file with an Ed25519 private key.
        """
        if project.journal_key is None:
            return None
        try:
            return cls(_private(project.journal_key.read_bytes()))
        except (OSError, ValueError) as error:
            raise BadInputError(
                f"MEDLOOM_JOURNAL_KEY: {project.journal_key} is not an Ed25519 private key in "
                f"PEM: {error}; {KEYGEN}"
            ) from error

    @property
    def key_id(self) -> str:
        """The public key's `Verifier.key_id`."""
        return Verifier(self.key.public_key()).key_id

    def sign(self, message: bytes) -> str:
        """The signature of a message, 128 hex digits."""
        return self.key.sign(message).hex()


def make_key(file: Path) -> Path:
    """Write a new private key, readable by its owner only, and FILE.pub; returns the latter.

    Raises:
        BadInputError: the file exists; keys are never overwritten.
    """
    key = Ed25519PrivateKey.generate()
    public = file.with_name(file.name + ".pub")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.parent.mkdir(parents=True, exist_ok=True)
    for path, content, mode in (
        (file, private, 0o600),
        (public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
         0o644),
    ):  # fmt: skip
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            raise BadInputError(
                f"{path} exists and is not overwritten; choose another file"
            ) from None
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
    return public


def _private(content: bytes) -> Ed25519PrivateKey:
    key = load_pem_private_key(content, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"it is a {type(key).__name__}")  # noqa: TRY004 - becomes BadInputError
    return key
