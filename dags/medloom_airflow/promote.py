"""Ask a person whether the challenger becomes champion, and record the answer.

challenger -> approval -> approve -> announce, or decline after a rejection. This is a DAG of its
own, so that an approval that takes weeks does not block retraining.
"""

from datetime import timedelta

from airflow.sdk import DAG, Param, TriggerRule

from .approval import Approval
from .notify import RunFailedNotifier
from .operator import CHAMPION, MedloomOperator

# The decision is about the version shown, even if a newer one is waiting by then.
VERSION = "{{ ti.xcom_pull(task_ids='challenger')['version'] }}"
VERDICT = "{{ ti.xcom_pull(task_ids='challenger')['asked'] }}"
RECORD = "{{ ti.xcom_pull(task_ids='approve')['record'] }}"
ANSWER = f"ti.xcom_pull(task_ids='approval', key='{Approval.ANSWER}')"
PERSON = f"{{{{ {ANSWER}['by'] or 'somebody in Airflow' }}}}"
REASON = f"{{{{ {ANSWER}['why'] or params.reason or 'answered in Airflow' }}}}"
DECISION = ["--version", VERSION, f"--by={PERSON}", f"--reason={REASON}"]


def build() -> DAG:
    """Make the DAG `promote_generator`."""
    with DAG(
        dag_id="promote_generator",
        description="Asks a person to approve the challenger, and makes it champion",
        schedule=None,
        catchup=False,
        default_args={"retries": 3, "retry_delay": timedelta(seconds=10)},
        params={
            "version": Param(
                "",
                type="string",
                description="Version number; empty: the newest that waits for approval.",
            ),
            "reason": Param("", type="string", description="Why, for the journal."),
        },
        on_failure_callback=RunFailedNotifier(),
        tags=["medloom"],
    ) as dag:
        challenger = MedloomOperator(
            task_id="challenger", arguments=["--version={{ params.version }}"]
        )
        approval = Approval(
            task_id="approval",
            subject=f"Shall version {VERSION} become champion?",
            body=f"{VERDICT}\n\n{{{{ params.reason }}}}",
            params={"why": Param("", type="string", description="Why, for the journal.")},
        )
        approve = MedloomOperator(task_id="approve", arguments=DECISION)
        # Not directly after `approval`, whose rejection skips its direct successors.
        decline = MedloomOperator(
            task_id="decline", arguments=DECISION, trigger_rule=TriggerRule.ALL_SKIPPED
        )
        announce = MedloomOperator(
            task_id="announce", arguments=["--record", RECORD], outlets=[CHAMPION]
        )

        challenger >> approval >> approve >> [announce, decline]
    return dag
