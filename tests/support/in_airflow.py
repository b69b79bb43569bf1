"""What live tests do in Airflow, and how they wait for it."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from pipeline.base.errors import TransientError
from pipeline.base.project import Project
from pipeline.local import services
from pipeline.local.airflow_api import AirflowApi

LONG = 1200.0
"""Seconds; for a machine that does other things, too."""
APPROVE, REJECT = "Approve", "Reject"
PROMOTE = "promote_generator"


def wait_for(done: Callable[[], Any], what: str, seconds: float = LONG) -> Any:
    """What `done` returns, once it returns something; services that are busy are asked again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(TransientError):
            if found := done():
                return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {seconds:.0f} s")


class Airflow(AirflowApi):
    """What a person does in Airflow's pages."""

    @classmethod
    def of(cls, project: Project) -> Self:
        """The Airflow that runs for a project."""
        running = services.find(project)
        assert running is not None
        return cls(running.airflow_uri, running.user, running.password)

    def ended(self, dag: str, run_id: str, seconds: float = LONG) -> str:
        """Wait for a run's end; returns its state."""

        def state() -> str:
            run = self.run(dag, run_id)
            return str(run["state"]) if self.is_finished(run) else ""

        return str(wait_for(state, f"the end of {dag}", seconds))

    def answer(self, run_id: str, option: str, why: str) -> None:
        """Respond to the required action of a run of promote_generator until it ends.

        Not before a person could: an answer within a second of the question may find its worker
        still ending, and the scheduler then takes the task for lost, and asks again.
        """
        run = f"/dags/{PROMOTE}/dagRuns/{run_id}"
        body = {"chosen_options": [option], "params_input": {"why": why}}

        waits_since = time.monotonic()

        def ended() -> bool:
            nonlocal waits_since
            state = self.tasks(PROMOTE, run_id)["approval"]["state"]
            if state != "awaiting_input":
                waits_since = time.monotonic()
            elif time.monotonic() - waits_since < 3:
                return False
            for asked in self._call("GET", f"{run}/hitlDetails")["hitl_details"]:
                assert asked["options"] == [APPROVE, REJECT]
                if state == "awaiting_input" and not asked["response_received"]:
                    path = f"{run}/taskInstances/approval/-1/hitlDetails"
                    self._call("PATCH", path, json=body)
            return self.is_finished(self.run(PROMOTE, run_id))

        wait_for(ended, f"the end of {PROMOTE}")

    def announced_by(self) -> list[tuple[str, str]]:
        """DAG and run of each event of the asset medloom-champion."""
        (asset,) = self._call("GET", "/assets", name_pattern="medloom-champion")["assets"]
        found = self._call("GET", "/assets/events", asset_id=asset["id"], limit=100)
        return [(e["source_dag_id"], e["source_run_id"]) for e in found["asset_events"]]
