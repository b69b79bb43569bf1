"""Retrain the generator weekly, and whenever enough new images have arrived.

ingest -> plan -> preprocess -> train -> evaluate -> register -> promote -> announce, then a report
in any case. `plan` skips the rest if nothing is new. If a version needs approval, the DAG run ends,
and `promote_generator` continues.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param, chain

from .notify import RunFailedNotifier
from .operator import CHAMPION, MedloomOperator

# Tasks may run on different hosts, so they pass values as XComs.
KEY = "{{ ti.xcom_pull(task_ids='plan')['key'] }}"
RECORD = "{{ ti.xcom_pull(task_ids='promote')['record'] }}"
JUDGED = ["ingest", "plan", "preprocess", "train", "evaluate", "register", "promote"]
RESULTS = f"{{{{ ti.xcom_pull(task_ids={JUDGED}) | tojson }}}}"
STATES = "{{ ti.get_task_states(ti.dag_id, run_ids=[run_id]).get(run_id, {}) | tojson }}"
LANDING = Asset("medloom-landing")
START = "--start={{ params.start }}"
APPROVAL = "--{{ '' if params.require_approval else 'no-' }}require-approval"


def build() -> DAG:
    """Make the DAG `retrain_generator`."""
    with DAG(
        dag_id="retrain_generator",
        description="Trains a generator on new images or parameters, and judges it",
        schedule=AssetOrTimeSchedule(
            # By default, Airflow would at once start a run that was due within the last tenth of
            # the interval, which is most of a Monday.
            timetable=CronTriggerTimetable(
                "0 3 * * 1", timezone="UTC", run_immediately=timedelta(0)
            ),
            assets=[LANDING],
        ),
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
                False,
                type="boolean",
                description="A version that would be promoted waits for a person's approval.",
            ),
            "start": Param(
                "params",
                enum=["params", "fresh", "champion"],
                description="Networks that the training begins from; params: as train.start says.",
            ),
        },
        on_failure_callback=RunFailedNotifier(),
        tags=["medloom"],
    ) as dag:
        ingest = MedloomOperator(task_id="ingest", arguments=[])
        plan = MedloomOperator(task_id="plan", arguments=[START])
        preprocess = MedloomOperator(task_id="preprocess", arguments=["--key", KEY])
        train = MedloomOperator(task_id="train", arguments=["--key", KEY], pool="medloom_train")
        evaluate = MedloomOperator(task_id="evaluate", arguments=["--key", KEY])
        register = MedloomOperator(task_id="register", arguments=["--key", KEY])
        promote = MedloomOperator(task_id="promote", arguments=["--key", KEY, APPROVAL])
        # Skipped, and so without an event, if the champion stays.
        announce = MedloomOperator(
            task_id="announce", arguments=["--record", RECORD], outlets=[CHAMPION]
        )
        # A teardown always runs, and does not turn a failed DAG run into a success.
        report = MedloomOperator(
            task_id="report", arguments=["--results", RESULTS, "--states", STATES], retries=1
        ).as_teardown()

        chain(ingest, plan, preprocess, train, evaluate, register, promote, announce, report)
    return dag
