"""A task turns its command's exit code into Airflow's terms."""

import json
import subprocess
import sys
from pathlib import Path

DAGS = Path(__file__).resolve().parents[2] / "dags"

CODE = """
import json, os, sys, types, warnings
warnings.filterwarnings("error", message=r".*airflow\\.exceptions.*")  # its deprecated names
from unittest import mock
from airflow.providers.standard.hooks.subprocess import SubprocessResult
from airflow.sdk.exceptions import AirflowException
from airflow.utils.types import DagRunType
from medloom_airflow import operator
MANUAL = DagRunType.MANUAL

def run(exit_code):
    task = operator.MedloomOperator(task_id="plan", arguments=["--key", "k"])
    ti = types.SimpleNamespace(
        run_id="r", dag_id="d", task_id="plan", map_index=-1, try_number=2
    )
    result = SubprocessResult(exit_code, "last line")
    with mock.patch.object(operator.SubprocessHook, "run_command", return_value=result) as ran:
        try:
            said = task.execute({"ti": ti, "dag_run": types.SimpleNamespace(run_type=MANUAL)})
        except AirflowException as error:
            said = type(error).__name__
    if not ran.called:
        return said
    arguments, environment = ran.call_args.args[0], ran.call_args.kwargs["env"]
    assert arguments == ["/opt/med loom/bin/medloom", "task", "plan", "--key", "k"], arguments
    assert (environment["MEDLOOM_RUN_ID"], environment["MEDLOOM_TRY"]) == ("r", "2")
    assert (environment["MEDLOOM_TASK_ID"], environment["MEDLOOM_MAP_INDEX"]) == ("plan", "-1")
    assert environment["MEDLOOM_TRIGGER"] == "manual"
    return said

outcomes = {code: run(code) for code in (0, 65, 75, 99, 1, -9)}
del os.environ["MEDLOOM_COMMAND"]
sys.modules["medloom"] = None  # not installed beside Airflow
print(json.dumps(outcomes | {"no command": run(0)}))
"""

EXPECTED = {
    "0": "last line",
    "65": "AirflowFailException",
    "75": "AirflowException",
    "99": "AirflowSkipException",
    "1": "AirflowFailException",
    "-9": "AirflowException",
    "no command": "AirflowFailException",
}


def test_exit_codes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        check=False,
        env={
            "AIRFLOW_HOME": str(tmp_path),
            "PYTHONPATH": str(DAGS),
            "MEDLOOM_COMMAND": "'/opt/med loom/bin/medloom'",
        },
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.strip().split("\n")[-1]) == EXPECTED
