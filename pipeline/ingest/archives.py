"""Zip and tar archives: their members one at a time, from the stream, into memory alone.

Nothing is ever unpacked to a disk, so a member's path can do no harm; one that points outside is
refused all the same, since no honest archive holds it. What a bomb could fill is bounded: each
member by `ingest.max_bytes`, all of them by `ingest.max_unpacked_bytes`, their number by
`ingest.max_members`. Archives in archives are not opened.
"""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from pipeline.ingest.config import IngestConfig
from pipeline.ingest.formats.sniff import SNIFF_BYTES, sniff
from pipeline.ingest.refusal import Refused

_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError,
    KeyError, IndexError, OverflowError, NotImplementedError, RuntimeError, UnicodeError,
)  # fmt: skip
_IGNORED = (".ds_store", "thumbs.db", "desktop.ini", "dicomdir")
_UNFOLDED: dict[str, Callable[[IO[bytes]], Any]] = {
    "gzip": gzip.open,
    "bzip2": bz2.open,
    "xz": lzma.open,
}


@dataclass(frozen=True)
class Member:
    """One file of an archive.

    Attributes:
        path: inside the archive, or "" of a file that is only compressed.
        content: its bytes, or why it is not taken.
    """

    path: str
    content: bytes | Refused


def members(stream: IO[bytes], kind: str, config: IngestConfig) -> Iterator[Member]:
    """The files of an archive in its own order; folders and system files are passed over.

    Args:
        stream: of the whole file, at its start.
        kind: ZIP, tar, gzip, bzip2 or xz.
        config: the limits.

    Raises:
        Refused: the archive is damaged, encrypted or larger than allowed. It may come after some
            members, which then do not count either.
    """
    try:
        if kind == "ZIP":
            yield from _zip(stream, config)
        elif kind == "tar":
            yield from _tar(stream, config)
        else:
            yield from _unfolded(stream, kind, config)
    except Refused:
        raise
    except _BROKEN as error:
        raise Refused(
            "corrupt", f"the archive cannot be read to its end ({type(error).__name__})"
        ) from error


def _zip(stream: IO[bytes], config: IngestConfig) -> Iterator[Member]:
    left = config.max_unpacked_bytes
    with zipfile.ZipFile(stream) as archive:
        infos = archive.infolist()
        _check_count(len(infos), config)
        for info in infos:
            if info.is_dir() or _is_ignored(info.filename):
                continue
            if info.flag_bits & 1:
                raise Refused("encrypted", "the archive asks for a password; unpack it yourself")
            if stat.S_ISLNK(info.external_attr >> 16):
                yield Member(info.filename, _link())
                continue
            with archive.open(info) as member:
                content = _bounded(member, info.filename, left, config)
            left -= len(content.content) if isinstance(content.content, bytes) else 0
            yield content


def _tar(stream: IO[bytes], config: IngestConfig) -> Iterator[Member]:
    left, count = config.max_unpacked_bytes, 0
    with tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 20) as archive:
        for info in archive:
            _check_count(count := count + 1, config)
            # It remembers every member otherwise.
            archive.members = []  # type: ignore[attr-defined]
            if info.isdir() or _is_ignored(info.name):
                continue
            if info.issym() or info.islnk():
                yield Member(info.name, _link())
            elif not info.isreg():
                yield Member(info.name, Refused(
                    "special-file", "a pipe, socket or device; allowed are regular files"
                ))  # fmt: skip
            else:
                member = archive.extractfile(info)
                assert member is not None  # noqa: S101 - it is a regular file
                content = _bounded(member, info.name, left, config)
                left -= len(content.content) if isinstance(content.content, bytes) else 0
                yield content


def _unfolded(stream: IO[bytes], kind: str, config: IngestConfig) -> Iterator[Member]:
    """A compressed tar, or one compressed file such as volume.nii.gz."""
    inner: Any = _UNFOLDED[kind](stream)
    limited = io.BufferedReader(_Limited(inner, config.max_unpacked_bytes), 1 << 16)
    found = sniff(limited.peek(SNIFF_BYTES)[:SNIFF_BYTES])
    if found == "tar":
        yield from _tar(limited, config)
    else:
        yield _bounded(limited, "", config.max_unpacked_bytes, config)


def _bounded(member: IO[bytes], path: str, left: int, config: IngestConfig) -> Member:
    """A member's bytes, if its path is honest and it is not too large.

    Raises:
        Refused: the archive as a whole unfolds to more than is allowed.
    """
    parts = PurePosixPath(path.replace("\\", "/")).parts
    if path[:1] in ("/", "\\") or ".." in parts or path[1:2] == ":":
        detail = "its path leaves the archive; no honest archive holds such a file"
        return Member(path, Refused("unsafe-path", detail))
    most = min(config.max_bytes, left)
    content = member.read(most + 1)
    if len(content) > left:
        raise Refused(
            "archive-bomb",
            f"the archive unfolds to over {config.max_unpacked_bytes} bytes; allowed are as many "
            "(ingest.max_unpacked_bytes)",
        )
    if len(content) > config.max_bytes:
        return Member(path, Refused(
            "too-large", f"over {config.max_bytes} bytes; allowed are as many (ingest.max_bytes)"
        ))  # fmt: skip
    return Member(path, content)


class _Limited(io.RawIOBase):
    """A stream that refuses to give more bytes than allowed, at once or in all."""

    def __init__(self, inner: IO[bytes], most: int) -> None:
        self._inner, self._left, self._most = inner, most, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._inner.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise Refused(
                "archive-bomb",
                f"the archive unfolds to over {self._most} bytes; allowed are as many "
                "(ingest.max_unpacked_bytes)",
            )
        buffer[: len(content)] = content
        return len(content)


def _check_count(count: int, config: IngestConfig) -> None:
    if count > config.max_members:
        raise Refused(
            "too-many-members",
            f"the archive holds over {config.max_members} files; allowed are as many "
            "(ingest.max_members): divide it",
        )


def _is_ignored(path: str) -> bool:
    name = PurePosixPath(path).name.lower()
    return name.startswith(".") or name in _IGNORED or path.startswith("__MACOSX/")


def _link() -> Refused:
    return Refused("symlink", "a link; links are never followed: put the file itself there")
