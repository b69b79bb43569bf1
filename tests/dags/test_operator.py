"""A task maps its command's exit code and last line to a state and an XCom.

No exception repeats what the command said: OpenLineage's events would carry it on.
"""

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
from medloom_airflow.projects import AirflowProject
MANUAL = DagRunType.MANUAL

def run(exit_code, line):
    project, arguments = AirflowProject(), ["--key", "k"]
    task = operator.MedloomOperator(project=project, task_id="plan", arguments=arguments)
    kept = {}
    ti = types.SimpleNamespace(
        run_id="r", dag_id="d", task_id="plan", map_index=-1, try_number=2,
        xcom_push=lambda key, value: kept.update({key: value}),
    )
    result = SubprocessResult(exit_code, line)
    with mock.patch.object(operator.SubprocessHook, "run_command", return_value=result) as ran:
        try:
            context = {"ti": ti, "dag_run": types.SimpleNamespace(run_type=MANUAL)}
            kept["return_value"] = task.execute(context)
            said = ""
        except AirflowException as error:
            said = f"{type(error).__name__}: {error}"
    if not ran.called:
        return said, None
    arguments, environment = ran.call_args.args[0], ran.call_args.kwargs["env"]
    assert arguments == ["/opt/med loom/bin/medloom", "task", "plan", "--key", "k"], arguments
    assert (environment["MEDLOOM_RUN_ID"], environment["MEDLOOM_TRY"]) == ("r", "2")
    assert (environment["MEDLOOM_TASK_ID"], environment["MEDLOOM_MAP_INDEX"]) == ("plan", "-1")
    assert environment["MEDLOOM_TRIGGER"] == "manual"
    return said, kept["return_value"]

found = [run(*one) for one in json.loads(sys.argv[1])]
del os.environ["MEDLOOM_COMMAND"]
sys.modules["medloom"] = None  # not installed beside Airflow
print(json.dumps([*found, run(0, "")[0]]))
"""

FAILED = {"task": "plan", "outcome": "failed", "why": "no disk", "tries": 2}
NOTHING = {"task": "plan", "outcome": "skipped", "why": "no image"}
DONE = {"task": "plan", "outcome": "done", "key": "k"}
EXPECTED = {
    (0, json.dumps(DONE)): ("", DONE),
    (65, json.dumps(FAILED)): (
        "AirflowFailException: exit code 65, a retry would not help; the log says why", FAILED
    ),
    (75, json.dumps(FAILED)): ("AirflowException: exit code 75; the log says why", FAILED),
    (99, json.dumps(NOTHING)): ("AirflowSkipException: no image", NOTHING),
    (1, json.dumps(FAILED)): (
        "AirflowFailException: exit code 1, a retry would not help; the log says why", FAILED
    ),
    (-9, "half a li"): (
        "AirflowException: exit code -9; the log says why",
        {"task": "plan", "outcome": "failed", "why": "half a li"},
    ),
    (99, "nothing waits"): (
        "AirflowSkipException: nothing waits",
        {"task": "plan", "outcome": "skipped", "why": "nothing waits"},
    ),
}  # fmt: skip


def test_exit_codes_and_xcoms(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(list(EXPECTED))],
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
    *found, without = json.loads(done.stdout.strip().split("\n")[-1])
    assert without.startswith("AirflowFailException")
    assert [tuple(one) for one in found] == list(EXPECTED.values())
