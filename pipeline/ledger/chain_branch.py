"""A chain of records on a branch of its own: read whole, appended to by compare-and-swap."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from pipeline.base.errors import BadInputError, TransientError
from pipeline.ledger.chain import ChainedRecord, file_name, next_record, read_chain
from pipeline.ledger.git import PushRefusedError
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.signing import Signer

R = TypeVar("R", bound=ChainedRecord)

_TRIES = 20  # appends that may be overtaken by others


class ChainBranch(Generic[R]):
    """A chain as read at `commit` (None: there is none yet). Branch and folder have one name.

    Args:
        ledger: of the project.
        branch: name of the branch, and of the folder in it.
        kind: class of the records.

    Raises (on construction):
        BadInputError: the chain is broken, or a newer medloom wrote to it; the message names the
            first such record.
    """

    def __init__(self, ledger: Ledger, branch: str, kind: type[R]) -> None:
        self._ledger, self._branch, self._kind = ledger, branch, kind
        self.commit = ledger.head(branch)
        files = ledger.read_folder(self.commit, branch) if self.commit else {}
        self.records, broken = read_chain(files, kind)
        if broken:
            raise BadInputError(
                f"the branch {branch} of {ledger.url} is broken at {broken.file}: {broken.why}; it "
                "was altered. Restore it from a backup"
            )
        if newer := next((one for one in self.records if one.format > kind.current), None):
            raise BadInputError(
                f"record {newer.sequence} of the branch {branch} of {ledger.url} was written by a "
                f"newer medloom, in format {newer.format}; this version reads formats 1 to "
                f"{kind.current}: upgrade medloom"
            )

    @property
    def last(self) -> R | None:
        """The newest record."""
        return self.records[-1] if self.records else None

    def append(self, facts: Sequence[Mapping[str, Any]], why: str) -> list[R] | None:
        """Append records in one commit; None if somebody appended since these were read.

        Raises:
            BadInputError: a record is not allowed; nothing is appended.
        """
        signer = Signer.of(self._ledger.project)
        chain, made = list(self.records), list[R]()
        for one in facts:
            try:
                made.append(next_record(chain, self._kind, signer, **one))
            except ValueError as error:
                raise BadInputError(f"{self._branch}: {_reason(error)}") from error
            chain.append(made[-1])
        files = {f"{self._branch}/{file_name(one.sequence)}": one.written.decode() for one in made}
        try:
            self._ledger.commit_files(self._branch, self.commit, files, f"{self._branch}: {why}")
        except PushRefusedError:
            return None
        return made


def append_to(
    ledger: Ledger, branch: str, kind: type[R], facts: Sequence[Mapping[str, Any]], why: str
) -> list[R]:
    """Append records after those of whoever was faster: all of them or, after an error, none.

    Args:
        ledger, branch, kind: as for `ChainBranch`.
        facts: the fields of each record, without sequence, previous and time.
        why: of the commit.

    Raises:
        BadInputError: a record is not allowed.
        TransientError: others kept appending.
    """
    if not facts:
        return []
    for _ in range(_TRIES):
        if (made := ChainBranch(ledger, branch, kind).append(facts, why)) is not None:
            return made
    raise TransientError(
        f"others appended to {branch} {_TRIES} times in a row; nothing was lost, try again"
    )


def _reason(error: ValueError) -> str:
    """What is wrong with a record: the field, and why."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    place, told = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return f"{place}: {told}" if place else told
