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
from bench.faults.tamper import Tampered, tamper_everywhere
from bench.faults.tiny import TINY, TinyCheckout
from bench.faults.victim import LOG
from pipeline.base.errors import MedloomError
from pipeline.base.project import Project
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


def make_scenario(folder: Path, numbers: Mapping[str, object] = TINY) -> TinyCheckout:
    """A new tiny project with phantoms in its landing zone."""
    tiny = TinyCheckout.make(folder / "medloom", numbers)
    write_phantom(tiny.project.landing, PATIENTS, 0)
    return tiny


def actions(tiny: TinyCheckout) -> Iterator[Action]:
    """Every command from the landing zone to the verdict, in order."""
    known = _runs(tiny)
    yield ("ingest",)
    yield ("plan",)
    (key,) = _runs(tiny) - known
    for stage in STAGES:
        yield ("stage", stage, key)
    yield ("register", key)
    yield ("promote", key)


def walk(tiny: TinyCheckout) -> None:
    """Run all of them.

    Raises:
        MedloomError: a command fails.
    """
    for action in actions(tiny):
        log = {LOG: str(tiny.folder / "steps.jsonl")}
        done = tiny.python("-m", "bench.faults.victim", *action, **log)
        if done.returncode:
            raise MedloomError(f"{name_of(action)} ended with {done.returncode}: {done.stderr}")


def crash_matrix(tiny: TinyCheckout, only: Callable[[str], bool]) -> Iterator[Crash]:
    """Kill every command at every external call; `only` selects names: `promote, before index`."""
    for action in actions(tiny):
        chosen = partial(_chosen, only, name_of(action))
        yield from crash_everywhere(tiny, action, partial(look, tiny.project), only=chosen)


def outage_matrix(tiny: TinyCheckout, only: Callable[[str], bool]) -> Iterator[Outage]:
    """Run every command while a store that it needs is unavailable; `only` as in `crash_matrix`.

    The first, empty data revision is made before.
    """
    declare_data(tiny.project, phantom=True)
    for action in actions(tiny):
        chosen = partial(_chosen, only, name_of(action))
        yield from outages(tiny, action, partial(look, tiny.project), chosen)


def tamper_all(tiny: TinyCheckout, only: Callable[[str], bool]) -> Iterator[Tampered]:
    """Make two versions, then apply and undo every change; `only` selects by name."""
    from pipeline.registry.registry import Registry

    walk(tiny)
    tiny.set({"seed": 1})
    write_phantom(tiny.project.landing, PATIENTS, 0, first_patient=10 * PATIENTS)
    walk(tiny)
    with services.mlflow(tiny.project) as uri:
        registry = Registry(uri, tiny.project.model)
        yield from tamper_everywhere(tiny.project, registry, only)


def look(project: Project) -> Fingerprint:
    """The fingerprint of a project's stores, including MLflow's database."""
    return Fingerprint.of(project, tuple(_registry_facts(project)))


def _chosen(only: Callable[[str], bool], action: str, point: str) -> bool:
    return only(f"{action}, {point}")


def _runs(tiny: TinyCheckout) -> set[str]:
    ledger = Ledger(tiny.project)
    if not Path(tiny.project.ledger).exists():
        return set()
    listed = ledger.mirror.run("ls-remote", "--heads", ledger.url, "refs/heads/run/*")
    return {line.split("refs/heads/run/")[1] for line in listed.splitlines()}


def _registry_facts(project: Project) -> Iterator[str]:
    """Versions and aliases, read from the database without a server."""
    database = project.state / "mlflow" / "mlflow.db"
    if not database.exists():
        return
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        for table, columns in _REGISTRY.items():
            if table in tables:
                found = connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1")  # noqa: S608
                yield from (f"{table} {' '.join(map(str, row))}" for row in found)
