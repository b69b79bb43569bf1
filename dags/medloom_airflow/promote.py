"""Ask a person whether the challenger becomes champion, and record the answer.

challenger -> approval -> approve -> announce, or decline after a rejection. This is a DAG of its
own, so that an approval that takes weeks does not block retraining.
"""

from datetime import timedelta
from functools import partial

from airflow.sdk import DAG, Asset, Param, TriggerRule

from .approval import Approval
from .notify import RunFailedNotifier
from .operator import CHAMPION, MedloomOperator
from .projects import AirflowProject

# The decision is about the version shown, even if a newer one is waiting by then.
VERSION = "{{ ti.xcom_pull(task_ids='challenger')['version'] }}"
VERDICT = "{{ ti.xcom_pull(task_ids='challenger')['asked'] }}"
RECORD = "{{ ti.xcom_pull(task_ids='approve')['record'] }}"
ANSWER = f"ti.xcom_pull(task_ids='approval', key='{Approval.ANSWER}')"
PERSON = f"{{{{ {ANSWER}['by'] or 'somebody in Airflow' }}}}"
REASON = f"{{{{ {ANSWER}['why'] or params.reason or 'answered in Airflow' }}}}"
DECISION = ["--version", VERSION, f"--by={PERSON}", f"--reason={REASON}"]


ID = "promote_generator"


def build(project: AirflowProject) -> DAG:
    """Make the DAG `promote_generator`."""
    with DAG(
        dag_id=project.id(ID),
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
        on_failure_callback=RunFailedNotifier(project),
        **project.dag(),
    ) as dag:
        task = partial(MedloomOperator, project=project)
        challenger = task(task_id="challenger", arguments=["--version={{ params.version }}"])
        approval = Approval(
            task_id="approval",
            subject=f"Shall version {VERSION} become champion?",
            body=f"{VERDICT}\n\n{{{{ params.reason }}}}",
            params={"why": Param("", type="string", description="Why, for the journal.")},
            **project.task("approval"),
        )
        approve = task(task_id="approve", arguments=DECISION)
        # Not directly after `approval`, whose rejection skips its direct successors.
        decline = task(task_id="decline", arguments=DECISION, trigger_rule=TriggerRule.ALL_SKIPPED)
        announce = task(
            task_id="announce",
            arguments=["--record", RECORD],
            outlets=[Asset(project.asset(CHAMPION))],
        )

        challenger >> approval >> approve >> [announce, decline]
    return dag
