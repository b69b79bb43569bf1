"""Records that are hashed and signed as the bytes in their file, not as the fields known today.

So later versions may add fields: hashes and signatures stay valid in all versions.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from pipeline.ledger.signing import Signer


class SignedRecord(BaseModel):
    """One JSON object in a file: `read` an existing one or `write` a new one.

    Unknown fields of later versions are kept, and are in `model_dump`.

    Attributes:
        format: number of the format that it was written in.
        key_id: first 16 hex digits of the sha256 of the public key that verifies the signature;
            "" if the record is not signed.
        signature: Ed25519 signature (RFC 8032) of `signed_part`, in hex.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    current: ClassVar[int] = 1
    """The format of new records."""

    format: int = Field(default=1, ge=1)
    key_id: str = ""
    signature: str = ""

    _written: bytes = PrivateAttr(default=b"")

    @property
    def written(self) -> bytes:
        """The bytes of the file."""
        return self._written

    @property
    def sha256(self) -> str:
        """The sha256 of the file, which the next record contains."""
        return hashlib.sha256(self._written).hexdigest()

    @property
    def signed_part(self) -> bytes:
        """The signed bytes: the file's content without the signature."""
        return _signable(json.loads(self._written))

    @classmethod
    def write(cls, signer: Signer | None = None, **facts: Any) -> Self:
        """Create a record, signed if there is a signer.

        Raises:
            ValueError: a field is unknown or missing, or its value is not allowed.
        """
        if unknown := sorted(facts.keys() - cls.model_fields.keys()):
            raise ValueError(f"a {cls.__name__.lower()} has no {', '.join(unknown)}")
        known = {"format": cls.current, "key_id": signer.key_id if signer else ""}
        made = cls.model_validate(facts | known)
        # Through JSON, so that keys and lists are signed as they will be read.
        content = json.loads(json.dumps(made.model_dump()))
        content["signature"] = signer.sign(_signable(content)) if signer else ""
        return cls.read(_file_text(content))

    @classmethod
    def read(cls, written: bytes) -> Self:
        """Read a record from the bytes of its file.

        Raises:
            ValueError: they are not a record, or not in canonical form.
        """
        try:
            content = json.loads(written)
            record = cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise ValueError(f"it is not a record: {where}: {first['msg']}") from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"it is not a record: {error}") from error
        if _file_text(content) != written:
            raise ValueError("it is not as it was written: its JSON is not in canonical form")
        record._written = written
        return record


def _file_text(content: Mapping[str, Any]) -> bytes:
    """The canonical form of a record, so that a signature of the content covers every byte.

    Keys are sorted and unique. Numbers are written as by Python and read back exactly (NaN too).
    """
    return json.dumps(content, sort_keys=True).encode() + b"\n"


def _signable(content: Mapping[str, Any]) -> bytes:
    facts = {name: content[name] for name in content if name != "signature"}
    return json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
