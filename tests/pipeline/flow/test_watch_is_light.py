"""What a watcher loads: it runs every five minutes, in each of fifty projects."""

import os
import subprocess
import sys

from pipeline.base.project import Project

WATCH = """
import sys
from typer.testing import CliRunner
from pipeline.cli.main import app
done = CliRunner().invoke(app, ["task", "watch"])
print(type(done.exception).__name__, *sorted({"torch", "scipy.stats", "mlflow"} & set(sys.modules)))
"""


def test_a_watcher_that_finds_nothing_loads_no_network(project: Project) -> None:
    project.landing.mkdir(parents=True)
    environment = {**os.environ, **project.environment()}
    done = subprocess.run(
        [sys.executable, "-c", WATCH], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["NothingNewError"], done.stdout + done.stderr[-2000:]
