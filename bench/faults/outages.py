"""Run steps while a service or disk is unavailable: a clear error, exit code 75, nothing half done.

Disks are made full or read-only by mounts in a separate namespace, which only the step sees and
which needs no privileges (`unshare --map-root-user --mount`). If the system forbids that, these
rows are skipped.
"""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.faults.crashes import copy_folder, name_of
from bench.faults.fingerprint import Fingerprint
from bench.faults.tiny import TinyCheckout
from bench.faults.victim import LOG
from pipeline.base.errors import ExitCode

_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
_NOWHERE = "http://127.0.0.1:9"
"""The discard port, on which nothing listens."""

Fault = Callable[[TinyCheckout], tuple[list[str], dict[str, str]]]
"""Returns the command prefix and the variables that cause a fault."""


@dataclass(frozen=True)
class Outage:
    """One step under one fault.

    Attributes:
        action: the step.
        fault: in words.
        exit_code: of the step; 75 is right.
        said: its error message.
        half_done: changes of the stores, except objects, which are stored by hash and reused by
            the next try.
        after: differences from an undisturbed run, once the fault has ended and the step has run
            again.
        skipped: why it was not tried; "" if it was.
    """

    action: str
    fault: str
    exit_code: int = 0
    said: str = ""
    half_done: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def fine(self) -> bool:
        """Whether the step reported a transient error, left nothing half done, and recovered."""
        clear = self.exit_code == ExitCode.TRANSIENT and bool(self.said)
        return bool(self.skipped) or (clear and not self.half_done and not self.after)

    @property
    def words(self) -> str:
        """The name of this row."""
        return f"{self.action}, {self.fault}" + (f": {self.skipped}" if self.skipped else "")


def _mlflow_down(tiny: TinyCheckout) -> tuple[list[str], dict[str, str]]:  # noqa: ARG001
    return [], {"MEDLOOM_MLFLOW_URI": _NOWHERE}


def _ledger_away(tiny: TinyCheckout) -> tuple[list[str], dict[str, str]]:  # noqa: ARG001
    return [], {"MEDLOOM_LEDGER": "http://127.0.0.1:9/ledger.git"}


def _mounted(options: str, place: Callable[[TinyCheckout], str]) -> Fault:
    def fault(tiny: TinyCheckout) -> tuple[list[str], dict[str, str]]:
        folder = Path(place(tiny))
        folder.mkdir(parents=True, exist_ok=True)
        target = shlex.quote(str(folder))
        shell = f'{options.format(target)} && exec "$@"'
        return [*_NAMESPACE, "sh", "-c", shell, "sh"], {}

    return fault


# A copy of the folder on a tmpfs, so that reading works, then filled to the last page.
_FULL = (
    "size=$(($(du -sk {0} | cut -f1) + 256)) && keep=/tmp/.keep-$$ && mkdir $keep "
    "&& mount --bind {0} $keep && mount -t tmpfs -o size=${{size}}k x {0} && cp -r $keep/. {0}/; "
    "umount $keep; rmdir $keep; cat /dev/zero > {0}/.filler 2>/dev/null; test -d {0}"
)
_READ_ONLY = "mount --bind {0} {0} && mount -o remount,bind,ro {0}"

FAULTS: dict[str, tuple[Fault, tuple[str, ...]]] = {
    "MLflow down": (_mlflow_down, ("register", "promote")),
    "ledger unreachable": (_ledger_away, ("ingest", "plan", "stage", "register", "promote")),
    "remote full": (_mounted(_FULL, lambda p: p.project.remote), ("ingest", "stage")),
    "remote read-only": (_mounted(_READ_ONLY, lambda p: p.project.remote), ("ingest", "stage")),
    "ledger read-only": (
        _mounted(_READ_ONLY, lambda p: p.project.ledger),
        ("ingest", "plan", "stage", "promote"),
    ),
    "state read-only": (
        _mounted(_READ_ONLY, lambda p: str(p.project.state)),
        ("ingest", "plan", "stage", "register", "promote"),
    ),
}
"""Each fault, and the steps that need the store."""


def outages(
    tiny: TinyCheckout,
    action: Sequence[str],
    look: Callable[[], Fingerprint],
    only: Callable[[str], bool] = lambda _: True,
) -> Iterator[Outage]:
    """Run a step under every fault that affects it, and then without the fault.

    Args:
        project: in the state before the step; afterwards the step has run once.
        action: arguments of `bench.faults.victim`.
        look: makes the fingerprint to compare.
        only: selects faults by name.
    """
    state = tiny.project.state
    before = state.with_name(f"{state.name}.before")
    copy_folder(state, before)
    _run(tiny, action, [], {})
    expected = look()
    for name, (fault, actions) in FAULTS.items():
        if action[0] not in actions or not only(name):
            continue
        copy_folder(before, state)
        yield _outage(tiny, action, name, fault, look, expected)
    shutil.rmtree(before)


def _outage(
    tiny: TinyCheckout,
    action: Sequence[str],
    name: str,
    fault: Fault,
    look: Callable[[], Fingerprint],
    expected: Fingerprint,
) -> Outage:
    prefix, variables = fault(tiny)
    if prefix and (why := _forbidden()):
        return Outage(name_of(action), name, skipped=why)
    start = look()
    done = _run(tiny, action, prefix, variables)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith("medloom:")), "")
    half = tuple(
        line for line in start.differences(look()) if not line.startswith(("objects", "leftovers"))
    )
    _run(tiny, action, [], {})
    after = tuple(expected.differences(look()))
    return Outage(name_of(action), name, done.returncode, said, half, after)


def _run(
    tiny: TinyCheckout, action: Sequence[str], prefix: Sequence[str], variables: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    log = {LOG: str(tiny.folder / "steps.jsonl")}
    return subprocess.run(
        [*prefix, sys.executable, "-m", "bench.faults.victim", *action],
        cwd=tiny.folder,
        env={**tiny.environment, **log, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def _forbidden() -> str:
    if shutil.which("unshare") is None:
        return "no unshare on this system"
    done = subprocess.run(
        [*_NAMESPACE, "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True, check=False
    )
    return "" if done.returncode == 0 else "this system does not allow mounts in a user namespace"
