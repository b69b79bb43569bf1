"""What a wheel installs works without a checkout, in somebody else's environment.

The environment holds the wheel; its libraries are those of the tests, by a path, so that nothing is
fetched. medloom runs in a folder that has nothing to do with it, and HOME is a folder of the test.
"""

import json
import os
import re
import zipfile
from pathlib import Path

import pytest

from pipeline.base.project import PROJECT_ROOT
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.stages.snapshot import take_snapshot
from tests.support.installed import TINY, Installed, build_wheel, builds_wheels, install
from tests.support.pictures import fill

TREE = ("app", "dags", "pipeline", "model")

pytestmark = [pytest.mark.timeout(900), builds_wheels]
live = pytest.mark.skipif(
    os.environ.get("MEDLOOM_TEST_LIVE") != "1",
    reason="minutes through the real scheduler: `make test-live` runs it",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("installed"), str(wheel))


def test_one_name_is_installed_and_every_file_below_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"medloom", f"{stem(wheel)}.dist-info"}
    files = [file for folder in TREE for file in (PROJECT_ROOT / folder).rglob("*")]
    ours = {
        f"medloom/{file.relative_to(PROJECT_ROOT)}"
        for file in files
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert ours <= names
    assert {"medloom/params.yaml", "medloom/dvc.yaml", "medloom/requirements.lock"} <= names
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("medloom/bench", "medloom/tests"))]


def stem(wheel: Path) -> str:
    """Name and version, as the file's name begins."""
    return "-".join(wheel.name.split("-")[:2])


@pytest.mark.parametrize("command", [("medloom",), ("python", "-m", "medloom")])
def test_the_command_line_runs_from_anywhere(
    installed: Installed, command: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "pipeline").mkdir()  # somebody's own
    (tmp_path / "pipeline" / "__init__.py").write_text("raise ImportError('not medloom')\n")
    assert "medloom demo" in installed.run(*command, "--help", cwd=tmp_path).stdout


def test_the_model_is_imported_by_one_name_and_takes_no_other(installed: Installed) -> None:
    code = """
from importlib.util import find_spec
from medloom.model import fit
taken = [name for name in ("app", "pipeline", "model", "dags", "bench") if find_spec(name)]
print(fit.__module__, taken)
"""
    assert installed.run("python", "-c", code).stdout == "medloom.model.training []\n"


def test_a_machine_is_looked_at_and_state_belongs_home(installed: Installed) -> None:
    found = {row["name"]: row for row in json.loads(installed.medloom("doctor", "--json"))}
    for name in ("Python", "torch", "apache-airflow", "mlflow", "dvc", "parameters"):
        assert found[name]["state"] == "ok", found[name]
    assert found["state"]["found"] == str(installed.home / "medloom" / "state" / "phantom")


def test_bench_says_that_it_needs_a_checkout(installed: Installed) -> None:
    said = installed.run("medloom", "bench", code=65).stderr
    assert "clone the repository" in said


def test_images_go_through_a_stage_by_task_and_by_hand(
    installed: Installed, tmp_path: Path
) -> None:
    fill(tmp_path / "images", groups=4, each=1)
    assert json.loads(installed.medloom("ingest", str(tmp_path / "images"), "--json"))
    folder = tmp_path / "checkout"
    made = re.search(r"run/(\w+)", installed.medloom("checkout", str(folder)))
    assert made
    # The same code has the same name, whether it was installed or cloned.
    ledger = Ledger(installed.project)
    data = ledger.head(DATA)
    assert data
    assert ledger.run_key(take_snapshot(installed.project, ledger), data).key == made[1]

    installed.run("python", "-m", "dvc", "repro", "preprocess", cwd=folder)
    by_hand = (folder / "dvc.lock").read_text()
    told = installed.medloom("task", "preprocess", "--key", made[1]).splitlines()[-1]
    assert json.loads(told)["key"] == made[1]
    head = ledger.head(f"run/{made[1]}")
    assert head
    assert ledger.read(head, "dvc.lock") == by_hand.removesuffix("\n")

    # In a workspace, its own code runs.
    stage = folder / "pipeline" / "stages" / "preprocess.py"
    stage.write_text("print('of the workspace')\n")
    assert "of the workspace" in installed.run(
        "python", "-m", "dvc", "repro", "--force", "--no-commit", "preprocess", cwd=folder, code=255
    ).stdout  # fmt: skip


def test_nothing_is_written_into_the_package(installed: Installed, wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("medloom/")}
    found = {
        str(file.relative_to(installed.package.parent))
        for file in installed.package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert found == held


def test_an_editable_install_finds_every_package_from_anywhere(tmp_path: Path) -> None:
    made = install(tmp_path, "--editable", str(PROJECT_ROOT))
    code = "import app, bench, dags, medloom, model, pipeline; print(pipeline.__file__)"
    found = Path(made.run("python", "-c", code).stdout.strip())
    assert found == PROJECT_ROOT / "pipeline" / "__init__.py"
    assert "medloom demo" in made.medloom("--help")


@live
def test_the_whole_road(wheel: Path, tmp_path: Path) -> None:
    made = install(tmp_path, str(wheel))
    begun = json.loads(made.medloom("init", "tiny", "--json"))
    params = Path(begun["params"])
    assert params.is_relative_to(made.home / "medloom" / "state" / "tiny")
    params.write_text(TINY)
    tiny = ("--project", "tiny")
    assert "promoted" in made.medloom(*tiny, "demo", "--patients", "4")
    champion = json.loads(made.medloom(*tiny, "champion", "show", "--json"))
    assert champion["version"] == 1
    out = tmp_path / "images"
    made.medloom(*tiny, "generate", "--label", "stone", "-n", "3", "-o", str(out))
    assert len(list(out.glob("*.png"))) == 3
    assert "of the installed package medloom" in made.medloom(*tiny, "audit", "trace", "1")
