"""Retrain the generator: weekly, and whenever enough new images have landed.

ingest -> plan -> preprocess -> train -> evaluate -> register -> promote -> announce, and a report
of whatever happened. `plan` ends a run early when nothing is new. A verdict that waits for a person
ends the run too, so that no waiting holds up a retraining: `promote_generator` goes on from there.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param, chain

from .notify import RunFailedNotifier
from .operator import CHAMPION, MedloomOperator

# Any task may run on another host, so they pass each other what they need as XComs.
KEY = "{{ ti.xcom_pull(task_ids='plan')['key'] }}"
RECORD = "{{ ti.xcom_pull(task_ids='promote')['record'] }}"
JUDGED = ["ingest", "plan", "preprocess", "train", "evaluate", "register", "promote"]
RESULTS = f"{{{{ ti.xcom_pull(task_ids={JUDGED}) | tojson }}}}"
STATES = "{{ ti.get_task_states(ti.dag_id, run_ids=[run_id]).get(run_id, {}) | tojson }}"
LANDING = Asset("medloom-landing")
APPROVAL = "--{{ '' if params.require_approval else 'no-' }}require-approval"


def build() -> DAG:
    """Make the DAG `retrain_generator`."""
    with DAG(
        dag_id="retrain_generator",
        description="New images or parameters in, a judged generator out",
        schedule=AssetOrTimeSchedule(
            # The first run is the next one due. By default, Airflow would make up for one that was
            # due within a tenth of the interval before the project came up: most of a Monday.
            timetable=CronTriggerTimetable(
                "0 3 * * 1", timezone="UTC", run_immediately=timedelta(0)
            ),
            assets=[LANDING],
        ),
        catchup=False,
        # One at a time: events that arrive meanwhile fold into one next run, whose ingest lists the
        # landing zone itself and so misses none of them.
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
            )
        },
        on_failure_callback=RunFailedNotifier(),
        tags=["medloom"],
    ) as dag:
        ingest = MedloomOperator(task_id="ingest", arguments=[])
        plan = MedloomOperator(task_id="plan", arguments=[])
        preprocess = MedloomOperator(task_id="preprocess", arguments=["--key", KEY])
        train = MedloomOperator(task_id="train", arguments=["--key", KEY], pool="medloom_train")
        evaluate = MedloomOperator(task_id="evaluate", arguments=["--key", KEY])
        register = MedloomOperator(task_id="register", arguments=["--key", KEY])
        promote = MedloomOperator(task_id="promote", arguments=["--key", KEY, APPROVAL])
        # Skipped, and so without an event, when the champion stays.
        announce = MedloomOperator(
            task_id="announce", arguments=["--record", RECORD], outlets=[CHAMPION]
        )
        # A teardown runs however the rest ended, and does not turn a failed run green.
        report = MedloomOperator(
            task_id="report", arguments=["--results", RESULTS, "--states", STATES], retries=1
        ).as_teardown()

        chain(ingest, plan, preprocess, train, evaluate, register, promote, announce, report)
    return dag
