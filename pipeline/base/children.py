"""The environment of medloom's processes: what a shell may set, and what medloom decides itself.

A shell's variables must not decide where bytes, models or tokens go, which code runs, or whether a
tool reports to its vendor. `child_environment` builds the environment of every child process, and
`settle` gives the command's own process the same. Credentials of stores (AWS_*, AZURE_*,
GOOGLE_APPLICATION_CREDENTIALS), proxies and certificates pass unchanged.
"""

import codecs
import locale
import os
import pwd
import re
import sys
from collections.abc import Mapping

from pipeline.base.project import PROJECT_ROOT, is_installed

IGNORED = "MEDLOOM_IGNORED_VARIABLES"
"""Names of the shell's variables that were left out, for `medloom doctor`; never their values."""
HEARTBEAT = "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"
"""The only option of Airflow that a user may set, as hosts differ in how long they stall."""

_DECIDING = re.compile(
    r"(_?AIRFLOW|BASH_ENV$|DVC|ENV$|FLASK_|GIT_|GUNICORN_|_?MLFLOW_|OPENLINEAGE_|OTEL_|PYTHON|SCARF_"
    r"|SENTRY_|SQLALCHEMY_|STREAMLIT_|STUDIO_|UVICORN_)"
)
"""Variables by which git, DVC, MLflow, Airflow, Streamlit, their servers and Python are told what
to do."""
_DISTRIBUTED = re.compile(
    r"((LOCAL_|GROUP_|ROLE_)?RANK|(LOCAL_|ROLE_)?WORLD_SIZE|MASTER_(ADDR|PORT)|TORCHELASTIC_\w+)$"
)
"""Left by a cluster's scheduler or by torchrun: a training would wait for processes that are not
there. `torchrun` sets them for its own processes."""
_HARMLESS = {
    "GIT_SSL_CAINFO", "GIT_SSL_CAPATH",  # whom to trust, as SSL_CERT_FILE
    HEARTBEAT, "PYTHONDONTWRITEBYTECODE", "PYTHONFAULTHANDLER", "PYTHONHASHSEED",
    "PYTHONPYCACHEPREFIX", "PYTHONUNBUFFERED",
}  # fmt: skip
_OF_A_NAMED_SERVER = re.compile(
    r"MLFLOW_(TRACKING_(USERNAME|PASSWORD|TOKEN|AUTH|AWS_SIGV4|INSECURE_TLS|SERVER_CERT_PATH"
    r"|CLIENT_CERT_PATH)|WORKSPACE|KERBEROS_\w+|S3_\w+|BOTO_CLIENT_ADDRESSING_STYLE"
    r"|HTTP_REQUEST_\w+|ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT)$"
)
"""How to log in to the MLflow server that MEDLOOM_MLFLOW_URI names, and to its artifacts."""

_NO_FOLDER = str(PROJECT_ROOT / ".dvc" / "none")
_SET = {
    "DO_NOT_TRACK": "true",
    "DVC_GLOBAL_CONFIG_DIR": _NO_FOLDER,  # a user's remotes would be merged with ours
    "DVC_NO_ANALYTICS": "1",
    "DVC_STUDIO_OFFLINE": "1",
    "DVC_SYSTEM_CONFIG_DIR": _NO_FOLDER,
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MPLBACKEND": "Agg",  # a notebook's backend is missing here
    "PYTHONUTF8": "1",  # files are UTF-8 whatever the locale
    "SCARF_ANALYTICS": "false",
    "SHELL": "/bin/sh",  # DVC runs a stage by it; that of a service account is nologin
}
_RETRIES = ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
"""MLflow's default takes minutes; a task is retried as a whole."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SOCKS = re.compile(r"socks", re.IGNORECASE)


def child_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a child process, from that of this one; doing it twice changes nothing.

    PYTHONPATH is the root of the running code: an installed package has `pipeline` and `model`
    inside `medloom`, where Python does not search. Of the shell's folders only that one stays in
    which `medloom` is installed (`pip install --target`). The child's working directory still comes
    first, so that a stage runs the code of its own workspace.
    """
    ignored = {name for name in environ if _is_ignored(name, environ)}
    made = {name: value for name, value in environ.items() if name not in ignored}
    if "TMPDIR" in made:  # relative, each process would have its own
        made["TMPDIR"] = os.path.abspath(made["TMPDIR"])  # noqa: PTH100 - no link is followed
    made.setdefault(*_RETRIES)
    made |= _SET | _no_proxy(environ) | _user(environ) | {"PYTHONPATH": _path(environ)}
    untold = {"PYTHONPATH"} if _only_ours(environ) else set()
    told = {name for name in ignored - untold if environ[name] != made.get(name)}
    if names := {*environ.get(IGNORED, "").split(","), *told} - {""}:
        made[IGNORED] = ",".join(sorted(names))
    return made


