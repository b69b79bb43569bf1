"""Telling consumers: a signed POST of JSON to one address, which never holds anything up.

    X-Medloom-Timestamp: 1767225600
    X-Medloom-Signature: sha256=<HMAC-SHA256, hex, of the timestamp, a dot and the body>

A receiver computes the same with the shared secret, compares in constant time, and refuses a
timestamp that is minutes old: then nobody can send in medloom's name, nor send a message again.
"""

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from pipeline.base.settings import Settings
from pipeline.ledger.journal import Journal

_TIMEOUT = (3.05, 5.0)
"""Seconds to connect and to answer."""
_PAUSES = (1.0, 3.0)
"""Seconds before each further try."""


def tell_champion(settings: Settings, journal: Journal) -> str:
    """Tell who is champion now; returns a warning, or nothing when all went well."""
    champion = journal.champion
    return post(
        settings,
        "champion-changed",
        model=settings.model,
        version=champion.version if champion else None,
        previous=champion.predecessor if champion else None,
        weights_sha256=champion.weights_sha256 if champion else None,
        journal_head=journal.head,
    )


def post(settings: Settings, event: str, **facts: Any) -> str:
    """Send one event; without MEDLOOM_WEBHOOK_URL nothing is sent.

    Args:
        settings: with address and secret.
        event: champion-changed or run-failed.
        facts: of the event, as JSON.

    Returns a warning in words, or nothing when it was taken or nobody is to be told.
    """
    if not settings.webhook_url or settings.webhook_secret_file is None:
        return ""
    told = {"event": event, "time": datetime.now(UTC).isoformat(timespec="seconds"), **facts}
    body = json.dumps(told, sort_keys=True).encode()
    try:
        secret = settings.webhook_secret_file.read_bytes().strip()
    except OSError as error:
        return f"the webhook was not told: MEDLOOM_WEBHOOK_SECRET_FILE: {error}"
    if not secret:
        return f"the webhook was not told: {settings.webhook_secret_file} holds no secret"
    return _send(settings.webhook_url, body, secret)


def sign(body: bytes, timestamp: str, secret: bytes) -> str:
    """The value of X-Medloom-Signature."""
    message = timestamp.encode() + b"." + body
    return f"sha256={hmac.new(secret, message, hashlib.sha256).hexdigest()}"


def _send(url: str, body: bytes, secret: bytes) -> str:
    """Send, and again after a pause when nobody is there or the server stumbles."""
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
    # An address may hold a token: only its host is told.
    return f"the webhook at {urlsplit(url).hostname} was not told: {why}"
