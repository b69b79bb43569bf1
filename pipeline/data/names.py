"""Pseudonyms of patients, series and source files: hashes under a key.

A plain hash of a patient's number can be undone by trying all numbers. So pseudonyms are HMACs
(RFC 2104, SHA-256) under a key that is kept outside the repository and the state. Without the key
nobody can look up what used a patient, and new images of a known patient cannot join the patient's
group. So a project records which key it uses, and ingest refuses any other key. The built-in
phantoms are not patients: their names are hashed without a key, so that a run on them is the same
on every machine.
"""

import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.base.errors import BadInputError
from pipeline.data.placeholders import identifies_nobody

PATIENT_PREFIX = "patient-"
PIXELS_PREFIX = "pixels-"
STUDY_PREFIX = "study-"
PAIR_PREFIX = "pair-"
READER_PREFIX = "reader-"
KEY_ID_FILE = Path("data/patient-key")
"""On the data branch: the id of the key in use, never the key itself."""

_PHANTOM = re.compile(r"phantom-\d+")
_PHANTOM_PAIR = re.compile(r"phantom-\d+-slice-\d+")
_SHORTEST_KEY = 32


@dataclass(frozen=True)
class Pseudonyms:
    """Pseudonyms under one key.

    Attributes:
        key: at least 32 bytes; not shown in the repr.
    """

    _key: bytes

    def __repr__(self) -> str:
        return f"Pseudonyms(key_id={self.key_id!r})"

    @classmethod
    def load(cls, file: Path, *, make: bool = False) -> Self:
        """Read the key; with `make`, create it when the file is missing.

        Raises:
            BadInputError: the file is missing, holds no key, or cannot be read or written.
        """
        try:
            if make and not file.exists():
                _write_key(file)
            key = file.read_bytes().strip()
        except FileNotFoundError:
            raise BadInputError(
                f"{file} is missing: it holds the key of the patients' pseudonyms. Restore it from "
                "a backup, or set MEDLOOM_PATIENT_KEY_FILE to its path"
            ) from None
        except OSError as error:
            raise BadInputError(
                f"the key of the patients' pseudonyms, {file}: {error.strerror}; set "
                "MEDLOOM_PATIENT_KEY_FILE to a file that can be read"
            ) from error
        if len(key) < _SHORTEST_KEY:
            raise BadInputError(
                f"{file} holds {len(key)} bytes; a key of patients' pseudonyms has at least "
                f"{_SHORTEST_KEY}: restore the right file, or delete this one to get a new key"
            )
        return cls(key)

    @property
    def key_id(self) -> str:
        """Id of the key, 12 hex digits; it reveals nothing about the key."""
        return self._name("key", "")[:12]

    def patient(self, name: str, issuer: str = "") -> str:
        """Name of a patient's group; "" when `name` identifies nobody.

        Case is ignored, and so is how accents are encoded: a Mac writes them decomposed.

        Args:
            name: an identifier from the source, or from a file name.
            issuer: who issued the identifier; two hospitals may both have a patient 1.
        """
        return "" if identifies_nobody(name) else self._patient(_plain(name), _plain(issuer))

    def ever(self, name: str, issuer: str = "") -> tuple[str, ...]:
        """Every pseudonym that this or an earlier version gave a name, the current one first.

        Earlier versions hashed accents as they were encoded, and knew fewer placeholders. What
        they wrote about a patient still holds for the patient. Empty for an empty name.
        """
        pairs = [(_plain(name), _plain(issuer)), (_decomposed(name), _decomposed(issuer)),
                 (_folded(name), _folded(issuer))]  # fmt: skip
        return tuple(dict.fromkeys(self._patient(*pair) for pair in pairs if pair[0]))

    def study(self, uid: str) -> str:
        """Pseudonym of a study or volume, which is one patient's; "" for ""."""
        return STUDY_PREFIX + self._name("series", uid)[:12] if uid else ""

    def pair(self, name: str, item: int = 0) -> str:
        """Pseudonym of a pair; "" for "".

        Args:
            name: as a list gives it; of phantoms it is hashed without the key, as their patients.
            item: number of the image within a file of several, 0 for a file that is one image.
        """
        if not name:
            return ""
        plain = _plain(name)
        text = f"{plain}\0{item}" if item else plain
        if _PHANTOM_PAIR.fullmatch(plain):
            return PAIR_PREFIX + hashlib.sha256(text.encode()).hexdigest()[:12]
        return PAIR_PREFIX + self._name("pair", text)[:12]

    def reader(self, name: str) -> str:
        """Pseudonym of a person who judges images."""
        return READER_PREFIX + self._name("reader", _plain(name))[:12]

    def file(self, path: str) -> str:
        """Pseudonym of a file of the landing zone, as used by the local index."""
        return self._name("file", path)[:32]

    def _patient(self, name: str, issuer: str) -> str:
        if group := phantom_group(name):
            return group
        return PATIENT_PREFIX + self._name("patient", f"{issuer}\0{name}" if issuer else name)[:12]

    def _name(self, kind: str, text: str) -> str:
        message = f"{kind}\0{text}".encode("utf-8", "surrogateescape")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def phantom_group(name: str) -> str:
    """Name of a built-in phantom's group, independent of any key; "" for any other name."""
    if not _PHANTOM.fullmatch(_plain(name)):
        return ""
    return PATIENT_PREFIX + hashlib.sha256(_plain(name).encode()).hexdigest()[:12]


def check_key(workspace: Path, names: Pseudonyms) -> None:
    """Check that a workspace's patients are named under this key; see `check_key_id`."""
    file = workspace / KEY_ID_FILE
    check_key_id(file.read_text() if file.exists() else None, names)


def check_key_id(known: str | None, names: Pseudonyms) -> None:
    """Check the content of a data revision's `KEY_ID_FILE`; None: there is no such file.

    Raises:
        BadInputError: they are named under another key; new images of a known patient would get
            another group and could end up in another split.
    """
    if known is not None and known.strip() != names.key_id:
        raise BadInputError(
            f"this project's patients are named under the key {known.strip()}, and "
            f"MEDLOOM_PATIENT_KEY_FILE holds the key {names.key_id}: set it to the right file"
        )


def write_key_id(workspace: Path, names: Pseudonyms, groups: Iterable[str]) -> None:
    """Record the id of the key once a revision has a patient's group."""
    file = workspace / KEY_ID_FILE
    if not file.exists() and any(group.startswith(PATIENT_PREFIX) for group in groups):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{names.key_id}\n")


def group_of_study(study: str) -> str:
    """Name of the group of a study whose patient is unknown; "" for ""."""
    return PIXELS_PREFIX + study.removeprefix(STUDY_PREFIX) if study else ""


def group_of_pair(pair: str) -> str:
    """Name that the group of a pair whose patient is unknown starts from; "" for ""."""
    return PIXELS_PREFIX + pair.removeprefix(PAIR_PREFIX) if pair else ""


def _plain(name: str) -> str:
    """One spelling of a name, however its accents are encoded."""
    return _folded(unicodedata.normalize("NFC", name))


def _decomposed(name: str) -> str:
    """A name as it was hashed before, when it came from a Mac."""
    return _folded(unicodedata.normalize("NFD", name))


def _folded(name: str) -> str:
    return " ".join(name.replace("\0", " ").split()).casefold()


def _write_key(file: Path) -> None:
    """Create a key that only its owner can read; of two concurrent writers the first wins."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_hex(32) + "\n")
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):
            os.link(fresh, file)  # atomic, and never replaces another process's key
    finally:
        fresh.unlink(missing_ok=True)
