"""A record that is its bytes: hashed and signed as written, never as today's fields would write it.

So a later version may add fields: their records hold here, and those of this version hold there.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from pipeline.ledger.signing import Signer


class SignedRecord(BaseModel):
    """One JSON object in a file: `read` one that is there, `write` a new one.

    Fields that only a later version knows are kept beside the known ones, and are in `model_dump`.

    Attributes:
        format: number of the format that it was written in.
        key_id: first 16 hex digits of the sha256 of the public key that the record is signed
            with; "" when it is not.
        signature: Ed25519 (RFC 8032) over `signed_part`, hex.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    current: ClassVar[int] = 1
    """The format that `write` writes."""

    format: int = Field(default=1, ge=1)
    key_id: str = ""
    signature: str = ""

    _written: bytes = PrivateAttr(default=b"")

    @property
    def written(self) -> bytes:
        """The file's content."""
        return self._written

    @property
    def sha256(self) -> str:
        """Of the file: what the next record names."""
        return hashlib.sha256(self._written).hexdigest()

    @property
    def signed_part(self) -> bytes:
        """What the signature is over: all that the file says but the signature itself."""
        return _signable(json.loads(self._written))

    @classmethod
    def write(cls, signer: Signer | None = None, **facts: Any) -> Self:
        """A new record, signed if there is a signer.

        Raises:
            ValueError: a field is unknown or missing, or its value is not allowed.
        """
        if unknown := sorted(facts.keys() - cls.model_fields.keys()):
            raise ValueError(f"a {cls.__name__.lower()} has no {', '.join(unknown)}")
        known = {"format": cls.current, "key_id": signer.key_id if signer else ""}
        made = cls.model_validate(facts | known)
        # By way of JSON, so that what is signed has the keys and lists of what is read again.
        content = json.loads(json.dumps(made.model_dump()))
        content["signature"] = signer.sign(_signable(content)) if signer else ""
        return cls.read(_file_text(content))

    @classmethod
    def read(cls, written: bytes) -> Self:
        """The record that a file holds.

        Raises:
            ValueError: it holds none, or its bytes are not the one text of what they say.
        """
        try:
            content = json.loads(written)
            record = cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise ValueError(f"it is no record: {where}: {first['msg']}") from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"it is no record: {error}") from error
        if _file_text(content) != written:
            raise ValueError("it is not as it was written: its bytes are another text of its JSON")
        record._written = written
        return record


def _file_text(content: Mapping[str, Any]) -> bytes:
    """The one text of a record's content; bytes that differ from it are no record's file.

    So a signature over the content is one over every byte: keys are sorted and none comes twice,
    and numbers are as Python writes them, which reads back as the same number (NaN included).
    """
    return json.dumps(content, sort_keys=True).encode() + b"\n"


def _signable(content: Mapping[str, Any]) -> bytes:
    facts = {name: content[name] for name in content if name != "signature"}
    return json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
