"""`medloom doctor`: check that this machine and this project are fit to run."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import psutil
from rich.text import Text

from pipeline.base.children import IGNORED, child_environment
from pipeline.base.errors import BadInputError, MedloomError
from pipeline.base.host import faults, nearest_existing
from pipeline.base.project import PROJECT_ROOT, Project, is_installed
from pipeline.base.terminal import FitTable
from pipeline.flow.all_params import require_valid
from pipeline.flow.feasible import infeasible
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.project_params import ProjectParams
from pipeline.local import services

State = Literal["ok", "note", "bad"]
_DISK_NEEDED_GB, _MEMORY_NEEDED_GB = 4, 4
_GIT_NEEDED = (2, 32)
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_INSTALL = "install medloom's wheel again" if is_installed() else "make install"


@dataclass(frozen=True)
class Check:
    """Result of one check, with what to do when it is bad."""

    name: str
    state: State
    found: str
    advice: str = ""


_NOT_LOOKED_AT = Check("ledger", "note", "not looked at", "mend what is marked with a cross first")


def checks(project: Project) -> list[Check]:
    """Run all checks; the state of a project that this host does not support is left alone."""
    return [
        _python(), _git(), *_packages(), _compiler(), _memory(), _disk(project), *_host(project),
        _variables(), *_proxies(project), _patient_key(project), _params(project), _state(project),
        _ledger(project), _next_run(project), _services(project),
    ]  # fmt: skip


def doctor_table(found: list[Check]) -> FitTable:
    """Table of the checks."""
    styles = {"ok": "green", "note": "yellow", "bad": "red"}
    table = FitTable("", "check", "found", "what to do")
    for check in found:
        mark = {"ok": "✓", "note": "!", "bad": "✗"}[check.state]
        table.add_row(Text(mark, styles[check.state]), check.name, check.found, check.advice)
    return table


def _check(name: str, fine: bool, found: str, advice: str, otherwise: State = "bad") -> Check:
    return Check(name, "ok", found) if fine else Check(name, otherwise, found, advice)


def _python() -> Check:
    fine = (3, 11) <= sys.version_info[:2] < (3, 14)
    advice = "install Python 3.11, 3.12 or 3.13 and make the environment again"
    return _check("Python", fine, platform.python_version(), advice)


def _git() -> Check:
    path = shutil.which("git")
    if path is None:
        return Check("git", "bad", "not found", "install git")
    said = subprocess.run(
        [path, "--version"], env=child_environment(), capture_output=True, text=True, check=False
    ).stdout.strip()
    found = tuple(int(n) for n in re.findall(r"\d+", said)[:2])
    advice = "install git 2.32 or later: earlier ones let a user's configuration decide"
    return _check("git", found >= _GIT_NEEDED, said.removeprefix("git version "), advice)


def _packages() -> Iterator[Check]:
    wanted = dict(
        re.findall(
            r"^([a-z0-9-]+)==([^\s;]+)", (PROJECT_ROOT / "requirements.lock").read_text(), re.M
        )
    )
    for name in ("torch", "apache-airflow", "mlflow", "dvc"):
        try:
            have = version(name)
        except PackageNotFoundError:
            yield Check(name, "bad", "not installed", _INSTALL)
            continue
        advice = f"requirements.lock says {wanted.get(name)}: {_INSTALL}"
        yield _check(name, have.split("+")[0] == wanted.get(name), have, advice)


def _compiler() -> Check:
    found = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    advice = "optional: without a compiler torch.compile is not used"
    return _check("C++ compiler", found is not None, found or "none", advice, "note")


def _memory() -> Check:
    free = psutil.virtual_memory().available / 1e9
    advice = f"training and services need {_MEMORY_NEEDED_GB} GB"
    return _check("free memory", free >= _MEMORY_NEEDED_GB, f"{free:.1f} GB", advice, "note")


def _disk(project: Project) -> Check:
    free = shutil.disk_usage(nearest_existing(project.state)).free / 1e9
    advice = f"free at least {_DISK_NEEDED_GB} GB, or set MEDLOOM_STATE to another disk"
    return _check("free disk", free >= _DISK_NEEDED_GB, f"{free:.0f} GB", advice)


def _host(project: Project) -> Iterator[Check]:
    found = faults(project)
    yield from (Check(fault.what, "bad", fault.found, fault.advice) for fault in found)
    if not found:
        places = f"clock, owner and paths are fine; temporary files go to {tempfile.gettempdir()}"
        yield Check("host", "ok", places)


def _variables() -> Check:
    ignored = os.environ.get(IGNORED, "").replace(",", ", ")
    advice = "nothing to do: MEDLOOM_* alone decides where medloom works"
    return _check("variables", not ignored, f"ignored: {ignored}" if ignored else "none is ignored",
                  advice, "note")  # fmt: skip


def _proxies(project: Project) -> Iterator[Check]:
    named = {name for name in os.environ if name.lower() in _PROXIES}
    places = {
        "MLflow": project.mlflow_uri, "the remote": project.remote,
        "the ledger": project.ledger, "the webhook": project.webhook_url,
    }  # fmt: skip
    through = [what for what, url in places.items() if url and _goes_through(url)]
    if named:
        reached = ", ".join(through) or "nothing that this project uses"
        advice = "" if through else "nothing to do"
        yield Check("proxy", "note", f"{', '.join(sorted(named))}: for {reached}", advice)


def _goes_through(url: str) -> bool:
    host = urlsplit(url)
    return host.scheme in getproxies() and not proxy_bypass(host.hostname or "")


def _patient_key(project: Project) -> Check:
    key = project.patient_key
    if key.exists():
        advice = f"make {key} readable, or set MEDLOOM_PATIENT_KEY_FILE"
        return _check("patient key", os.access(key, os.R_OK), str(key), advice)
    place = nearest_existing(key.parent)
    fine = place.is_dir() and os.access(place, os.W_OK)
    advice = f"set MEDLOOM_PATIENT_KEY_FILE to a file elsewhere: {place} is no folder to write to"
    found = "made by the first ingest" if fine else "cannot be made"
    return _check("patient key", fine, f"{key}: {found}", advice)


def _params(project: Project) -> Check:
    def look() -> str:
        params = ProjectParams.of(project)
        require_valid(params)
        return f"{len(params.changed)} changed by {params.origin}" if params.changed else "defaults"

    return _attempt("parameters", look)


def _state(project: Project) -> Check:
    place = nearest_existing(project.state)
    advice = f"make {place} writable, or set MEDLOOM_STATE"
    return _check("state", os.access(place, os.W_OK), str(project.state), advice)


def _ledger(project: Project) -> Check:
    if not project.state.is_dir():
        return Check("ledger", "note", "none yet", "medloom demo")
    if any(not fault.passes for fault in faults(project)):
        return _NOT_LOOKED_AT
    return _attempt(
        "ledger", lambda: f"{len(Journal(Ledger(project)).records)} records, chain intact"
    )


def _next_run(project: Project) -> Check:
    def look() -> str:
        ledger = Ledger(project)
        data = ledger.head(DATA)
        if data is None:
            return "no images yet"
        found = infeasible(ledger, require_valid(ProjectParams.of(project)), data)
        if found.refusals:
            raise BadInputError("; ".join(found.refusals))
        return "; ".join(found.notes) or "can end in a promotion"

    if not project.state.is_dir():
        return Check("next training", "note", "no images yet", "medloom ingest FOLDER")
    if any(not fault.passes for fault in faults(project)):
        return replace(_NOT_LOOKED_AT, name="next training")
    return _attempt("next training", look)


def _services(project: Project) -> Check:
    running = services.find(project)
    found = f"Airflow {running.airflow_uri}, MLflow {running.mlflow_uri}" if running else "down"
    return _check("services", running is not None, found, "medloom up", "note")


def _attempt(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", look())
    except (MedloomError, OSError) as error:
        return Check(name, "bad", "error", str(error))
