"""The holder of a lease: what it writes into the lease file, and what other processes may do.

A process id is valid only in one pid namespace of one boot of one host. Holders elsewhere are shown
in messages, but never signalled.
"""

import os
import socket
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

_CLOCK_SLACK = 2.0
"""Seconds by which the create time of one process may vary, as the host's clock is adjusted."""


class Place(BaseModel):
    """The scope in which a process id is valid.

    Attributes:
        host: name of the host or the container.
        machine: /etc/machine-id; empty if there is none.
        boot: boot id; empty if the system has none.
        pids: the pid namespace; empty if the system has none.
    """

    model_config = ConfigDict(frozen=True)

    host: str
    machine: str
    boot: str
    pids: str

    @classmethod
    def here(cls) -> Self:
        """The place of this process."""
        try:
            pids = str(Path("/proc/self/ns/pid").readlink())
        except OSError:
            pids = ""
        return cls(
            host=socket.gethostname(),
            machine=_line(Path("/etc/machine-id")),
            boot=_line(Path("/proc/sys/kernel/random/boot_id")),
            pids=pids,
        )

    def __str__(self) -> str:
        return " ".join(filter(None, (self.host, self.machine, self.boot, self.pids)))

    def is_over(self, here: "Place") -> bool:
        """Whether its processes have ended: it is the machine of `here` before a reboot."""
        same_machine = bool(self.machine) and (self.host, self.machine) == (here.host, here.machine)
        return same_machine and self.boot != here.boot


class Task(BaseModel):
    """One try of an Airflow task."""

    model_config = ConfigDict(frozen=True)

    dag: str
    run: str
    task: str
    index: int
    attempt: int

    @classmethod
    def of(cls, environ: Mapping[str, str] = os.environ) -> Self | None:
        """The try that this process belongs to; None: a user's command or a server."""
        names = ("MEDLOOM_DAG_ID", "MEDLOOM_RUN_ID", "MEDLOOM_TASK_ID", "MEDLOOM_TRY")
        dag, run, task, attempt = (environ.get(name, "") for name in names)
        if not (dag and run and task and attempt):
            return None
        index = int(environ.get("MEDLOOM_MAP_INDEX", "-1"))
        return cls(dag=dag, run=run, task=task, index=index, attempt=int(attempt))

    def follows(self, other: "Task") -> bool:
        """Whether this is a later try of the same task: the scheduler gave up `other`."""
        same = self.model_copy(update={"attempt": other.attempt}) == other
        return same and self.attempt > other.attempt


class Holder(BaseModel):
    """The process that holds a lease.

    Attributes:
        token: identifies the lease to the stages of the holder's task.
        place: scope in which `pid` is valid.
        pid: process id.
        started: creation time of the process, in seconds since the epoch, as pids are reused.
        task: the try that it belongs to; None: a user's command or a server.
        work: what it does, such as `train` or `relabel`. Not its command line, which may name a
            patient: holders are shown in logs.
        since: when it got the lease, in UTC.
    """

    model_config = ConfigDict(frozen=True)

    token: str
    place: Place
    pid: int
    started: float
    task: Task | None
    work: str
    since: str

    @classmethod
    def me(cls, work: str) -> Self:
        """This process as the holder of a lease from now on."""
        return cls(
            token=uuid.uuid4().hex,
            place=Place.here(),
            pid=os.getpid(),
            started=psutil.Process().create_time(),
            task=Task.of(),
            work=work,
            since=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        )

    @property
    def text(self) -> str:
        """The content of a lease file: the token on the first line, JSON on the second."""
        return f"{self.token}\n{self.model_dump_json()}\n"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Parse `text`; None if it is in another format, such as another version's."""
        try:
            return cls.model_validate_json(text.partition("\n")[2])
        except ValidationError:
            return None

    def is_later_try_of(self, other: "Holder") -> bool:
        """Whether both are tries of one task, and the scheduler gave up `other` for this one."""
        return bool(self.task and other.task and self.task.follows(other.task))

    def end(self) -> bool:
        """End the process and its children; False if it is gone, elsewhere, or this process."""
        process = self._process()
        if process is None:
            return False
        _end_family(process)
        return True

    def _process(self) -> psutil.Process | None:
        if self.place != Place.here() or self.pid == os.getpid():
            return None
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _CLOCK_SLACK
        except psutil.NoSuchProcess:
            return None
        return process if same else None

    def is_gone(self) -> bool:
        """Whether a holder whose lock is free has certainly ended.

        Not if it is on another host or in another container, where the lock may not be visible.
        """
        here = Place.here()
        return self.place == here or self.place.is_over(here)

    @property
    def advice(self) -> str:
        """What a user who waits for the lease can do."""
        if self.place != Place.here():
            return f"let it finish, or end it on {self.place.host}"
        return "let it finish, or " + (
            "end all tasks with `medloom down`" if self.task else "end it where it runs"
        )

    def __str__(self) -> str:
        of_task = f" for {self.task.dag}, {self.task.run}" if self.task else ""
        return f"process {self.pid} on {self.place.host} ({self.work}{of_task}), since {self.since}"


def end_process_tree(pid: int) -> None:
    """Terminate a process and its descendants, then kill those that remain."""
    with suppress(psutil.NoSuchProcess):
        _end_family(psutil.Process(pid))


def _end_family(process: psutil.Process, patience: float = 5.0) -> None:
    try:
        family = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for each in family:
        with suppress(psutil.NoSuchProcess):
            each.terminate()
    for each in psutil.wait_procs(family, timeout=patience)[1]:
        with suppress(psutil.NoSuchProcess):
            each.kill()


def _line(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
