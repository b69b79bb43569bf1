"""Files that hosts hand each other beside the objects of the DVC remote: unversioned, may be lost.

Nothing is learned from them, and whoever finds none does the work again.
"""

from pathlib import Path
from typing import Any

from pipeline.base.errors import TransientError

FOLDER = "medloom"
"""Beside the folder `files`, which is DVC's own."""


def checkpoints_of(key: str) -> str:
    """The folder of a run's checkpoints."""
    return f"checkpoints/{key}"


class RemoteFiles:
    """The files beside the objects of one remote, by names such as `checkpoints/<key>/a.pt`.

    Raises (any method):
        TransientError: the remote cannot be read or written.
    """

    def __init__(self, remote: str) -> None:
        """Use the remote at a folder or any URL that DVC knows, with DVC's own means of access."""
        # DVC is heavy, and most commands need none of this.
        from dvc.config import Config
        from dvc.fs import get_cloud_fs

        config = Config(config={"remote": {"store": {"url": remote}}})
        kind, options, root = get_cloud_fs(config, name="store")
        self._fs: Any = kind(**options)
        self._root = self._fs.join(root, FOLDER)

    def names(self, folder: str) -> list[str]:
        """Every file below a folder, sorted; none when it is not there."""
        place = self._place(folder)
        try:
            self._fs.fs.invalidate_cache()
            found = sorted(self._fs.find(place))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._failed("listed", error) from error
        parts = (self._fs.relparts(path, place) for path in found)
        return ["/".join((folder, *names)) for names in parts]

    def fetch(self, name: str, to: Path) -> bool:
        """Write a file's bytes to a path, whole or not at all; False when there is no such file."""
        to.parent.mkdir(parents=True, exist_ok=True)
        half = to.with_name(f".{to.name}.half")
        try:
            self._fs.get_file(self._place(name), str(half))
            half.replace(to)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._failed("read", error) from error
        finally:
            half.unlink(missing_ok=True)
        return True

    def put(self, file: Path, name: str) -> None:
        """Keep a file's bytes under a name, in the place of what was there; none if it is gone."""
        try:
            self._fs.put_file(str(file), self._place(name))
        except OSError as error:
            if not file.exists():
                return
            raise self._failed("written", error) from error

    def remove(self, folder: str) -> None:
        """Remove a folder, or one file; it may be gone already."""
        for name in [*self.names(folder), folder]:
            try:
                self._fs.remove(self._place(name))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise self._failed("removed", error) from error

    def _place(self, name: str) -> str:
        return str(self._fs.join(self._root, *name.split("/")))

    def _failed(self, what: str, error: OSError) -> TransientError:
        return TransientError(f"{self._root} in the DVC remote cannot be {what}: {error}")
