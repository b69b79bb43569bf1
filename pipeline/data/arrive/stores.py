"""A store behind a URL as a source, by fsspec: S3, http, memory and other installed kinds.

A URL may hold a password or a signed query, and so may the error messages of a store's library.
So messages show only `shown_url` and, of an error, only its class.
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
from pipeline.data.arrive.source import Item, OnBytes, UnsteadyError

_AT_ONCE = 8
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_VERSIONS = (
    "ETag", "etag", "md5", "md5Hash", "content_md5", "Content-MD5", "Digest", "mtime",
    "LastModified", "Last-Modified", "last_modified", "updated", "modify", "created",
)  # fmt: skip
"""Names of the attribute that changes with a file's content; the best first."""
_DOWN = {"ConnectionError", "TimeoutError", "ClientConnectionError", "HTTPClientError"}
_BUSY = (408, 429, *range(500, 600))
_NOT_ALLOWED = {
    "PermissionError", "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound",
    "CredentialRetrievalError", "TokenRetrievalError", "SSOTokenLoadError",
}  # fmt: skip
_WRONG = {"ParamValidationError", "InvalidRegionError", "NoRegionError", "ValueError"}
_WRONG_NUMBERS = (errno.EINVAL, getattr(errno, "EREMCHG", errno.EINVAL))


def shown_url(url: str) -> str:
    """A URL as it may be shown: without user, password, query and fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


class StoreSource:
    """The objects below a prefix, or one object."""

    def __init__(self, url: str) -> None:
        """Open the file system of the URL; the store is not contacted yet.

        Raises:
            BadInputError: the URL is of an unknown kind, or the package for it is not installed.
        """
        self.shown = shown_url(url)
        if "::" in url:
            raise BadInputError(f"{self.shown}: chained URLs (::) are not supported; give one URL")
        with self._explained():
            self._store, self._root = fsspec.core.url_to_fs(url, skip_instance_cache=True)
        self._is_http = url.startswith(("http://", "https://"))
        if not self._root.strip("/") and not url.startswith("memory:"):
            raise BadInputError(f"{self.shown} names no bucket: add it, as in s3://bucket/prefix")

    @property
    def at_once(self) -> int:
        """See `Source`."""
        return _AT_ONCE if self._store.async_impl else 1

    def items(self) -> list[Item]:
        """See `Source`. An http URL is one file: servers have no folders, only pages."""
        with self._explained():
            info = self._store.info(self._root)
            if info["type"] == "file":
                path = unquote(urlsplit(self._root).path) if self._is_http else self._root
                return [_item(path.rpartition("/")[2], self._root, info)]
            found = self._store.find(self._root, detail=True)
        root = self._root.rstrip("/") + "/"
        items = [
            # A key outside the prefix gets an absolute path, which is not valid and is skipped.
            _item(key.removeprefix(root) if key.startswith(root) else f"/{key}", key, info)
            for key, info in found.items()
            if info["type"] == "file" and not key.endswith("/")  # S3 marks an empty folder so
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

    def fetch(self, item: Item, to: Path, on_bytes: OnBytes) -> None:
        """See `Source`."""
        try:
            with self._explained():
                counting = _Counting(item.size, on_bytes)
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
    """Nothing exists at the URL."""


class _Counting(Callback):  # type: ignore[misc]
    """Report received bytes, and stop when more come than were announced."""

    def __init__(self, size: int, on_bytes: OnBytes) -> None:
        super().__init__()
        self._left, self._on_bytes = size, on_bytes

    def relative_update(self, inc: int = 1) -> None:
        """Count more bytes."""
        if 0 <= self._left < inc:
            raise UnsteadyError
        self._left -= inc if self._left >= 0 else 0
        self._on_bytes(inc)


def _item(path: str, key: str, info: dict[str, Any]) -> Item:
    return Item(path, _size(info), _version(info), key)


def _size(info: dict[str, Any]) -> int:
    size = info.get("size")
    return -1 if size is None else int(size)


def _version(info: dict[str, Any]) -> str:
    for name in _VERSIONS:
        if (value := info.get(name)) is not None:
            text = value.timestamp() if isinstance(value, datetime) else value
            return f"{name} {text}"
    return ""


def _explain(shown: str, error: BaseException) -> MedloomError:
    """Translate a store's error for the user; none of its own text is kept."""
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
            f"{shown}: the store denied access; the credentials are wrong or missing ({name}). "
            "For S3 set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, and "
            "AWS_ENDPOINT_URL for a store other than Amazon's; FSSPEC_S3_ANON=true reads a public "
            "bucket"
        )
    if "FileNotFoundError" in kinds or 404 in statuses:
        return _MissingError(
            f"{shown}: nothing exists there; check the names of bucket and folder, and "
            "AWS_ENDPOINT_URL for a store other than Amazon's"
        )
    if "ImportError" in kinds:
        scheme = shown.partition("://")[0]
        extra = "pip install 'medloom[s3]'" if scheme.startswith("s3") else "its fsspec package"
        return BadInputError(f"{shown}: support for {scheme}:// is not installed: {extra}")
    if kinds & _WRONG or getattr(error, "errno", None) in _WRONG_NUMBERS:
        return BadInputError(
            f"{shown}: the URL is not valid ({name}); allowed are s3://bucket/prefix, "
            "https://host/file.zip and other URLs of fsspec; a bucket in another region needs "
            "AWS_DEFAULT_REGION"
        )
    return TransientError(f"{shown}: the store failed ({name}); try again later")
