"""Ask a person whether a version that waits for approval becomes champion, and do as they say.

challenger -> approval -> approve -> announce, or decline when they reject it. Apart from the
retraining, which a verdict that waits for weeks would otherwise block.
"""

from datetime import timedelta

from airflow.sdk import DAG, Param, TriggerRule

from .approval import Approval
from .notify import RunFailedNotifier
from .operator import CHAMPION, MedloomOperator

# What the person saw is what is decided on, also when a newer version waits by then.
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
        description="A person's approval in, another champion out",
        schedule=None,
        catchup=False,
        default_args={"retries": 3, "retry_delay": timedelta(seconds=10)},
        params={
            "version": Param(
                "",
                type="string",
                description="Number of the version; empty: the newest that waits.",
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
        # Not below `approval` itself, whose rejection skips all that is directly below it.
        decline = MedloomOperator(
            task_id="decline", arguments=DECISION, trigger_rule=TriggerRule.ALL_SKIPPED
        )
        announce = MedloomOperator(
            task_id="announce", arguments=["--record", RECORD], outlets=[CHAMPION]
        )

        challenger >> approval >> approve >> [announce, decline]
    return dag
