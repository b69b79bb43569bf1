"""A process that holds a lease until it is told to let go."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.ledger.lease_holder import Holder

TRY = {"MEDLOOM_DAG_ID": "d", "MEDLOOM_RUN_ID": "r", "MEDLOOM_TASK_ID": "train"}
"""What the scheduler tells a task, without the number of the try."""

_HOLD = """
import sys
from pathlib import Path
from pipeline.ledger.lease import hold_lease
with hold_lease(Path(sys.argv[1]), sys.argv[2], "relabel"):
    print("held", flush=True)
    sys.stdin.readline()
print("let go", flush=True)
"""


@dataclass(frozen=True)
class Holding:
    """The process; it has the lease once `has_it` returns."""

    process: "subprocess.Popen[str]"
    file: Path

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def has_it(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"

    def says(self) -> str:
        """The next line of its standard error."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def let_go(self) -> None:
        """Let it end by itself."""
        said, wrong = self.process.communicate("\n")
        assert (self.process.returncode, said) == (0, "let go\n"), wrong

    def pretend(self, facts: dict[str, Any]) -> None:
        """Change what it wrote about itself; inner facts as a dictionary of them."""
        holder = Holder.read(self.file.read_text())
        assert holder is not None
        for name, value in facts.items():
            inner = isinstance(value, dict)
            new = getattr(holder, name).model_copy(update=value) if inner else value
            holder = holder.model_copy(update={name: new})
        self.file.write_text(holder.text)


@contextmanager
def holding(folder: Path, name: str = "run-k", **variables: str) -> Iterator[Holding]:
    """Start one; it may have to wait. `variables` are further ones of its environment."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )
    try:
        yield Holding(process, folder / f"{name}.lease")
    finally:
        process.kill()
        process.communicate()
