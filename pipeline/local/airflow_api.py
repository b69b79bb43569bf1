"""The few calls of Airflow's REST API that medloom makes."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests

from pipeline.base.errors import BadInputError, TransientError

_FINISHED = ("success", "failed")
_PAUSES = (1, 2, 4, 8)
"""Seconds before another try of what a server error met: SQLite is locked for moments."""


@dataclass
class AirflowApi:
    """A client that logs in by name and password, again when its token has run out."""

    uri: str
    user: str
    password: str = field(repr=False)
    _token: str = field(default="", repr=False)

    def is_healthy(self) -> bool:
        """Whether the API answers and the scheduler and the DAG processor beat."""
        try:
            health = requests.get(f"{self.uri}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return False
        parts = ("metadatabase", "scheduler", "dag_processor")
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)

    def has_dags(self, *names: str) -> bool:
        """Whether the DAGs are parsed and known."""
        known = {dag["dag_id"] for dag in self._call("GET", "/dags", limit=100)["dags"]}
        return known.issuperset(names)

    def ensure_pool(self, name: str, slots: int) -> None:
        """Make a pool of so many slots exist."""
        pools = self._call("GET", "/pools", limit=100)["pools"]
        if name not in {pool["name"] for pool in pools}:
            self._call("POST", "/pools", json={"name": name, "slots": slots})

    def trigger(self, dag: str, conf: dict[str, Any]) -> str:
        """Start a run of a DAG; returns its run id."""
        # A run's id is never used twice, since a failed run of the same id would block it.
        run_id = f"manual__{datetime.now(UTC).strftime('%Y-%m-%dT%H-%M-%S-%f')}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self._call("POST", f"/dags/{dag}/dagRuns", json=body)
        return run_id

    def run(self, dag: str, run_id: str) -> dict[str, Any]:
        """A DAG run as Airflow tells it."""
        return self._call("GET", f"/dags/{dag}/dagRuns/{run_id}")

    def runs(self, dag: str, limit: int = 10) -> list[dict[str, Any]]:
        """The latest runs of a DAG, newest first."""
        found = self._call("GET", f"/dags/{dag}/dagRuns", limit=limit, order_by="-run_after")
        return list(found["dag_runs"])

    def tasks(self, dag: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Task id -> its instance in a run."""
        found = self._call("GET", f"/dags/{dag}/dagRuns/{run_id}/taskInstances", limit=100)
        return {task["task_id"]: task for task in found["task_instances"]}

    def emit(self, asset: str) -> None:
        """Say that an asset changed, as whoever changes it from outside does."""
        found = self._call("GET", "/assets", name_pattern=asset, limit=100)["assets"]
        ids = [one["id"] for one in found if one["name"] == asset]
        if not ids:
            raise BadInputError(f"Airflow knows no asset {asset!r}; the DAGs name those there are")
        self._call("POST", "/assets/events", json={"asset_id": ids[0]})

    def is_busy(self, dag: str) -> bool:
        """Whether a run of a DAG has not ended, or events wait that will start one."""
        # The events first: what begins a run takes them away in the same transaction.
        waiting = self._call("GET", f"/dags/{dag}/assets/queuedEvents")["total_entries"]
        return bool(waiting) or not all(map(self.is_finished, self.runs(dag)))

    @staticmethod
    def is_finished(run: dict[str, Any]) -> bool:
        """Whether a DAG run has ended, well or not."""
        return run["state"] in _FINISHED

    def _call(
        self, method: str, path: str, json: dict[str, Any] | None = None, **query: Any
    ) -> dict[str, Any]:
        answer = self._ask(method, path, json, query)
        again = False
        for pause in _PAUSES:
            if answer.status_code < 500:
                break
            time.sleep(pause)
            again, answer = True, self._ask(method, path, json, query)
        if again and method == "POST" and answer.status_code == requests.codes.conflict:
            return {}  # the try that seemed to fail had made it
        if not answer.ok:
            kind = TransientError if answer.status_code >= 500 else BadInputError
            raise kind(f"Airflow refused {method} {path}: {answer.status_code} {answer.text[:300]}")
        return dict(answer.json())

    def _ask(
        self, method: str, path: str, json: dict[str, Any] | None, query: dict[str, Any]
    ) -> requests.Response:
        """One request, with a new token when the old one has run out."""
        for _ in range(2):
            self._token = self._token or self._log_in()
            try:
                answer = requests.request(
                    method,
                    f"{self.uri}/api/v2{path}",
                    headers={"Authorization": f"Bearer {self._token}"},
                    json=json,
                    params=query,
                    timeout=30,
                )
            except requests.RequestException as error:
                raise TransientError(f"Airflow at {self.uri} cannot be reached: {error}") from error
            if answer.status_code != requests.codes.unauthorized:
                break
            self._token = ""
        return answer

    def _log_in(self) -> str:
        body = {"username": self.user, "password": self.password}
        try:
            answer = requests.post(f"{self.uri}/auth/token", json=body, timeout=30)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise TransientError(f"Airflow at {self.uri} does not let me in: {error}") from error
        return str(answer.json()["access_token"])
