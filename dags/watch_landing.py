"""Look at the landing zone; when enough has arrived and settled, ask for a retraining."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, CronTriggerTimetable

from dags.command import MedloomOperator

with DAG(
    dag_id="watch_landing",
    description="Emits the landing event while images wait that no revision holds",
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=30)},
    tags=["medloom"],
) as dag:
    # Skipped, and so without an event, when there is nothing to train on.
    MedloomOperator(task_id="watch", arguments=[], outlets=[Asset("medloom-landing")])
