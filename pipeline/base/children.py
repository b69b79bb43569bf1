"""What a child process is given so that it runs this very code."""

import os

from pipeline.base.settings import PROJECT_ROOT


def child_environment() -> dict[str, str]:
    """This process's environment, for a child started as `python -m pipeline…`.

    The tree that runs here comes first on the child's path: an installed package holds `pipeline`
    and `model` inside `medloom`, where Python would not look for them. The folder that a child
    works in still comes before it, so that a stage runs the code of its own workspace;
    PYTHONSAFEPATH, which would turn that off, is not handed on.
    """
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    before = clean.get("PYTHONPATH", "").split(os.pathsep)
    root = str(PROJECT_ROOT)
    path = [root, *(place for place in before if place not in ("", root))]
    return clean | {"PYTHONPATH": os.pathsep.join(path)}
