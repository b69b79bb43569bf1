"""A task turns its command's exit code and last line into Airflow's terms."""

import json
import subprocess
import sys

import pytest

CODE = """
import json, sys, types
from unittest import mock
from airflow.exceptions import AirflowException
from airflow.providers.standard.hooks.subprocess import SubprocessResult
from airflow.utils.types import DagRunType
from dags import command
MANUAL = DagRunType.MANUAL

def run(exit_code, line):
    task = command.MedloomOperator(task_id="plan", arguments=["--key", "k"])
    kept = {}
    ti = types.SimpleNamespace(
        run_id="r", dag_id="d", try_number=2, xcom_push=lambda key, value: kept.update({key: value})
    )
    result = SubprocessResult(exit_code, line)
    with mock.patch.object(command.SubprocessHook, "run_command", return_value=result) as ran:
        try:
            context = {"ti": ti, "dag_run": types.SimpleNamespace(run_type=MANUAL)}
            kept["return_value"] = task.execute(context)
            said = ""
        except AirflowException as error:
            said = f"{type(error).__name__}: {error}"
    arguments, environment = ran.call_args.args[0], ran.call_args.kwargs["env"]
    assert arguments[1:] == ["-m", "pipeline", "task", "plan", "--key", "k"], arguments
    assert (environment["MEDLOOM_RUN_ID"], environment["MEDLOOM_TRY"]) == ("r", "2")
    assert environment["MEDLOOM_TRIGGER"] == "manual"
    return said, kept["return_value"]

print(json.dumps([run(*one) for one in json.loads(sys.argv[1])]))
"""

FAILED = {"task": "plan", "outcome": "failed", "why": "no disk", "tries": 2}
NOTHING = {"task": "plan", "outcome": "skipped", "why": "no image"}
DONE = {"task": "plan", "outcome": "done", "key": "k"}
EXPECTED = {
    (0, json.dumps(DONE)): ("", DONE),
    (65, json.dumps(FAILED)): (
        "AirflowFailException: another try would not help: no disk", FAILED
    ),
    (75, json.dumps(FAILED)): ("AirflowException: exit code 75: no disk", FAILED),
    (99, json.dumps(NOTHING)): ("AirflowSkipException: no image", NOTHING),
    (1, json.dumps(FAILED)): (
        "AirflowFailException: another try would not help: no disk", FAILED
    ),
    (-9, "half a li"): (
        "AirflowException: exit code -9: half a li",
        {"task": "plan", "outcome": "failed", "why": "half a li"},
    ),
    (99, "nothing waits"): (
        "AirflowSkipException: nothing waits",
        {"task": "plan", "outcome": "skipped", "why": "nothing waits"},
    ),
}  # fmt: skip


def test_exit_codes_and_what_other_tasks_are_told(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = tmp_path_factory.mktemp("airflow")
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(list(EXPECTED))],
        capture_output=True,
        text=True,
        check=False,
        env={"AIRFLOW_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.strip().split("\n")[-1])
    assert [tuple(one) for one in found] == list(EXPECTED.values())
