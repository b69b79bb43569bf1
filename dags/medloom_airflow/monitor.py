"""Measure weekly what happens between retrainings; `alarm` runs if something needs a look.

An alarm fails no task: a failed task says that nothing could be measured, and would be notified
each week again. The command itself tells the webhook, once per alarm.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, CronTriggerTimetable

from .notify import RunFailedNotifier
from .operator import MedloomOperator

RECORD = "{{ ti.xcom_pull(task_ids='monitor')['record'] }}"
ALARM = Asset("medloom-alarm")
"""Its events announce that an alarm is on."""


def build() -> DAG:
    """Make the DAG `monitor_generator`."""
    with DAG(
        dag_id="monitor_generator",
        description="Measures drift, a redraw, age, use and flags, and raises alarms",
        # After the weekly retraining, which may have made another champion.
        schedule=CronTriggerTimetable("0 9 * * 1", timezone="UTC", run_immediately=timedelta(0)),
        catchup=False,
        max_active_runs=1,
        default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
        on_failure_callback=RunFailedNotifier(),
        tags=["medloom"],
    ) as dag:
        monitor = MedloomOperator(task_id="monitor", arguments=[])
        # Skipped, and so without an event, if no alarm is on.
        alarm = MedloomOperator(task_id="alarm", arguments=["--record", RECORD], outlets=[ALARM])

        monitor >> alarm
    return dag
