"""Run a tiny project from ingest to promotion, each command in its own process.

The commands are those of `bench.faults.victim`. A caller of `actions` must run each command before
taking the next.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

from bench.faults.crashes import Crash, crash_everywhere, name_of
from bench.faults.fingerprint import Fingerprint
from bench.faults.outages import Outage, outages
from bench.faults.tamper import Harmed, tamper_everywhere
from bench.faults.tiny import TINY, TinyProject
from bench.faults.victim import LOG
from pipeline.base.errors import MedloomError
from pipeline.base.settings import Settings
from pipeline.data.branch import declare_data
from pipeline.ledger.ledger import STAGES, Ledger
from pipeline.local import services
from pipeline.phantoms.phantom import write_phantom

Action = tuple[str, ...]
PATIENTS = 4
"""Patients per class: enough for every class in every split."""
_REGISTRY = {
    "model_versions": "version, current_stage",
    "registered_model_aliases": "alias, version",
}
"""Tables of MLflow's database, and the columns to compare."""


def make_road(folder: Path, numbers: Mapping[str, object] = TINY) -> TinyProject:
    """A new tiny project with phantoms in its landing zone."""
    project = TinyProject.make(folder / "medloom", numbers)
    write_phantom(project.settings.landing, PATIENTS, 0)
    return project


def actions(project: TinyProject) -> Iterator[Action]:
    """Every command from the landing zone to the verdict, in order."""
    known = _runs(project)
    yield ("ingest",)
    yield ("plan",)
    (key,) = _runs(project) - known
    for stage in STAGES:
        yield ("stage", stage, key)
    yield ("register", key)
    yield ("promote", key)


def walk(project: TinyProject) -> None:
    """Run all of them.

    Raises:
        MedloomError: a command fails.
    """
    for action in actions(project):
        log = {LOG: str(project.folder / "steps.jsonl")}
        done = project.python("-m", "bench.faults.victim", *action, **log)
        if done.returncode:
            raise MedloomError(f"{name_of(action)} ended with {done.returncode}: {done.stderr}")


def crash_matrix(project: TinyProject, only: Callable[[str], bool]) -> Iterator[Crash]:
    """Kill every command at every external call; `only` selects names: `promote, before index`."""
    for action in actions(project):
        chosen = partial(_chosen, only, name_of(action))
        yield from crash_everywhere(project, action, partial(look, project.settings), only=chosen)


def outage_matrix(project: TinyProject, only: Callable[[str], bool]) -> Iterator[Outage]:
    """Run every command while a store that it needs is unavailable; `only` as in `crash_matrix`.

    The first, empty data revision is made before.
    """
    declare_data(project.settings, phantom=True)
    for action in actions(project):
        chosen = partial(_chosen, only, name_of(action))
        yield from outages(project, action, partial(look, project.settings), chosen)


def tamper_all(project: TinyProject, only: Callable[[str], bool]) -> Iterator[Harmed]:
    """Make two versions, then apply and undo every change; `only` selects by name."""
    from pipeline.registry.registry import Registry

    walk(project)
    project.set({"seed": 1})
    write_phantom(project.settings.landing, PATIENTS, 0, first_patient=10 * PATIENTS)
    walk(project)
    with services.mlflow(project.settings) as uri:
        registry = Registry(uri, project.settings.model)
        yield from tamper_everywhere(project.settings, registry, only)


def look(settings: Settings) -> Fingerprint:
    """The fingerprint of a project's stores, including MLflow's database."""
    return Fingerprint.of(settings, tuple(_registry_facts(settings)))


def _chosen(only: Callable[[str], bool], action: str, point: str) -> bool:
    return only(f"{action}, {point}")


def _runs(project: TinyProject) -> set[str]:
    ledger = Ledger(project.settings)
    if not Path(project.settings.ledger).exists():
        return set()
    listed = ledger.mirror.run("ls-remote", "--heads", ledger.url, "refs/heads/run/*")
    return {line.split("refs/heads/run/")[1] for line in listed.splitlines()}


def _registry_facts(settings: Settings) -> Iterator[str]:
    """Versions and aliases, read from the database without a server."""
    database = settings.state / "mlflow" / "mlflow.db"
    if not database.exists():
        return
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        for table, columns in _REGISTRY.items():
            if table in tables:
                found = connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1")  # noqa: S608
                yield from (f"{table} {' '.join(map(str, row))}" for row in found)
