"""`medloom doctor`: check that this machine and this project are fit to run."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import psutil
from rich.text import Text

from pipeline.base.errors import MedloomError
from pipeline.base.project import PROJECT_ROOT, Project, is_installed
from pipeline.base.terminal import FitTable
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.local import services

State = Literal["ok", "note", "bad"]
_DISK_NEEDED_GB, _MEMORY_NEEDED_GB = 4, 4
_INSTALL = "install medloom's wheel again" if is_installed() else "make install"


@dataclass(frozen=True)
class Check:
    """Result of one check, with what to do when it is bad."""

    name: str
    state: State
    found: str
    advice: str = ""


def checks(project: Project) -> list[Check]:
    """Run all checks; none depends on another."""
    return [
        _python(), _git(), *_packages(), _compiler(), _memory(), _disk(project), _params(project),
        _state(project), _ledger(project), _services(project),
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
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return Check("git", "ok", said.strip().removeprefix("git version "))


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
    free = shutil.disk_usage(_existing(project.state)).free / 1e9
    advice = f"free at least {_DISK_NEEDED_GB} GB, or set MEDLOOM_STATE to another disk"
    return _check("free disk", free >= _DISK_NEEDED_GB, f"{free:.0f} GB", advice)


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def _params(project: Project) -> Check:
    from pipeline.flow.all_params import require_valid
    from pipeline.ledger.project_params import ProjectParams

    def look() -> str:
        params = ProjectParams.of(project)
        require_valid(params)
        return f"{len(params.changed)} changed by {params.origin}" if params.changed else "defaults"

    return _attempt("parameters", look)


def _state(project: Project) -> Check:
    place = _existing(project.state)
    advice = f"make {place} writable, or set MEDLOOM_STATE"
    return _check("state", os.access(place, os.W_OK), str(project.state), advice)


def _ledger(project: Project) -> Check:
    if not project.state.is_dir():
        return Check("ledger", "note", "none yet", "medloom demo")
    return _attempt(
        "ledger", lambda: f"{len(Journal(Ledger(project)).records)} records, chain intact"
    )


def _services(project: Project) -> Check:
    running = services.find(project)
    found = f"Airflow {running.airflow_uri}, MLflow {running.mlflow_uri}" if running else "down"
    return _check("services", running is not None, found, "medloom up", "note")


def _attempt(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", look())
    except MedloomError as error:
        return Check(name, "bad", "error", str(error))
