"""Two processes that use the outputs of one run: the second waits for the first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.consenting import Clinic

pytestmark = pytest.mark.usefixtures("dvc_in_process")

PROMOTE = """
import sys
from pipeline.base.project import Project
from pipeline.stages.run import finished_run
with finished_run(Project.load(), sys.argv[1], "promote", "models", "reports") as work:
    print("judging", flush=True)
    sys.stdin.readline()
    assert (work.folder / "reports" / "evaluation.json").exists()
print("judged", flush=True)
"""
COMPARE = """
import sys
from pipeline.base.project import Project
from pipeline.data.processed import Processed
from pipeline.promotion.by_hand import _judging_data
from pipeline.registry.generators import Version
Processed.load = lambda folder: sorted(path.name for path in folder.iterdir())
version = Version(1, (), "", sys.argv[1])
with _judging_data(Project.load(), None, version, None) as processed:
    print(processed[-2:], flush=True)
"""


def start(clinic: Clinic, code: str, key: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **clinic.project.environment()},
    )


def test_a_comparison_waits_for_a_promotion_of_the_same_run(tmp_path: Path) -> None:
    clinic = Clinic.make(tmp_path)
    key = clinic.learn().run_key
    with start(clinic, PROMOTE, key) as promotion:
        assert promotion.stdout is not None
        assert promotion.stdout.readline() == "judging\n"
        with start(clinic, COMPARE, key) as comparison:
            assert comparison.stderr is not None
            said = comparison.stderr.readline()
            assert f"waiting for 'run-{key}'" in said
            assert f"process {promotion.pid} on" in said
            assert "(promote)" in said
            assert promotion.communicate("\n")[0] == "judged\n"
            assert comparison.communicate()[0] == "['train', 'val']\n"
