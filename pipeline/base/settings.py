"""Where things are: the one typed view of the deployment, from MEDLOOM_* variables.

Science is params.yaml; this is the rest. Every variable has a default that works on one machine, so
that a project is its state folder: `state/phantom`, `state/kidney-ct`, one class set and one model
name each. Phantoms and patients never mix because they never share a state folder.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.base.errors import BadInputError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
"""The tree of code and defaults that runs: a checkout, or `medloom` in an installed package."""
DEFAULT_PARAMS = PROJECT_ROOT / "params.yaml"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True)
class Settings:
    """One project's places.

    Attributes:
        state: folder of everything medloom writes (MEDLOOM_STATE, default state/phantom below
            MEDLOOM_HOME: by default the checkout, or ~/medloom of an installed package).
        landing: folder that images arrive in, only ever read by the pipeline (MEDLOOM_LANDING,
            default landing/<project> beside the state's parent).
        ledger: bare git repository of code, data, runs and the journal (MEDLOOM_LEDGER).
        remote: DVC remote, a folder or a URL (MEDLOOM_REMOTE).
        cache: DVC's cache and medloom's own, shared by all work on this host (MEDLOOM_CACHE).
        model: name of the registered model (MEDLOOM_MODEL, default medloom-<project>); where tasks
            run on several hosts it is set for all of them, as their state folders tell nothing.
        mlflow_uri: of a tracking server that somebody else runs (MEDLOOM_MLFLOW_URI); empty when
            medloom runs its own.
        journal_key: file of the Ed25519 key that signs the journal (MEDLOOM_JOURNAL_KEY); None:
            it is not signed. It belongs outside the state, where the ledger's writers cannot go.
        patient_key: file of the key that patients are named under (MEDLOOM_PATIENT_KEY_FILE,
            default ~/.config/medloom/patient.key); made when first needed and missing. Keep a
            copy: no backup of a project holds it.
        webhook_url: where a change of champion and a failed run are told (MEDLOOM_WEBHOOK_URL);
            empty: nowhere.
        webhook_secret_file: file of the secret that signs what is told
            (MEDLOOM_WEBHOOK_SECRET_FILE); needed with webhook_url.
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
    webhook_url: str = ""
    webhook_secret_file: Path | None = None

    @property
    def project(self) -> str:
        """The project's name: its state folder's."""
        return self.state.name

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ, *, project: str | None = None) -> Self:
        """Read the environment; `project` names a folder under state/ and wins over MEDLOOM_STATE.

        Raises:
            BadInputError: the project's name cannot be a folder and a model, or the landing zone
                lies inside the state (what medloom writes must never come back as input), or there
                is a webhook without a secret, or a task on a shared ledger lacks the model's name.
        """
        root = Path(
            environ.get("MEDLOOM_HOME") or ("~/medloom" if is_installed() else PROJECT_ROOT)
        )
        default = root / "state" / (project or "phantom")
        chosen = default if project else Path(environ.get("MEDLOOM_STATE") or default)
        state = chosen.expanduser().absolute()
        if not _NAME.fullmatch(state.name):
            raise BadInputError(
                f"the project's name is its state folder's, and {state.name!r} will not do: use "
                "small letters, digits, dot, dash and underscore, e.g. state/kidney-ct"
            )
        beside = state.parent.parent if state.parent.name == "state" else state.parent
        landing = Path(environ.get("MEDLOOM_LANDING") or beside / "landing" / state.name)
        key = environ.get("MEDLOOM_JOURNAL_KEY")
        secret = environ.get("MEDLOOM_WEBHOOK_SECRET_FILE")
        named = environ.get("MEDLOOM_MODEL")
        settings = cls(
            state=state,
            landing=landing.expanduser().absolute(),
            ledger=environ.get("MEDLOOM_LEDGER") or str(state / "ledger.git"),
            remote=environ.get("MEDLOOM_REMOTE") or str(state / "remote"),
            cache=Path(environ.get("MEDLOOM_CACHE") or state / "cache").expanduser().absolute(),
            model=named or f"medloom-{state.name}",
            mlflow_uri=environ.get("MEDLOOM_MLFLOW_URI", ""),
            patient_key=_patient_key(environ),
            journal_key=Path(key).expanduser().absolute() if key else None,
            webhook_url=environ.get("MEDLOOM_WEBHOOK_URL", ""),
            webhook_secret_file=Path(secret).expanduser().absolute() if secret else None,
        )
        if settings.landing.is_relative_to(state):
            raise BadInputError(
                f"the landing zone {settings.landing} lies inside the state {state}: images must "
                "arrive from outside; set MEDLOOM_LANDING to a folder elsewhere"
            )
        if settings.patient_key.is_relative_to(state):
            raise BadInputError(
                f"the key that patients are named under, {settings.patient_key}, lies inside the "
                f"state {state}, with what it protects: set MEDLOOM_PATIENT_KEY_FILE to a file "
                "elsewhere"
            )
        if settings.webhook_url and settings.webhook_secret_file is None:
            raise BadInputError(
                f"MEDLOOM_WEBHOOK_URL is {settings.webhook_url}, but nobody could tell that a "
                "message is ours: set MEDLOOM_WEBHOOK_SECRET_FILE to a file with a shared secret"
            )
        if "MEDLOOM_RUN_ID" in environ and environ.get("MEDLOOM_LEDGER") and not named:
            raise BadInputError(
                f"this task works on a ledger that hosts share, {settings.ledger}, and would call "
                f"its model {settings.model} after this host's state folder: set MEDLOOM_MODEL to "
                "the model's name, the same for every worker"
            )
        return settings

    def environment(self) -> dict[str, str]:
        """These settings as variables, for a child process to read the same ones."""
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
            "MEDLOOM_WEBHOOK_URL": self.webhook_url,
            "MEDLOOM_WEBHOOK_SECRET_FILE": str(self.webhook_secret_file or ""),
        }

    @property
    def index_file(self) -> Path:
        """The unversioned local index of the landing zone."""
        return self.state / "landing-index.sqlite"

    @property
    def params_file(self) -> Path:
        """What the project changes of params.yaml's defaults; it may be missing."""
        return self.state / "params.yaml"

    @property
    def fetched_file(self) -> Path:
        """What was fetched from stores into the landing zone; it may be lost at any time."""
        return self.state / "fetched.jsonl"

    @property
    def workspaces(self) -> Path:
        """Private working folders, each worked in under a lease (`pipeline.ledger.lease`)."""
        return self.state / "workspaces"

    @property
    def checkpoints(self) -> Path:
        """Training checkpoints, one folder a run key."""
        return self.state / "checkpoints"

    @property
    def runs(self) -> Path:
        """What a DAG run tells whoever watches: progress, results, report; one folder a run."""
        return self.state / "runs"

    @property
    def leases(self) -> Path:
        """Lock files that say which process works on what."""
        return self.state / "leases"

    @property
    def logs(self) -> Path:
        """What the services and the tasks say, one file a service."""
        return self.state / "logs"

    @property
    def services_file(self) -> Path:
        """Addresses and process ids of the services that `medloom up` started."""
        return self.state / "services.json"


def is_installed(root: Path | None = None) -> bool:
    """Whether a tree, by default the one that runs, is an installed package and no checkout.

    A wheel makes the tree a package named `medloom`; the root of a checkout is none. Nothing is
    ever written into an installed package.
    """
    return ((root or PROJECT_ROOT) / "__init__.py").is_file()


def _patient_key(environ: Mapping[str, str]) -> Path:
    if named := environ.get("MEDLOOM_PATIENT_KEY_FILE"):
        return Path(named).expanduser().absolute()
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser().absolute() / "medloom" / "patient.key"
