"""The environment of child processes, so that they run the same code."""

import os

from pipeline.base.project import PROJECT_ROOT


def child_environment() -> dict[str, str]:
    """This process's environment, for a child started as `python -m pipeline…`.

    PYTHONPATH starts with the root of the running code: an installed package has `pipeline` and
    `model` inside `medloom`, where Python does not search. The child's working directory still
    comes first, so that a stage runs the code of its own workspace; PYTHONSAFEPATH, which would
    disable that, is removed.
    """
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    root, given = str(PROJECT_ROOT), clean.get("PYTHONPATH", "").split(os.pathsep)
    path = [root, *(folder for folder in given if folder not in ("", root))]
    return clean | {"PYTHONPATH": os.pathsep.join(path)}