def settle() -> None:
    """Make this process's environment that of a child.

    Python reads some variables as it starts. If it started with other values than a child would,
    this process is replaced by the same command with the right ones.
    """
    wanted = child_environment()
    if sys.executable and _started_otherwise():
        safe = {"PYTHONSAFEPATH": "1"} if sys.flags.safe_path else {}
        os.execve(sys.executable, sys.orig_argv, wanted | safe)  # noqa: S606
    keep_settled()


def keep_settled() -> None:
    """Change this process's environment to that of a child, without a restart."""
    wanted = child_environment()
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    os.environ.update(wanted)


def _is_ignored(name: str, environ: Mapping[str, str]) -> bool:
    if name in _HARMLESS:
        return False
    if _OF_A_NAMED_SERVER.match(name):
        return not _logs_in_where_it_says(environ)
    if name.upper() == "ALL_PROXY":  # even a client that need not use it fails to start
        return bool(_SOCKS.match(environ[name]))
    return bool(_DECIDING.match(name) or _DISTRIBUTED.match(name))


def _logs_in_where_it_says(environ: Mapping[str, str]) -> bool:
    """Whether the shell's MLflow credentials are meant for the server that the project uses.

    Without MEDLOOM_MLFLOW_URI medloom's own server is used, which needs none. With an
    MLFLOW_TRACKING_URI of another server they are that server's.
    """
    ours = environ.get("MEDLOOM_MLFLOW_URI", "")
    theirs = environ.get("MLFLOW_TRACKING_URI") or ours
    return bool(ours) and ours.rstrip("/") == theirs.rstrip("/")


def _no_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """The services on this machine are never reached through a proxy."""
    given = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    hosts = [host for part in given.split(",") if (host := part.strip())]
    value = ",".join([*hosts, *(host for host in _LOOPBACK if host not in hosts)])
    return {"no_proxy": value, "NO_PROXY": value}


def _user(environ: Mapping[str, str]) -> dict[str, str]:
    """A user's name where the system has none, as in some containers; MLflow needs one."""
    if any(environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
        return {}
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return {"LOGNAME": "medloom", "USER": "medloom"}
    return {}


def _path(environ: Mapping[str, str]) -> str:
    root = str(PROJECT_ROOT)
    beside = {str(PROJECT_ROOT.parent)} if is_installed(PROJECT_ROOT) else set()
    given = environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([root, *(folder for folder in given if folder in beside)])


def _only_ours(environ: Mapping[str, str]) -> bool:
    folders = {*environ.get("PYTHONPATH", "").split(os.pathsep)}
    return folders <= {"", *_path(environ).split(os.pathsep)}


def _started_otherwise() -> bool:
    """Whether this Python read a variable that a child would not get."""
    utf8 = {
        codecs.lookup(name).name for name in (locale.getencoding(), sys.getfilesystemencoding())
    }
    read = {name for name in os.environ if name.startswith("PYTHON")} - _HARMLESS
    harmless = {"PYTHONPATH"} if _only_ours(os.environ) else set()
    harmless |= {"PYTHONSAFEPATH", "PYTHONUTF8"}
    return bool(read - harmless) or not (sys.flags.utf8_mode or utf8 == {"utf-8"})
