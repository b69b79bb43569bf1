"""The ledger: a bare git repository that is the authority on code, data, runs and decisions.

Branches:
    code          snapshots of the project's files as they are (dirty or not)
    data          the batches' .dvc files, the manifest and the quarantine records
    run/<key>     one training: a merge of a code and a data commit, with what it begins from in the
                  folder `start`, then commits of dvc.lock
    journal       every decision, in order (see `pipeline.ledger.journal`)
    feedback      what people said about images, in order (see `pipeline.feedback.opinions`)
    copy-checks   what was measured of images that look copied (see `pipeline.feedback.checks`)
    looks         who looked at which real images, in order (see `pipeline.ledger.looks`)
    monitor       what each run of the monitor measured (see `pipeline.monitor.record`)
    study/<name>  a reader study: its plan, looks and answers (see `pipeline.study.records`)

The developer's working tree is never changed: snapshots use a private index, and work is done in
private clones. Every write is a push that is refused if the branch has moved, so any number of
workers need no other lock.
"""

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.base.code import FOLDER as CODE_FOLDER
from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.base.start import FOLDER as START_FOLDER
from pipeline.base.start import FRESH, Start
from pipeline.ledger.dvc import Dvc
from pipeline.ledger.git import Git, GitError
from pipeline.ledger.lease import hold_own_lease
from pipeline.ledger.project_files import files_of, upstream_of

CODE, DATA = "code", "data"

# Named one by one: a folder of images inside the project's folder must never end up in git.
SNAPSHOT = (
    "dags", "app", "pipeline", "model", "medloom", "bench", "tests", ".dvc/config",
    ".dvc/.gitignore", ".dvcignore", ".gitignore", "dvc.yaml", "params.yaml", "pyproject.toml",
    "requirements.lock", "Makefile", "scripts", "LICENSE", "README.md",
)  # fmt: skip

STAGES = ("preprocess", "train", "evaluate")
"""The DVC stages, in their order; each has a section in params.yaml."""


@dataclass(frozen=True)
class RunKey:
    """The run key and its parts.

    Attributes:
        key: 16 hex digits, a hash of those below.
        data: git tree id of the data revision.
        code: sha256 of the behaviour of the stages' code.
        params: sha256 of the stages' sections of params.yaml.
        start: sha256 of what the training begins from; "" for fresh networks.
    """

    key: str
    data: str
    code: str
    params: str
    start: str = ""


