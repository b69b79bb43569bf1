"""What patients, series and source files are called where anything is kept: hashes under a key.

A plain hash of a patient's number is undone by trying all numbers. So names are HMACs
(RFC 2104, SHA-256) under a key that lies outside the repository and the state. Whoever loses the
key loses the question "what used this patient", and later images of a patient who is known could
not be joined to the earlier ones; so a project remembers which key it is named under, and ingest
refuses another one. The built-in phantoms are nobody: their names are hashed without a key, so
that a run on them is the same on every machine.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.base.errors import BadInputError

PATIENT_PREFIX = "patient-"
PIXELS_PREFIX = "pixels-"
KEY_ID_FILE = Path("data/patient-key")
"""On the data branch: which key the patients are named under, never the key."""

_PHANTOM = re.compile(r"phantom-\d+")
_SHORTEST_KEY = 32
_NOBODY = frozenset(
    [
        "anon",
        "anonymous",
        "anonymised",
        "anonymized",
        "deidentified",
        "de-identified",
        "unknown",
        "none",
        "null",
        "nil",
        "na",
        "n/a",
        "no_name",
        "noname",
        "removed",
    ]
)
"""What de-identifying software writes where a patient was: it names nobody in particular."""


@dataclass(frozen=True)
class Pseudonyms:
    """Names under one key.

    Attributes:
        key: at least 32 bytes; it is in no repr.
    """

    _key: bytes

    def __repr__(self) -> str:
        return f"Pseudonyms(key_id={self.key_id!r})"

    @classmethod
    def load(cls, file: Path, *, make: bool = False) -> Self:
        """Read the key; `make` writes a new one where there is no file.

        Raises:
            BadInputError: there is no key in the file, or it cannot be read or written.
        """
        try:
            if make and not file.exists():
                _write_key(file)
            key = file.read_bytes().strip()
        except FileNotFoundError:
            raise BadInputError(
                f"{file} is missing: it holds the key that patients are named under. Bring it back "
                "from its copy, or let MEDLOOM_PATIENT_KEY_FILE name it where it is"
            ) from None
        except OSError as error:
            raise BadInputError(
                f"the key that patients are named under, {file}: {error.strerror}; let "
                "MEDLOOM_PATIENT_KEY_FILE name a file that can be read"
            ) from error
        if len(key) < _SHORTEST_KEY:
            raise BadInputError(
                f"{file} holds {len(key)} bytes; a key that patients are named under has at least "
                f"{_SHORTEST_KEY}: bring the right file, or take this one away for a new key"
            )
        return cls(key)

    @property
    def key_id(self) -> str:
        """Which key this is, 12 hex digits; nothing about the key can be learned from it."""
        return self._name("key", "")[:12]

    def patient(self, name: str, issuer: str = "") -> str:
        """Name of a patient's group, "" for one that is no name; the case does not count.

        Args:
            name: as the source tells it: an identifier, or what a file name holds.
            issuer: who gave the identifier out; two hospitals both have a patient 1.
        """
        name = _plain(name)
        if not name or name in _NOBODY:
            return ""
        if group := phantom_group(name):
            return group
        issued = f"{_plain(issuer)}\0{name}" if issuer else name
        return PATIENT_PREFIX + self._name("patient", issued)[:12]

    def series(self, uid: str) -> str:
        """Name of the group that images of one scan share when no patient is told; "" of ""."""
        return PIXELS_PREFIX + self._name("series", uid)[:12] if uid else ""

    def file(self, path: str) -> str:
        """What the local index calls a file of the landing zone."""
        return self._name("file", path)[:32]

    def _name(self, kind: str, text: str) -> str:
        message = f"{kind}\0{text}".encode("utf-8", "surrogateescape")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def phantom_group(name: str) -> str:
    """Name of a built-in phantom's group, which hangs on no key; "" for any other name."""
    if not _PHANTOM.fullmatch(_plain(name)):
        return ""
    return PATIENT_PREFIX + hashlib.sha256(_plain(name).encode()).hexdigest()[:12]


def check_key(workspace: Path, names: Pseudonyms) -> None:
    """Hold that the patients of a data revision are named under this key, as `check_key_id`."""
    file = workspace / KEY_ID_FILE
    check_key_id(file.read_text() if file.exists() else None, names)


def check_key_id(known: str | None, names: Pseudonyms) -> None:
    """Hold that what a data revision's `KEY_ID_FILE` holds is this key; None: it has no such file.

    Raises:
        BadInputError: it is another one; images of a known patient would look like a stranger's,
            and could end up in another split.
    """
    if known is not None and known.strip() != names.key_id:
        raise BadInputError(
            f"this project's patients are named under the key {known.strip()}, and "
            f"MEDLOOM_PATIENT_KEY_FILE holds the key {names.key_id}: let it name the right file"
        )


def write_key_id(workspace: Path, names: Pseudonyms, groups: Iterable[str]) -> None:
    """Remember which key patients are named under, once there is one in a revision."""
    file = workspace / KEY_ID_FILE
    if not file.exists() and any(group.startswith(PATIENT_PREFIX) for group in groups):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{names.key_id}\n")


def _plain(name: str) -> str:
    return " ".join(name.replace("\0", " ").split()).casefold()


def _write_key(file: Path) -> None:
    """A new key for its owner's eyes; whoever comes second finds the first one's."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_hex(32) + "\n")
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):
            os.link(fresh, file)  # atomic, and never over another's key
    finally:
        fresh.unlink(missing_ok=True)
