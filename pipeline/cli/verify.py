"""`medloom audit verify` and `medloom audit keygen`: check the chains, and make a signing key."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.base.terminal import FitTable, Terminal
from pipeline.cli.project import existing_project

if TYPE_CHECKING:
    from rich.console import Group

    from pipeline.audit.verify import Findings
    from pipeline.ledger.signing import Verifier

console = Terminal()

Which = Annotated[
    str | None, typer.Argument(help="Version number, champion or previous. Default: champion.")
]
Every = Annotated[bool, typer.Option("--all", help="Every version and every data revision.")]
Keys = Annotated[
    list[Path] | None,
    typer.Option(
        "--public-key", help="Public key of the journal's signatures (PEM); may be repeated."
    ),
]
Offline = Annotated[bool, typer.Option("--without-registry", help="Check only ledger and remote.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the audit app."""

    @app.command("verify")
    def verify_chains(
        version: Which = None,
        every: Every = False,
        public_key: Keys = None,
        without_registry: Offline = False,
        as_json: Json = False,
    ) -> None:
        """Check that ledger, remote and registry agree; exits with 1 if they do not.

        Everything is read again and hashed: git objects, the journal's chain and signatures,
        manifests, images and weights in the remote, tags, artifacts and aliases in the registry.
        For each chain the first broken link is shown, and what it means.
        """
        if every and version:
            raise BadInputError("give a version or --all, not both")
        which = None if every else version or "champion"
        found = _verify(existing_project(), which, public_key or [], registry=not without_registry)
        if as_json:
            console.print_json(data=found.facts())
        else:
            console.print(findings_table(found))
        if not found.whole:
            raise typer.Exit(1)

    @app.command("keygen")
    def keygen(file: Annotated[Path, typer.Argument(help="File of the private key.")]) -> None:
        """Create a key that signs the journal: FILE, and its public key FILE.pub."""
        from pipeline.ledger.signing import make_key

        public = make_key(file.expanduser().absolute())
        console.print(
            f"private key: {file}\npublic key:  {public}\n\n"
            "Keep the private key where only the machine that decides can read it, outside the "
            "state folder and its backups, and a copy offline.\nKeep the public key where nobody "
            "who writes the ledger can change it.\n\nFrom now on:\n"
            f"  export MEDLOOM_JOURNAL_KEY={file.expanduser().absolute()}\n"
            f"  medloom audit verify --all --public-key {public}",
            highlight=False,
            soft_wrap=True,
        )


def _verify(project: Project, which: str | None, keys: list[Path], *, registry: bool) -> "Findings":
    from pipeline.audit.verify import verify
    from pipeline.cli.tables import bars_of_steps
    from pipeline.ledger.ledger import Ledger
    from pipeline.local import services

    verifiers = _verifiers(project, keys)
    context = services.mlflow(project) if registry else nullcontext("")
    with bars_of_steps(Terminal(stderr=True)) as say, context as uri:
        opened = None
        if registry:
            from pipeline.registry.registry import Registry

            opened = Registry(uri, project.model)
        return verify(Ledger(project), opened, which, verifiers, say)


def _verifiers(project: Project, keys: list[Path]) -> list["Verifier"]:
    """The given keys; else the public key of the key that signs here."""
    from pipeline.ledger.signing import Verifier

    own = [project.journal_key] if project.journal_key else []
    return [Verifier.load(file) for file in keys or own]


def findings_table(findings: "Findings") -> "Group":
    """Table of the chains."""
    from rich.console import Group
    from rich.text import Text

    table = FitTable("chain", "links that hold", "first broken link", "what it means")
    for chain in findings.chains:
        broken = chain.broken
        table.add_row(
            chain.name, str(chain.held),
            Text(f"{broken.what}: {broken.found}", style="red") if broken else Text("none"),
            Text(broken.implies if broken else "; ".join(chain.notes)),
        )  # fmt: skip
    count = sum(chain.broken is not None for chain in findings.chains)
    summary = f"{count} of {len(findings.chains)} chains are broken" if count else "all chains hold"
    missing = [Text(f"not checked: {what}", style="yellow") for what in findings.not_checked]
    return Group(table, *missing, Text(summary, style="red" if count else "green"))
