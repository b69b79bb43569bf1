"""A tiny project in a folder of its own, and `medloom` run in it as a user does."""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.faults.tiny import TinyCheckout


@dataclass(frozen=True)
class RunningCheckout(TinyCheckout):
    """A tiny project; no setting reaches it but `variables`, so that the defaults are tried."""

    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        found = super().environment
        clean = {name: value for name, value in found.items() if not name.startswith("MEDLOOM_")}
        return clean | self.variables

    @property
    def state(self) -> Path:
        return self.project.state

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "pipeline", *arguments]

    def medloom(self, *arguments: str, **more: str) -> str:
        done = self.python("-m", "pipeline", *arguments, **more)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def told(self, *arguments: str, **more: str) -> Any:
        """What a command says with --json."""
        return json.loads(self.medloom(*arguments, "--json", **more))

    def status(self) -> dict[str, Any]:
        return dict(self.told("status"))

    def history(self) -> list[dict[str, Any]]:
        return list(self.told("champion", "history"))

    def processes(self) -> list[psutil.Process]:
        """Every process that runs this copy."""
        return [process for process in psutil.process_iter() if self._runs(process)]

    def _runs(self, process: psutil.Process) -> bool:
        try:
            path = process.environ().get("PYTHONPATH", "")
            return str(self.folder) in path.split(os.pathsep)
        except psutil.Error:
            return False
