"""A task turns its command's exit code into Airflow's terms."""

import json
import subprocess
import sys

import pytest

CODE = """
import json, types
from unittest import mock
from airflow.exceptions import AirflowException
from airflow.providers.standard.hooks.subprocess import SubprocessResult
from airflow.utils.types import DagRunType
from dags import command
MANUAL = DagRunType.MANUAL

def run(exit_code):
    task = command.MedloomOperator(task_id="plan", arguments=["--key", "k"])
    ti = types.SimpleNamespace(
        run_id="r", dag_id="d", task_id="plan", map_index=-1, try_number=2
    )
    result = SubprocessResult(exit_code, "last line")
    with mock.patch.object(command.SubprocessHook, "run_command", return_value=result) as ran:
        try:
            said = task.execute({"ti": ti, "dag_run": types.SimpleNamespace(run_type=MANUAL)})
        except AirflowException as error:
            said = type(error).__name__
    arguments, environment = ran.call_args.args[0], ran.call_args.kwargs["env"]
    assert arguments[1:] == ["-m", "pipeline", "task", "plan", "--key", "k"], arguments
    assert (environment["MEDLOOM_RUN_ID"], environment["MEDLOOM_TRY"]) == ("r", "2")
    assert (environment["MEDLOOM_TASK_ID"], environment["MEDLOOM_MAP_INDEX"]) == ("plan", "-1")
    assert environment["MEDLOOM_TRIGGER"] == "manual"
    return said

print(json.dumps({code: run(code) for code in (0, 65, 75, 99, 1, -9)}))
"""

EXPECTED = {
    "0": "last line",
    "65": "AirflowFailException",
    "75": "AirflowException",
    "99": "AirflowSkipException",
    "1": "AirflowFailException",
    "-9": "AirflowException",
}


def test_exit_codes(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("airflow")
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        check=False,
        env={"AIRFLOW_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.strip().split("\n")[-1]) == EXPECTED
