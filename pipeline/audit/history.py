"""Read the whole ledger in a few git calls, however many runs it holds."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.base.start import Start
from pipeline.data.manifest import MANIFEST_FOLDER
from pipeline.ledger.descent import starts_of
from pipeline.ledger.git import Git
from pipeline.ledger.ledger import CODE, DATA, Ledger
from pipeline.ledger.run import BECAUSE

RUN = "run/"
_MIRRORED = "refs/audit/"
_STAGE = re.compile(r"^  (\w+):$", re.MULTILINE)


@dataclass(frozen=True)
class Commit:
    """A commit; time in UTC, ISO 8601."""

    id: str
    parents: tuple[str, ...]
    time: str
    message: str

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.split("\n", 1)[0]

    @property
    def facts(self) -> dict[str, str]:
        """The lines of the message's body: first word -> rest (code, data, trigger, …)."""
        lines = self.message.split("\n")[1:]
        return dict(line.split(" ", 1) for line in lines if " " in line)


@dataclass(frozen=True)
class RunHistory:
    """A branch run/<key>.

    Attributes:
        key: of the run.
        commits: oldest first; the first one opened the run.
        stages: the stages with a result in dvc.lock.
    """

    key: str
    commits: tuple[Commit, ...]
    stages: tuple[str, ...]

    @property
    def head(self) -> str:
        """The newest commit."""
        return self.commits[-1].id

    @property
    def code(self) -> str:
        """The run's code commit; "" if the first commit is not a merge of code and data."""
        return (*self.commits[0].parents, "", "")[0]

    @property
    def data(self) -> str:
        """The run's data commit; "" if the first commit is not a merge of code and data."""
        return (*self.commits[0].parents, "", "")[1]

    @property
    def trigger(self) -> str:
        """What started the run, such as `schedule` or `manual`."""
        return self.commits[0].facts.get("trigger", "unknown")

    @property
    def because(self) -> str:
        """The reasons of its plan, in words; "" if its first commit tells none."""
        return self.commits[0].facts.get(BECAUSE, "")


class History:
    """A snapshot of one project's ledger, taken when this object is created.

    A local ledger is read in place; a remote one is fetched once, with all branches, into the
    mirror.

    Attributes:
        git: the repository to read in.
        heads: branch -> commit.

    Raises (when made):
        TransientError: the ledger cannot be reached.
    """

    def __init__(self, project: Project) -> None:
        self.ledger = Ledger(project)
        if "://" in self.ledger.url:
            self.git, prefix = self.ledger.mirror, _MIRRORED
            self.git.run("fetch", "--quiet", "--no-tags", "--prune", self.ledger.url,
                         f"+refs/heads/*:{_MIRRORED}*")  # fmt: skip
        else:
            self.git, prefix = Git(Path(self.ledger.url)), "refs/heads/"
        listed = self.git.run("for-each-ref", "--format=%(objectname) %(refname)", prefix)
        pairs = (line.split(" ", 1) for line in listed.splitlines())
        self.heads = {name.removeprefix(prefix): commit for commit, name in pairs}

    @property
    def run_heads(self) -> dict[str, str]:
        """Run key -> head commit, for every run."""
        return {
            name.removeprefix(RUN): commit
            for name, commit in self.heads.items()
            if name.startswith(RUN)
        }

    def starts(self) -> dict[str, Start]:
        """Run key -> what its training began from, for every run."""
        return starts_of(self.git, self.run_heads)

    def revisions(self) -> list[Commit]:
        """Every data revision, oldest first."""
        return self._log([self.heads[DATA]])[::-1] if DATA in self.heads else []

    def runs(self, keys: Iterable[str]) -> Iterator[RunHistory]:
        """The runs with these keys, which must exist."""
        heads = {key: self.heads[RUN + key] for key in keys}
        known = [f"^{self.heads[name]}" for name in (CODE, DATA) if name in self.heads]
        commits = {commit.id: commit for commit in self._log([*heads.values(), *known])}
        locks = self.git.contents(f"{head}:dvc.lock" for head in heads.values())
        for (key, head), lock in zip(heads.items(), locks, strict=True):
            chain = tuple(_chain(head, commits))
            yield RunHistory(key, chain, tuple(_STAGE.findall((lock or b"").decode())))

    def run(self, key: str) -> RunHistory | None:
        """One run; None if the ledger has no such branch."""
        return next(self.runs([key])) if RUN + key in self.heads else None

    def commit(self, commit: str) -> Commit | None:
        """A commit by its id; None if the ledger does not hold it."""
        if not commit or self.git.ids([commit]) == [None]:
            return None
        return self._log([commit], "--no-walk")[0]

    def manifests(self, commits: Iterable[str]) -> list[str | None]:
        """The git tree of each commit's manifest; equal trees have equal rows."""
        return self.git.ids(f"{commit}:{MANIFEST_FOLDER}" for commit in commits)

    def batches(self, manifests: Iterable[str]) -> list[list[str]]:
        """The git blobs of each manifest, one per batch."""
        return [
            [blob for name, blob in _entries(tree or b"") if name.endswith(".csv")]
            for tree in self.git.contents(manifests)
        ]

    def text(self, commit: str, path: str) -> str | None:
        """A file's text at a commit; None if there is no such file."""
        content = self.git.contents([f"{commit}:{path}"])[0]
        return None if content is None else content.decode()

    def _log(self, commits: Iterable[str], *options: str) -> list[Commit]:
        form = "--format=%H%x1f%P%x1f%ct%x1f%B%x1e"
        names = "".join(f"{commit}\n" for commit in commits)
        printed = self.git.run("log", "--topo-order", form, *options, "--stdin", stdin=names)
        found = []
        for entry in printed.split("\x1e")[:-1]:
            id_, parents, time, message = entry.lstrip("\n").split("\x1f")
            when = datetime.fromtimestamp(int(time), UTC).isoformat(timespec="seconds")
            found.append(Commit(id_, tuple(parents.split()), when, message.strip()))
        return found


def _chain(head: str, commits: dict[str, Commit]) -> list[Commit]:
    """The commits from the one that opened the run, a merge of code and data, to its head."""
    if head not in commits:
        raise BadInputError(
            f"the commit {head} does not belong to a run: a branch run/… of the ledger was moved; "
            "run `medloom audit verify`"
        )
    chain = [commits[head]]
    while len(chain[0].parents) == 1 and (before := commits.get(chain[0].parents[0])):
        chain.insert(0, before)
    return chain


def _entries(tree: bytes) -> Iterator[tuple[str, str]]:
    """Name and object id of each entry of a git tree object."""
    at = 0
    while at < len(tree):
        end = tree.index(b"\0", at)
        name = tree[at:end].split(b" ", 1)[1].decode()
        yield name, tree[end + 1 : end + 21].hex()
        at = end + 21
