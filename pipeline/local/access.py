"""Who may use the app: the user of this machine, or people who log in with OpenID Connect.

MEDLOOM_APP_URL is the address that people type. Where it is set the app asks everybody who they
are, wherever it listens: a proxy on this machine makes everybody a visitor from 127.0.0.1. What the
provider says of somebody in one claim of the ID token is their role. Secrets are files, which no
process inherits.
"""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import urlsplit

from pipeline.base.errors import BadInputError
from pipeline.base.files import kept_secret
from pipeline.base.project import Project

ROLES = ("viewer", "reader", "curator", "admin")
"""Each may do what those before it may: draw images; see real ones and judge; release what was set
aside; everything."""

URL, METADATA, CLIENT = "MEDLOOM_APP_URL", "MEDLOOM_OIDC_METADATA_URL", "MEDLOOM_OIDC_CLIENT_ID"
SECRET_FILE, COOKIE_FILE = "MEDLOOM_OIDC_CLIENT_SECRET_FILE", "MEDLOOM_APP_COOKIE_SECRET_FILE"
CLAIM, MAPPING = "MEDLOOM_OIDC_ROLE_CLAIM", "MEDLOOM_OIDC_ROLES"
DEFAULT_ROLE, SCOPE, HOURS = (
    "MEDLOOM_OIDC_DEFAULT_ROLE", "MEDLOOM_OIDC_SCOPE", "MEDLOOM_APP_SESSION_HOURS",
)  # fmt: skip
REQUIRED = (URL, METADATA, CLIENT, SECRET_FILE)
"""Without these nobody can log in."""

_SHORTEST_SECRET = 32
_LONGEST_SESSION = 24 * 30  # hours; Streamlit's cookie lives as long
_LOOPBACK = ("127.0.0.1", "localhost")
_AHEAD = 300.0
"""Seconds that the provider's clock may be ahead of this one."""


@dataclass(frozen=True)
class Access:
    """How people log in, and what they may do.

    Attributes:
        url: address that people type, scheme and host, perhaps a port.
        metadata_url: of the provider's discovery document.
        client_id, client_secret: by which the provider knows the app.
        cookie_secret: signs the cookie that says who somebody is.
        role_claim: claim of the ID token that says the role; with dots, one within another.
        roles: value of that claim -> role.
        default_role: of people whose claim names none; "": they are refused.
        scope: what is asked of the provider.
        hours: after which people log in again.
    """

    url: str
    metadata_url: str
    client_id: str
    client_secret: str = field(repr=False)
    cookie_secret: str = field(repr=False)
    role_claim: str = "roles"
    roles: Mapping[str, str] = field(default_factory=lambda: {role: role for role in ROLES})
    default_role: str = ""
    scope: str = "openid email profile"
    hours: float = 12.0

    @classmethod
    def load(cls, project: Project, environ: Mapping[str, str] = os.environ) -> Self | None:
        """Read the environment; None: nobody logs in, the app is for this machine alone.

        Raises:
            BadInputError: a variable is missing or makes no sense, or a file of a secret cannot be
                read, or others can read it.
        """
        told = {name: environ.get(name, "").strip() for name in REQUIRED}
        if not told[URL]:
            return None
        if missing := [name for name in REQUIRED if not told[name]]:
            raise BadInputError(
                f"{URL} is set, so people must log in, and {', '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} not; docs/app.md says what they mean. "
                f"Without {URL} the app is for this machine alone"
            )
        cookie = environ.get(COOKIE_FILE, "")
        kept = project.state / "app" / "cookie-secret"
        return cls(
            url=_address(URL, told[URL], path=False),
            metadata_url=_address(METADATA, told[METADATA]),
            client_id=told[CLIENT],
            client_secret=_secret(SECRET_FILE, Path(told[SECRET_FILE]), 1),
            cookie_secret=_secret(COOKIE_FILE, Path(cookie), _SHORTEST_SECRET)
            if cookie
            else kept_secret(kept),
            role_claim=environ.get(CLAIM) or "roles",
            roles=_mapping(environ.get(MAPPING, "")),
            default_role=_default(environ.get(DEFAULT_ROLE, "")),
            scope=environ.get(SCOPE) or "openid email profile",
            hours=_hours(environ.get(HOURS) or "12"),
        )

    @property
    def host(self) -> str:
        """Host of the address that people type, without a port."""
        return urlsplit(self.url).hostname or ""

    @property
    def encrypted(self) -> bool:
        """Whether people reach the app by TLS."""
        return self.url.startswith("https:")

    def role_of(self, claims: Mapping[str, Any]) -> str:
        """The highest role that the claims of an ID token give; "": none."""
        found = _claim(claims, self.role_claim)
        values = found if isinstance(found, list) else [found]
        roles = [self.roles[one] for one in values if isinstance(one, str) and one in self.roles]
        return max(roles, key=ROLES.index, default=self.default_role)

    def lasts(self, claims: Mapping[str, Any], now: float | None = None) -> bool:
        """Whether a login is younger than `hours`; the provider dates it, by the claim `iat`."""
        begun = claims.get("iat")
        if isinstance(begun, bool) or not isinstance(begun, int | float):
            return False
        age = (time.time() if now is None else now) - begun
        return -_AHEAD <= age < self.hours * 3600

    def admits(self, claims: Mapping[str, Any]) -> bool:
        """Whether these are claims of somebody who is logged in, and has a role."""
        logged_in = claims.get("is_logged_in") is True and bool(claims.get("sub"))
        return logged_in and self.lasts(claims) and bool(self.role_of(claims))

    def for_streamlit(self) -> dict[str, dict[str, Any]]:
        """What Streamlit reads in secrets.toml."""
        return {
            "auth": {
                "redirect_uri": f"{self.url}/oauth2callback",
                "cookie_secret": self.cookie_secret,
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "server_metadata_url": self.metadata_url,
                "client_kwargs": {"scope": self.scope},
            }
        }


