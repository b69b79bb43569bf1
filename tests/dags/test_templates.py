"""The DAGs' templates, rendered as Airflow does, are the commands' arguments."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

DAGS = Path(__file__).resolve().parents[2] / "dags"

CODE = """
import datetime, json, sys, types
from airflow.sdk.exceptions import DownstreamTasksSkipped
from medloom_airflow import promote, retrain
from medloom_airflow.projects import AirflowProject
asking, retraining = promote.build(AirflowProject()), retrain.build(AirflowProject())

def pulled(told, key):
    return answered(told)[key] if key else told

def answered(event):
    # What the operator leaves, whichever way the person answered.
    kept, task = {}, asking.get_task("approval")
    ti = types.SimpleNamespace(
        map_index=-1, xcom_push=lambda key, value: kept.update({key: value})
    )
    chosen = event["chosen_options"]
    asked = task.prepare_for_execution()
    try:
        asked.execute_complete({"ti": ti, "task": task}, event)
    except DownstreamTasksSkipped:
        assert chosen == ["Reject"]
    else:
        assert chosen == ["Approve"]
    told = asked.hitl_summary  # to listeners: no word and no name of a person
    assert told == {
        "options": ["Approve", "Reject"],
        "chosen_options": chosen,
        "approved": chosen == ["Approve"],
    }, told
    return kept

def render(task, told, **params):
    template = task.prepare_for_execution()
    def pull(task_ids, key=""):
        if isinstance(task_ids, list):
            return [told.get(one) for one in task_ids]
        return pulled(told[task_ids], key)

    def states(dag_id, *, run_ids):
        assert (dag_id, run_ids) == ("d", ["r"])
        return told["states"]

    ti = types.SimpleNamespace(xcom_pull=pull, dag_id="d", get_task_states=states)
    context = {"ti": ti, "run_id": "r", "params": types.SimpleNamespace(**params)}
    template.render_template_fields(context)
    return template.arguments

cases = json.loads(sys.argv[1])
for told in cases:
    told["approval"]["responded_at"] = datetime.datetime.now()
print(json.dumps([
    {
        "asked": render(retraining.get_task("promote"), told, require_approval=True),
        "not asked": render(retraining.get_task("promote"), told, require_approval=False),
        "plan": render(retraining.get_task("plan"), told, start="champion"),
        "approve": render(asking.get_task("approve"), told, reason=told["reason"]),
        "decline": render(asking.get_task("decline"), told, reason=told["reason"]),
        "challenger": render(asking.get_task("challenger"), told, version="7"),
        "announce": render(retraining.get_task("announce"), told),
        "approved": render(asking.get_task("announce"), told),
        "report": render(retraining.get_task("report"), told),
    }
    for told in cases
]))
"""


def environment(home: Path) -> dict[str, str]:
    """Airflow's, where the DAGs folder is on the path and a setting names medloom."""
    return {"AIRFLOW_HOME": str(home), "PYTHONPATH": str(DAGS), "MEDLOOM_COMMAND": "medloom"}


def answer(
    form: dict[str, str], name: str | None, reason: str, chosen: str = "Approve"
) -> dict[str, Any]:
    person = {"id": "7", "name": name} if name else None
    approval = {
        "chosen_options": [chosen],
        "params_input": form,
        "responded_by_user": person,
    }
    return {
        "plan": PLAN, "promote": {"record": 7}, "approve": {"record": 8}, "reason": reason,
        "challenger": {"version": 4, "asked": "better by far. Approval is needed: code"},
        "approval": approval, "states": {"r": {"ingest": "failed", "train": None}},
    }  # fmt: skip


PLAN = {"task": "plan", "key": "k1", "why": 'it\'s "new" & {{ 1 }} <b>\n'}


def test_the_person_and_their_words_reach_the_command(tmp_path: Path) -> None:
    cases = {
        ("--by=ada", "--reason=sharp stones"): answer({"why": "sharp stones"}, "ada", "asked"),
        ("--by=ada", "--reason=no stones"): answer({"why": "no stones"}, "ada", "", "Reject"),
        ("--by=ada", "--reason=asked"): answer({"why": ""}, "ada", "asked"),
        ("--by=somebody in Airflow", "--reason=answered in Airflow"): answer({}, None, ""),
        ("--by=--ada", "--reason=-x; rm 'y'"): answer({"why": "-x; rm 'y'"}, "--ada", ""),
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(list(cases.values()))],
        capture_output=True, text=True, check=False, env=environment(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    rendered = json.loads(done.stdout.strip().split("\n")[-1])
    for expected, found in zip(cases, rendered, strict=True):
        assert found["approve"] == found["decline"] == ["--version", "4", *expected]
        assert found["challenger"] == ["--version=7"]
        assert found["asked"] == ["--key", "k1", "--require-approval"]
        assert found["not asked"] == ["--key", "k1", "--no-require-approval"]
        assert found["plan"] == ["--start=champion"]
        assert found["announce"] == ["--record", "7"]
        assert found["approved"] == ["--record", "8"]
        told, results, known, states = found["report"]
        assert (told, known) == ("--results", "--states")
        assert json.loads(results) == [None, PLAN, None, None, None, None, {"record": 7}]
        assert json.loads(states) == {"ingest": "failed", "train": None}


NOTIFY = """
import json, os, sys, types
from unittest import mock
from medloom_airflow import notify
from medloom_airflow.projects import AirflowProject

def told(result, **context):
    dag = types.SimpleNamespace(dag_id="d")
    with mock.patch.object(notify.subprocess, "run", **result) as ran:
        notify.RunFailedNotifier(AirflowProject()).notify({"dag": dag, **context})
    return ran.call_args.args[0] if ran.called else None

fine = {"return_value": types.SimpleNamespace(stdout="", stderr="")}
gone = {"side_effect": FileNotFoundError("no such command")}
late = {"side_effect": notify.subprocess.TimeoutExpired("x", 1)}
by_run = {"dag_run": types.SimpleNamespace(run_id="r2")}
silent = told(fine, run_id="r1")
os.environ["MEDLOOM_WEBHOOK_URL"] = "http://consumer"
by_reason = told(fine, run_id="r1", reason="task_failure")
print(json.dumps([silent, by_reason, told(late, **by_run), told(gone, **by_run)]))
"""


def test_a_failed_run_is_notified_by_a_command_if_there_is_a_webhook(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NOTIFY],
        capture_output=True, text=True, check=False, env=environment(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    silent, told, late, gone = json.loads(done.stdout.strip().split("\n")[-1])
    command = ["medloom", "task", "notify", "--dag=d"]
    assert silent is None
    assert told == [*command, "--run=r1", "--reason=task_failure"]
    assert late == gone == [*command, "--run=r2", "--reason="]
