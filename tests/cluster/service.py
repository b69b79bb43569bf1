"""One service of the topology: a process that is started, stopped, killed, frozen, kept alive."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil


def wait_for(
    done: Callable[[], object], what: str, seconds: float = 300, poll: float = 0.2
) -> None:
    """Wait until something is so; what raises is taken for not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if done():
                return
        except Exception:
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:.0f} s"
        time.sleep(poll)


@dataclass
class Service:
    """A process in a session of its own, started again when it ends by itself.

    Attributes:
        kept: as `restart: unless-stopped` does it in a deployment.
        restarts: how often it had to be started again.
        end: the signal by which it stops.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    kept: bool = True
    end: signal.Signals = signal.SIGTERM
    restarts: int = 0
    _process: "subprocess.Popen[bytes] | None" = None
    _wanted: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self) -> None:
        with self._lock:
            self._wanted = True
            self._begin()
        if self.kept:
            threading.Thread(target=self._keep, daemon=True).start()

    def _begin(self) -> None:
        with self.log.open("ab") as stream:
            self._process = subprocess.Popen(
                self.command, env=dict(self.environment), cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True,
            )  # fmt: skip

    def _keep(self) -> None:
        while self._wanted:
            time.sleep(1)
            with self._lock:
                if self._wanted and self._process and self._process.poll() is not None:
                    self.restarts += 1
                    self._begin()

    @property
    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, patience: float = 30) -> None:
        """Stop it as an operator does, and kill what is left of it."""
        with self._lock:
            self._wanted = False
            process, self._process = self._process, None
        if process is None:
            return
        family = _family(process.pid)
        if process.poll() is None:
            process.send_signal(self.end)
        psutil.wait_procs(family, timeout=patience)
        _kill(family)
        process.wait()

    def kill(self) -> None:
        """Kill it and all that it started at once, as the loss of its host does."""
        with self._lock:
            self._wanted = False
            process, self._process = self._process, None
        if process is not None:
            _kill(_family(process.pid))
            process.wait()

    def freeze(self) -> None:
        """Let it answer nobody; what it had started goes on."""
        assert self._process
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        os.kill(self._process.pid, signal.SIGCONT)


def _family(pid: int) -> list[psutil.Process]:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _kill(family: list[psutil.Process]) -> None:
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=10)