def name_of(claims: Mapping[str, Any]) -> str:
    """By what decisions are recorded: an address that the provider verified, else `sub`.

    An address that nobody verified could be anybody's.
    """
    verified = claims.get("email_verified") is True and claims.get("email")
    return str(verified or claims["sub"])


def id_of(claims: Mapping[str, Any]) -> str:
    """What the provider never gives to somebody else; a name may change."""
    return f"{claims.get('iss', '')} {claims['sub']}"


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim of this very name (which may have dots, as URLs do), or one within others."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _address(variable: str, text: str, *, path: bool = True) -> str:
    """A URL that TLS protects, or of this machine."""
    parts = urlsplit(text.rstrip("/"))
    own = parts.hostname in _LOOPBACK
    if (
        parts.scheme not in (("http", "https") if own else ("https",))
        or not parts.hostname
        or parts.username
        or (not path and (parts.path or parts.query or parts.fragment))
    ):
        raise BadInputError(
            f"{variable} is {text!r}; allowed is https://HOST{'/PATH' if path else ''}, or http:// "
            "for this machine alone, as without TLS others on the way could take a login over"
        )
    return text.rstrip("/")


def _secret(variable: str, file: Path, shortest: int) -> str:
    """The text of a file that only its owner can read."""
    try:
        mode, text = file.expanduser().stat().st_mode, file.expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{variable}: {file} cannot be read: {error}") from error
    if mode & 0o077:
        raise BadInputError(
            f"{variable}: {file} can be read by others than its owner (mode {mode & 0o777:04o}); "
            f"type: chmod 600 {file}"
        )
    if len(text) < shortest:
        raise BadInputError(
            f"{variable}: {file} holds {len(text)} characters; at least {shortest} are needed"
        )
    return text


def _mapping(text: str) -> Mapping[str, str]:
    """`role=value; role=value`; a value may hold `=` and `,`, as names of directories do."""
    if not text.strip():
        return MappingProxyType({role: role for role in ROLES})
    found = dict[str, str]()
    for part in filter(None, map(str.strip, text.split(";"))):
        role, equals, value = (one.strip() for one in part.partition("="))
        if role not in ROLES or not equals or not value:
            raise BadInputError(
                f"{MAPPING} has the part {part!r}; each is ROLE=VALUE, parted by ';', with a role "
                f"of {', '.join(ROLES)}, such as curator=data-team; admin=medloom-admins"
            )
        if ROLES.index(role) >= ROLES.index(found.get(value, ROLES[0])):
            found[value] = role
    return MappingProxyType(found)


def _default(role: str) -> str:
    if role and role not in ROLES:
        raise BadInputError(
            f"{DEFAULT_ROLE} is {role!r}; allowed are {', '.join(ROLES)}, or leave it out, so that "
            "people without a role are refused"
        )
    return role


def _hours(text: str) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", text) and 0 < float(text) <= _LONGEST_SESSION:
        return float(text)
    raise BadInputError(
        f"{HOURS} is {text!r}; allowed is a number of hours above 0, up to {_LONGEST_SESSION}"
    )
