"""Atomic writes."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path


def write_atomically(file: Path, text: str) -> None:
    """Write `text` so that readers see the old file or the new one, also after a kill."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
    Path(temporary).replace(file)


def kept_secret(file: Path, size: int = 32) -> str:
    """A random secret kept over restarts, readable by this user only; made when missing.

    Of processes that make it at once, all get that of the first.

    Args:
        file: where it is kept.
        size: of a new one, in random bytes.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_urlsafe(size))
        with suppress(FileExistsError):
            os.link(temporary, file)
        Path(temporary).unlink()
    return file.read_text()
