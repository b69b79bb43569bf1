"""The only runner of DVC."""

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
    """Runs DVC in one workspace, with this host's cache and the project's remote.

    Attributes:
        workspace: the clone to work in.
        cache: folder of the host's shared caches.
        remote: folder or URL of the DVC remote.
    """

    workspace: Path
    cache: Path
    remote: str

    def configure(self) -> None:
        """Point the clone at the cache and the remote, in its unversioned local configuration.

        `verify` makes DVC hash what it downloads: without it an altered object in the remote is
        taken as it comes.
        """
        (self.workspace / ".dvc" / "config.local").write_text(
            f"[core]\n    remote = store\n    analytics = false\n"
            f"[cache]\n    dir = {self.cache / 'dvc'}\n    type = reflink,hardlink,copy\n"
            f"['remote \"store\"']\n    url = {self.remote}\n    verify = true\n"
        )

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Run `dvc <arguments>`; returns its output, which `repro` also passes through.

        Never with --quiet: DVC would keep to itself why it failed.

        Raises:
            BadInputError: a stage exited with 65, or with 1, a bug: neither is mended by waiting.
            TransientError: anything else went wrong (DVC exits with 255 whatever the reason).
        """
        command = [sys.executable, "-m", "dvc", "--wait-for-lock", *arguments]
        lines = []
        with subprocess.Popen(
            command,
            cwd=self.workspace,
            env={**self._environment(), **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout or ():
                if arguments[0] == "repro":  # a stage speaks to whoever reads the task's log
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
        # The stages' commands say `python`: it must be this one.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        clean = {k: v for k, v in child_environment().items() if not k.startswith("GIT_")}
        return clean | {
            "PATH": path,
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(self.cache / "dvc-site"),
            "DVC_STUDIO_OFFLINE": "1",
        }


def _reason(command: str, output: str) -> str:
    """What went wrong: DVC says it once a file, and then how many files there were.

    A stage's own words come before DVC's, so of a `repro` the end of all that was said counts.
    """
    lines = [line for line in output.strip().splitlines() if not line.startswith(_OFFER)]
    files = [line for line in lines if line.startswith("ERROR: failed to transfer")]
    short = files and command != "repro"
    return f"{files[0]}\n{lines[-1]}" if short else "\n".join(lines)[-2000:].strip()
