"""A project: where its files and services are, from MEDLOOM_* variables.

A project is its state folder, such as `state/phantom` or `state/kidney-ct`, with one ledger, one
set of classes and one model name. Phantoms and patients never share a state folder, and so never
mix. Scientific parameters are in params.yaml (`pipeline.ledger.project_params`). Every variable has
a default that works on one machine.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.base.errors import BadInputError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
"""The root of the running code and defaults: a checkout, or the installed package `medloom`."""
DEFAULT_PARAMS = PROJECT_ROOT / "params.yaml"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_OF_ONE_PROJECT = (
    "MEDLOOM_CACHE",
    "MEDLOOM_LANDING",
    "MEDLOOM_LEDGER",
    "MEDLOOM_MODEL",
    "MEDLOOM_REMOTE",
)
"""Variables that name places of one project, and not of another beside it."""


@dataclass(frozen=True)
class Project:
    """One project: its places, the name of its model, and its keys.

    Attributes:
        state: folder of everything medloom writes (MEDLOOM_STATE, default state/phantom in
            MEDLOOM_HOME, which defaults to the checkout, or to ~/medloom if installed).
        landing: folder that images arrive in, read-only for the pipeline (MEDLOOM_LANDING,
            default landing/<project> beside the folder `state`).
        ledger: bare git repository of code, data, runs and the journal (MEDLOOM_LEDGER).
        remote: DVC remote, a folder or a URL (MEDLOOM_REMOTE).
        cache: caches of DVC and medloom, shared by all processes on this host (MEDLOOM_CACHE).
        model: name of the registered model (MEDLOOM_MODEL, default medloom-<project>); must be
            set if tasks run on several hosts, whose state folders may have different names.
        mlflow_uri: URI of an external MLflow server (MEDLOOM_MLFLOW_URI); empty: medloom starts its
            own.
        journal_key: file of the Ed25519 key that signs the journal (MEDLOOM_JOURNAL_KEY); None:
            the journal is not signed. Keep it where writers of the ledger have no access.
        patient_key: file of the key for patient pseudonyms (MEDLOOM_PATIENT_KEY_FILE, default
            ~/.config/medloom/patient.key); created when first needed. Keep a copy: backups of a
            project do not contain it.
        marks_folder: keys by which generated images are told (MEDLOOM_MARKS, the same keys on every
            host; default `marks` in the state folder); None: the default.
        webhook_url: receives changes of champion and failed runs (MEDLOOM_WEBHOOK_URL); empty: no
            webhook.
        webhook_secret_file: file of the secret that signs webhook messages
            (MEDLOOM_WEBHOOK_SECRET_FILE); required with webhook_url.
    """

    state: Path
    landing: Path
    ledger: str
    remote: str
    cache: Path
    model: str
    mlflow_uri: str
    patient_key: Path
    journal_key: Path | None = None
    marks_folder: Path | None = None
    webhook_url: str = ""
    webhook_secret_file: Path | None = None

    @property
    def name(self) -> str:
        """The name of the state folder."""
        return self.state.name

    @property
    def command(self) -> str:
        """How a person types `medloom` for this project."""
        option = "" if self.name == "phantom" else f" --project {self.name}"
        return ("medloom" if is_installed() else ".venv/bin/medloom") + option

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ, *, name: str | None = None) -> Self:
        """Read the environment; `name` is a folder in state/ and overrides MEDLOOM_STATE.

        Raises:
            BadInputError: the project's name is invalid, this user has no home folder, the landing
                zone or the patient key is inside the state, a ledger or remote is neither a folder
                nor a URL, a webhook has no secret, or a task on a shared ledger has no model name.
        """
        root = Path(
            environ.get("MEDLOOM_HOME") or ("~/medloom" if is_installed() else PROJECT_ROOT)
        )
        default = root / "state" / (name or "phantom")
        chosen = default if name else Path(environ.get("MEDLOOM_STATE") or default)
        state = _absolute(chosen)
        if not _NAME.fullmatch(state.name):
            raise BadInputError(
                f"{state.name!r} is not a valid project name, which is the name of the state "
                "folder: use lower-case letters, digits, dot, dash and underscore, e.g. "
                "state/kidney-ct"
            )
        beside = state.parent.parent if state.parent.name == "state" else state.parent
        landing = Path(environ.get("MEDLOOM_LANDING") or beside / "landing" / state.name)
        key = environ.get("MEDLOOM_JOURNAL_KEY")
        secret = environ.get("MEDLOOM_WEBHOOK_SECRET_FILE")
        marks = environ.get("MEDLOOM_MARKS")
        named = environ.get("MEDLOOM_MODEL")
        project = cls(
            state=state,
            landing=_absolute(landing),
            ledger=_folder_or_url(environ, "MEDLOOM_LEDGER", state / "ledger.git"),
            remote=_folder_or_url(environ, "MEDLOOM_REMOTE", state / "remote"),
            cache=_absolute(Path(environ.get("MEDLOOM_CACHE") or state / "cache")),
            model=named or f"medloom-{state.name}",
            mlflow_uri=environ.get("MEDLOOM_MLFLOW_URI", ""),
            patient_key=_patient_key(environ),
            journal_key=_absolute(Path(key)) if key else None,
            marks_folder=_absolute(Path(marks)) if marks else None,
            webhook_url=environ.get("MEDLOOM_WEBHOOK_URL", ""),
            webhook_secret_file=_absolute(Path(secret)) if secret else None,
        )
        if project.landing.is_relative_to(state):
            raise BadInputError(
                f"the landing zone {project.landing} is inside the state folder {state}, where "
                "medloom writes; set MEDLOOM_LANDING to a folder outside it"
            )
        if project.patient_key.is_relative_to(state):
            raise BadInputError(
                f"the patient key {project.patient_key} is inside the state folder {state}, with "
                "the data it protects; set MEDLOOM_PATIENT_KEY_FILE to a file outside it"
            )
        if project.webhook_url and project.webhook_secret_file is None:
            raise BadInputError(
                f"MEDLOOM_WEBHOOK_URL is {project.webhook_url}, but there is no secret to sign "
                "messages with; set MEDLOOM_WEBHOOK_SECRET_FILE to a file with a shared secret"
            )
        if "MEDLOOM_RUN_ID" in environ and environ.get("MEDLOOM_LEDGER") and not named:
            raise BadInputError(
                f"this task uses the shared ledger {project.ledger}, and would name the model "
                f"{project.model} after this host's state folder; set MEDLOOM_MODEL to the "
                "model's name, the same on every worker"
            )
        return project

    def beside(self, name: str, environ: Mapping[str, str] = os.environ) -> Self:
        """Another project of this host, with its state beside this one's; it need not exist.

        Raises:
            BadInputError: as `load`, or that is no name.
        """
        if Path(name).name != name:
            raise BadInputError(
                f"{name!r} is no project; give the name of one, such as kidney-larger"
            )
        shared = {key: value for key, value in environ.items() if key not in _OF_ONE_PROJECT}
        return self.load(shared | {"MEDLOOM_STATE": str(self.state.parent / name)})

    @property
    def neighbours(self) -> list[str]:
        """Names of the other projects whose state and ledger lie beside this one's."""
        found = (ledger.parent for ledger in self.state.parent.glob("*/ledger.git"))
        return sorted(f.name for f in found if f != self.state and _NAME.fullmatch(f.name))

    def environment(self) -> dict[str, str]:
        """The project as environment variables, for a child process."""
        return {
            "MEDLOOM_STATE": str(self.state),
            "MEDLOOM_LANDING": str(self.landing),
            "MEDLOOM_LEDGER": self.ledger,
            "MEDLOOM_REMOTE": self.remote,
            "MEDLOOM_CACHE": str(self.cache),
            "MEDLOOM_MODEL": self.model,
            "MEDLOOM_MLFLOW_URI": self.mlflow_uri,
            "MEDLOOM_PATIENT_KEY_FILE": str(self.patient_key),
            "MEDLOOM_JOURNAL_KEY": str(self.journal_key or ""),
            "MEDLOOM_MARKS": str(self.marks_folder or ""),
            "MEDLOOM_WEBHOOK_URL": self.webhook_url,
            "MEDLOOM_WEBHOOK_SECRET_FILE": str(self.webhook_secret_file or ""),
        }

    @property
    def index_file(self) -> Path:
        """The local index of the landing zone; it is not versioned."""
        return self.state / "landing-index.sqlite"

    @property
    def params_file(self) -> Path:
        """The project's changes to the defaults of params.yaml; it may be missing."""
        return self.state / "params.yaml"

    @property
    def fetched_file(self) -> Path:
        """The record of files fetched into the landing zone; it may be lost at any time."""
        return self.state / "fetched.jsonl"

    @property
    def workspaces(self) -> Path:
        """Workspaces, each used under a lease (`pipeline.ledger.lease`)."""
        return self.state / "workspaces"

    @property
    def checkpoints(self) -> Path:
        """Training checkpoints, one folder per run key."""
        return self.state / "checkpoints"

    @property
    def runs(self) -> Path:
        """Progress, results and report of each DAG run, one folder per DAG run."""
        return self.state / "runs"

    @property
    def leases(self) -> Path:
        """Lock files of the leases."""
        return self.state / "leases"

    @property
    def logs(self) -> Path:
        """Logs of the services and the tasks, one file per service."""
        return self.state / "logs"

    @property
    def marks(self) -> Path:
        """The keys by which generated images are told (`pipeline.synthetic.keys`); maybe none."""
        return self.marks_folder or self.state / "marks"

    @property
    def draws(self) -> Path:
        """Counts of images drawn on this machine (`pipeline.registry.draw_counts`); maybe none."""
        return self.state / "draws"

    @property
    def services_file(self) -> Path:
        """Addresses and supervisor of the services that `medloom up` started."""
        return self.state / "services.json"


def is_installed(root: Path | None = None) -> bool:
    """Whether a root, by default the running one, is an installed package rather than a checkout.

    In a wheel the root is the package `medloom`; the root of a checkout is not a package. Nothing
    is ever written into an installed package.
    """
    return ((root or PROJECT_ROOT) / "__init__.py").is_file()


def _patient_key(environ: Mapping[str, str]) -> Path:
    if named := environ.get("MEDLOOM_PATIENT_KEY_FILE"):
        return _absolute(Path(named))
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return _absolute(Path(home)) / "medloom" / "patient.key"


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise BadInputError(
            f"{path} is in a home folder, and user {os.getuid()} has none: set HOME to a folder "
            "that this user can write to"
        ) from None


def _folder_or_url(environ: Mapping[str, str], variable: str, default: Path) -> str:
    """A URL as it is, a folder with its whole path: processes work in different folders."""
    named = environ.get(variable) or str(default)
    if "://" in named:
        return named
    host, colon, path = named.partition(":")
    if colon and "/" not in host:
        raise BadInputError(
            f"{variable} is {named}; allowed are a folder, or a URL such as ssh://{host}/{path}"
        )
    return str(_absolute(Path(named)))
