"""An environment that the wheel was installed in.

Its libraries are those of the tests, by a path, so that nothing is fetched.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.base.project import PROJECT_ROOT, Project

UV = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
builds_wheels = pytest.mark.skipif(
    UV is None or find_spec("hatchling") is None,
    reason="uv and hatchling build the wheel: `make install` brings both",
)
TINY = """
preprocess: {size: 32}
train:
  kimg: 0.4
  checkpoint_kimg: 0.04
  snapshots: 2
  validation_images: 16
  precision: float32
  recipe: {batch: 8, widths: [16, 16, 8]}
evaluate: {n_fake: 60, pairs: 10, max_train: 100, detector_steps: 0, gan_test_kimg: 0.0}
gate:
  kernel_distance_threshold: 9.0
  diversity_margin: 0.99
  class_contrast: 0.0
  composition_likeness: 0.0
  copy_share_threshold: 0.9
  min_groups: 3
"""
"""A project's params.yaml: a training of seconds, and a gate that promotes its result."""


@dataclass(frozen=True)
class Installed:
    """An environment that medloom was installed in, and somebody's home."""

    environment: Path
    home: Path

    @property
    def package(self) -> Path:
        """The tree that the wheel installed."""
        return next(self.environment.glob("lib/python*/site-packages/medloom"))

    @property
    def project(self) -> Project:
        """Of the default project, from outside."""
        return Project.load({"MEDLOOM_HOME": str(self.home / "medloom")})

    def run(
        self, command: str, *arguments: str, cwd: Path | None = None, code: int = 0
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program of the environment, by default in a folder of no project."""
        env = {
            "PATH": f"{self.environment / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "COLUMNS": "200",
        }
        done = subprocess.run(
            [str(self.environment / "bin" / command), *arguments],
            cwd=cwd or self.home, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    def medloom(self, *arguments: str) -> str:
        """What `medloom <arguments>` says."""
        return self.run("medloom", *arguments).stdout


def uv(*arguments: str) -> None:
    """Run uv."""
    assert UV is not None
    done = subprocess.run([UV, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def install(folder: Path, *what: str) -> Installed:
    """Make an environment that sees the tests' libraries, but not their editable medloom."""
    made = Installed(folder / "environment", folder / "home")
    made.home.mkdir(parents=True)
    command = [sys.executable, "-m", "venv", "--without-pip", str(made.environment)]
    subprocess.run(command, check=True)
    places = next(made.environment.glob("lib/python*/site-packages"))
    # A folder on the path, whose own .pth files, the editable install among them, are not read.
    (places / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = str(made.environment / "bin" / "python")
    uv(
        "pip",
        "install",
        "--offline",
        "--no-deps",
        "--no-build-isolation",
        "--python",
        python,
        *what,
    )
    return made


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout."""
    uv("build", "--wheel", "--offline", "--no-build-isolation", "--python", sys.executable,
       "--out-dir", str(folder), str(PROJECT_ROOT))  # fmt: skip
    return next(folder.glob("*.whl"))
