"""Drawing images from a registered version as a consumer of the registry does."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.children import child_environment
from pipeline.base.errors import BadInputError

_CONSUMER = """
import json, sys
sys.modules.update(dict.fromkeys(("medloom", "pipeline", "model", "dags")))  # as if not installed
import mlflow, numpy
request = json.loads(sys.argv[1])
mlflow.set_tracking_uri(request["uri"])
mlflow.set_registry_uri(request["uri"])
model = mlflow.pyfunc.load_model(request["model"])
given = request["labels"] or numpy.load("given.npy")
numpy.save("images.npy", model.predict(given, params=request["params"]))
"""


def ask(
    uri: str,
    model: str,
    given: Sequence[str] | NDArray[np.uint8],
    params: Mapping[str, float | str],
) -> NDArray[np.uint8]:
    """Load a version and call its predict, in another process.

    That process runs in an empty folder and cannot import medloom's packages, like a consumer.

    Args:
        uri: URI of the MLflow server.
        model: URI of the version, such as models:/medloom-phantom/3.
        given: class names, one per image, or images for a version that takes images.
        params: parameters of the model's signature, such as seed, findings and output.

    Returns:
        Images or label maps, uint8 [N, H, W], N = len(given), or (len(given) - 1) * frames + 1
        with frames.

    Raises:
        BadInputError: the version cannot be loaded, or its output does not match its signature.
    """
    images_given = isinstance(given, np.ndarray)
    labels = [] if images_given else list(given)
    request = {"uri": uri, "model": model, "labels": labels, "params": dict(params)}
    with tempfile.TemporaryDirectory() as folder:
        if images_given:
            np.save(Path(folder) / "given.npy", given)
        done = subprocess.run(
            [sys.executable, "-P", "-c", _CONSUMER, json.dumps(request)],
            cwd=folder,
            env={k: v for k, v in child_environment().items() if k != "PYTHONPATH"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            why = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise BadInputError(f"{model} does not load and answer: {why[0]}")
        images: NDArray[np.uint8] = np.load(Path(folder) / "images.npy")
    frames = int(params.get("frames", 0))
    count = (len(given) - 1) * frames + 1 if frames else len(given)
    if images.dtype != np.uint8 or images.ndim != 3 or len(images) != count:
        raise BadInputError(
            f"{model} returned {images.dtype} {images.shape}; allowed is uint8 [{count}, H, W]"
        )
    return images
