"""Server errors are retried; refusals are not; a patient client waits while no answer comes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from pipeline.base.errors import BadInputError, TransientError
from pipeline.local import airflow_api
from pipeline.local.airflow_api import ANSWER_SECONDS, SILENCE_SECONDS, AirflowApi, Patience

Serve = Callable[..., list[str]]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Answer requests with these codes, in order; returns the list of requests."""

    def start(*codes: int) -> list[str]:
        asked: list[str] = []
        left = list(codes)

        def request(method: str, uri: str, **_more: Any) -> requests.Response:
            asked.append(f"{method} {uri}")
            answer = requests.Response()
            answer.status_code = left.pop(0)
            answer._content = b'{"dags": []}'
            return answer

        monkeypatch.setattr(requests, "request", request)
        monkeypatch.setattr(airflow_api, "_PAUSES", (0, 0))
        return asked

    return start


API = AirflowApi("http://nowhere", "me", "secret", _token="valid")


def test_a_locked_database_is_asked_again(serve: Serve) -> None:
    asked = serve(500, 503, 200)
    assert API.has_dags()
    assert len(asked) == 3


def test_a_run_that_was_made_although_the_answer_failed_is_not_made_twice(serve: Serve) -> None:
    asked = serve(500, 409)
    assert API.trigger("dag", {}).startswith("manual__")
    assert len(asked) == 2


def test_a_refusal_is_not_asked_again(serve: Serve) -> None:
    asked = serve(409)
    with pytest.raises(BadInputError, match="409"):
        API.trigger("dag", {})
    assert len(asked) == 1


def test_what_stays_broken_is_transient(serve: Serve) -> None:
    asked = serve(500, 500, 500)
    with pytest.raises(TransientError, match="500"):
        API.has_dags()
    assert len(asked) == 3


def test_what_is_not_there_is_none_and_not_an_error(serve: Serve) -> None:
    serve(404, 404)
    assert API.find_dag("dag") is None
    serve(404, 404)
    assert API.result("dag", "run", "train") == {}


def test_what_may_not_be_seen_is_an_error(serve: Serve) -> None:
    serve(403, 403)
    with pytest.raises(BadInputError, match="403"):
        API.find_dag("dag")


def test_a_token_that_is_refused_is_not_exchanged_for_a_password(serve: Serve) -> None:
    asked = serve(401)
    with pytest.raises(BadInputError, match="does not accept the token of MEDLOOM_AIRFLOW_TOKEN"):
        AirflowApi("http://nowhere", "", "", _token="old").has_dags()
    assert len(asked) == 1


def test_a_wrong_password_is_named_and_not_shown(serve: Serve) -> None:
    serve(401)
    with pytest.raises(BadInputError, match="does not know me with this password") as refused:
        AirflowApi("http://nowhere", "me", "secret").has_dags()
    assert "secret" not in str(refused.value)


@dataclass
class Slow:
    """An Airflow that answers each request after so many seconds, on a clock of its own.

    Attributes:
        seconds: until the answer.
        refuses: nothing listens: there is no answer, at once.
        limits: of the requests, in their order.
        said: what a patient client told.
    """

    seconds: float
    refuses: bool = False
    now: float = 0.0
    limits: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=lambda: [200])

    def request(self, _method: str, uri: str, timeout: float, **_more: Any) -> requests.Response:
        self.limits.append(timeout)
        self.now += 0 if self.refuses else min(timeout, self.seconds)
        if self.refuses:
            raise requests.ConnectionError("refused")
        if self.seconds > timeout:
            raise requests.ReadTimeout(f"{uri} timed out")
        answer = requests.Response()
        answer.status_code = self.codes.pop() if len(self.codes) > 1 else self.codes[0]
        answer._content = b'{"dags": [], "access_token": "x"}'
        return answer

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def client(self, **patience: Any) -> AirflowApi:
        told = Patience(self.said.append, **patience)
        return AirflowApi("http://nowhere", "me", "secret", patience=told)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    made = Slow(0)
    monkeypatch.setattr(requests, "request", made.request)
    clock = SimpleNamespace(monotonic=lambda: made.now, sleep=made.sleep)
    monkeypatch.setattr("pipeline.local.airflow_api.time", clock)
    return made


def test_a_slow_answer_is_waited_for_and_told_once(slow: Slow) -> None:
    slow.seconds = 70
    api = slow.client()
    assert api.has_dags()
    assert api.has_dags()
    assert slow.said == ["Airflow has not answered for 30 s; still waiting"]
    assert slow.limits[:2] == [ANSWER_SECONDS, ANSWER_SECONDS]
    slow.seconds = 0
    assert api.has_dags()
    slow.seconds = 70
    assert api.has_dags()
    assert len(slow.said) == 2, "it had answered at once in between"


def test_an_answer_that_never_comes_is_given_up(slow: Slow) -> None:
    slow.seconds = 10_000
    with pytest.raises(TransientError, match=r"cannot be reached for \d+ s: .* timed out"):
        slow.client().has_dags()
    assert SILENCE_SECONDS <= slow.now < 2 * SILENCE_SECONDS
    assert len(slow.said) == 1


def test_a_client_without_patience_asks_once(slow: Slow) -> None:
    slow.seconds = ANSWER_SECONDS + 1
    with pytest.raises(TransientError, match="cannot be reached: "):
        AirflowApi("http://nowhere", "me", "secret").has_dags()
    assert slow.limits == [ANSWER_SECONDS]


def test_a_server_that_restarts_is_waited_for_and_one_that_ended_is_not(slow: Slow) -> None:
    slow.refuses = True
    with pytest.raises(TransientError, match="cannot be reached: refused"):
        slow.client(lives=lambda: False).has_dags()
    assert slow.now == 0
    with pytest.raises(TransientError, match=r"cannot be reached for 30\d s: refused"):
        slow.client().has_dags()
    assert slow.said == ["Airflow has not answered for 30 s; still waiting"]


def test_a_run_whose_answer_was_too_slow_is_not_made_twice(slow: Slow) -> None:
    slow.seconds, slow.codes = 40, [409, 200]  # the log-in, then the run that is there already
    assert slow.client().trigger("dag", {}).startswith("manual__")
