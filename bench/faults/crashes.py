"""Kill ingest, plan, the stages, register and promote by SIGKILL at every external call.

After a kill the same command runs again, as under the scheduler. The stores must then equal those
after an undisturbed run, also once processes that outlived the kill have ended.
"""

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.faults.fingerprint import Fingerprint
from bench.faults.tiny import TinyCheckout
from bench.faults.victim import AT, LOG
from pipeline.base.errors import MedloomError

ORPHAN_PATIENCE = 120.0
"""Seconds that a process may outlive its task."""

Look = Callable[[], Fingerprint]


@dataclass(frozen=True)
class ExternalCall:
    """One effect of a command outside its process, and its time in an undisturbed run."""

    number: int
    name: str
    seconds: float


@dataclass(frozen=True)
class Crash:
    """One kill and its consequences.

    Attributes:
        action: the command, such as `preprocess`.
        point: where it was killed, in words.
        killed: whether the command got there.
        differences: between the states after the next run and after an undisturbed run.
        orphans: processes that outlived the kill, by name; all have ended since.
        late: changes between the end of the next run and the end of the orphans.
    """

    action: str
    point: str
    killed: bool
    differences: tuple[str, ...]
    orphans: tuple[str, ...]
    late: tuple[str, ...]

    @property
    def fine(self) -> bool:
        """Whether the kill happened and left no trace."""
        return self.killed and not self.differences and not self.late

    @property
    def words(self) -> str:
        """The name of this row."""
        return f"{self.action}, {self.point}"


def crash_everywhere(
    tiny: TinyCheckout,
    action: Sequence[str],
    look: Look,
    *,
    within: Sequence[str] = ("dvc repro", "dvc push", "git push"),
    only: Callable[[str], bool] = lambda _: True,
) -> Iterator[Crash]:
    """Kill a command before each of its external calls, and in the middle of the long ones.

    Args:
        project: in the state before the command; afterwards the command has run once.
        action: arguments of `bench.faults.victim`.
        look: makes the fingerprint to compare.
        within: external calls that are also killed halfway.
        only: selects points by name.

    Raises:
        MedloomError: the undisturbed run fails.
    """
    state = tiny.project.state
    before = state.with_name(f"{state.name}.before")
    copy_folder(state, before)
    steps = _undisturbed(tiny, action)
    expected = look()
    for moments, point in _points(steps, within):
        if not only(point):
            continue
        for at in moments:
            copy_folder(before, state)
            crash = _crash(tiny, action, at, point, look, expected)
            if crash.killed:
                break
        yield crash
    shutil.rmtree(before)


def _points(
    steps: Sequence[ExternalCall], within: Sequence[str]
) -> Iterator[tuple[list[str], str]]:
    """Each point in words, with several moments to try, because a call may end sooner this time."""
    for step in steps:
        yield [str(step.number)], f"before {step.name} ({step.number})"
        if step.name in within:
            moments = [f"{step.number}+{step.seconds / part:.3f}" for part in (2, 4, 8, 16)]
            yield moments, f"within {step.name} ({step.number})"


def _undisturbed(tiny: TinyCheckout, action: Sequence[str]) -> list[ExternalCall]:
    log = tiny.folder / "steps.jsonl"
    log.unlink(missing_ok=True)
    done = _victim(tiny, action, log, "")
    if done:
        raise MedloomError(f"{' '.join(action)} fails without a fault: exit code {done}")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [ExternalCall(n, line["step"], line["seconds"]) for n, line in enumerate(lines, 1)]


def _crash(
    tiny: TinyCheckout,
    action: Sequence[str],
    at: str,
    point: str,
    look: Look,
    expected: Fingerprint,
) -> Crash:
    log = tiny.folder / "steps.jsonl"
    killed = _victim(tiny, action, log, at) == -signal.SIGKILL
    orphans = tuple(_orphans(tiny))
    again = _victim(tiny, action, log, "")
    if again:
        failed = (f"the next run exits with {again}",)
        return Crash(name_of(action), point, killed, failed, orphans, ())
    found = look()
    _wait_for_orphans(tiny)
    return Crash(
        action=name_of(action),
        point=point,
        killed=killed,
        differences=tuple(expected.differences(found)),
        orphans=orphans,
        late=tuple(found.differences(look())),
    )


def name_of(action: Sequence[str]) -> str:
    """The name of a victim's action: `ingest`, `preprocess`, ..., `promote`."""
    return action[1] if action[0] == "stage" else action[0]


def _victim(tiny: TinyCheckout, action: Sequence[str], log: Path, at: str) -> int:
    done = tiny.python(
        "-m", "bench.faults.victim", *action, **{LOG: str(log), AT: at}
    )  # fmt: skip
    if done.returncode not in (0, -signal.SIGKILL):
        (tiny.folder / "failed.txt").write_text(done.stdout + done.stderr)
    return done.returncode


def _orphans(tiny: TinyCheckout) -> Iterator[str]:
    """Running processes of the project: program and first argument that is not an option."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("MEDLOOM_STATE") == str(tiny.project.state):
                program, *words = process.cmdline()
                said = [word for word in words if word[:1] not in "-/'" and "=" not in word]
                yield " ".join([Path(program).name, *said[:1]])
        except (psutil.Error, ValueError):
            continue


def _wait_for_orphans(tiny: TinyCheckout) -> None:
    deadline = time.monotonic() + ORPHAN_PATIENCE
    while any(_orphans(tiny)):
        if time.monotonic() > deadline:
            raise MedloomError(f"still running: {', '.join(_orphans(tiny))}")
        time.sleep(0.2)


def copy_folder(source: Path, target: Path) -> None:
    """Make `target` a copy of `source`, or remove it if `source` is missing."""
    if target.exists():
        shutil.rmtree(target)
    if source.exists():
        shutil.copytree(source, target, symlinks=True)
