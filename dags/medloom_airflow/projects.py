"""The projects of one Airflow, by the file that MEDLOOM_PROJECTS names.

Without the variable there is one project, which the workers' environment describes. The file is
YAML and holds everything that differs between projects, so a task takes nothing of a project from
the host that it runs on:

    projects:
      kidney:                              # ends the ids of its DAGs: retrain_generator__kidney
        environment:                       # of its tasks; MEDLOOM_STATE is required
          MEDLOOM_STATE: /data/kidney/state/kidney
          MEDLOOM_MLFLOW_URI: https://mlflow.example.org
        secrets:                           # name in the task: name in the worker's environment
          AWS_SECRET_ACCESS_KEY: KIDNEY_AWS_SECRET_ACCESS_KEY
        command: /opt/medloom/.venv/bin/medloom   # default: MEDLOOM_COMMAND, or Airflow's Python
        schedule: {retrain: "0 3 * * 1", watch: "*/5 * * * *", monitor: null}   # UTC; null: none
        params: {require_approval: true}   # defaults of the form for a retraining
        pool: medloom_train                # of the trainings
        queues: {default: medloom, train: gpu, ingest: landing-host}   # of Celery, by task
        pods: {train: {memory: 16Gi, gpu: "1"}}   # of Kubernetes, by task
        access: {kidney-lab: [can_read, can_edit]}   # role of Airflow: what it may do with the DAGs
        paused: false                      # when its DAGs are first seen; default: as Airflow's
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from croniter import croniter

FILE = "MEDLOOM_PROJECTS"
POOL = "medloom_train"
SCHEDULE: Mapping[str, str | None] = {
    "retrain": "0 3 * * 1",
    "watch": "*/5 * * * *",
    # After the weekly retraining, which may have made another champion.
    "monitor": "0 9 * * 1",
}
"""Default schedules: cron expressions, in UTC."""
PARAMS: Mapping[str, Any] = {"require_approval": False, "start": "params"}
STARTS = ("params", "fresh", "champion")
TASKS = (
    "ingest", "plan", "preprocess", "train", "evaluate", "register", "promote", "announce",
    "report", "watch", "monitor", "alarm", "challenger", "approval", "approve", "decline",
)  # fmt: skip
DEFAULT = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|[kMGTPE]i?)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


_POD = {"memory": "memory", "cpu": "cpu", "gpu": "nvidia.com/gpu"}
"""Keys of a pod, and what Kubernetes calls them."""


class ProjectsError(ValueError):
    """The projects file is wrong; the message names file and key, and says what is allowed."""


@dataclass(frozen=True)
class AirflowProject:
    """What the DAGs of one project need to know. The default is the workers' own project.

    Attributes:
        name: ends the ids of its DAGs and assets; "" for the only project.
        command: command line of `medloom`; "": as `command.medloom` finds it.
        environment, secrets: variables of its tasks; secrets by the worker's names for them.
        schedule: cron expression (UTC) by DAG, or None.
        params: defaults of a retraining's form.
        pool: of its trainings.
        queues: by task id, or `default`; without both, Airflow's default queue.
        pods: by task id, or `default`: memory, cpu and gpu of the task's pod (`pod_of`).
        access: actions on its DAGs by role of Airflow.
        paused: whether new DAGs are paused; None: as Airflow is configured.
    """

    name: str = ""
    command: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    schedule: Mapping[str, str | None] = field(default_factory=lambda: SCHEDULE)
    params: Mapping[str, Any] = field(default_factory=lambda: PARAMS)
    pool: str = POOL
    queues: Mapping[str, str] = field(default_factory=dict)
    pods: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    access: Mapping[str, list[str]] | None = None
    paused: bool | None = None

    def id(self, name: str) -> str:
        """The id of one of its DAGs: `retrain_generator__kidney`."""
        return f"{name}__{self.name}" if self.name else name

    def asset(self, name: str) -> str:
        """The name of one of its assets: `medloom-landing__kidney`."""
        return self.id(name)

    def variables(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The environment of its tasks, on a host with `environ`.

        A named project has none of the host's MEDLOOM_* variables.

        Raises:
            ProjectsError: the host lacks a secret.
        """
        if not self.name:
            return dict(environ)
        made = {name: value for name, value in environ.items() if not name.startswith("MEDLOOM_")}
        made |= self.environment
        for name, theirs in self.secrets.items():
            if theirs not in environ:
                raise ProjectsError(
                    f"project {self.name}: the environment of this worker has no {theirs}, which "
                    f"secrets.{name} names; set it on every worker that runs this project"
                )
            made[name] = environ[theirs]
        return made

    def dag(self) -> dict[str, Any]:
        """Arguments that all of its DAGs have."""
        tags = ["medloom", *([self.name] if self.name else [])]
        return {
            "tags": tags,
            "access_control": self.access and {role: set(may) for role, may in self.access.items()},
            "is_paused_upon_creation": self.paused,
        }

    def task(self, task_id: str) -> dict[str, Any]:
        """Arguments of one of its tasks."""
        queue = self.queues.get(task_id) or self.queues.get(DEFAULT)
        pod = self.pods.get(task_id) or self.pods.get(DEFAULT)
        given = {"queue": queue} if queue else {}
        return given | ({"executor_config": {"pod_override": pod_of(pod)}} if pod else {})


