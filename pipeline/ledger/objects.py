"""The objects of the DVC remote, by md5, wherever DVC keeps them: a folder or any URL it knows."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.settings import Settings
from pipeline.ledger.ledger import Workspace

LISTING = ".dir"  # end of the md5 of a folder's listing


class Objects:
    """What the remote of one workspace holds; the host's cache is asked first when reading."""

    def __init__(self, workspace: Workspace) -> None:
        # DVC is heavy, and most commands need none of this.
        from dvc.repo import Repo

        site = str(workspace.dvc.cache / "dvc-site")
        config = {"core": {"site_cache_dir": site, "analytics": False}}
        repo = Repo(str(workspace.folder), config=config)
        self._remote: Any = repo.cloud.get_remote_odb("store")
        self._stores: list[Any] = [repo.cache.local, self._remote]

    def listing(self, md5: str) -> dict[str, str] | None:
        """A folder's files, path within it -> md5; None when no store has the listing."""
        for store in self._stores:
            try:
                with store.fs.open(store.oid_to_path(md5), "rb") as stream:
                    entries = json.loads(stream.read())
            except FileNotFoundError:
                continue
            except OSError as error:
                raise TransientError(f"the DVC store cannot be read: {error}") from error
            return {entry["relpath"]: entry["md5"] for entry in entries}
        return None

    def present(self, md5: str) -> bool:
        """Whether the remote or the cache has an object."""
        return any(store.exists(md5) for store in self._stores)

    def delete(self, md5: str) -> None:
        """Remove an object from the remote and from this host's cache; it may be gone already.

        Raises:
            TransientError: a store cannot be written to.
        """
        for store in self._stores:
            try:
                if store.exists(md5):
                    store.fs.remove(store.oid_to_path(md5))
            except OSError as error:
                raise TransientError(f"{md5} cannot be removed from the store: {error}") from error


def read_object(settings: Settings, md5: str) -> bytes:
    """An object's bytes, from this host's cache or else from the remote; their md5 is checked.

    It needs no workspace, and DVC itself, which takes a second to import, only for a URL.

    Raises:
        BadInputError: neither holds the object whole.
        TransientError: the remote cannot be reached.
    """
    for store in (str(settings.cache / "dvc"), settings.remote):
        content = _read(store, f"files/md5/{md5[:2]}/{md5[2:]}")
        found = hashlib.md5(content or b"", usedforsecurity=False).hexdigest()
        if content is not None and found == md5.removesuffix(LISTING):
            return content
    raise BadInputError(f"object {md5} is missing from the remote {settings.remote}, or damaged")


def _read(store: str, path: str) -> bytes | None:
    try:
        if "://" not in store:
            return (Path(store) / path).read_bytes()
        from dvc.fs import parse_external_url

        files, root = parse_external_url(store)
        with files.open(files.join(root, path), "rb") as stream:
            return bytes(stream.read())
    except FileNotFoundError:
        return None
    except Exception as error:  # every kind of store has its own
        raise TransientError(f"the DVC store {store} cannot be read: {error}") from error