class Ledger:
    """One project's ledger, accessed through a local mirror."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.url = project.ledger
        self.mirror = Git(project.cache / "ledger-mirror.git")
        self._open()

    def _open(self) -> None:
        if "://" not in self.url and not (Path(self.url) / "HEAD").exists():
            if (self.mirror.folder / "HEAD").exists():
                raise TransientError(
                    f"the ledger {self.url} is missing, but this machine has used it before: is "
                    "its disk mounted? If it is lost, restore a backup with `medloom restore`"
                )
            Path(self.url).mkdir(parents=True, exist_ok=True)
            Git(Path(self.url)).run("init", "--quiet", "--bare", "--initial-branch=code")
        if not (self.mirror.folder / "HEAD").exists():
            self.mirror.folder.mkdir(parents=True, exist_ok=True)
            self.mirror.run("init", "--quiet", "--bare", "--initial-branch=code")

    # -- reading ---------------------------------------------------------------------------------

    def head(self, branch: str) -> str | None:
        """The commit at the head of a branch of the ledger; None if the branch does not exist."""
        listed = self.mirror.run("ls-remote", self.url, f"refs/heads/{branch}")
        if not listed:
            return None
        commit = listed.split("\t")[0]
        self._fetch(commit, branch)
        return commit

    def branches(self, prefix: str) -> list[str]:
        """The ledger's branches whose names begin with `prefix`, which ends with a slash."""
        start = "refs/heads/"
        listed = self.mirror.run("ls-remote", self.url, f"{start}{prefix}*").splitlines()
        return sorted(line.split("\t")[1].removeprefix(start) for line in listed)

    def _fetch(self, commit: str, branch: str) -> None:
        try:
            self.mirror.run("cat-file", "-e", commit)
        except GitError:
            # No local branch is written, so concurrent fetches do not conflict.
            self.mirror.run("fetch", "--quiet", "--no-tags", self.url, f"refs/heads/{branch}")

    def read(self, commit: str, path: str) -> str | None:
        """A file's text at a commit; None if it does not exist."""
        try:
            return self.mirror.run("cat-file", "blob", f"{commit}:{path}")
        except GitError:
            return None

    def read_folder(self, commit: str, folder: str) -> dict[str, bytes]:
        """A folder's files at a commit, by name; empty if it does not exist."""
        try:
            return self.mirror.archive(commit, folder)
        except GitError:
            return {}

    def tree(self, commit: str, path: str = "") -> str:
        """The git tree id of a folder at a commit."""
        return self.mirror.run("rev-parse", f"{commit}:{path}")

    # -- writing ---------------------------------------------------------------------------------

    def commit_files(self, branch: str, parent: str | None, files: dict[str, str], why: str) -> str:
        """Commit `files` (path -> text) to `branch` on top of `parent` and push.

        Raises:
            PushRefusedError: the branch is no longer at `parent`.
        """
        with self._private_index() as index:
            if parent:
                self.mirror.run("read-tree", parent, env=index)
            self._add(files, index)
            tree = self.mirror.run("write-tree", env=index)
        parents = ["-p", parent] if parent else []
        commit = self.mirror.run("commit-tree", tree, *parents, "-m", why)
        self.mirror.push(self.url, commit, branch)
        return commit

    def _add(self, files: Mapping[str, str], index: Mapping[str, str]) -> None:
        """Add texts to a private index."""
        for path, text in files.items():
            blob = self.mirror.run("hash-object", "-w", "--stdin", stdin=text)
            entry = f"100644,{blob},{path}"
            self.mirror.run("update-index", "--add", "--cacheinfo", entry, env=index)

    def snapshot_code(
        self, root: Path = PROJECT_ROOT, files: Mapping[str, str] | None = None
    ) -> str:
        """Record the project's files as they are; returns the commit on `code`.

        The commit message has the upstream commit and whether the files differ from it, or the
        version of an installed package. If nothing changed, no commit is made.

        Args:
            root: folder of the code and the defaults.
            files: path -> text of files to add or replace.
        """
        head = self.head(CODE)
        names = [name for name in SNAPSHOT if (root / name).exists()]
        with self._private_index() as index:
            where = {**index, "GIT_DIR": str(self.mirror.folder), "GIT_WORK_TREE": str(root)}
            Git(root).run("add", "--force", "--", *files_of(root, names), env=where)
            self._add(files or {}, index)
            tree = self.mirror.run("write-tree", env=index)
        if head and self.tree(head) == tree:
            return head
        parents = ["-p", head] if head else []
        message = "snapshot\n\n" + upstream_of(root, names)
        commit = self.mirror.run("commit-tree", tree, *parents, "-m", message)
        self.mirror.push(self.url, commit, CODE)
        return commit

    def run_key(self, code: str, data: str, start: Start = FRESH) -> RunKey:
        """The key of training `code` on `data` from `start`; equal keys would learn equal weights.

        Fresh networks are no part of it, so that the keys of earlier runs are what they were.
        """
        params = yaml.safe_load(self.read(code, "params.yaml") or "{}")
        parts = {
            "data": self.tree(data, "data"),
            "code": self._code_digest(code),
            "params": _digest({name: params.get(name) for name in STAGES}),
        }
        if start != FRESH:
            parts["start"] = _digest(start.facts)
        return RunKey(key=_digest(parts)[:16], **parts)

    def _code_digest(self, code: str) -> str:
        """A hash of a snapshot's stages: their commands, and their modules by behaviour.

        An early snapshot has no descriptions of code; the files named in dvc.yaml are hashed.
        """
        stages = yaml.safe_load(self.read(code, "dvc.yaml") or "stages: {}")
        if described := self.read_folder(code, CODE_FOLDER):
            texts = {name: content.decode() for name, content in described.items()}
            return _digest({"stages": stages, **texts})
        deps = {dep for stage in stages["stages"].values() for dep in stage["deps"]}
        paths = sorted({*(dep for dep in deps if dep.endswith(".py")), "dvc.yaml"})
        return _digest({path: self.mirror.run("rev-parse", f"{code}:{path}") for path in paths})

    def open_run(
        self,
        key: str,
        code: str,
        data: str,
        trigger: str,
        start: Start = FRESH,
        why: str = "",
        more: Mapping[str, str] | None = None,
    ) -> str:
        """Create branch run/<key> of code, data and start unless it exists; returns its head.

        `why` says why it begins from fresh networks although `train.start` names the champion's.
        `more` are further lines of the first commit, by their first words (`ledger.run.Opening`).
        """
        branch = f"run/{key}"
        if head := self.head(branch):
            return head
        entries = [
            self.mirror.run("ls-tree", code),
            f"040000 tree {self.tree(data, 'data')}\tdata",
            f"040000 tree {self._start_tree(start)}\t{START_FOLDER}",
        ]
        tree = self.mirror.run("mktree", stdin="\n".join(entries) + "\n")
        begins = start.words + (f": {why}" if why else "")
        facts = {"code": code, "data": data, "trigger": trigger, "start": begins, **(more or {})}
        lines = (f"{word} {' '.join(text.splitlines())}" for word, text in facts.items())
        message = "\n".join([f"run {key}", "", *lines])
        commit = self.mirror.run("commit-tree", tree, "-p", code, "-p", data, "-m", message)
        self.mirror.push(self.url, commit, branch)
        return commit

    def _start_tree(self, start: Start) -> str:
        """The git tree of the folder `start`."""
        with self._private_index() as index:
            self._add(start.files(), index)
            whole = self.mirror.run("write-tree", env=index)
        return self.tree(whole, str(START_FOLDER))

    # -- workspaces ------------------------------------------------------------------------------

    @contextmanager
    def workspace(self, branch: str, folder: Path) -> Iterator["Workspace"]:
        """A private clone of `branch` in `folder`, removed on success.

        A folder left by a killed try is replaced.
        """
        work = self.clone(branch, folder)
        yield work
        shutil.rmtree(folder)

    @contextmanager
    def read_only_workspace(self, branch: str, work: str) -> Iterator["Workspace"]:
        """A private clone for a command that changes nothing, always removed afterwards.

        Args:
            branch: branch to clone.
            work: what it is used for, in a word; several processes may use the same word at once.
        """
        with hold_own_lease(self.project.leases, work) as name:
            folder = self.project.workspaces / name
            try:
                yield self.clone(branch, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def clone(self, branch: str, folder: Path) -> "Workspace":
        """Clone `branch` into `folder`, ready for DVC."""
        if folder.exists():
            shutil.rmtree(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        git = Git(folder.parent)
        if not self.head(branch):
            raise BadInputError(f"the ledger {self.url} has no branch {branch!r}")
        shared = [] if "://" in self.url else ["--shared"]
        git.run("clone", "--quiet", *shared, "--no-tags", "--single-branch", "--branch", branch,
                self.url, folder.name)  # fmt: skip
        work = Workspace(folder, branch, Dvc(folder, self.project.cache, self.project.remote))
        work.prepare()
        return work

    @contextmanager
    def _private_index(self) -> Iterator[dict[str, str]]:
        index = self.mirror.folder.absolute() / f"index-{uuid.uuid4().hex}"
        try:
            yield {"GIT_INDEX_FILE": str(index)}
        finally:
            index.unlink(missing_ok=True)


@dataclass(frozen=True)
class Workspace:
    """A private clone in which one try works."""

    folder: Path
    branch: str
    dvc: Dvc

    @property
    def git(self) -> Git:
        """Runs git in this clone."""
        return Git(self.folder)

    def prepare(self) -> None:
        """Configure DVC here (the data branch has no .dvc folder)."""
        (self.folder / ".dvc").mkdir(exist_ok=True)
        self.dvc.configure()

    def head(self) -> str:
        """The commit that is checked out."""
        return self.git.run("rev-parse", "HEAD")

    def commit_and_push(self, why: str, *paths: str) -> str:
        """Commit the paths and push to the cloned branch; returns the commit.

        Returns HEAD if the paths did not change.

        Raises:
            PushRefusedError: the branch moved since the clone.
        """
        self.git.run("add", "--force", "--all", "--", *paths)
        if self.git.run("status", "--porcelain", "--untracked-files=no"):
            self.git.run("commit", "--quiet", "--message", why)
            self.git.push("origin", "HEAD", self.branch)
        return self.head()


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
