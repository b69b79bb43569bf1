"""What tests share: a project of their own in a temporary folder."""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadFileScheduling

WORKER = "PYTEST_XDIST_WORKER" in os.environ
if WORKER:  # before torch is imported: each worker has a core, and so have the processes it starts
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # where a test asks for two threads, none spins

from pipeline.base.project import Project  # noqa: E402
from pipeline.cli.project import Choice  # noqa: E402
from pipeline.data.reading import readers  # noqa: E402

if TYPE_CHECKING:
    from tests.support.tiny import Tiny

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LONGEST = (
    "tests/test_story.py",
    "tests/test_empty_states.py",
    "tests/test_wheel.py",
    "tests/test_environments.py",
    "tests/pipeline/data/arrive/test_account.py",
    "tests/pipeline/stages/test_evaluate.py",
    "tests/pipeline/phantoms/test_recovery.py",
    "tests/model/test_training.py",
    "tests/model/families/vae/test_learner.py",
)
"""Files that take a minute or more, which begin first, so that no worker is left with one."""
ONE_PROJECT = (
    "tests/bench/faults/test_tamper.py",
    "tests/pipeline/audit/test_verify.py",
    "tests/pipeline/cli/test_images.py",
    "tests/pipeline/cli/test_tables.py",
    "tests/pipeline/local/test_backup.py",
    "tests/pipeline/registry/test_generators.py",
)
"""Files that look at `tiny`: one worker has all, so that one project is made, and not each its."""


def pytest_collection() -> None:
    """All that is imported now stays; a tenth of the time went into looking for what does not."""
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on look, but not among these."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where workers share the tests, file by file, the longest are handed out first."""
    if WORKER:
        rank = {file: place for place, file in enumerate(LONGEST + ONE_PROJECT)}
        items.sort(key=lambda item: rank.get(item.nodeid.split("::")[0], len(rank)))


class OneProject(LoadFileScheduling):  # type: ignore[misc]
    """Hands out whole files, and those of `ONE_PROJECT` together."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "one project" if file in ONE_PROJECT else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """The scheduler of `--dist loadfile`."""
    return OneProject(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(autouse=True)
def _main_stays() -> Iterator[None]:
    """Streamlit puts a page in the place of `__main__`, which every process of a pool imports."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True, scope="session")
def _no_key_of_whoever_runs_this() -> Iterator[None]:
    """The key that patients are named under is made where the tests alone see it."""
    with tempfile.TemporaryDirectory(prefix="medloom-config-") as folder:
        before = os.environ.get("XDG_CONFIG_HOME")
        os.environ["XDG_CONFIG_HOME"] = folder
        yield
        if before is None:
            del os.environ["XDG_CONFIG_HOME"]
        else:
            os.environ["XDG_CONFIG_HOME"] = before


@pytest.fixture(autouse=True)
def _read_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes to read files in take a second to start, each time; what needs them says so."""
    monkeypatch.setattr(readers, "READERS", 0)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of whoever runs the tests may reach them."""
    for name in list(os.environ):
        if name.startswith(("MEDLOOM_", "AIRFLOW", "MLFLOW_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(Choice, "name", None)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.load({"MEDLOOM_STATE": str(tmp_path / "state" / "tiny")})


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Tiny"]:
    """One project, made once, which each test that looks at it leaves as it was."""
    from tests.support.tiny import tiny_project  # the registry takes seconds to import

    with tiny_project(tmp_path_factory.mktemp("project")) as made:
        yield made
