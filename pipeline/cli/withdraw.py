"""`medloom audit withdraw` and `medloom data relabel`: decisions of people about images."""

import getpass
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.base.terminal import Terminal
from pipeline.cli.project import existing_project

if TYPE_CHECKING:
    from pipeline.data.revise.purging import Purge
    from pipeline.data.revise.relabelling import Relabelling
    from pipeline.data.revise.withdrawal import Withdrawal

console = Terminal()

Reason = Annotated[
    str, typer.Option(help="Why, without a patient's name; kept for good in the journal.")
]
By = Annotated[str | None, typer.Option(help="Who decided. Default: the user of this machine.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(audit_app: typer.Typer, data_app: typer.Typer) -> None:
    """Add `withdraw` to the audit app and `relabel` to the data app."""

    @audit_app.command("withdraw")
    def withdraw(
        subject: Annotated[
            str,
            typer.Argument(
                help="A patient's name, a group, an image id, a sha256 or an image file."
            ),
        ],
        reason: Reason,
        by: By = None,
        purge: Annotated[
            bool, typer.Option("--purge", help="Also remove every copy of the images.")
        ] = False,
        policy: Annotated[
            Literal["mark", "demote"],
            typer.Option(help="What to do with a champion that was trained on the images."),
        ] = "mark",
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        """Withdraw consent for images: no later training uses them, no later ingest accepts them.

        Versions trained on them, and versions that descend from these, are tagged, and the
        scheduler retrains without them.
        Repeat the command to complete it after a crash, or to purge later. The landing zone is
        never touched: the command lists its files for you to remove.
        """
        _withdraw(existing_project(), subject, reason, by, policy, purge, dry_run, as_json)

    @data_app.command("relabel")
    def relabel(
        subjects: Annotated[
            list[str],
            typer.Argument(help="Images or groups; or one CSV file with the columns id,class."),
        ],
        reason: Reason,
        to: Annotated[str | None, typer.Option(help="The correct class; not with a CSV.")] = None,
        by: By = None,
        new_class: Annotated[
            bool, typer.Option("--new-class", help="Allow a class that no image has yet.")
        ] = False,
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        """Correct the class of images in a new data revision; group, split and pixels stay.

        Their files may stay in the old class's folder of the landing zone.
        """
        from pipeline.data.revise import relabelling as correcting

        file = Path(subjects[0])
        if to is None and len(subjects) == 1 and file.suffix.lower() == ".csv":
            wanted = correcting.read_corrections(file)
        elif to is not None:
            wanted = dict.fromkeys(subjects, to)
        else:
            raise BadInputError("give --to CLASS, or one CSV file with the columns id,class")
        done = correcting.relabel(
            existing_project(),
            wanted,
            by=by or getpass.getuser(),
            reason=reason,
            new_class=new_class,
            dry_run=dry_run,
        )
        if as_json:
            console.print_json(data=asdict(done))
        else:
            _print_relabelled(done, dry_run=dry_run)


def _withdraw(
    project: Project,
    subject: str,
    reason: str,
    by: str | None,
    policy: Literal["mark", "demote"],
    purge: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    from pipeline.data.revise import purging, withdrawal
    from pipeline.ledger.ledger import Ledger
    from pipeline.local import services
    from pipeline.registry.aliases import update_aliases
    from pipeline.registry.registry import Registry

    who = by or getpass.getuser()
    purged = None
    with services.mlflow(project) as uri:
        registry = Registry(uri, project.model)
        done = withdrawal.withdraw(
            project, registry, subject, by=who, reason=reason, policy=policy, dry_run=dry_run
        )
        if purge:
            purged = purging.purge(
                project, registry, done.images, by=who, reason=reason, dry_run=dry_run
            )
        if not dry_run:
            update_aliases(Ledger(project), registry)
    if as_json:
        facts = asdict(done) | {"dry_run": dry_run, "purged": asdict(purged) if purged else None}
        console.print_json(data=facts)
    else:
        _print_withdrawn(project, done, dry_run=dry_run)
        if purged:
            _print_purged(purged, dry_run=dry_run)


def _say(line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _print_withdrawn(project: Project, done: "Withdrawal", *, dry_run: bool) -> None:
    what = "would be withdrawn" if dry_run else "withdrawn"
    _say(f"{len(done.images)} image(s) {what}, as {done.kind} {', '.join(done.groups)}".rstrip())
    if done.records:
        _say(f"journal record {', '.join(map(str, done.records))}; data revision {done.after[:12]}")
    _say(f"runs trained on them, or gone on from such a run: {', '.join(done.runs) or 'none'}")
    _say(f"versions of those runs: {', '.join(map(str, done.versions)) or 'none'}")
    if done.demoted is not None:
        champion = f"version {done.champion}" if done.champion is not None else "none"
        _say(f"version {done.demoted} is demoted; champion is {champion}")
    elif done.champion_affected:
        _say(f"champion version {done.champion} was trained on them; --policy demote replaces it")
    for warning in done.warnings:
        _say(f"warning: {warning}")
    for file in done.landing:
        _say(f"remove by hand: {project.landing / file}")
    if not dry_run:
        _say(
            "the scheduler retrains without them within five minutes; `medloom run` triggers it now"
        )


def _print_purged(purged: "Purge", *, dry_run: bool) -> None:
    verb = "would be removed" if dry_run else "removed"
    _say(f"{purged.left} object(s) of the DVC remote and cache {verb}{_gone_before(purged)}")
    for name in (*purged.folders, *purged.pages):
        _say(f"{verb}: {name}")
    for name in purged.beside:
        _say(f"{verb} from the DVC remote: {name}")
    for name in purged.artifacts:
        _say(f"{verb} from MLflow: {name}")
    for md5 in purged.lost:
        _say(f"warning: the listing {md5} is missing; the files that it named cannot be found")
    for commit in purged.committed:
        _say(f"warning: data commit {commit[:12]} has an image in git itself; it was not removed")
    _say(
        "kept: weights of generators, generated images, and hashes in the ledger. Run the same "
        "command on every other machine that worked on the project"
    )


def _gone_before(purged: "Purge") -> str:
    """The objects that an earlier call, or another machine, has removed."""
    gone = len(purged.objects) - purged.left
    return f"; {gone} more are gone already" if gone else ""


def _print_relabelled(done: "Relabelling", *, dry_run: bool) -> None:
    for id_, (before, after) in done.changes.items():
        _say(f"{id_[:12]}  {before} -> {after}")
    verb = "would be corrected" if dry_run else "corrected"
    _say(f"{len(done.changes)} label(s) {verb}, {len(done.unchanged)} already correct")
    if done.changes and not dry_run:
        _say(f"data revision {done.after[:12]}, journal record {done.records[-1]}")
