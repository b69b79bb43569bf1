"""The audit files of a version: an HTML page and an in-toto statement."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jinja2

from pipeline.audit.answers import SPLITS
from pipeline.audit.statement import statement
from pipeline.audit.trace import trace
from pipeline.audit.trace_facts import Trace
from pipeline.audit.verify import Findings
from pipeline.base.errors import BadInputError
from pipeline.base.files import write_atomically
from pipeline.base.params_file import flat
from pipeline.base.project import Project
from pipeline.ledger.journal import Journal, champions
from pipeline.ledger.ledger import Ledger

STATEMENT_SUFFIX = ".intoto.json"


@dataclass(frozen=True)
class AuditFiles:
    """The files written, and whether every chain holds."""

    page: Path
    statement: Path
    whole: bool


def write_audit(
    project: Project,
    asked: str,
    out: Path,
    check: Callable[[str], Findings],
) -> AuditFiles:
    """Write the page and, beside it, the statement.

    Args:
        project: the project.
        asked: version number or alias.
        out: HTML file; its folder is created if missing.
        check: verifies a version, given its number.

    Raises:
        BadInputError: there is no such version, or it has no verdict; `out` is a folder.
    """
    if out.is_dir():
        raise BadInputError(f"{out} is a folder; name a file in it, such as {out / 'audit.html'}")
    found = trace(project, asked)
    said = statement(found, project.ledger)
    findings = check(str(found.version))
    journal = Journal(Ledger(project))
    page = render(found, findings, champions(journal.records), journal.head, datetime.now(UTC))
    files = AuditFiles(out, out.with_suffix(STATEMENT_SUFFIX), findings.whole)
    write_atomically(files.statement, json.dumps(said, indent=2) + "\n")
    write_atomically(files.page, page)
    return files


def render(
    found: Trace,
    findings: Findings,
    tenures: list[tuple[int, str, str | None]],
    journal_head: str,
    made_at: datetime,
) -> str:
    """Render the page; the same arguments give the same text.

    Args:
        found: the version's trace.
        findings: of the check of ledger, remote and registry.
        tenures: all champions: (version, since, until).
        journal_head: sha256 of the journal's last record.
        made_at: UTC.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.audit"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("audit.html.j2").render(
        found=found,
        findings=findings,
        tenures=tenures,
        journal_head=journal_head,
        made_at=made_at.strftime("%Y-%m-%d %H:%M UTC"),
        splits=SPLITS,
        counts={(row.label, row.split): row for row in found.data.counts},
        labels=sorted({row.label for row in found.data.counts}),
        params=list(flat(found.params).items()),
    )
