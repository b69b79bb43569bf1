"""One archive of generated images with a list of them; equal files give equal bytes."""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from pipeline.synthetic.png import SYNTHETIC_MARK

MANIFEST_FILE = "manifest.json"
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # of the format; no clock


class ZipMember(NamedTuple):
    """A file of the archive, and what is said of it beside the facts about all.

    Attributes:
        name: path in the archive.
        content: its bytes.
        facts: such as `index`; empty for a file that is about all images.
    """

    name: str
    content: bytes
    facts: Mapping[str, Any] = {}


def zip_bytes(members: Sequence[ZipMember], facts: Mapping[str, Any]) -> bytes:
    """An archive of the members and `MANIFEST_FILE`, which lists them with their sha256.

    Args:
        members: in the order of the archive.
        facts: about all of them, as JSON has it.
    """
    listed = [
        {"name": one.name, "sha256": hashlib.sha256(one.content).hexdigest(), **one.facts}
        for one in members
    ]
    manifest = {"synthetic": True, **SYNTHETIC_MARK, **facts, "files": listed}
    text = (json.dumps(manifest, indent=1) + "\n").encode()
    stream = io.BytesIO()
    with ZipFile(stream, "w") as archive:
        for name, content in [(MANIFEST_FILE, text), *((one.name, one.content) for one in members)]:
            info = ZipInfo(name, _FIRST_DATE)
            info.compress_type = ZIP_STORED  # images are compressed; zlib's output may change
            info.create_system, info.external_attr = 3, 0o644 << 16  # the same on every system
            archive.writestr(info, content)
    return stream.getvalue()
