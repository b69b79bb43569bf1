"""A consumer of the registry that asks a version several times: one process loads it once."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.children import child_environment

_CONSUMER = """
import json, sys
sys.modules.update(dict.fromkeys(("medloom", "pipeline", "model", "dags")))  # as if not installed
import mlflow, numpy
uri, version, labels, asked = json.loads(sys.argv[1])
mlflow.set_tracking_uri(uri)
mlflow.set_registry_uri(uri)
model = mlflow.pyfunc.load_model(version)
for number, params in enumerate(asked):
    numpy.save(f"{number}.npy", model.predict(labels, params=params))
"""


def ask_often(
    folder: Path,
    uri: str,
    version: str,
    labels: Sequence[str],
    asked: Sequence[Mapping[str, float | str]],
) -> list[NDArray[np.uint8]]:
    """What the version answers to each of `asked`, as `isolated_consumer.ask` gets one answer.

    Args:
        folder: an empty one, to run in.
        uri: URI of the MLflow server.
        version: URI of the version.
        labels: class names, one per image.
        asked: parameters of the model's signature, an answer each.
    """
    request = json.dumps([uri, version, list(labels), [dict(params) for params in asked]])
    done = subprocess.run(
        [sys.executable, "-P", "-c", _CONSUMER, request], cwd=folder, check=False,
        env={k: v for k, v in child_environment().items() if k != "PYTHONPATH"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [np.load(folder / f"{number}.npy") for number in range(len(asked))]
