"""Training the baseline beside the generator, in the time that the generator's training leaves.

A training of small images hardly uses the second core of a CPU. A process of the lowest priority
uses the rest of it. It only writes checkpoints, from which the evaluate stage goes on, so that
nothing depends on how far it comes.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from model.runtime import cores, default_device

_COMMAND = (sys.executable, "-m", "pipeline.stages.baseline")


@contextmanager
def baseline_beside(params: Mapping[str, Any]) -> Iterator[None]:
    """Train `evaluate.baseline` in a second process while the block runs, if there is time for it.

    There is none on a single core, on a GPU, and beside other processes of the same training. A
    training whose length is given by the clock is followed by one of the same time instead.

    Args:
        params: the content of params.yaml.
    """
    if not _has_time(params):
        yield
        return
    print(f"training the baseline, {params['evaluate']['baseline']}, beside it", flush=True)
    process = subprocess.Popen(_COMMAND, env=os.environ | {"OMP_NUM_THREADS": "1"})
    try:
        yield
    finally:
        process.kill()  # what it trained is in its checkpoints
        process.wait()


def _has_time(params: Mapping[str, Any]) -> bool:
    evaluate, train = params.get("evaluate"), params.get("train")
    return (
        isinstance(evaluate, Mapping)
        and isinstance(train, Mapping)
        and bool(evaluate.get("baseline"))
        and not train.get("budget_minutes")
        and os.environ.get("WORLD_SIZE", "1") == "1"
        and default_device() == "cpu"
        and cores() > 1
    )
