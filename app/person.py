"""Who looks at the page, and what they may do."""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.wording import plain
from pipeline.base.project import Project
from pipeline.feedback.images import reader_of
from pipeline.local.access import CLAIM, ROLES, Access, id_of, name_of

__all__ = ["ROLES", "Person", "current", "require"]


@dataclass(frozen=True)
class Person:
    """One person and their role.

    Attributes:
        name: by which decisions are recorded; never shown to others as it is.
        role: of `ROLES`.
        id: what is nobody else's, also when the name changes; "": the name.
        logged_in: whether they said who they are; else they are the user of this machine.
    """

    name: str
    role: str
    id: str = ""
    logged_in: bool = False

    def may(self, role: str) -> bool:
        """Whether this person may do what `role` may."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def reader(self, project: Project) -> str:
        """Their pseudonym, by which opinions are recorded.

        Raises:
            BadInputError: the key of pseudonyms cannot be read.
        """
        return reader_of(project, self.id or self.name)


def current() -> Person:
    """The person at this page; for one who has yet to log in, or has no role, the page ends.

    On loopback without a login it is the user of this machine, who may do everything.

    Raises:
        BadInputError: the settings of the login make no sense.
    """
    access = Access.load(Project.load())
    if access is None:
        return Person(getpass.getuser(), "admin")
    claims = st.user.to_dict()
    if not claims.get("is_logged_in") or not claims.get("sub"):
        _ask_for_login()
    elif not access.lasts(claims):
        _ask_for_login(f"You logged in more than {access.hours:g} hours ago: please log in again.")
    elif not access.role_of(claims):
        _refuse(access, claims)
    return Person(name_of(claims), access.role_of(claims), id_of(claims), logged_in=True)


def require(role: str) -> Person:
    """The person at this page; the page ends in words for one who has not this role."""
    person = current()
    if not person.may(role):
        st.warning(f"This page is for the role {role}; yours is {person.role}.")
        st.stop()
    return person


def _ask_for_login(why: str = "") -> None:
    st.title("medloom")
    st.markdown(why or "Synthetic medical images. Log in to see them.")
    if st.button("Log in", type="primary", key="log-in"):
        st.login()
    st.stop()


def _refuse(access: Access, claims: Mapping[str, Any]) -> None:
    st.title("medloom")
    st.warning(
        f"You are logged in as {plain(name_of(claims))}, and your account has no role in this "
        f"project. Ask whoever runs it for one of {', '.join(ROLES)}."
    )
    st.caption(f"For them: the claim `{access.role_claim}` of the ID token decides ({CLAIM}).")
    if st.button("Log out", key="log-out"):
        st.logout()
    st.stop()
