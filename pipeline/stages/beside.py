"""Training the baseline beside the generator, in the time that the generator's training leaves.

A training of small images hardly uses the second core of a CPU. So the baseline has one core to
itself, at the lowest priority, and the generator has the others: beside other work that was faster
than sharing all of them; on two idle cores no gain was measured (docs/lab-notes.md). The
baseline only writes checkpoints, from which the evaluate stage goes on, so that nothing depends on
how far it comes.
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
        with _cores_divided(process.pid, params):
            yield
    finally:
        process.kill()  # what it trained is in its checkpoints
        process.wait()


@contextmanager
def _cores_divided(other: int, params: Mapping[str, Any]) -> Iterator[None]:
    """Leave one core to the process `other` while the block runs, and the rest to this process.

    They share all cores where `train.threads` is set, and where the system cannot divide them.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    if len(allowed) < 2 or params["train"].get("threads"):
        yield
        return
    os.sched_setaffinity(other, {max(allowed)})
    os.sched_setaffinity(0, allowed - {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


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
