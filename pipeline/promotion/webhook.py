"""The webhook: a signed POST of JSON to one address. A failure is a warning, never an error.

    X-Medloom-Timestamp: 1767225600
    X-Medloom-Signature: sha256=<HMAC-SHA256, hex, of the timestamp, a dot and the body>

A receiver computes the same signature with the shared secret, compares in constant time, and
rejects a timestamp that is minutes old, which prevents forged and replayed messages.
"""

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from pipeline.base.project import Project
from pipeline.ledger.journal import Journal

_TIMEOUT = (3.05, 5.0)
"""Seconds to connect and to answer."""
_PAUSES = (1.0, 3.0)
"""Seconds before each further try."""


def notify_champion(project: Project, journal: Journal) -> str:
    """Notify the webhook of the current champion; returns a warning, or "" on success."""
    champion = journal.champion
    return post(
        project,
        "champion-changed",
        model=project.model,
        version=champion.version if champion else None,
        previous=champion.predecessor if champion else None,
        weights_sha256=champion.weights_sha256 if champion else None,
        journal_head=journal.head,
    )


def post(project: Project, event: str, **facts: Any) -> str:
    """Send one event; without MEDLOOM_WEBHOOK_URL nothing is sent.

    Args:
        project: with the address and secret of the webhook.
        event: champion-changed, run-failed, alarm-raised or alarm-cleared.
        facts: of the event, as JSON.

    Returns:
        A warning, or "" if the event was accepted or no webhook is configured.
    """
    if not project.webhook_url or project.webhook_secret_file is None:
        return ""
    content = {"event": event, "time": datetime.now(UTC).isoformat(timespec="seconds"), **facts}
    body = json.dumps(content, sort_keys=True).encode()
    try:
        secret = project.webhook_secret_file.read_bytes().strip()
    except OSError as error:
        return f"the webhook was not notified: MEDLOOM_WEBHOOK_SECRET_FILE: {error}"
    if not secret:
        return f"the webhook was not notified: {project.webhook_secret_file} is empty"
    return _send(project.webhook_url, body, secret)


def sign(body: bytes, timestamp: str, secret: bytes) -> str:
    """The value of X-Medloom-Signature."""
    message = timestamp.encode() + b"." + body
    return f"sha256={hmac.new(secret, message, hashlib.sha256).hexdigest()}"


def _send(url: str, body: bytes, secret: bytes) -> str:
    """Send; try again after a pause if the connection fails or the server answers 5xx."""
    why = ""
    for pause in (*_PAUSES, None):
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Medloom-Timestamp": timestamp,
            "X-Medloom-Signature": sign(body, timestamp, secret),
        }
        try:
            answer = requests.post(
                url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            )
            if answer.status_code < 300:
                return ""
            why = f"it answered {answer.status_code}"
            if answer.status_code < 500:
                break
        except requests.RequestException as error:
            why = type(error).__name__
        if pause is not None:
            time.sleep(pause)
    # The address may contain a token, so the warning shows only the host.
    return f"the webhook at {urlsplit(url).hostname} was not notified: {why}"
