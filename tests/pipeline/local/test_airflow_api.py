"""Server errors are retried; refusals are not."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from pipeline.base.errors import BadInputError, TransientError
from pipeline.local import airflow_api
from pipeline.local.airflow_api import AirflowApi

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


def test_a_wrong_password_is_named_and_not_shown(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = requests.Response()
    refusal.status_code = 401
    monkeypatch.setattr(requests, "post", lambda *_, **__: refusal)
    with pytest.raises(BadInputError, match="does not know me with this password") as refused:
        AirflowApi("http://nowhere", "me", "secret").has_dags()
    assert "secret" not in str(refused.value)
