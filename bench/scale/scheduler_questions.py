"""Ask Airflow's database what the scheduler asks in each pass, and print the seconds as JSON.

It runs in Airflow's environment, without a scheduler: which DAGs are due, which runs are queued,
which are running, and how many of each DAG.
"""

import json
import time

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session

_ROUNDS = 6


def ask_once() -> float:
    """Seconds of the questions of one pass."""
    with create_session() as session:
        started = time.perf_counter()
        query, _ = DagModel.dags_needing_dagruns(session)
        due = [dag.dag_id for dag in query]
        DagRun.active_runs_of_dags(dag_ids=due, exclude_backfill=True, session=session)
        list(DagRun.get_queued_dag_runs_to_set_running(session))
        list(DagRun.get_running_dag_runs_to_examine(session))
        seconds = time.perf_counter() - started
        session.rollback()
    return seconds


if __name__ == "__main__":
    # The first pass also builds the statements, once a start.
    print(json.dumps({"seconds": [ask_once() for _ in range(_ROUNDS)][1:]}))