@dataclass(frozen=True)
class Projects:
    """The projects that can be used, and what is wrong with the others, a sentence each."""

    usable: tuple[AirflowProject, ...]
    wrong: tuple[str, ...] = ()

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> "Projects":
        """Read the projects file; without one, there is the workers' own project.

        Raises:
            ProjectsError: the file cannot be read, or lists no projects.
        """
        named = environ.get(FILE)
        if not named:
            return cls((AirflowProject(),))
        file = Path(named)
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ProjectsError(
                f"{FILE} is {named}, which cannot be read: {error.strerror}; name a file that the "
                "DAG processor and the workers can read, or unset it for a single project"
            ) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ProjectsError(f"{file} is no YAML: {error}") from error
        listed = content.get("projects") if isinstance(content, dict) else None
        if not isinstance(listed, dict) or not listed:
            raise ProjectsError(
                f"{file} lists no projects; it begins with `projects:`, and below it a name and "
                "`environment: {MEDLOOM_STATE: …}` for each project"
            )
        usable: list[AirflowProject] = []
        others = [key for key in content if key != "projects"]
        wrong = [f"{file}: unknown key {key!r}; allowed is projects" for key in others]
        for name, given in listed.items():
            mistakes = list(_mistakes(name, given))
            taken = [one.name for one in usable if not mistakes and _state(given) == _state_of(one)]
            if taken:
                mistakes.append(
                    f"environment.MEDLOOM_STATE is that of {taken[0]}; each project has its own"
                )
            if mistakes:
                wrong += [f"{file}: projects.{name}: {mistake}" for mistake in mistakes]
            else:
                usable.append(_project(name, given))
        return cls(tuple(usable), tuple(wrong))

    def require_all(self) -> None:
        """Check that nothing is wrong.

        Raises:
            ProjectsError: something is; every mistake is named.
        """
        if self.wrong:
            raise ProjectsError("\n".join([*self.wrong, "The other projects are not affected."]))


def pod_of(asked: Mapping[str, str]) -> Any:
    """What a task's pod has in the place of the template's, for Airflow's KubernetesExecutor.

    Args:
        asked: quantities as Kubernetes writes them, such as 16Gi and 500m, by `memory`, `cpu` and
            `gpu`. Memory and GPUs are also limits; a GPU cannot be shared.
    """
    from kubernetes.client import models as k8s  # of Airflow's provider

    named = {_POD[key]: value for key, value in asked.items()}
    limits = {name: value for name, value in named.items() if name != "cpu"}
    container = k8s.V1Container(
        name="base", resources=k8s.V1ResourceRequirements(requests=named, limits=limits)
    )
    return k8s.V1Pod(spec=k8s.V1PodSpec(containers=[container]))


_KEYS = tuple(one.name for one in fields(AirflowProject) if one.name != "name")


def _project(name: str, given: Mapping[str, Any]) -> AirflowProject:
    made = dict(given)
    made["schedule"] = {**SCHEDULE, **made.get("schedule", {})}
    made["params"] = {**PARAMS, **made.get("params", {})}
    return AirflowProject(name=name, **made)


def _state(given: Mapping[str, Any]) -> str:
    return os.path.normpath(str(given["environment"]["MEDLOOM_STATE"]))


