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
ROWS = pytest.StashKey[list[tuple[str, ...]]]()


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
def seen(request: pytest.FixtureRequest) -> list[tuple[str, ...]]:
    """What each fault led to, as the rows of the table in docs/faults.md."""
    return request.config.stash.setdefault(ROWS, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if rows := config.stash.get(ROWS, []):
        rows = [("fault", "when", "outcome", "seconds"), ("---",) * 4, *rows]
    for row in rows:
        terminalreporter.write_line(f"| {' | '.join(row)} |")
