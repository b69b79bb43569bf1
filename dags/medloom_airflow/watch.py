"""Start a retraining if enough images have arrived, or consent was withdrawn."""

from datetime import timedelta

from airflow.sdk import DAG, Asset, CronTriggerTimetable

from .notify import RunFailedNotifier
from .operator import MedloomOperator


def build() -> DAG:
    """Make the DAG `watch_landing`."""
    with DAG(
        dag_id="watch_landing",
        description="Emits the landing event if images or a withdrawal wait for a retraining",
        schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
        # Without a start date the first run is the next one due.
        catchup=False,
        max_active_runs=1,
        default_args={"retries": 1, "retry_delay": timedelta(seconds=30)},
        on_failure_callback=RunFailedNotifier(),
        tags=["medloom"],
    ) as dag:
        # Skipped, and so without an event, if there is nothing to train on.
        MedloomOperator(task_id="watch", arguments=[], outlets=[Asset("medloom-landing")])
    return dag
