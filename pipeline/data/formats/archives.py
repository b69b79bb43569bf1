"""Read zip and tar archives: one member at a time, from the stream, into memory only.

Nothing is unpacked to disk, so a member's path can do no harm; a path that leaves the archive is
refused all the same, since no honest archive has one. Archive bombs are bounded: each member by
`ingest.max_bytes`, all members by `ingest.max_unpacked_bytes`, their number by
`ingest.max_members`. Archives inside archives are not opened.
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
from functools import partial
from pathlib import PurePosixPath
from typing import IO, Any, NamedTuple

from pipeline.data.config import IngestConfig
from pipeline.data.formats.sniff import SNIFF_BYTES, sniff
from pipeline.data.passed_over import passed_over
from pipeline.data.refusal import Refused

_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError,
    KeyError, IndexError, OverflowError, NotImplementedError, RuntimeError, UnicodeError,
)  # fmt: skip
_METHODS = {9: "Deflate64", 93: "Zstandard", 97: "WavPack", 98: "PPMd"}
"""Names of compression methods of zip (APPNOTE 4.4.5) that Python may not read."""
_OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {
    "gzip": gzip.open,
    "bzip2": bz2.open,
    "xz": lzma.open,
}


class _Unread(NamedTuple):
    """A member before it is unpacked.

    Attributes:
        path: inside the archive.
        size: unpacked size in bytes, as stated by the archive, which bounds reading; 0 when
            something else bounds it, or nothing is read.
        read: returns its bytes or a refusal; call it before asking for the next member.
    """

    path: str
    size: int
    read: Callable[[], bytes | Refused]


@dataclass(frozen=True)
class ArchiveMember:
    """One file of an archive.

    Attributes:
        path: inside the archive; "" for a single compressed file.
        content: its bytes, or why it is refused; None if the file is passed over.
        kind: why it is passed over (`data.passed_over`), or "".
    """

    path: str
    content: bytes | Refused | None
    kind: str = ""


def members(
    stream: IO[bytes], kind: str, config: IngestConfig, first: int = 0, of: int = 1
) -> Iterator[tuple[int, ArchiveMember]]:
    """The files of an archive in its own order, numbered; folders are skipped.

    Args:
        stream: of the whole file, at its start.
        kind: ZIP, tar, gzip, bzip2 or xz.
        config: the limits.
        first: number of the first member to yield.
        of: yield every `of`-th member from there. The limits apply to all members together.

    Raises:
        Refused: the archive is damaged, encrypted or larger than allowed. It may be
            raised after some members; these are void then.
    """
    try:
        limit = _Limit(config)
        for number, member in enumerate(_unread(stream, kind, config)):
            kind = passed_over(member.path)
            fits = bool(kind) or limit.allows(member.size)
            if number % of != first:
                continue
            if kind:
                yield number, ArchiveMember(member.path, None, kind)
            else:
                content = member.read() if fits else _too_large(config)
                yield number, ArchiveMember(member.path, content)
    except Refused:
        raise
    except _BROKEN as error:
        raise _broken(error) from error


def member_paths(stream: IO[bytes], kind: str, config: IngestConfig) -> list[str]:
    """Paths of an archive's files that are not passed over; nothing is unpacked to memory.

    Args:
        stream: of the whole file, at its start; it is rewound.
        kind: as for `members`.
        config: the limits.

    Raises:
        Refused: as `members`.
    """
    try:
        found = [member.path for member in _unread(stream, kind, config)]
    except Refused:
        raise
    except _BROKEN as error:
        raise _broken(error) from error
    stream.seek(0)
    return [path for path in found if path and not passed_over(path)]


def _unread(stream: IO[bytes], kind: str, config: IngestConfig) -> Iterator[_Unread]:
    if kind == "ZIP":
        return _zip(stream, config)
    if kind == "tar":
        return _tar(stream, config)
    return _compressed(stream, kind, config)


def _broken(error: Exception) -> Refused:
    return Refused("corrupt", f"the archive cannot be read to its end ({type(error).__name__})")


def _zip(stream: IO[bytes], config: IngestConfig) -> Iterator[_Unread]:
    with zipfile.ZipFile(stream) as archive:
        infos = archive.infolist()
        _check_count(len(infos), config)
        windows = not any("/" in info.filename for info in infos)
        for info in infos:
            # PowerShell 5 and old .NET write backslashes (APPNOTE 4.4.17 asks for slashes).
            path = info.filename.replace("\\", "/") if windows else info.filename
            if path.endswith("/"):
                continue
            if info.flag_bits & 1:
                raise Refused("encrypted", "the archive needs a password; unpack it yourself")
            if stat.S_ISLNK(info.external_attr >> 16):
                yield _Unread(path, 0, _link)
            elif not _can_unpack(info):
                yield _Unread(path, 0, partial(_unknown_method, info.compress_type))
            else:
                read = partial(_read_zip, archive, info, path, config)
                yield _Unread(path, info.file_size, read)


def _can_unpack(info: zipfile.ZipInfo) -> bool:
    try:
        zipfile._check_compression(info.compress_type)  # type: ignore[attr-defined]
    except (NotImplementedError, RuntimeError):
        return False
    return True


def _unknown_method(method: int) -> Refused:
    name = _METHODS.get(method, f"method {method}")
    return Refused(
        "packed", f"packed by a method that is not read ({name}): unpack the archive yourself"
    )


def _read_zip(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, config: IngestConfig
) -> bytes | Refused:
    with archive.open(info) as member:
        return _read_member(member, path, config)


def _tar(stream: IO[bytes], config: IngestConfig) -> Iterator[_Unread]:
    count = 0
    with tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 20) as archive:
        for info in archive:
            _check_count(count := count + 1, config)
            # tarfile keeps every member in memory otherwise.
            archive.members = []  # type: ignore[attr-defined]
            if info.isdir():
                continue
            if info.issym() or info.islnk():
                yield _Unread(info.name, 0, _link)
            elif not info.isreg():
                yield _Unread(info.name, 0, _special)
            else:
                yield _Unread(info.name, info.size, partial(_read_tar, archive, info, config))


def _read_tar(
    archive: tarfile.TarFile, info: tarfile.TarInfo, config: IngestConfig
) -> bytes | Refused:
    member = archive.extractfile(info)
    assert member is not None  # noqa: S101 - it is a regular file
    return _read_member(member, info.name, config)


def _compressed(stream: IO[bytes], kind: str, config: IngestConfig) -> Iterator[_Unread]:
    """A compressed tar, or one compressed file such as volume.nii.gz."""
    inner: Any = _OPENERS[kind](stream)
    limited = io.BufferedReader(_Limited(inner, config.max_unpacked_bytes), 1 << 16)
    found = sniff(limited.peek(SNIFF_BYTES)[:SNIFF_BYTES])
    if found == "tar":
        yield from _tar(limited, config)
    else:
        yield _Unread(
            "", 0, partial(_read_member, limited, "", config)
        )  # its size is known only at its end


def _read_member(member: IO[bytes], path: str, config: IngestConfig) -> bytes | Refused:
    """A member's bytes, or a refusal when its path is unsafe or it is too large."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    if path[:1] in ("/", "\\") or ".." in parts or path[1:2] == ":":
        return Refused(
            "unsafe-path", "its path leaves the archive; no honest archive holds such a file"
        )
    content = member.read(config.max_bytes + 1)
    if len(content) > config.max_bytes:
        return _too_large(config)
    return content


