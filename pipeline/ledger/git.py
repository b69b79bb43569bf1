"""Running git; nothing else runs it."""

import io
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.children import child_environment
from pipeline.base.errors import BadInputError, TransientError

# Commits in the ledger are the pipeline's, whatever the user's git configuration says.
_IDENTITY = {
    "GIT_AUTHOR_NAME": "medloom",
    "GIT_AUTHOR_EMAIL": "medloom@localhost",
    "GIT_COMMITTER_NAME": "medloom",
    "GIT_COMMITTER_EMAIL": "medloom@localhost",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    # A server that no longer answers would hold a task, and its lease, for ever.
    "GIT_HTTP_LOW_SPEED_LIMIT": "1",
    "GIT_HTTP_LOW_SPEED_TIME": "120",
    # Its messages are read here: a refused push must be told from a full disk in any language.
    "LC_ALL": "C",
    "LANGUAGE": "",
}

_RACE_SECONDS = 5.0
"""Time to wait for a branch to move after another push locked it and ours was refused."""


class GitError(TransientError):
    """A git command failed; the message includes git's."""


class PushRefusedError(GitError):
    """The branch moved since it was read (a lost compare-and-swap)."""


@dataclass(frozen=True)
class Git:
    """Runs git in one repository, with the pipeline's identity and no user configuration."""

    folder: Path

    def run(
        self, *arguments: str, stdin: str | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        """Run `git <arguments>` and return its standard output without the last newline.

        Raises:
            GitError: git exited with a code other than 0.
        """
        text = {"encoding": "utf-8", "errors": "surrogateescape"}
        done = self._git(*arguments, env=env, input=stdin, **text)
        if done.returncode:
            shown = " ".join(arguments[:3])
            raise GitError(f"git {shown} in {self.folder} failed: {done.stderr.strip()}")
        return str(done.stdout).removesuffix("\n")

    def archive(self, commit: str, folder: str) -> dict[str, bytes]:
        """Every file in a folder of a commit, by its path within the folder.

        Raises:
            GitError: the commit or the folder does not exist.
        """
        tar_file = self._run_bytes("archive", "--format=tar", f"{commit}:{folder}")
        with tarfile.open(fileobj=io.BytesIO(tar_file)) as tar:
            members = [member for member in tar if member.isfile()]
            return {m.name: stream.read() for m in members if (stream := tar.extractfile(m))}

    def ids(self, names: Iterable[str]) -> list[str | None]:
        """The object id of each name, such as `<commit>:data`, in one call; None: not found.

        Raises:
            GitError: this is not a repository.
        """
        lines = self._batch("--batch-check=%(objectname)", names).decode().splitlines()
        return [None if line.endswith((" missing", " ambiguous")) else line for line in lines]

    def contents(self, names: Iterable[str]) -> list[bytes | None]:
        """The content of each named object, in one call; None: not found.

        Raises:
            GitError: this is not a repository.
        """
        answer, found, at = self._batch("--batch", names), list[bytes | None](), 0
        while at < len(answer):
            end = answer.index(b"\n", at)
            head, at = answer[at:end], end + 1
            if head.endswith((b" missing", b" ambiguous")):
                found.append(None)
                continue
            size = int(head.rsplit(b" ", 1)[1])
            found.append(answer[at : at + size])
            at += size + 1
        return found

    def fast_import(self, stream: Iterable[bytes]) -> None:
        """Run `git fast-import` on a stream.

        Raises:
            GitError: git refused the stream.
        """
        self._run_bytes("fast-import", "--quiet", stdin=b"".join(stream))

    def _batch(self, how: str, names: Iterable[str]) -> bytes:
        return self._run_bytes("cat-file", how, stdin="".join(f"{n}\n" for n in names).encode())

    def _run_bytes(self, *arguments: str, stdin: bytes = b"") -> bytes:
        done = self._git(*arguments, input=stdin)
        if done.returncode:
            said = done.stderr.decode().strip()[:2000]
            raise GitError(f"git {arguments[0]} in {self.folder} failed: {said}")
        return bytes(done.stdout)

    def damage(self) -> list[str]:
        """What `git fsck` reports: corrupt or missing objects, broken links."""
        options = ("--full", "--no-dangling", "--no-progress")
        done = self._git("fsck", *options, encoding="utf-8", errors="surrogateescape")
        said = (done.stderr + done.stdout).strip().splitlines()
        return [line for line in said if not line.startswith("notice:")] if done.returncode else []

    def push(self, remote: str, commit: str, branch: str) -> None:
        """Push `commit` to `branch`, fast-forward only, which makes it a compare-and-swap.

        Raises:
            PushRefusedError: the branch moved first.
            GitError: any other failure, such as a full or read-only disk.
        """
        try:
            self.run("push", "--quiet", remote, f"{commit}:refs/heads/{branch}")
        except GitError as error:
            refused = ("rejected", "fetch first", "cannot lock ref", "failed to update ref")
            if any(word in str(error) for word in refused) and self._moves(remote, commit, branch):
                raise PushRefusedError(f"{branch} moved meanwhile: {error}") from error
            raise

    def _moves(self, remote: str, commit: str, branch: str) -> bool:
        """Whether the branch is, or within seconds will be, at a commit not in `commit`'s history.

        git reports a full or read-only disk in the same words as a lost race, and retrying as
        after a lost race would then never end.
        """
        deadline = time.monotonic() + _RACE_SECONDS
        while time.monotonic() < deadline:
            now = self.run("ls-remote", remote, f"refs/heads/{branch}").split("\t")[0]
            if now and not self._leads_to(now, commit):
                return True
            time.sleep(0.2)
        return False

    def _leads_to(self, ancestor: str, commit: str) -> bool:
        try:
            self.run("merge-base", "--is-ancestor", ancestor, commit)
        except GitError:
            return False
        return True

    def _git(
        self, *arguments: str, env: Mapping[str, str] | None = None, **options: Any
    ) -> "subprocess.CompletedProcess[Any]":
        # Without GIT_DIR and the like, which would point git at the caller's repository.
        clean = child_environment() | _IDENTITY
        try:
            return subprocess.run(
                ["git", *arguments],
                cwd=self.folder,
                env={**clean, **(env or {})},
                capture_output=True,
                check=False,
                **options,
            )
        except FileNotFoundError as error:
            if shutil.which("git", path=clean.get("PATH")):
                raise  # the folder is missing
            raise BadInputError(
                "git was not found on PATH: install git 2.32 or later, or put its folder on PATH"
            ) from error
