"""A copy of the project with tiny parameters, to inject faults into."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.ledger.ledger import SNAPSHOT

TINY: Mapping[str, object] = {
    "size": 32, "kimg": 0.4, "batch": 8, "widths": [16, 16, 8], "checkpoint_kimg": 0.04,
    "n_fake": 60, "pairs": 10, "max_train": 100, "kernel_distance_threshold": 9.0,
    "snapshots": 2, "validation_images": 16, "precision": "float32",
    "diversity_margin": 0.99, "class_contrast": 0.0, "composition_likeness": 0.0,
    "copy_share_threshold": 0.9, "min_groups": 3, "gan_test_kimg": 0.1, "detector_steps": 5,
}  # fmt: skip
"""Values for params.yaml: a training of seconds, and a gate that promotes its result."""


@dataclass(frozen=True)
class TinyCheckout:
    """A copy of the project's files, isolated from the checkout and other runs."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, numbers: Mapping[str, object] = TINY) -> Self:
        """Copy the files that a run needs, and set the parameters."""
        for name in SNAPSHOT:
            source, target = PROJECT_ROOT / name, folder / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        made = cls(folder)
        made.set(numbers)
        return made

    def set(self, numbers: Mapping[str, object]) -> None:
        """Set values in params.yaml, each at the first key of that name.

        Raises:
            KeyError: params.yaml has no such key.
        """
        file = self.folder / "params.yaml"
        params = file.read_text()
        for key, value in numbers.items():
            params, found = re.subn(rf"(?m)^( +{key}:) [^#\n]*", rf"\1 {value} ", params, count=1)
            if not found:
                raise KeyError(key)
        file.write_text(params)

    @property
    def project(self) -> Project:
        """The project of the copy, with its state in its folder."""
        return Project.load({"MEDLOOM_STATE": str(self.folder / "state" / "phantom")})

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for processes that run this copy."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MEDLOOM_", "AIRFLOW"))}
        mine = self.project.environment()
        return {**clean, **mine, "PYTHONPATH": str(self.folder), "COLUMNS": "200"}

    def python(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run `python <arguments>` in the copy, with additional variables `more`."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            check=False,
        )
