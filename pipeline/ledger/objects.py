"""The objects of the DVC remote by md5, in a folder or at any URL that DVC supports."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import Project
from pipeline.ledger.ledger import Workspace

LISTING = ".dir"  # suffix of the md5 of a folder's listing


class Objects:
    """The objects of one workspace's remote; the host's cache is read first."""

    def __init__(self, workspace: Workspace) -> None:
        # DVC is slow to import, and most commands do not need it.
        from dvc.repo import Repo

        site = str(workspace.dvc.cache / "dvc-site")
        config = {"core": {"site_cache_dir": site, "analytics": False}}
        repo = Repo(str(workspace.folder), config=config)
        self._remote: Any = repo.cloud.get_remote_odb("store")
        self._stores: list[Any] = [repo.cache.local, self._remote]

    def listing(self, md5: str) -> dict[str, str] | None:
        """A folder's files, path within it -> md5; None if neither store has the listing."""
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
        """Remove an object from the remote and the host's cache; it need not exist.

        Raises:
            TransientError: a store cannot be written to.
        """
        for store in self._stores:
            try:
                if store.exists(md5):
                    store.fs.remove(store.oid_to_path(md5))
            except OSError as error:
                raise TransientError(f"{md5} cannot be removed from the store: {error}") from error


def read_object(project: Project, md5: str) -> bytes:
    """An object's bytes from the host's cache or the remote, with their md5 checked.

    It needs no workspace. DVC, which takes a second to import, is used only for a URL.

    Raises:
        BadInputError: the object is missing or damaged in both.
        TransientError: the remote cannot be reached.
    """
    for store in (str(project.cache / "dvc"), project.remote):
        content = _read(store, f"files/md5/{md5[:2]}/{md5[2:]}")
        found = hashlib.md5(content or b"", usedforsecurity=False).hexdigest()
        if content is not None and found == md5.removesuffix(LISTING):
            return content
    raise BadInputError(f"object {md5} is missing from the remote {project.remote}, or damaged")


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
    except Exception as error:  # each kind of store raises its own
        raise TransientError(f"the DVC store {store} cannot be read: {error}") from error
