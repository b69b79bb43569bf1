"""A store behind a URL as a source, by fsspec: S3, http, memory, and what else is installed.

A URL may hold a password or a signed query, and so may whatever a store's library says of an error:
only `shown_url` is ever told, and of an error only its kind.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import fsspec
from fsspec.callbacks import Callback

from pipeline.base.errors import BadInputError, MedloomError, TransientError
from pipeline.data.arrive.source import Item, Tell, UnsteadyError

_AT_ONCE = 8
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_VERSIONS = (
    "ETag", "etag", "md5", "md5Hash", "content_md5", "Content-MD5", "Digest", "mtime",
    "LastModified", "Last-Modified", "last_modified", "updated", "modify", "created",
)  # fmt: skip
"""What stores call the fact that changes with a file's content; the best first."""
_DOWN = {"ConnectionError", "TimeoutError", "ClientConnectionError", "HTTPClientError"}
_BUSY = (408, 429, *range(500, 600))
_NOT_ALLOWED = {
    "PermissionError", "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound",
    "CredentialRetrievalError", "TokenRetrievalError", "SSOTokenLoadError",
}  # fmt: skip
_WRONG = {"ParamValidationError", "InvalidRegionError", "NoRegionError", "ValueError"}
_WRONG_NUMBERS = (errno.EINVAL, getattr(errno, "EREMCHG", errno.EINVAL))


def shown_url(url: str) -> str:
    """A URL as it may be told: without user, password, query and fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


class StoreSource:
    """The objects below a prefix, or one object."""

    def __init__(self, url: str) -> None:
        """Find the kind of store; it is not asked yet.

        Raises:
            BadInputError: the URL is of no known kind, or what reads that kind is not installed.
        """
        self.shown = shown_url(url)
        if "::" in url:
            raise BadInputError(f"{self.shown}: a chain of URLs (::) is not taken; give one URL")
        with self._explained():
            self._store, self._root = fsspec.core.url_to_fs(url, skip_instance_cache=True)
        self._is_http = url.startswith(("http://", "https://"))
        if not self._root.strip("/") and not url.startswith("memory:"):
            raise BadInputError(f"{self.shown} names no bucket: type it, as in s3://bucket/prefix")

    @property
    def at_once(self) -> int:
        """See `Source`."""
        return _AT_ONCE if self._store.async_impl else 1

    def items(self) -> list[Item]:
        """See `Source`. An http address is one file: what a server shows as a folder is a page."""
        with self._explained():
            info = self._store.info(self._root)
            if info["type"] == "file":
                path = unquote(urlsplit(self._root).path) if self._is_http else self._root
                return [_item(path.rpartition("/")[2], self._root, info)]
            found = self._store.find(self._root, detail=True)
        root = self._root.rstrip("/") + "/"
        items = [
            # A key outside the prefix gets a path that nobody will take.
            _item(key.removeprefix(root) if key.startswith(root) else f"/{key}", key, info)
            for key, info in found.items()
            if info["type"] == "file" and not key.endswith("/")  # S3's way to keep an empty folder
        ]
        return sorted(items, key=lambda item: item.path)

    def read(self, item: Item, most: int) -> bytes:
        """See `Source`."""
        end = min(most, item.size) if item.size >= 0 else most
        if not end:
            return b""
        with self._explained():
            return bytes(self._store.cat_file(item.key, start=0, end=end))[:most]

    def same(self, item: Item, file: Path) -> bool | None:
        """See `Source`. Equal sizes alone prove nothing."""
        if not file.is_file() or file.is_symlink():
            return False
        return None if item.size in (-1, file.stat().st_size) else False

    def fetch(self, item: Item, to: Path, tell: Tell) -> None:
        """See `Source`."""
        try:
            with self._explained():
                counting = _Counting(item.size, tell)
                self._store.get_file(item.key, str(to), callback=counting)
                self._store.invalidate_cache()
                now = self._store.info(item.key)
        except _MissingError:
            raise UnsteadyError from None
        if to.stat().st_size != (_size(now) if item.size < 0 else item.size) >= 0:
            raise UnsteadyError
        if (_size(now), _version(now)) != (item.size, item.version):
            raise UnsteadyError

    def place(self, item: Item) -> None:  # noqa: ARG002 - see `Source`
        """See `Source`."""
        return

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (MedloomError, UnsteadyError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise
            raise _explain(self.shown, error) from None


class _MissingError(BadInputError):
    """Nothing is where it was looked for."""


class _Counting(Callback):  # type: ignore[misc]
    """Tells how many bytes came, and stops at more than were announced."""

    def __init__(self, size: int, tell: Tell) -> None:
        super().__init__()
        self._left, self._tell = size, tell

    def relative_update(self, inc: int = 1) -> None:
        """So many bytes more."""
        if 0 <= self._left < inc:
            raise UnsteadyError
        self._left -= inc if self._left >= 0 else 0
        self._tell(inc)


def _item(path: str, key: str, info: dict[str, Any]) -> Item:
    return Item(path, _size(info), _version(info), key)


def _size(info: dict[str, Any]) -> int:
    size = info.get("size")
    return -1 if size is None else int(size)


def _version(info: dict[str, Any]) -> str:
    for name in _VERSIONS:
        if (value := info.get(name)) is not None:
            told = value.timestamp() if isinstance(value, datetime) else value
            return f"{name} {told}"
    return ""


def _explain(shown: str, error: BaseException) -> MedloomError:
    """What a store's error means to whoever typed the URL; nothing of its own words is kept."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    kinds = {kind.__name__ for each in chain for kind in type(each).__mro__}
    statuses = {getattr(each, "status", None) for each in chain}
    name = type(chain[-1]).__name__
    busy = any(isinstance(status, int) and status in _BUSY for status in statuses)
    if kinds & _DOWN or busy:
        return TransientError(f"{shown}: the store does not answer ({name}); try again later")
    if kinds & _NOT_ALLOWED or statuses & {401, 403}:
        return BadInputError(
            f"{shown}: the store lets nobody in with these credentials, or there are none ({name})."
            " For S3 set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, and "
            "AWS_ENDPOINT_URL for a store that is not Amazon's; FSSPEC_S3_ANON=true reads a public "
            "bucket"
        )
    if "FileNotFoundError" in kinds or 404 in statuses:
        return _MissingError(
            f"{shown}: nothing is there; check the bucket's and the folder's name, and "
            "AWS_ENDPOINT_URL for a store that is not Amazon's"
        )
    if "ImportError" in kinds:
        scheme = shown.partition("://")[0]
        extra = "pip install 'medloom[s3]'" if scheme.startswith("s3") else "its fsspec package"
        return BadInputError(f"{shown}: what reads {scheme}:// is not installed: {extra}")
    if kinds & _WRONG or getattr(error, "errno", None) in _WRONG_NUMBERS:
        return BadInputError(
            f"{shown}: no such URL can be read ({name}); allowed are s3://bucket/prefix, "
            "https://host/file.zip and the others that fsspec knows; a bucket elsewhere needs "
            "AWS_DEFAULT_REGION"
        )
    return TransientError(f"{shown}: the store failed ({name}); try again later")