def _too_large(config: IngestConfig) -> Refused:
    return Refused("too-large", f"over {config.max_bytes} bytes, the limit of ingest.max_bytes")


class _Limit:
    """Counts the bytes of members to unpack; a member that is too large is never opened."""

    def __init__(self, config: IngestConfig) -> None:
        self._config, self._left = config, config.max_unpacked_bytes

    def allows(self, size: int) -> bool:
        """Whether a member of this size may be unpacked.

        Raises:
            Refused: all members together are too large, or the size is negative.
        """
        if size < 0:
            raise Refused("corrupt", "the archive states a negative size of a member")
        if size > self._config.max_bytes:
            return False
        self._left -= size
        if self._left < 0:
            raise _bomb(self._config.max_unpacked_bytes)
        return True


class _Limited(io.RawIOBase):
    """A stream that raises Refused once more than `most` bytes were read."""

    def __init__(self, inner: IO[bytes], most: int) -> None:
        self._inner, self._left, self._most = inner, most, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._inner.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise _bomb(self._most)
        buffer[: len(content)] = content
        return len(content)


def _bomb(most: int) -> Refused:
    detail = f"the archive unpacks to over {most} bytes, the limit of ingest.max_unpacked_bytes"
    return Refused("archive-bomb", detail)


def _check_count(count: int, config: IngestConfig) -> None:
    if count > config.max_members:
        raise Refused(
            "too-many-members",
            f"the archive holds over {config.max_members} files, the limit of "
            "ingest.max_members: split it",
        )


def _link() -> Refused:
    return Refused("symlink", "a link; links are never followed: put the file itself there")


def _special() -> Refused:
    return Refused("special-file", "a pipe, socket or device; allowed are regular files")
