"""Hostile surroundings: what a shell, a home folder or a path says decides nothing.

Every process of a run connects to this machine alone, and to services of the run itself.
"""

import json
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.faults.tiny import TINY, TinyCheckout
from pipeline.base.project import PROJECT_ROOT
from pipeline.phantoms.phantom import write_phantom
from tests.support.watched import WatchedPython

RUN = """
from pipeline.base.children import settle
settle()
import json, sys
from pathlib import Path
from pipeline.ledger.remote_files import RemoteFiles
from tests.support.tiny import tiny_project
with tiny_project(Path(sys.argv[1]), champions=1) as tiny:
    images = tiny.registry.draw(1, ["stone", "cyst"], 5)
    files = RemoteFiles(tiny.project.remote)
    files.put(tiny.code / "dvc.yaml", "checkpoints/k/a.yaml")
    print(json.dumps({
        "aliases": tiny.registry.aliases(), "images": images.tolist(),
        "files": files.names("checkpoints"), "remote": tiny.project.remote,
        "mlflow": str(tiny.project.state / "mlflow"),
    }))
"""
TRAP = "raise SystemExit('a module of PYTHONPATH was imported: ' + __file__)\n"
MODULES = ("mlflow", "dvc", "yaml", "typer", "torch", "model", "pydantic", "requests")


class Decoy:
    """A server that hostile variables name; nobody may ever connect to it."""

    def __init__(self) -> None:
        self.visits = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def decoy() -> Iterator[Decoy]:
    made = Decoy()
    yield made
    made.close()


def hostile_variables(folder: Path, decoy: Decoy) -> dict[str, str]:
    """A shell that was set up for other projects, each of its variables a trap."""
    traps, elsewhere, url = folder / "traps", folder / "elsewhere", f"http://{decoy.address}"
    traps.mkdir()
    elsewhere.mkdir()
    for module in MODULES:
        (traps / f"{module}.py").write_text(TRAP)
    home = folder / "home"
    (home / ".config" / "dvc").mkdir(parents=True)
    (home / ".mlflow").mkdir()
    (home / ".gitconfig").write_text(
        f'[url "{url}/"]\n\tinsteadOf = /\n[core]\n\thooksPath = {elsewhere}\n'
        "[commit]\n\tgpgSign = true\n"
    )
    (home / ".config" / "dvc" / "config").write_text(
        f"[core]\n    remote = other\n    analytics = true\n    autostage = true\n"
        f"['remote \"store\"']\n    url = {url}\n    jobs = none\n"
    )
    (home / ".mlflow" / "credentials").write_text("[mlflow]\nmlflow_tracking_username = u\n")
    return {
        "HOME": str(home), "PYTHONPATH": str(traps), "PYTHONWARNINGS": "error",
        "http_proxy": url, "HTTP_PROXY": url, "https_proxy": url,
        "ALL_PROXY": f"socks5://{decoy.address}",
        "MLFLOW_TRACKING_URI": url, "MLFLOW_REGISTRY_URI": url, "MLFLOW_TRACKING_TOKEN": "secret",
        "MLFLOW_RUN_ID": "0" * 32, "MLFLOW_EXPERIMENT_NAME": "theirs",
        "MLFLOW_DISABLE_TELEMETRY": "false",
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{elsewhere}/m.db", "MLFLOW_REGISTRY_STORE_URI": url,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": str(elsewhere), "MLFLOW_ENABLE_ASYNC_LOGGING": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url, "UVICORN_UDS": str(elsewhere / "socket"),
        "DVC_ANALYTICS_ENDPOINT": url, "DVC_UPDATER_ENDPOINT": url, "DVC_STUDIO_URL": url,
        "DVC_STUDIO_TOKEN": "secret", "DVC_SITE_CACHE_DIR": str(elsewhere),
        "DVC_ROOT": str(elsewhere),
        "GIT_DIR": str(elsewhere), "GIT_INDEX_FILE": str(elsewhere / "index"),
        "GIT_OBJECT_DIRECTORY": str(elsewhere), "GIT_AUTHOR_NAME": "somebody",
        "AIRFLOW_HOME": str(elsewhere), "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql://{decoy.address}/theirs",
        "AIRFLOW__CORE__DAGS_FOLDER": str(elsewhere), "AIRFLOW__API__PORT": "1",
        "WORLD_SIZE": "4", "RANK": "3", "MASTER_ADDR": "127.0.0.1", "MPLBACKEND": "TkAgg",
        "SHELL": "/usr/sbin/nologin", "MEDLOOM_MLFLOW_URI": "",
    }  # fmt: skip


@contextmanager
def hostile_places(folder: Path) -> Iterator[dict[str, str]]:
    """No home to write to, another language and encoding, temporary files on another disk."""
    memory = Path("/dev/shm")
    disk = memory if os.access(memory, os.W_OK) else folder
    with tempfile.TemporaryDirectory(dir=disk, prefix="medloom #1,[2] ") as temporary:
        yield {
            "HOME": "/proc/sys", "TMPDIR": temporary, "LANG": "C", "LC_ALL": "C",
            "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii",
            "LANGUAGE": "de:fr",
        }  # fmt: skip


