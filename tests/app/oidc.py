"""A provider of OpenID Connect on this machine, which logs everybody in as it is told."""

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from pipeline.base.project import Project
from pipeline.local import access
from pipeline.local.processes import free_port
from pipeline.local.web_app import app_uri, serving

CLIENT, SECRET = "medloom-tests", "a secret of the tests, and of nothing else"


def claims(**more: Any) -> dict[str, Any]:
    """What Streamlit knows of somebody who is logged in."""
    known = {"is_logged_in": True, "iss": "http://provider", "sub": "person-1"}
    known |= {"email": "ann@example.org", "email_verified": True, "iat": int(time.time())}
    return known | more


def log_in_settings(folder: Path, url: str, provider: str = "http://127.0.0.1:9") -> dict[str, str]:
    """The settings of an app that people log in to."""
    file = folder / "client-secret"
    if not file.exists():
        file.touch(0o600)
        file.write_text(SECRET)
    return {
        access.URL: url,
        access.METADATA: f"{provider}/.well-known/openid-configuration",
        access.CLIENT: CLIENT,
        access.SECRET_FILE: str(file),
    }


@dataclass
class Provider:
    """The provider. `says` are the claims of whoever comes next; nobody has to type anything."""

    uri: str
    says: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    logged_out: int = 0

    def app(self) -> Starlette:
        """Its pages."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/jwks", self._jwks),
                Route("/logout", self._logout),
            ]
        )

    async def _discovery(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.uri,
                "authorization_endpoint": f"{self.uri}/authorize",
                "token_endpoint": f"{self.uri}/token",
                "jwks_uri": f"{self.uri}/jwks",
                "end_session_endpoint": f"{self.uri}/logout",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if asked.get("client_id") != CLIENT or asked.get("code_challenge_method") != "S256":
            return Response("an unknown client, or no PKCE", 400)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked | {"claims": dict(self.says)}
        told = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{told}", 302)

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        asked = self.codes.pop(str(form["code"]), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(str(form.get("code_verifier", "")).encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or proof != asked["code_challenge"]
            or request.headers.get("authorization") != f"Basic {basic}"
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        said = {"iss": self.uri, "aud": CLIENT, "iat": now, "exp": now + 300}
        said |= {"nonce": asked["nonce"]} if "nonce" in asked else {}
        token = jwt.encode({"alg": "RS256", "kid": "one"}, said | asked["claims"], self.key)
        return JSONResponse(
            {"access_token": "unused", "token_type": "Bearer", "expires_in": 300, "id_token": token}
        )

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def _logout(self, request: Request) -> Response:
        self.logged_out += "id_token_hint" in request.query_params
        return RedirectResponse(request.query_params["post_logout_redirect_uri"], 302)


@contextmanager
def provider() -> Iterator[Provider]:
    """A provider that answers, for the block."""
    port = free_port()
    made = Provider(f"http://127.0.0.1:{port}")
    config = uvicorn.Config(made.app(), host="127.0.0.1", port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield made
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def serving_with_login(project: Project, idp: Provider, folder: Path) -> Iterator[str]:
    """Serve the app of a project to people whom `idp` knows; yields its address."""
    uri = app_uri()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in log_in_settings(folder, uri, idp.uri).items():
            patch.setenv(name, value)
        with serving(project, "", uri):
            yield uri