def _state_of(project: AirflowProject) -> str:
    return os.path.normpath(project.environment["MEDLOOM_STATE"])


def _mistakes(name: Any, given: Any) -> Iterator[str]:
    """What is wrong with one entry of the file."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield f"{name!r} is no valid name; use lower-case letters, digits, dot, dash, underscore"
    if not isinstance(given, dict):
        yield f"is {given!r}; it holds keys, of which environment is required"
        return
    yield from _unknown(given, _KEYS, "")
    for key in ("command", "pool"):
        if key in given and (not isinstance(given[key], str) or not given[key]):
            yield f"{key} is {given[key]!r}; it is a text"
    if "paused" in given and not isinstance(given["paused"], bool):
        yield f"paused is {given['paused']!r}; allowed are true and false"
    for key in ("environment", "secrets", "schedule", "params", "queues", "pods", "access"):
        if not isinstance(given.get(key, {}), dict):
            yield f"{key} is {given[key]!r}; it holds names and values"
            return
    yield from _wrong_variables(given)
    yield from _wrong_settings(given)


def _wrong_variables(given: Mapping[str, Any]) -> Iterator[str]:
    environment = given.get("environment", {})
    state = environment.get("MEDLOOM_STATE")
    if not isinstance(state, str) or not state.startswith("/"):
        yield (
            f"environment.MEDLOOM_STATE is {state!r}; it is the project's state folder on the "
            "workers, an absolute path such as /data/kidney/state/kidney"
        )
    for key in ("environment", "secrets"):
        for variable, value in given.get(key, {}).items():
            if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
                yield f"{key}.{variable} is no name of a variable"
            elif not isinstance(value, str):
                yield f"{key}.{variable} is {value!r}; put a text in quotes"


def _wrong_settings(given: Mapping[str, Any]) -> Iterator[str]:
    schedule, params = given.get("schedule", {}), given.get("params", {})
    yield from _unknown(schedule, tuple(SCHEDULE), "schedule.")
    for dag, cron in schedule.items():
        if cron is not None and not (isinstance(cron, str) and croniter.is_valid(cron)):
            yield f"schedule.{dag} is {cron!r}; allowed are a cron expression, in UTC, and null"
    yield from _unknown(params, tuple(PARAMS), "params.")
    if not isinstance(params.get("require_approval", False), bool):
        yield f"params.require_approval is {params['require_approval']!r}; allowed: true, false"
    if params.get("start", STARTS[0]) not in STARTS:
        yield f"params.start is {params['start']!r}; allowed are {', '.join(STARTS)}"
    yield from _unknown(given.get("queues", {}), (DEFAULT, *TASKS), "queues.")
    for task, queue in given.get("queues", {}).items():
        if not isinstance(queue, str) or not queue:
            yield f"queues.{task} is {queue!r}; it is the name of a queue"
    yield from _wrong_pods(given.get("pods", {}))
    for role, actions in given.get("access", {}).items():
        if not isinstance(actions, list) or not all(isinstance(one, str) for one in actions):
            yield f"access.{role} is {actions!r}; it is a list such as [can_read, can_edit]"


def _wrong_pods(pods: Mapping[str, Any]) -> Iterator[str]:
    if pods and find_spec("kubernetes") is None:
        yield (
            "pods is given, and Airflow's environment has no Kubernetes: install "
            "apache-airflow-providers-cncf-kubernetes beside Airflow, or leave pods out"
        )
    yield from _unknown(pods, (DEFAULT, *TASKS), "pods.")
    for task, asked in pods.items():
        if not isinstance(asked, dict) or not asked:
            yield f"pods.{task} is {asked!r}; it is a mapping such as {{memory: 16Gi, gpu: '1'}}"
            continue
        yield from _unknown(asked, tuple(_POD), f"pods.{task}.")
        for key, value in asked.items():
            if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
                yield f"pods.{task}.{key} is {value!r}; it is a text such as '1', 500m or 16Gi"


def _unknown(given: Mapping[Any, Any], allowed: tuple[str, ...], prefix: str) -> Iterator[str]:
    for key in given:
        if key not in allowed:
            close = get_close_matches(str(key), allowed, 1)
            hint = f"; did you mean {prefix}{close[0]}?" if close else ""
            yield f"unknown key {prefix}{key}; allowed are {', '.join(allowed)}{hint}"