def contents(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["variables", "places"])
def test_a_run_does_the_same_and_calls_nobody(kind: str, tmp_path: Path, decoy: Decoy) -> None:
    watched = WatchedPython.make(tmp_path / "python")
    place = tmp_path / ("run" if kind == "variables" else "a b#c,d[1]'é~")
    place.mkdir()
    with hostile_places(tmp_path) as places:
        settings = tmp_path / "settings"
        chosen = {
            "variables": lambda: hostile_variables(tmp_path, decoy),
            "places": lambda: places | {"XDG_CONFIG_HOME": str(settings)},
        }
        variables = chosen[kind]()
        before = contents(tmp_path / "home") if kind == "variables" else []
        done = subprocess.run(
            [watched.python, "-c", RUN, str(place)], cwd=PROJECT_ROOT, umask=0o077,
            env={"PATH": os.environ["PATH"]} | variables,
            capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["aliases"] == {"champion": 1}
    assert told["images"] == [[[5] * 4] * 4] * 2
    assert told["files"] == ["checkpoints/k/a.yaml"]
    assert list(Path(told["remote"]).glob("files/md5/*/*")), "the remote holds the bytes"
    assert list(Path(told["mlflow"]).glob("artifacts/**/generator.safetensors"))
    assert decoy.visits == 0
    assert watched.log.exists()
    assert watched.strangers() == []
    if kind == "variables":
        key = [".config/medloom", ".config/medloom/patient.key"]
        assert contents(tmp_path / "home") == sorted([*before, *key])
        assert contents(tmp_path / "elsewhere") == []


LIVE = pytest.mark.skipif(
    os.environ.get("MEDLOOM_TEST_LIVE") != "1", reason="takes minutes: `make test-live` runs it"
)
NUMBERS = dict(TINY) | {"kimg": 0.1, "snapshots": 1}
STEPS = ("preprocess", "train", "evaluate", "register", "promote")


@dataclass(frozen=True)
class HostileCheckout:
    """A copy of the project in a folder of many marks, run in a hostile shell and watched."""

    tiny: TinyCheckout
    watched: WatchedPython
    variables: dict[str, str]
    decoy: Decoy

    def medloom(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.watched.python, "-m", "pipeline", *arguments], cwd=self.tiny.folder,
            env={"PATH": os.environ["PATH"], "COLUMNS": "200"} | self.variables,
            umask=0o077, capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return done.stdout

    def called_nobody(self) -> bool:
        return self.watched.log.exists() and not self.watched.strangers() and not self.decoy.visits


@pytest.fixture
def hostile(tmp_path: Path, decoy: Decoy) -> HostileCheckout:
    watched = WatchedPython.make(tmp_path / "python")
    tiny = TinyCheckout.make(tmp_path / "med loom #1,[2]é", NUMBERS)
    return HostileCheckout(tiny, watched, hostile_variables(tmp_path, decoy), decoy)


@LIVE
@pytest.mark.timeout(900)
def test_every_step_of_a_run_calls_nobody(hostile: HostileCheckout, tmp_path: Path) -> None:
    write_phantom(tmp_path / "images", 6, 0)
    hostile.medloom("ingest", str(tmp_path / "images"))
    told = [json.loads(hostile.medloom("task", "plan").splitlines()[-1])]
    for step in STEPS:
        last = hostile.medloom("task", step, "--key", told[0]["key"]).splitlines()[-1]
        told.append(json.loads(last))
    assert told[-1]["action"] == "promoted"
    hostile.medloom("task", "announce", "--record", str(told[-1]["record"]))
    hostile.medloom("task", "report", "--results", json.dumps(told))
    hostile.medloom("generate", "--label", "stone", "-n", "2", "-o", str(tmp_path / "drawn"))
    assert hostile.called_nobody(), hostile.watched.strangers()
    assert contents(tmp_path / "elsewhere") == []
    checks = json.loads(hostile.medloom("doctor", "--json"))
    (variables,) = [check for check in checks if check["name"] == "variables"]
    assert "GIT_DIR" in variables["found"]
    assert "MLFLOW_TRACKING_TOKEN" in variables["found"]


@LIVE
@pytest.mark.timeout(900)
def test_a_run_through_the_scheduler_calls_nobody(hostile: HostileCheckout, tmp_path: Path) -> None:
    assert "promoted" in hostile.medloom("demo", "--patients", "6")
    assert hostile.called_nobody(), hostile.watched.strangers()
    assert contents(tmp_path / "elsewhere") == []


def test_a_connection_of_a_childs_child_would_be_seen(tmp_path: Path) -> None:
    watched = WatchedPython.make(tmp_path)
    call = (
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    )
    again = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    subprocess.run([watched.python, "-c", again, call], env={}, check=True)
    assert len(watched.strangers()) == 1
    assert watched.strangers()[0].startswith("192.0.2.1\t")
