"""What the tasks of a run told, as the scheduler hands it to the report."""

import json
from typing import Any

from pipeline.base.errors import BadInputError

TASKS = ("ingest", "plan", "preprocess", "train", "evaluate", "register", "promote")
Told = dict[str, dict[str, Any]]
"""Task -> what it told; every task of `TASKS` is in it."""

_UNTOLD = {
    "success": {"outcome": "done"},
    "skipped": {"outcome": "skipped"},
    "failed": {
        "outcome": "failed",
        "why": "the task was ended from outside before it could say why; its log may know more",
    },
}
"""What a state says of a task that told nothing; of one that never ran it says nothing."""


def read_told(results: str, states: str = "{}") -> Told:
    """Read what the tasks told.

    Args:
        results: JSON list, one object a task with its name as `task`; anything else in the list
            stands for a task that told nothing.
        states: JSON object, task -> the scheduler's word for its state.

    Raises:
        BadInputError: either is no such JSON.
    """
    listed, known = _json("--results", results, list), _json("--states", states, dict)
    told = {one["task"]: one for one in listed if isinstance(one, dict) and "task" in one}
    return {task: told.get(task) or _UNTOLD.get(known.get(task), {}) for task in TASKS}


def _json(option: str, text: str, kind: type) -> Any:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInputError(f"{option} is no JSON: {error}") from error
    if not isinstance(found, kind):
        raise BadInputError(
            f"{option} is JSON of a {type(found).__name__}; it takes a {kind.__name__}"
        )
    return found
