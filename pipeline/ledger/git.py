"""The only runner of git."""

import io
import os
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import TransientError

# Commits in the ledger are the pipeline's own work, whatever the user's git is set to.
_IDENTITY = {
    "GIT_AUTHOR_NAME": "medloom",
    "GIT_AUTHOR_EMAIL": "medloom@localhost",
    "GIT_COMMITTER_NAME": "medloom",
    "GIT_COMMITTER_EMAIL": "medloom@localhost",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
}


class GitError(TransientError):
    """A git command failed; the message carries what git said."""


class PushRefusedError(GitError):
    """The branch moved since it was read: the compare-and-swap lost."""


@dataclass(frozen=True)
class Git:
    """Runs git in one repository, with the pipeline's own identity and no user configuration."""

    folder: Path

    def run(
        self, *arguments: str, stdin: str | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        """Run `git <arguments>` and return its standard output without the last newline.

        Raises:
            GitError: git exited with another code than 0.
        """
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={**self._environment(), **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            shown = " ".join(arguments[:3])
            raise GitError(f"git {shown} in {self.folder} failed: {done.stderr.strip()}")
        return done.stdout.removesuffix("\n")

    def archive(self, commit: str, folder: str) -> dict[str, bytes]:
        """Every file below a folder of a commit, by its path within the folder.

        Raises:
            GitError: there is no such commit or folder.
        """
        done = subprocess.run(
            ["git", "archive", "--format=tar", f"{commit}:{folder}"],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise GitError(f"git archive in {self.folder} failed: {done.stderr.decode().strip()}")
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
            members = [member for member in tar if member.isfile()]
            return {m.name: stream.read() for m in members if (stream := tar.extractfile(m))}

    def push(self, remote: str, commit: str, branch: str) -> None:
        """Push `commit` to `branch`; only a fast-forward is accepted, which is the swap.

        Raises:
            PushRefusedError: somebody else pushed first.
        """
        try:
            self.run("push", "--quiet", remote, f"{commit}:refs/heads/{branch}")
        except GitError as error:
            refused = ("rejected", "fetch first", "cannot lock ref", "failed to update ref")
            if any(word in str(error) for word in refused):
                raise PushRefusedError(f"{branch} moved meanwhile: {error}") from error
            raise

    @staticmethod
    def _environment() -> dict[str, str]:
        # GIT_DIR and its like would point git at the repository of whoever calls (a hook, say).
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        return clean | _IDENTITY
