"""Start a retraining if enough images have arrived, or consent was withdrawn."""

from datetime import timedelta

from airflow.sdk import DAG, Asset

from .clock import by_clock
from .notify import RunFailedNotifier
from .operator import LANDING, MedloomOperator
from .projects import AirflowProject

ID = "watch_landing"


def build(project: AirflowProject) -> DAG:
    """Make the DAG `watch_landing`."""
    with DAG(
        dag_id=project.id(ID),
        description="Emits the landing event if images or a withdrawal wait for a retraining",
        schedule=by_clock(project.schedule["watch"]),
        catchup=False,
        max_active_runs=1,
        default_args={"retries": 1, "retry_delay": timedelta(seconds=30)},
        on_failure_callback=RunFailedNotifier(project),
        **project.dag(),
    ) as dag:
        # Skipped, and so without an event, if there is nothing to train on.
        MedloomOperator(
            project=project, task_id="watch", arguments=[], outlets=[Asset(project.asset(LANDING))]
        )
    return dag
