"""Running DVC; nothing else runs it."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.children import child_environment
from pipeline.base.errors import BadInputError, ExitCode, TransientError

_OFFER = "Having any troubles?"
_EXITED = re.compile(r"exited with (-?\d+)")


@dataclass(frozen=True)
class Dvc:
    """Runs DVC in one workspace, with the host's cache and the project's remote.

    Attributes:
        workspace: the clone to work in.
        cache: folder of the host's shared caches.
        remote: folder or URL of the DVC remote.
    """

    workspace: Path
    cache: Path
    remote: str

    def configure(self) -> None:
        """Write the cache and the remote to the clone's local configuration.

        `verify` makes DVC hash downloads; otherwise it would accept altered objects.
        """
        (self.workspace / ".dvc" / "config.local").write_text(
            "[core]\n    remote = store\n    analytics = false\n    check_update = false\n"
            f"[cache]\n    dir = {_quoted(str(self.cache / 'dvc'))}\n"
            "    type = reflink,hardlink,copy\n"
            f"['remote \"store\"']\n    url = {_quoted(self.remote)}\n    verify = true\n",
            encoding="utf-8",
        )

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Run `dvc <arguments>`; returns its output, which is also printed for `repro`.

        Do not pass --quiet, which suppresses error messages.

        Raises:
            BadInputError: a stage exited with 65, or with 1 (a bug); a retry does not help.
            TransientError: any other failure (DVC always exits with 255).
        """
        command = [sys.executable, "-m", "dvc", "--wait-for-lock", *arguments]
        lines = []
        with subprocess.Popen(
            command,
            cwd=self.workspace,
            env={**self._environment(), **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                if arguments[0] == "repro":  # the stage's output belongs in the task's log
                    print(line, end="", flush=True)
                lines.append(line)
        output = "".join(lines)
        if process.returncode:
            self._raise(arguments, output)
        return output

    def _raise(self, arguments: tuple[str, ...], output: str) -> None:
        message = f"dvc {' '.join(arguments)} failed: {_reason(arguments[0], output)}"
        exited = _EXITED.findall(output)
        if exited and int(exited[-1]) in (ExitCode.BAD_INPUT, 1):
            raise BadInputError(message)
        raise TransientError(message)

    def _environment(self) -> dict[str, str]:
        # The stages' commands call `python`, which must be this interpreter.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        site = str(self.cache / "dvc-site")
        return child_environment() | {"PATH": path, "DVC_SITE_CACHE_DIR": site}


def _quoted(value: str) -> str:
    """A value of DVC's configuration, in which a bare # starts a comment and a comma a list."""
    marks = ('"', "'", '"""', "'''")
    mark = next(m for m in marks if m[0] not in value or (len(m) == 3 and m not in value))
    return f"{mark}{value}{mark}"


def _reason(command: str, output: str) -> str:
    """The relevant part of DVC's output.

    DVC reports each file that failed, and then their number: the first and the last line suffice.
    For `repro`, whose stage prints its error before DVC's, it is the end of the whole output.
    """
    lines = [line for line in output.strip().splitlines() if not line.startswith(_OFFER)]
    files = [line for line in lines if line.startswith("ERROR: failed to transfer")]
    short = files and command != "repro"
    return f"{files[0]}\n{lines[-1]}" if short else "\n".join(lines)[-2000:].strip()
