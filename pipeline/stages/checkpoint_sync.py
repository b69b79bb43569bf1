"""Checkpoints on their way from host to host, so that a retry elsewhere goes on with a training.

The stage itself keeps them in a folder of its host and knows nothing of this: its task carries the
newest to the remote every few minutes, and when the stage or the task ends.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import FrameType

from pipeline.base.errors import TransientError
from pipeline.base.settings import Settings
from pipeline.ledger.remote_files import RemoteFiles, checkpoints_of

SECONDS = 120.0
"""From one look for a newer checkpoint to the next."""


@contextmanager
def synced_checkpoints(settings: Settings, key: str) -> Iterator[None]:
    """Fetch a run's newest checkpoints, and carry off those that come while the block runs.

    A checkpoint that cannot be carried off is a warning, as the training itself goes on.

    Raises:
        TransientError: the remote cannot be read.
    """
    carrier = _Carrier(
        RemoteFiles(settings.remote), settings.checkpoints / key, checkpoints_of(key)
    )
    carrier.fetch()
    done = threading.Event()
    thread = threading.Thread(target=carrier.keep_carrying, args=(done,), daemon=True)
    thread.start()
    with _before_sigterm(carrier.carry):
        try:
            yield
        finally:
            done.set()
            thread.join()
            carrier.carry()


class _Carrier:
    """Between a folder of this host and one of the remote; both hold a folder a training."""

    def __init__(self, beside: RemoteFiles, here: Path, there: str) -> None:
        self.beside, self.here, self.there = beside, here, there
        self._carried: dict[str, str] = {}
        self._lock = threading.RLock()

    def fetch(self) -> None:
        """Bring what is newer in the remote than here: names hold the images seen, in order."""
        for name in self.beside.names(self.there):
            training, checkpoint = PurePosixPath(name).parts[-2:]
            here = max((file.name for file in self._files(training)), default="")
            if checkpoint > here:
                self.beside.fetch(name, self.here / training / checkpoint)

    def carry(self) -> None:
        """Put each training's newest checkpoint into the remote, in the place of its last one."""
        with self._lock:
            for folder in sorted(self.here.glob("*/")):
                newest = max((file.name for file in self._files(folder.name)), default="")
                last = self._carried.get(folder.name, "")
                if newest <= last:
                    continue
                try:
                    self.beside.put(folder / newest, f"{self.there}/{folder.name}/{newest}")
                    self._carried[folder.name] = newest
                    for old in self.beside.names(f"{self.there}/{folder.name}"):
                        if PurePosixPath(old).name < newest:
                            self.beside.remove(old)
                except TransientError as error:
                    print(
                        f"warning: the checkpoint {newest} stays on this host: {error}", flush=True
                    )

    def keep_carrying(self, done: threading.Event) -> None:
        while not done.wait(SECONDS):
            self.carry()

    def _files(self, training: str) -> list[Path]:
        return sorted((self.here / training).glob("checkpoint-*.pt"))


@contextmanager
def _before_sigterm(work: Callable[[], None]) -> Iterator[None]:
    """Do something first when this process is told to end, and then end as it would have."""
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
