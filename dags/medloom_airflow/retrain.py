"""Retrain the generator weekly, and whenever enough new images have arrived.

ingest -> plan -> preprocess -> train -> evaluate -> register -> promote -> announce, then a report
in any case. `plan` skips the rest if nothing is new. If a version needs approval, the DAG run ends,
and `promote_generator` continues.
"""

from datetime import timedelta
from functools import partial

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, Param, chain

from .clock import by_clock
from .notify import RunFailedNotifier
from .operator import CHAMPION, LANDING, MedloomOperator
from .projects import STARTS, AirflowProject

# Tasks may run on different hosts, so they pass values as XComs.
KEY = "{{ ti.xcom_pull(task_ids='plan')['key'] }}"
RECORD = "{{ ti.xcom_pull(task_ids='promote')['record'] }}"
JUDGED = ["ingest", "plan", "preprocess", "train", "evaluate", "register", "promote"]
RESULTS = f"{{{{ ti.xcom_pull(task_ids={JUDGED}) | tojson }}}}"
STATES = "{{ ti.get_task_states(ti.dag_id, run_ids=[run_id]).get(run_id, {}) | tojson }}"
ID = "retrain_generator"
START = "--start={{ params.start }}"
APPROVAL = "--{{ '' if params.require_approval else 'no-' }}require-approval"


def build(project: AirflowProject) -> DAG:
    """Make the DAG `retrain_generator`."""
    landing, clock = [Asset(project.asset(LANDING))], by_clock(project.schedule["retrain"])
    with DAG(
        dag_id=project.id(ID),
        description="Trains a generator on new images or parameters, and judges it",
        schedule=AssetOrTimeSchedule(timetable=clock, assets=landing) if clock else landing,
        catchup=False,
        # Events that arrive during a run start one further run, whose ingest lists the whole
        # landing zone.
        max_active_runs=1,
        default_args={
            "retries": 3,
            "retry_delay": timedelta(seconds=10),
            "retry_exponential_backoff": 2.0,
            "max_retry_delay": timedelta(minutes=10),
        },
        params={
            "require_approval": Param(
                project.params["require_approval"],
                type="boolean",
                description="A version that would be promoted waits for a person's approval.",
            ),
            "start": Param(
                project.params["start"],
                enum=list(STARTS),
                description="Networks that the training begins from; params: as train.start says.",
            ),
        },
        on_failure_callback=RunFailedNotifier(project),
        **project.dag(),
    ) as dag:
        task = partial(MedloomOperator, project=project)
        ingest = task(task_id="ingest", arguments=[])
        plan = task(task_id="plan", arguments=[START])
        preprocess = task(task_id="preprocess", arguments=["--key", KEY])
        train = task(task_id="train", arguments=["--key", KEY], pool=project.pool)
        evaluate = task(task_id="evaluate", arguments=["--key", KEY])
        register = task(task_id="register", arguments=["--key", KEY])
        promote = task(task_id="promote", arguments=["--key", KEY, APPROVAL])
        # Skipped, and so without an event, if the champion stays.
        announce = task(
            task_id="announce",
            arguments=["--record", RECORD],
            outlets=[Asset(project.asset(CHAMPION))],
        )
        # A teardown always runs, and does not turn a failed DAG run into a success.
        report = task(
            task_id="report",
            arguments=["--results", RESULTS, "--states", STATES],
            retries=1,
        ).as_teardown()

        chain(ingest, plan, preprocess, train, evaluate, register, promote, announce, report)
    return dag
