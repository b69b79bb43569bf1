"""A DAG run, as whoever causes trouble looks at it."""

from dataclasses import dataclass
from typing import Any

import yaml

from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.remote_files import RemoteFiles, checkpoints_of
from tests.cluster.service import wait_for
from tests.cluster.topology import Topology, Worker

RETRAIN = "retrain_generator"
RUNNING, DONE = "running", "success"


@dataclass(frozen=True)
class ClusterRun:
    """A run of one project's `retrain_generator`."""

    topology: Topology
    project: str
    id: str

    @classmethod
    def begin(cls, topology: Topology, project: str, **train: Any) -> "ClusterRun":
        """Start one; `train` are parameters of the training, which make it another than before."""
        if train:
            state = topology.folder / "admin" / "state" / project
            state.mkdir(parents=True, exist_ok=True)
            (state / "params.yaml").write_text(yaml.safe_dump({"train": train}))
            topology.medloom("admin", project, "params", "publish")
        run_id = topology.airflow.trigger(f"{RETRAIN}__{project}", {})
        return cls(topology, project, run_id)

    @property
    def state(self) -> str:
        return str(self.topology.airflow.run(f"{RETRAIN}__{self.project}", self.id)["state"])

    def task(self, name: str) -> dict[str, Any]:
        """A task, as Airflow tells it."""
        found = self.topology.airflow.tasks(f"{RETRAIN}__{self.project}", self.id)
        return found.get(name, {"state": None, "try_number": 0})

    def tries(self, name: str) -> int:
        return int(self.task(name)["try_number"])

    def reaches(self, name: str, *states: str, seconds: float = 300) -> None:
        """Wait until a task is in one of these states."""

        def there() -> bool:
            now = self.task(name)["state"]
            assert now not in ("failed", "upstream_failed") or now in states, self.why(name)
            return now in states

        wait_for(there, f"{name} {' or '.join(states)}", seconds)

    def ends(self, seconds: float = 600) -> None:
        """Wait for the end of the run, which must be a success."""
        wait_for(lambda: self.state in ("success", "failed"), f"the end of {self.id}", seconds)
        states = self.topology.airflow.tasks(f"{RETRAIN}__{self.project}", self.id)
        told = {name: (one["state"], one["try_number"]) for name, one in states.items()}
        assert self.state == "success", told

    def why(self, name: str) -> str:
        """The last lines of a task's logs, of every try."""
        found = sorted(self.topology.folder.glob(f"*/logs/*/run_id={self.id}/task_id={name}/*.log"))
        return "\n".join(f"{log.name}: {log.read_text()[-3000:]}" for log in found)

    def trains_on(self, images: int = 1, seconds: float = 180) -> Worker:
        """Wait until a training has seen so many images; returns the worker that it runs on."""
        found: list[Worker] = []

        def there() -> bool:
            for worker in self.topology.workers.values():
                told = worker.progress(self.project, self.id, "train")
                if told.get("images_seen", 0) >= images and self.task("train")["state"] == RUNNING:
                    found.append(worker)
            return bool(found)

        wait_for(there, f"a training that has seen {images} images", seconds)
        return found[0]

    @property
    def key(self) -> str:
        """The run's key in the ledger."""
        runs = self.topology.ledger(self.project).branches("run/")
        judged = {record.run_key for record in self.records}
        (mine,) = {name.removeprefix("run/") for name in runs} - judged
        return mine

    @property
    def records(self) -> list[Record]:
        return list(Journal(self.topology.ledger(self.project)).records)

    def checkpoint(self) -> int:
        """Images seen of the newest checkpoint in the object store; 0 without one."""
        remote = RemoteFiles(self.topology.project(self.project).remote)
        names = remote.names(checkpoints_of(self.key))
        return max((int(n.split("checkpoint-")[1].removesuffix(".pt")) for n in names), default=0)
