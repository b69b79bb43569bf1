"""Measure weekly what happens between retrainings; `alarm` runs if something needs a look.

An alarm fails no task: a failed task says that nothing could be measured, and would be notified
each week again. The command itself tells the webhook, once per alarm.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset

from .clock import by_clock
from .notify import RunFailedNotifier
from .operator import MedloomOperator
from .projects import AirflowProject

RECORD = "{{ ti.xcom_pull(task_ids='monitor')['record'] }}"
ID, ALARM = "monitor_generator", "medloom-alarm"
"""The asset's events announce that an alarm is on."""


def build(project: AirflowProject) -> DAG:
    """Make the DAG `monitor_generator`."""
    with DAG(
        dag_id=project.id(ID),
        description="Measures drift, a redraw, age, use and flags, and raises alarms",
        schedule=by_clock(project.schedule["monitor"]),
        catchup=False,
        max_active_runs=1,
        default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
        on_failure_callback=RunFailedNotifier(project),
        **project.dag(),
    ) as dag:
        monitor = MedloomOperator(project=project, task_id="monitor", arguments=[])
        # Skipped, and so without an event, if no alarm is on.
        alarm = MedloomOperator(
            project=project,
            task_id="alarm",
            arguments=["--record", RECORD],
            outlets=[Asset(project.asset(ALARM))],
        )

        monitor >> alarm
    return dag
