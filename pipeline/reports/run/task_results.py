"""Results of a run's tasks, as the scheduler passes them to the report."""

import json
from typing import Any

from pipeline.base.errors import BadInputError

TASKS = ("ingest", "plan", "preprocess", "train", "evaluate", "register", "promote")
TaskResults = dict[str, dict[str, Any]]
"""Task -> its result; every task of `TASKS` is in it."""

_WITHOUT_RESULT = {
    "success": {"outcome": "done"},
    "skipped": {"outcome": "skipped"},
    "failed": {
        "outcome": "failed",
        "why": "the task was killed before it could report a reason; see its log",
    },
}
"""The result that a state stands for, of a task that printed none; one that never ran has none."""


def read_results(results: str, states: str = "{}") -> TaskResults:
    """Read the results of a run's tasks.

    Args:
        results: JSON list, one object a task with its name as `task`; anything else in the list
            stands for a task without a result.
        states: JSON object, task -> its state in the scheduler.

    Raises:
        BadInputError: either is not such JSON.
    """
    listed, known = _json("--results", results, list), _json("--states", states, dict)
    found = {one["task"]: one for one in listed if isinstance(one, dict) and "task" in one}
    return {task: found.get(task) or _WITHOUT_RESULT.get(known.get(task), {}) for task in TASKS}


def _json(option: str, text: str, kind: type) -> Any:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInputError(f"{option} is not JSON: {error}") from error
    if not isinstance(found, kind):
        raise BadInputError(f"{option} is a JSON {type(found).__name__}; give a {kind.__name__}")
    return found
