"""The versions of a project, for somebody who chooses one, and what is written about each."""

import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.base.errors import TransientError
from pipeline.base.project import Project
from pipeline.ledger.journal import VERDICTS, Journal
from pipeline.ledger.ledger import Ledger
from pipeline.registry.aliases import CHALLENGER, CHAMPION, PREVIOUS, Projection

if TYPE_CHECKING:
    from pipeline.registry.description import VersionFacts

REPORT_FILE = "report.html"


class KnownVersion(NamedTuple):
    """A version that images can be drawn from.

    Attributes:
        number: its number, which never means another version.
        aliases: of the version now, such as champion.
        decided: the last decision about it, such as promoted, rolled-back, or withdrawn if it
            learned from images that were withdrawn since; "" before the verdict.
        because: why it was trained, in words, as its verdict tells; "" if it does not.
    """

    number: int
    aliases: tuple[str, ...]
    decided: str
    because: str = ""

    @property
    def in_words(self) -> str:
        """What is known of it, for a list."""
        words = [*self.aliases, *([] if self.decided in self.aliases else [self.decided])]
        return ", ".join(word for word in words if word) or "not judged yet"

    @property
    def is_champion(self) -> bool:
        """Whether it is the champion now."""
        return CHAMPION in self.aliases


class VersionPage(NamedTuple):
    """What is written about a version.

    Attributes:
        card: the model card, Markdown; "" if there is none.
        report: the report of its run, an HTML page; "" if there is none.
    """

    card: str
    report: str


def known_versions(project: Project) -> list[KnownVersion]:
    """The versions of a project, newest first.

    Those that were never judged are found where an MLflow server is running.
    """
    journal = Journal(Ledger(project))
    now = Projection.of(journal)
    named = {CHAMPION: now.champion, PREVIOUS: now.previous, CHALLENGER: now.challenger}
    decided = {r.version: r.action for r in journal.records if r.version is not None}
    for later in (journal.blocked, journal.affected):
        decided |= {number: record.action for number, record in later.items()}
    told = {r.version: str(r.details.get("because", "")) for r in journal.records
            if r.version is not None and r.action in VERDICTS}  # fmt: skip
    # MLflow is asked for what the journal does not say: it takes long for many versions.
    undecided = next(number for number in count(1) if number not in decided)
    numbers, others = _registered(project, undecided)
    aliases = {alias: number for alias, number in others.items() if alias not in named} | named
    return [
        KnownVersion(
            number,
            tuple(alias for alias, one in aliases.items() if one == number),
            decided.get(number, ""),
            told.get(number, ""),
        )
        for number in sorted(numbers | decided.keys(), reverse=True)
    ]


def _registered(project: Project, since: int) -> tuple[set[int], dict[str, int]]:
    """Versions of MLflow from a number on, and its aliases; none if no server is running."""
    from pipeline.local import services
    from pipeline.registry.registry import Registry

    running = services.find(project)
    uri = project.mlflow_uri or (running.mlflow_uri if running else "")
    if not uri:
        return set(), {}
    registry = Registry(uri, project.model)
    try:
        return set(registry.versions(since)), registry.aliases()
    except TransientError:
        return set(), {}


def version_page(project: Project, version: int) -> VersionPage:
    """What MLflow holds about a version; its server is started if none is running.

    Raises:
        BadInputError: the version does not exist.
        TransientError: the server cannot be reached.
    """
    from pipeline.local import services
    from pipeline.registry.registry import Registry

    with services.mlflow(project) as uri, tempfile.TemporaryDirectory() as folder:
        registry = Registry(uri, project.model)
        card = registry.description(version)
        report = registry.run_artifacts(version, REPORT_FILE, Path(folder))
        return VersionPage(card, report.read_text() if report else "")


def version_facts(project: Project, version: int) -> "VersionFacts":
    """A version's classes, figures and verdict, by MLflow, whose server is started if need be.

    Raises:
        BadInputError: the version does not exist.
        TransientError: the server cannot be reached.
    """
    from pipeline.local import services
    from pipeline.registry.description import read_facts
    from pipeline.registry.registry import Registry

    with services.mlflow(project) as uri:
        return read_facts(Registry(uri, project.model), version)
