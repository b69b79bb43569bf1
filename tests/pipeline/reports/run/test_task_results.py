"""What the report makes of what the scheduler hands it."""

import json

import pytest

from pipeline.base.errors import BadInputError
from pipeline.reports.run.task_results import TASKS, read_results


def test_a_task_that_told_nothing_is_known_by_its_state() -> None:
    results: list[object] = [None, [], {"task": "plan", "outcome": "done", "key": "k"}, "text"]
    states = {"ingest": "success", "plan": "success", "train": "failed", "evaluate": None}
    told = read_results(json.dumps(results), json.dumps(states))
    assert tuple(told) == TASKS
    assert told["plan"] == {"task": "plan", "outcome": "done", "key": "k"}
    assert told["ingest"] == {"outcome": "done"}
    assert told["train"]["outcome"] == "failed"
    assert "was killed" in told["train"]["why"]
    assert told["evaluate"] == told["register"] == {}


@pytest.mark.parametrize(
    ("results", "states", "message"),
    [("k", "{}", "--results is not JSON"), ("{}", "{}", "give a list"), ("[]", "[]", "a dict")],
)
def test_anything_else_is_bad_input(results: str, states: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        read_results(results, states)
