"""Who looks at the page, and what they may do."""

import getpass
from dataclasses import dataclass

import streamlit as st

ROLES = ("viewer", "reader", "curator", "admin")
"""Each may do what those before it may: draw images; see real ones and judge; release what was set
aside; everything."""


@dataclass(frozen=True)
class Person:
    """One person and their role.

    Attributes:
        name: by which decisions are recorded; never shown to others as it is.
        role: of `ROLES`.
    """

    name: str
    role: str

    def may(self, role: str) -> bool:
        """Whether this person may do what `role` may."""
        return ROLES.index(self.role) >= ROLES.index(role)


def current() -> Person:
    """The person at this page: on loopback, the user of this machine, who may do everything."""
    return Person(getpass.getuser(), "admin")


def require(role: str) -> Person:
    """The person at this page; the page ends in words for one who has not this role."""
    person = current()
    if not person.may(role):
        st.warning(f"This page is for the role {role}; yours is {person.role}.")
        st.stop()
    return person
