"""Copying checkpoints to the remote, so that a retry on another host can resume a training.

The stage only writes checkpoints to a local folder. Its task uploads the newest, at most every two
minutes, and when the stage or the task ends. What a host that is lost takes with it is so what was
learned in the last two minutes, and since the checkpoint before.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import FrameType

from pipeline.base.errors import TransientError
from pipeline.base.project import Project
from pipeline.ledger.remote_files import RemoteFiles, checkpoints_of

SECONDS = 120.0
"""Between two uploads, at least."""
_POLL = 2.0
"""Seconds between two looks for a newer checkpoint; the first is uploaded at once."""


@contextmanager
def synced_checkpoints(project: Project, key: str) -> Iterator[None]:
    """Download a run's newest checkpoints, and upload new ones while the block runs.

    A failed upload is a warning, because it does not affect the training.

    Raises:
        TransientError: the remote cannot be read.
    """
    remote = RemoteFiles(project.remote)
    sync = _CheckpointSync(remote, project.checkpoints / key, checkpoints_of(key))
    sync.download()
    done = threading.Event()
    thread = threading.Thread(target=sync.upload_until, args=(done,), daemon=True)
    thread.start()
    with _before_sigterm(sync.upload):
        try:
            yield
        finally:
            done.set()
            thread.join()
            sync.upload()


class _CheckpointSync:
    """Syncs a local folder with one of the remote; both have a folder per training."""

    def __init__(self, remote: RemoteFiles, here: Path, there: str) -> None:
        self.remote, self.here, self.there = remote, here, there
        self._uploaded: dict[str, str] = {}
        self._lock = threading.RLock()

    def download(self) -> None:
        """Download newer checkpoints; their names, with the images seen, sort by age."""
        for name in self.remote.names(self.there):
            training, checkpoint = PurePosixPath(name).parts[-2:]
            if checkpoint > _newest(self.here / training):
                self.remote.fetch(name, self.here / training / checkpoint)

    def upload(self) -> bool:
        """Upload each training's newest checkpoint, and remove the earlier ones there.

        Returns:
            Whether there was a newer one.
        """
        found = False
        with self._lock:
            for folder in sorted(self.here.glob("*/")):
                newest, there = _newest(folder), f"{self.there}/{folder.name}"
                if newest <= self._uploaded.get(folder.name, ""):
                    continue
                found = True
                try:
                    self.remote.put(folder / newest, f"{there}/{newest}")
                    self._uploaded[folder.name] = newest
                    for old in self.remote.names(there):
                        if PurePosixPath(old).name < newest:
                            self.remote.remove(old)
                except TransientError as error:
                    print(
                        f"warning: the checkpoint {newest} stays on this host: {error}", flush=True
                    )

        return found

    def upload_until(self, done: threading.Event) -> None:
        pause = _POLL
        while not done.wait(pause):
            pause = SECONDS if self.upload() else _POLL


def _newest(folder: Path) -> str:
    return max((file.name for file in folder.glob("checkpoint-*.pt")), default="")


@contextmanager
def _before_sigterm(work: Callable[[], object]) -> Iterator[None]:
    """Call `work` when this process gets SIGTERM, before it ends."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        signal.signal(signal.SIGTERM, before)
        work()
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
