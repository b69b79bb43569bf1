"""The keys by which one project's images can be told: a C2PA signer, and a watermark's key.

The certificate authority is medloom's own and signs one certificate; its private key is then
forgotten, so what is stolen from a state folder can sign images and nothing else. Certificates are
as C2PA 2.x asks for (version 3, digitalSignature, EKU emailProtection, key identifiers).
"""

import hashlib
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project

ANCHOR, CHAIN, PRIVATE, WATERMARK = "anchor.pem", "chain.pem", "private.pem", "watermark.key"
_YEARS, _WATERMARK_BYTES = 10, 32
_KEY_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@dataclass(frozen=True)
class MarkKeys:
    """The keys of one project.

    Attributes:
        anchor: certificate of the authority (PEM), which whoever verifies signatures must trust.
        chain: the signer's certificate and the authority's (PEM).
        private: the signer's private key (PEM).
        watermark: 32 bytes.
    """

    anchor: str
    chain: str = field(repr=False)
    private: bytes = field(repr=False)
    watermark: bytes = field(repr=False)

    @classmethod
    def of(cls, project: Project) -> Self | None:
        """The keys of a project; None: `make_keys` was never called for it.

        Raises:
            BadInputError: a file of them is missing, damaged or unreadable.
        """
        return cls.read(project.marks) if project.marks.exists() else None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The keys in a folder that `make_keys` wrote.

        Raises:
            BadInputError: a file of them is missing, damaged or unreadable.
        """
        try:
            watermark = bytes.fromhex((folder / WATERMARK).read_text())
            if len(watermark) != _WATERMARK_BYTES:
                raise ValueError(f"{WATERMARK} holds {len(watermark)} bytes")  # noqa: TRY301
            return cls(
                (folder / ANCHOR).read_text(),
                (folder / CHAIN).read_text(),
                (folder / PRIVATE).read_bytes(),
                watermark,
            )
        except (OSError, ValueError) as error:
            raise BadInputError(
                f"the keys of the marks in {folder} cannot be read ({error}); restore the folder "
                "from its copy, or move it away and make new ones (`medloom marks init`)"
            ) from error

    @property
    def watermark_id(self) -> str:
        """Id of the watermark's key, 12 hex digits; it reveals nothing about the key."""
        return hashlib.sha256(b"watermark-id\0" + self.watermark).hexdigest()[:12]

    @property
    def fingerprint(self) -> str:
        """sha256 of the signer's certificate (DER), by which others may know it."""
        leaf = x509.load_pem_x509_certificates(self.chain.encode())[0]
        return leaf.fingerprint(hashes.SHA256()).hex()


def watermark_key(project: Project) -> bytes:
    """The key of a project's watermark; b"" without one.

    Raises:
        BadInputError: as `MarkKeys.of`.
    """
    keys = MarkKeys.of(project)
    return b"" if keys is None else keys.watermark


def make_keys(project: Project) -> MarkKeys:
    """Make the keys of a project, in a folder that only its owner can read.

    Raises:
        BadInputError: there are some; keys are never overwritten.
    """
    folder = project.marks
    refused = BadInputError(
        f"{folder} holds the keys of this project's marks, and images that bear them could not be "
        "told any more without; to begin anew, move the folder away and keep it"
    )
    if folder.exists():
        raise refused
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))  # mode 0o700
    try:
        for name, content, mode in _new_files(project.model):
            with os.fdopen(os.open(fresh / name, os.O_WRONLY | os.O_CREAT, mode), "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        fresh.rename(folder)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if folder.exists():  # another process was faster
            raise refused from error
        raise
    return MarkKeys.read(folder)


def _new_files(model: str) -> list[tuple[str, bytes, int]]:
    """Name, content and mode of each file."""
    authority, signer = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    names = [_name(f"medloom images of {model}"[:64]), _name(model[:64])]
    anchor = _certificate(names[0], authority, names[0], authority)
    leaf = _certificate(names[1], signer, names[0], authority)
    private = signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return [
        (ANCHOR, anchor, 0o644),
        (CHAIN, leaf + anchor, 0o644),
        (PRIVATE, private, 0o600),
        (WATERMARK, secrets.token_hex(_WATERMARK_BYTES).encode() + b"\n", 0o600),
    ]


def _name(common: str) -> x509.Name:
    pairs = ((NameOID.ORGANIZATION_NAME, "medloom"), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(*pair) for pair in pairs])


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    authority: ec.EllipticCurvePrivateKey,
) -> bytes:
    """A certificate (PEM) of a key; of the authority itself where both keys are one."""
    now, own = datetime.now(UTC), key is authority
    uses = {"key_cert_sign", "crl_sign"} if own else {"digital_signature"}
    usage = x509.KeyUsage(**{name: name in uses for name in _KEY_USAGES})
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # clocks differ
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(own, 0 if own else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
            critical=False,
        )
    )
    if not own:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        built = built.add_extension(purpose, critical=False)
    return built.sign(authority, hashes.SHA256()).public_bytes(Encoding.PEM)
