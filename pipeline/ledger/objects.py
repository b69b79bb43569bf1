"""The objects of the DVC remote, by md5, wherever DVC keeps them: a folder or any URL it knows."""

import json
from typing import Any

from pipeline.base.errors import TransientError
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
