"""The webhook: signed, tried again, and never a reason to fail."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.base.errors import BadInputError, NothingNewError
from pipeline.base.project import Project
from pipeline.promotion import webhook
from pipeline.promotion.announce import announce
from tests.support.decisions import Story, weights

SECRET = b"a shared secret"
Heard = list[tuple[dict[str, str], bytes]]
Listen = Callable[..., tuple[Project, Heard]]


@contextmanager
def server(codes: list[int], heard: Heard) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((dict(self.headers.items()), body))
            self.send_response(codes[min(len(heard), len(codes)) - 1])
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05}).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/hook?token=private"
    finally:
        httpd.shutdown()
        httpd.server_close()


@pytest.fixture
def listen(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listen]:
    """Start a server that answers with these codes; its project, and the requests it received."""
    monkeypatch.setattr(webhook, "_PAUSES", (0.0, 0.0))
    secret, running = tmp_path / "secret", []
    secret.write_bytes(SECRET + b"\n")

    def start(*codes: int) -> tuple[Project, Heard]:
        heard: Heard = []
        running.append(server(list(codes), heard))
        url = running[-1].__enter__()
        return replace(project, webhook_url=url, webhook_secret_file=secret), heard

    yield start
    for one in running:
        one.__exit__(None, None, None)


def test_what_arrives_is_signed_over_time_and_body(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "time", SimpleNamespace(time=lambda: 1_767_225_600.9))
    told, heard = listen(200)
    assert webhook.post(told, "run-failed", dag="d", run="r") == ""
    ((headers, body),) = heard
    stamp = headers["X-Medloom-Timestamp"]
    expected = hmac.new(SECRET, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Medloom-Signature"] == f"sha256={expected}"
    assert stamp == "1767225600"
    facts = json.loads(body)
    assert (facts["event"], facts["dag"], facts["run"]) == ("run-failed", "d", "r")


def test_a_server_that_stumbles_is_asked_again(listen: Listen) -> None:
    told, heard = listen(500, 503, 200)
    assert webhook.post(told, "run-failed") == ""
    assert len(heard) == 3


@pytest.mark.parametrize(("code", "tries"), [(404, 1), (302, 1), (500, 3)])
def test_what_stays_refused_is_a_warning_without_the_token(
    listen: Listen, code: int, tries: int
) -> None:
    told, heard = listen(code)
    warning = webhook.post(told, "run-failed")
    assert f"answered {code}" in warning
    assert "private" not in warning
    assert len(heard) == tries


def test_nobody_there_is_a_warning(listen: Listen) -> None:
    told, _ = listen(200)
    nowhere = replace(told, webhook_url="http://127.0.0.1:1/hook?token=private")
    warning = webhook.post(nowhere, "run-failed")
    assert "ConnectionError" in warning
    assert "private" not in warning


@pytest.mark.parametrize("content", [None, b"\n"])
def test_without_a_secret_nothing_is_sent(listen: Listen, content: bytes | None) -> None:
    told, heard = listen(200)
    file = told.webhook_secret_file
    assert file
    file.unlink() if content is None else file.write_bytes(content)
    assert "was not notified" in webhook.post(told, "run-failed")
    assert heard == []


def test_without_an_address_nothing_is_said(project: Project) -> None:
    assert webhook.post(project, "run-failed") == ""


def test_a_decision_that_made_a_champion_is_announced(listen: Listen) -> None:
    told, heard = listen(200)
    story = Story(told)
    story.verdict("promoted", 1)
    record = story.verdict("promoted", 2)
    assert announce(told, record.sequence) == (2, "")
    facts = json.loads(heard[0][1])
    assert (facts["event"], facts["model"]) == ("champion-changed", told.model)
    assert (facts["version"], facts["previous"]) == (2, 1)
    assert facts["weights_sha256"] == weights(2)
    assert facts["journal_head"] == story.journal.head


def test_a_failing_webhook_is_a_warning_of_the_announcement(listen: Listen) -> None:
    told, _ = listen(500)
    version, warning = announce(told, Story(told).verdict("promoted", 1).sequence)
    assert version == 1
    assert "answered 500" in warning


@pytest.mark.parametrize("action", ["awaiting", "rejected", "inconclusive"])
def test_a_champion_that_stays_is_not_announced(project: Project, action: str) -> None:
    story = Story(project)
    story.verdict("promoted", 1)
    record = story.verdict(action, 2)
    with pytest.raises(NothingNewError, match="same as before"):
        announce(project, record.sequence)


def test_a_champion_that_was_followed_is_not_announced(project: Project) -> None:
    story = Story(project)
    first = story.verdict("promoted", 1)
    story.verdict("promoted", 2)
    with pytest.raises(NothingNewError, match="no longer champion"):
        announce(project, first.sequence)


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_record_that_is_none_is_not_announced(project: Project, number: int) -> None:
    Story(project).verdict("promoted", 1)
    with pytest.raises(BadInputError, match="has 1 records"):
        announce(project, number)
