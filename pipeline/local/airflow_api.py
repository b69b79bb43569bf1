"""A client for the parts of Airflow's REST API that medloom uses."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import requests

from pipeline.base.errors import BadInputError, TransientError

USER, PASSWORD, TOKEN = (
    "MEDLOOM_AIRFLOW_USER", "MEDLOOM_AIRFLOW_PASSWORD", "MEDLOOM_AIRFLOW_TOKEN",
)  # fmt: skip
"""The log-in to an Airflow that medloom did not start."""

ANSWER_SECONDS = 30
"""Time limit for the first answer to a request."""
SILENCE_SECONDS = 300
"""Time without any answer after which a patient client gives up."""

_FINISHED = ("success", "failed")
_PAUSES = (1, 2, 4, 8)
"""Seconds before each retry after a server error, such as a locked SQLite database."""


@dataclass(frozen=True)
class Patience:
    """How a client waits while no answer comes, as from a busy machine.

    Attributes:
        say: told once that it waits, and again only after an answer that came at once.
        lives: whether an answer can still come.
        seconds: without an answer, after which it gives up.
    """

    say: Callable[[str], object]
    lives: Callable[[], bool] = lambda: True
    seconds: float = SILENCE_SECONDS


@dataclass
class AirflowApi:
    """A client that logs in with a user name and password, and again when its token expires.

    Attributes:
        uri: of the API server.
        user, password: of an account; without a password, only the token is used.
        patience: with which it asks again while no answer comes; None: it asks once.
    """

    uri: str
    user: str
    password: str = field(repr=False)
    _token: str = field(default="", repr=False)
    patience: Patience | None = field(default=None, repr=False)
    _told: bool = field(default=False, repr=False)

    @classmethod
    def of_environment(cls, uri: str, environ: Mapping[str, str] = os.environ) -> Self:
        """A client of an Airflow elsewhere, whose log-in is in the environment.

        Raises:
            BadInputError: there is none.
        """
        user, password, token = (environ.get(name, "") for name in (USER, PASSWORD, TOKEN))
        if not token and not (user and password):
            raise BadInputError(
                f"Airflow at {uri} asks who you are: set {USER} and {PASSWORD}, or {TOKEN} to a "
                "token of its API"
            )
        return cls(uri.rstrip("/"), user, password, token)

    def is_healthy(self) -> bool:
        """Whether the API answers and the scheduler and the DAG processor send heartbeats."""
        try:
            health = requests.get(f"{self.uri}/api/v2/monitor/health", timeout=10).json()
        except (requests.RequestException, ValueError):
            return False
        parts = ("metadatabase", "scheduler", "dag_processor")
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)

    def has_dags(self, *names: str) -> bool:
        """Whether Airflow has parsed these DAGs."""
        known = {dag["dag_id"] for dag in self._call("GET", "/dags", limit=100)["dags"]}
        return known.issuperset(names)

    def ensure_pool(self, name: str, slots: int) -> None:
        """Create a pool unless it exists."""
        pools = self._call("GET", "/pools", limit=100)["pools"]
        if name not in {pool["name"] for pool in pools}:
            self._call("POST", "/pools", json={"name": name, "slots": slots})

    def trigger(self, dag: str, conf: dict[str, Any]) -> str:
        """Start a DAG run; returns its id."""
        # A new id for each run: a failed run with the same id would block it.
        run_id = f"manual__{datetime.now(UTC).strftime('%Y-%m-%dT%H-%M-%S-%f')}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self._call("POST", f"/dags/{dag}/dagRuns", json=body)
        return run_id

    def run(self, dag: str, run_id: str) -> dict[str, Any]:
        """A DAG run, as returned by Airflow."""
        return self._call("GET", f"/dags/{dag}/dagRuns/{run_id}")

    def find_run(self, dag: str, run_id: str) -> dict[str, Any] | None:
        """A DAG run, as returned by Airflow; None if there is none of that id."""
        return self._find(f"/dags/{dag}/dagRuns/{run_id}")

    def runs(self, dag: str, limit: int = 10) -> list[dict[str, Any]]:
        """The latest runs of a DAG, newest first."""
        found = self._call("GET", f"/dags/{dag}/dagRuns", limit=limit, order_by="-run_after")
        return list(found["dag_runs"])

    def tasks(self, dag: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Task id -> task instance of a DAG run."""
        found = self._call("GET", f"/dags/{dag}/dagRuns/{run_id}/taskInstances", limit=100)
        return {task["task_id"]: task for task in found["task_instances"]}

    def result(self, dag: str, run_id: str, task: str) -> dict[str, Any]:
        """What a task returned (its XCom); empty if it has not ended, or returned no object."""
        path = f"/dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/xcomEntries/return_value"
        found = (self._find(path) or {}).get("value")
        return found if isinstance(found, dict) else {}

    def find_dag(self, dag: str) -> dict[str, Any] | None:
        """A DAG, as returned by Airflow; None if there is none of that id."""
        return self._find(f"/dags/{dag}")

    def emit(self, asset: str) -> None:
        """Create an asset event."""
        found = self._call("GET", "/assets", name_pattern=asset, limit=100)["assets"]
        ids = [one["id"] for one in found if one["name"] == asset]
        if not ids:
            raise BadInputError(
                f"Airflow has no asset {asset!r}; the assets are defined in the DAGs"
            )
        self._call("POST", "/assets/events", json={"asset_id": ids[0]})

    def is_busy(self, dag: str) -> bool:
        """Whether a DAG has an unfinished run, or queued events that will start one."""
        # Events first: starting a run consumes them in the same transaction.
        waiting = self._call("GET", f"/dags/{dag}/assets/queuedEvents")["total_entries"]
        return bool(waiting) or not all(map(self.is_finished, self.runs(dag)))

    @staticmethod
    def is_finished(run: dict[str, Any]) -> bool:
        """Whether a DAG run has ended, successfully or not."""
        return run["state"] in _FINISHED

    def _find(self, path: str) -> dict[str, Any] | None:
        """What is at a path; None if nothing is."""
        try:
            return self._call("GET", path)
        except BadInputError:
            if self._ask("GET", path, None, {})[0].status_code == requests.codes.not_found:
                return None
            raise

    def _call(
        self, method: str, path: str, json: dict[str, Any] | None = None, **query: Any
    ) -> dict[str, Any]:
        answer, again = self._ask(method, path, json, query)
        for pause in _PAUSES:
            if answer.status_code < 500:
                break
            time.sleep(pause)
            again, answer = True, self._ask(method, path, json, query)[0]
        if again and method == "POST" and answer.status_code == requests.codes.conflict:
            return {}  # an earlier attempt had succeeded
        if not answer.ok:
            kind = TransientError if answer.status_code >= 500 else BadInputError
            raise kind(f"Airflow refused {method} {path}: {answer.status_code} {answer.text[:300]}")
        return dict(answer.json())

    def _ask(
        self, method: str, path: str, json: dict[str, Any] | None, query: dict[str, Any]
    ) -> tuple[requests.Response, bool]:
        """Send one request, with a new token if the old one has expired; returns as `_send`."""
        again = False
        for _ in range(2):
            self._token = self._token or self._log_in()
            answer, more = self._send(
                method,
                f"/api/v2{path}",
                headers={"Authorization": f"Bearer {self._token}"},
                json=json,
                params=query,
            )
            again = again or more
            if answer.status_code != requests.codes.unauthorized:
                break
            self._token = ""
        return answer, again

    def _log_in(self) -> str:
        if not self.password:
            raise BadInputError(f"Airflow at {self.uri} does not accept the token of {TOKEN}")
        body = {"username": self.user, "password": self.password}
        answer, _ = self._send("POST", "/auth/token", json=body)
        if answer.status_code == requests.codes.unauthorized:
            raise BadInputError(
                f"Airflow at {self.uri} does not know {self.user} with this password"
            )
        if not answer.ok:
            raise TransientError(f"login to Airflow at {self.uri} failed: {answer.status_code}")
        return str(answer.json()["access_token"])

    def _send(self, method: str, path: str, **more: Any) -> tuple[requests.Response, bool]:
        """Send one request, and again while no answer comes, as long as patience lasts.

        Each answer is waited for as long as there was none before, so that a slow one comes.

        Returns:
            The answer, and whether the request was sent more than once.

        Raises:
            TransientError: no answer came.
        """
        start, silent, again = time.monotonic(), 0.0, False
        while True:
            try:
                limit = max(ANSWER_SECONDS, silent)
                answer = requests.request(method, self.uri + path, timeout=limit, **more)
            except requests.RequestException as error:
                silent = time.monotonic() - start
                if not self._waits(error, silent):
                    since = f" for {silent:.0f} s" if again else ""
                    raise TransientError(
                        f"Airflow at {self.uri} cannot be reached{since}: {error}"
                    ) from error
            else:
                self._told = self._told and again
                return answer, again
            if self.patience and silent >= ANSWER_SECONDS and not self._told:
                self._told = True
                self.patience.say(f"Airflow has not answered for {silent:.0f} s; still waiting")
            time.sleep(_PAUSES[0])
            again = True

    def _waits(self, error: requests.RequestException, silent: float) -> bool:
        """Whether to ask again after an error and so many seconds without an answer."""
        silence = isinstance(error, requests.ConnectionError | requests.Timeout)
        patience = self.patience
        return silence and patience is not None and silent < patience.seconds and patience.lives()
