"""Unversioned files in the DVC remote, for exchange between hosts; they may be lost at any time.

No result depends on them. If they are missing, the work is done again.
"""

from pathlib import Path
from typing import Any

from pipeline.base.errors import TransientError

FOLDER = "medloom"
"""In the remote, beside DVC's own folder `files`."""


def checkpoints_of(key: str) -> str:
    """The folder of a run's checkpoints in the remote."""
    return f"checkpoints/{key}"


class RemoteFiles:
    """The unversioned files of one remote, by names such as `checkpoints/<key>/a.pt`.

    Raises (any method):
        TransientError: the remote cannot be read or written.
    """

    def __init__(self, remote: str) -> None:
        """Open the remote at a folder or any URL that DVC supports, with DVC's credentials."""
        # DVC is slow to import, and most commands do not need it.
        from dvc.config import Config
        from dvc.fs import get_cloud_fs

        config = Config(config={"remote": {"store": {"url": remote}}})
        kind, options, root = get_cloud_fs(config, name="store")
        self._fs: Any = kind(**options)
        self._root = self._fs.join(root, FOLDER)

    def names(self, folder: str) -> list[str]:
        """Every file in a folder and its subfolders, sorted; empty if it does not exist."""
        place = self._place(folder)
        try:
            self._fs.fs.invalidate_cache()
            found = sorted(self._fs.find(place))
        except FileNotFoundError:
            return []
        except Exception as error:  # each kind of store raises its own
            raise self._failed("listed", error) from error
        parts = (self._fs.relparts(path, place) for path in found)
        return ["/".join((folder, *names)) for names in parts]

    def fetch(self, name: str, to: Path) -> bool:
        """Download a file atomically; False if it does not exist."""
        to.parent.mkdir(parents=True, exist_ok=True)
        half = to.with_name(f".{to.name}.half")
        try:
            self._fs.get_file(self._place(name), str(half))
            half.replace(to)
        except FileNotFoundError:
            return False
        except Exception as error:
            raise self._failed("read", error) from error
        finally:
            half.unlink(missing_ok=True)
        return True

    def put(self, file: Path, name: str) -> None:
        """Upload a file, replacing an earlier one; does nothing if `file` no longer exists."""
        try:
            self._fs.put_file(str(file), self._place(name))
        except Exception as error:
            if not file.exists():
                return
            raise self._failed("written", error) from error

    def remove(self, folder: str) -> None:
        """Remove a folder or a file; does nothing if it does not exist."""
        for name in [*self.names(folder), folder]:
            try:
                self._fs.remove(self._place(name))
            except FileNotFoundError:
                continue
            except Exception as error:
                raise self._failed("removed", error) from error

    def _place(self, name: str) -> str:
        return str(self._fs.join(self._root, *name.split("/")))

    def _failed(self, what: str, error: Exception) -> TransientError:
        return TransientError(f"{self._root} in the DVC remote cannot be {what}: {error}")
