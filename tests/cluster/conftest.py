"""The topology, started once for all tests; they are skipped unless MEDLOOM_TEST_CLUSTER=1."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.faults.tiny import TINY
from pipeline.phantoms.phantom import write_phantom
from tests.cluster.topology import PROJECTS, Topology, made, missing

HERE = Path(__file__).parent
PATIENTS = 4


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    asked = os.environ.get("MEDLOOM_TEST_CLUSTER") == "1"
    lacking = missing() if asked else ""
    why = f"it lacks {lacking}" if lacking else "half an hour and 4 GB: `make test-cluster` runs it"
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(3600))
            if lacking or not asked:
                item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def topology() -> Iterator[Topology]:
    # Not pytest's own folder, which other users must not read.
    folder = Path(tempfile.mkdtemp(prefix="medloom-cluster-"))
    running = made(folder, TINY)
    for project in PROJECTS:
        write_phantom(folder / "landing" / project, PATIENTS, 0)
    try:
        running.begin()
        yield running
    finally:
        running.end()
        if os.environ.get("MEDLOOM_TEST_CLUSTER_KEEP") != "1":
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _look_at_its_stores(topology: Topology, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests themselves read is in the shared stores."""
    for name, value in topology.host("looking", PROJECTS[0]).items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def seen(request: pytest.FixtureRequest) -> Iterator[list[tuple[str, ...]]]:
    """What each fault led to, as the rows of the table in docs/faults.md."""
    rows: list[tuple[str, ...]] = []
    yield rows
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and rows:
        reporter.write_line("\n| fault | when | outcome | seconds |\n|---|---|---|---|")
        for row in rows:
            reporter.write_line(f"| {' | '.join(row)} |")
